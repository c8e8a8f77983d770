package awsreply

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Error is a service's refusal of a call.
type Error struct {
	Status  int // zero means 400
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Refuse makes the error of a caller's mistake.
func Refuse(code, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

// AsError makes an error fit for an answer. Whatever a service does not refuse is its own failure.
func AsError(err error) *Error {
	if refusal, ok := errors.AsType[*Error](err); ok {
		return refusal
	}
	return &Error{Status: http.StatusInternalServerError, Code: "InternalError", Message: err.Error()}
}

// Write refuses a request with the error, in the protocol of the request.
func (e *Error) Write(w http.ResponseWriter, r *http.Request) {
	switch protocol := protocolOf(r); {
	case protocol == query:
		e.writeXML(w, queryError{Error: detail{Type: e.fault(), Code: e.Code, Message: e.Message}, RequestID: identify(w)})
	case protocol == ec2Query:
		e.writeXML(w, ec2Error{Error: detail{Code: e.Code, Message: e.Message}, RequestID: identify(w)})
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS."):
		// SDKs that grew up with the query protocol take the code from this header.
		w.Header().Set("X-Amzn-Query-Error", sqsQueryCode(e.Code)+";"+e.fault())
		write(w, r, e.status(), structuredError{Type: "com.amazonaws.sqs#" + e.Code, Message: e.Message})
	case protocol == cbor2:
		write(w, r, e.status(), cborError{Type: e.Code, Message: e.Message, Modelled: e.Message})
	default:
		w.Header().Set("X-Amzn-ErrorType", e.Code)
		write(w, r, e.status(), structuredError{Type: e.Code, Message: e.Message})
	}
}

func (e *Error) status() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

// SenderFault tells whether the error is the caller's mistake.
func (e *Error) SenderFault() bool { return e.status() < http.StatusInternalServerError }

// fault says whose mistake the error is, in the words of the query protocol.
func (e *Error) fault() string {
	if e.SenderFault() {
		return "Sender"
	}
	return "Receiver"
}

type structuredError struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
}

// cborError has its message twice: the SDK reads that of an exception of the service's model under the name that AppStream's model
// has for it, and any other under the common one.
type cborError struct {
	Type     string `json:"__type"`
	Message  string `json:"message"`
	Modelled string `json:"Message"`
}

type detail struct {
	Type    string `xml:",omitempty"`
	Code    string
	Message string
}

type queryError struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Error     detail
	RequestID string `xml:"RequestId"`
}

// ec2Error is described in https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html.
type ec2Error struct {
	XMLName   xml.Name `xml:"Response"`
	Error     detail   `xml:"Errors>Error"`
	RequestID string
}

func (e *Error) writeXML(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(e.status())
	_ = xml.NewEncoder(w).Encode(answer) // fails only if the caller has gone
}

// sqsQueryCode gives the code that the query protocol had for an SQS error before it was renamed.
func sqsQueryCode(code string) string {
	switch code {
	case "QueueDoesNotExist":
		return "AWS.SimpleQueueService.NonExistentQueue"
	case "MessageNotInflight":
		return "AWS.SimpleQueueService." + code
	}
	return code
}
