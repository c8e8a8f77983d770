package ec2

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"time"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// maxBody is far above any request to EC2, and keeps a mistaken client from filling the memory.
const maxBody = 1 << 20

// refusal is an answer other than success.
type refusal struct{ code, message string }

func (r *refusal) Error() string { return r.code + ": " + r.message }

func refuse(code, format string, args ...any) error {
	return &refusal{code: code, message: fmt.Sprintf(format, args...)}
}

// status is the HTTP status that EC2 documents for the error.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
func (r *refusal) status() int {
	switch r.code {
	case "DryRunOperation":
		return http.StatusPreconditionFailed
	case "UnauthorizedOperation":
		return http.StatusForbidden
	case "RequestLimitExceeded", "Unavailable", "ServiceUnavailable":
		return http.StatusServiceUnavailable
	case "InternalError":
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// operation runs one action in one Region; EC2.mu is held. It reads the whole request and asks query.done before it does
// anything.
type operation func(r *region, now time.Time, q *query) (answer, error)

func operationOf(action string) operation {
	switch action {
	case "CopyImage":
		return (*region).copyImage
	case "CreateTags":
		return (*region).createTags
	case "DeleteTags":
		return (*region).deleteTags
	case "DeregisterImage":
		return (*region).deregisterImage
	case "DescribeImageAttribute":
		return (*region).describeImageAttribute
	case "DescribeImageReferences":
		return (*region).describeImageReferences
	case "DescribeImages":
		return (*region).describeImages
	case "DescribeSnapshotAttribute":
		return (*region).describeSnapshotAttribute
	case "DescribeSnapshots":
		return (*region).describeSnapshots
	case "DisableImage":
		return (*region).disableImage
	case "DisableImageDeprecation":
		return (*region).disableImageDeprecation
	case "EnableImage":
		return (*region).enableImage
	case "EnableImageDeprecation":
		return (*region).enableImageDeprecation
	case "ListImagesInRecycleBin":
		return (*region).listImagesInRecycleBin
	case "ModifyImageAttribute":
		return (*region).modifyImageAttribute
	case "ModifySnapshotAttribute":
		return (*region).modifySnapshotAttribute
	case "RestoreImageFromRecycleBin":
		return (*region).restoreImageFromRecycleBin
	case "RestoreSnapshotFromRecycleBin":
		return (*region).restoreSnapshotFromRecycleBin
	}
	return nil
}

// ServeHTTP answers one request of the EC2 Query protocol.
func (e *EC2) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests++
	// Numbered, not random, so that a simulation's log is the same on every run.
	requestID := fmt.Sprintf("00000000-0000-4000-8000-%012x", e.requests)

	status, body, root := http.StatusOK, any(nil), xml.StartElement{}
	action, answered, err := e.serve(w, r)
	if err == nil {
		answered.identify(requestID)
		body, root.Name.Local = answered, action+"Response"
		root.Attr = []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: "http://ec2.amazonaws.com/doc/2016-11-15/"}}
	} else {
		failure, ok := errors.AsType[*refusal](err)
		if !ok {
			failure = &refusal{code: "InternalError", message: err.Error()}
		}
		status = failure.status()
		body, root.Name.Local = errorAnswer{Code: failure.code, Message: failure.message, RequestID: requestID}, "Response"
	}
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.Header().Set("X-Amzn-Requestid", requestID)
	w.Header().Set("Date", e.options.Now().UTC().Format(http.TimeFormat))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(xml.Header))
	_ = xml.NewEncoder(w).EncodeElement(body, root) // fails only when the client has gone
}

func (e *EC2) serve(w http.ResponseWriter, r *http.Request) (action string, answered answer, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return "", nil, refuse("MalformedQueryString", "The request could not be read: %v", err)
	}
	signed, ok := awsreply.SignatureOf(r)
	if !ok {
		return "", nil, refuse("MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	action, e.caller = r.Form.Get("Action"), signed.AccessKeyID
	e.calls = append(e.calls, signed.Region+" "+action)
	run := operationOf(action)
	if run == nil {
		return action, nil, refuse("InvalidAction", "The local AWS does not play %s of ec2.", action)
	}
	in := e.regions[signed.Region]
	if in == nil {
		return action, nil, refuse("OptInRequired", "You are not subscribed to this service in %s.", signed.Region)
	}
	if codes := e.faults[action]; len(codes) > 0 {
		e.faults[action] = codes[1:]
		if codes[0] != "" {
			return action, nil, refuse(codes[0], "The %s request was made to fail.", action)
		}
	}
	e.collectExports()
	answered, err = run(in, e.options.Now(), newQuery(r.Form))
	return action, answered, err
}

// answer is what an operation returns: a structure that begins with head.
type answer interface{ identify(requestID string) }

type head struct {
	RequestID string `xml:"requestId"`
}

func (h *head) identify(requestID string) { h.RequestID = requestID }

// succeeded is the answer of the actions that have nothing to tell.
type succeeded struct {
	head
	Return bool `xml:"return"`
}

type errorAnswer struct {
	Code      string `xml:"Errors>Error>Code"`
	Message   string `xml:"Errors>Error>Message"`
	RequestID string
}
