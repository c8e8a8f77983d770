package ssm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"appstream-ami-exporter/internal/localaws/awsreply"
	"appstream-ami-exporter/internal/localaws/iam"
)

const (
	targetPrefix = "AmazonSSM."
	contentType  = "application/x-amz-json-1.1"
	// maxBody is far above any legal request, and keeps a mistaken client from filling the memory.
	maxBody = 1 << 20
)

// refusal is an answer other than success.
type refusal struct{ code, message string }

func (r *refusal) Error() string { return r.code + ": " + r.message }

func refuse(code, format string, args ...any) error {
	return &refusal{code: code, message: fmt.Sprintf(format, args...)}
}

func (r *refusal) status() int {
	if r.code == "InternalServerError" {
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// ServeHTTP answers one request of the AWS JSON 1.1 protocol.
func (s *SSM) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.settle()
	defer s.settle() // what needs no time is decided at once
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	status, answer := http.StatusOK, any(nil)
	output, err := s.serve(w, r)
	if err == nil {
		answer = output
	} else {
		failure, ok := errors.AsType[*refusal](err)
		if !ok {
			failure = &refusal{code: "InternalServerError", message: err.Error()}
		}
		status = failure.status()
		answer = struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}{failure.code, failure.message}
	}
	w.Header().Set("Content-Type", contentType)
	// Numbered, not random, so that a simulation's log is the same on every run.
	w.Header().Set("X-Amzn-RequestId", fmt.Sprintf("00000000-0000-4000-8000-%012x", s.requests))
	w.Header().Set("Date", s.options.Now().UTC().Format(http.TimeFormat))
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // fails only when the client has gone
}

func (s *SSM) serve(w http.ResponseWriter, r *http.Request) (any, error) {
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	run := s.operation(name)
	if r.Method != http.MethodPost || !ok || run == nil {
		return nil, refuse("UnknownOperationException", "The operation %q is not known.", r.Header.Get("X-Amz-Target"))
	}
	signed, ok := awsreply.SignatureOf(r)
	if !ok {
		return nil, refuse("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	region := signed.Region
	s.caller = signed.AccessKeyID
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, refuse("SerializationException", "The request could not be read: %v", err)
	}
	s.calls[region+" "+name]++
	if s.regions[region] == nil {
		return nil, refuse("UnrecognizedClientException", "The Region %s is not enabled.", region)
	}
	if codes := s.faults[name]; len(codes) > 0 {
		s.faults[name] = codes[1:]
		if codes[0] != "" {
			return nil, refuse(codes[0], "The %s request was made to fail.", name)
		}
	}
	return run(region, body)
}

// operation runs one operation in one Region; SSM.mu is held.
type operation func(region string, body []byte) (any, error)

func (s *SSM) operation(name string) operation {
	switch name {
	case "AddTagsToResource":
		return decoded(s.addTags)
	case "DeleteParameter":
		return decoded(s.deleteParameter)
	case "DescribeParameters":
		return decoded(s.describeParameters)
	case "GetParameter":
		return decoded(s.getParameter)
	case "GetParameterHistory":
		return decoded(s.getParameterHistory)
	case "GetParameters":
		return decoded(s.getParameters)
	case "ListTagsForResource":
		return decoded(s.listTags)
	case "PutParameter":
		return decoded(s.putParameter)
	}
	return nil
}

// decoded puts the decoding of the request before an operation.
func decoded[In, Out any](run func(region string, in In) (Out, error)) operation {
	return func(region string, body []byte) (any, error) {
		var in In
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, refuse("SerializationException", "The request is not a JSON object: %v", err)
		}
		return run(region, in)
	}
}

// authorize asks IAM about one parameter.
func (s *SSM) authorize(region, action, name string, keys map[string][]string) error {
	sent := map[string][]string{"aws:RequestedRegion": {region}}
	if p := s.regions[region][name]; p != nil && action != "ssm:PutParameter" { // which knows no tags of the resource
		for key, value := range p.Tags {
			sent["aws:ResourceTag/"+key] = []string{value}
		}
	}
	maps.Copy(sent, keys)
	arn := s.arn(region, name)
	if !s.options.Authorize(iam.Request{Action: action, Resource: arn, AccessKeyID: s.caller, Keys: sent}) {
		return refuse("AccessDeniedException", "The role is not authorized to perform: %s on resource: %s", action, arn)
	}
	return nil
}

// epochSeconds is the protocol's form of a timestamp, to the millisecond.
func epochSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
