package appstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	targetPrefix = "PhotonAdminProxyService."
	contentType  = "application/x-amz-json-1.1"
	// maxBody is far above any legal request, and keeps a mistaken client from filling the memory.
	maxBody = 1 << 20
)

// apiError is an answer other than success.
type apiError struct{ code, message string }

func (e *apiError) Error() string { return e.code + ": " + e.message }

func errorf(code, format string, args ...any) error {
	return &apiError{code: code, message: fmt.Sprintf(format, args...)}
}

// status is the HTTP status the service documents for the error: every modeled exception is a 400.
func (e *apiError) status() int {
	switch e.code {
	case "InternalFailure":
		return http.StatusInternalServerError
	case "ServiceUnavailable":
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// ServeHTTP answers one request of the AWS JSON 1.1 protocol.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, status := any(nil), http.StatusOK
	output, err := s.serve(w, r)
	if err == nil {
		answer = output
	} else {
		failure, ok := errors.AsType[*apiError](err)
		if !ok {
			failure = &apiError{code: "InternalFailure", message: err.Error()}
		}
		status = failure.status()
		w.Header().Set("X-Amzn-ErrorType", failure.code)
		answer = struct {
			Type    string `json:"__type"`
			Message string
		}{failure.code, failure.message}
	}

	w.Header().Set("Content-Type", contentType)
	// Numbered, not random, so that a simulation's log is the same on every run.
	w.Header().Set("X-Amzn-RequestId", fmt.Sprintf("00000000-0000-4000-8000-%012x", s.requests.Add(1)))
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // fails only when the client has gone
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) (any, error) {
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	run := s.operation(name)
	if r.Method != http.MethodPost || !ok || run == nil {
		return nil, errorf("UnknownOperationException", "The operation %q is not known.", r.Header.Get("X-Amz-Target"))
	}
	if r.Header.Get("Authorization") == "" {
		return nil, errorf("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, errorf("SerializationException", "The request could not be read: %v", err)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[name]++
	if err := s.nextFault(name); err != nil {
		return nil, err
	}
	return run(s.options.Now(), body)
}

// operation runs one operation at one moment; Server.mu is held.
type operation func(now time.Time, body []byte) (any, error)

// operation returns nil for a name that is not an operation.
func (s *Server) operation(name string) operation {
	switch name {
	case "CreateExportImageTask":
		return decoded(s.createExportImageTask)
	case "GetExportImageTask":
		return decoded(s.getExportImageTask)
	case "ListExportImageTasks":
		return decoded(s.listExportImageTasks)
	case "DescribeImages":
		return decoded(s.describeImages)
	case "DeleteImage":
		return decoded(s.deleteImage)
	case "ListTagsForResource":
		return decoded(s.listTagsForResource)
	case "TagResource":
		return decoded(s.tagResource)
	case "UntagResource":
		return decoded(s.untagResource)
	}
	return nil
}

// decoded puts the decoding of the request before an operation.
func decoded[In, Out any](run func(time.Time, In) (Out, error)) operation {
	return func(now time.Time, body []byte) (any, error) {
		var input In
		err := json.Unmarshal(body, &input)
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
			return nil, errorf("SerializationException", "%s cannot be a JSON %s.", wrong.Field, wrong.Value)
		}
		if err != nil {
			return nil, errorf("SerializationException", "The request is not a JSON object: %v", err)
		}
		return run(now, input)
	}
}

// epochSeconds is the protocol's form of a timestamp, to the millisecond; the zero time is left out by omitempty.
func epochSeconds(t time.Time) json.Number {
	if t.IsZero() {
		return ""
	}
	return json.Number(strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64))
}
