package localaws

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
	asTargetPrefix = "PhotonAdminProxyService."
	asContentType  = "application/x-amz-json-1.1"
	// asMaxBody is far above any legal request, and keeps a mistaken client from filling the memory.
	asMaxBody = 1 << 20
)

// asError is an answer other than success.
type asError struct{ code, message string }

func (e *asError) Error() string { return e.code + ": " + e.message }

func asErrorf(code, format string, args ...any) error {
	return &asError{code: code, message: fmt.Sprintf(format, args...)}
}

// status is the HTTP status the service documents for the error: every modeled exception is a 400.
func (e *asError) status() int {
	switch e.code {
	case "InternalFailure":
		return http.StatusInternalServerError
	case "ServiceUnavailable":
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// ServeHTTP answers one request of the AWS JSON 1.1 protocol.
func (a *AppStream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, status := any(nil), http.StatusOK
	output, err := a.serve(w, r)
	if err == nil {
		answer = output
	} else {
		failure, ok := errors.AsType[*asError](err)
		if !ok {
			failure = &asError{code: "InternalFailure", message: err.Error()}
		}
		status = failure.status()
		w.Header().Set("X-Amzn-ErrorType", failure.code)
		answer = struct {
			Type    string `json:"__type"`
			Message string
		}{failure.code, failure.message}
	}

	w.Header().Set("Content-Type", asContentType)
	// Numbered, not random, so that a simulation's log is the same on every run.
	w.Header().Set("X-Amzn-RequestId", fmt.Sprintf("00000000-0000-4000-8000-%012x", a.requests.Add(1)))
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // fails only when the client has gone
}

func (a *AppStream) serve(w http.ResponseWriter, r *http.Request) (any, error) {
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), asTargetPrefix)
	run := a.operation(name)
	if r.Method != http.MethodPost || !ok || run == nil {
		return nil, asErrorf("UnknownOperationException", "The operation %q is not known.", r.Header.Get("X-Amz-Target"))
	}
	if r.Header.Get("Authorization") == "" {
		return nil, asErrorf("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, asMaxBody))
	if err != nil {
		return nil, asErrorf("SerializationException", "The request could not be read: %v", err)
	}

	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls[name]++
	if err := a.nextFault(name); err != nil {
		return nil, err
	}
	return run(a.options.Now(), body)
}

// asOperation runs one operation at one moment; AppStream.mu is held.
type asOperation func(now time.Time, body []byte) (any, error)

// operation returns nil for a name that is not an operation.
func (a *AppStream) operation(name string) asOperation {
	switch name {
	case "CreateExportImageTask":
		return asDecoded(a.createExportImageTask)
	case "GetExportImageTask":
		return asDecoded(a.getExportImageTask)
	case "ListExportImageTasks":
		return asDecoded(a.listExportImageTasks)
	case "DescribeImages":
		return asDecoded(a.describeImages)
	case "DeleteImage":
		return asDecoded(a.deleteImage)
	case "ListTagsForResource":
		return asDecoded(a.listTagsForResource)
	case "TagResource":
		return asDecoded(a.tagResource)
	case "UntagResource":
		return asDecoded(a.untagResource)
	}
	return nil
}

// asDecoded puts the decoding of the request before an operation.
func asDecoded[In, Out any](run func(time.Time, In) (Out, error)) asOperation {
	return func(now time.Time, body []byte) (any, error) {
		var input In
		err := json.Unmarshal(body, &input)
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
			return nil, asErrorf("SerializationException", "%s cannot be a JSON %s.", wrong.Field, wrong.Value)
		}
		if err != nil {
			return nil, asErrorf("SerializationException", "The request is not a JSON object: %v", err)
		}
		return run(now, input)
	}
}

// asEpochSeconds is the protocol's form of a timestamp, to the millisecond; the zero time is left out by omitempty.
func asEpochSeconds(t time.Time) json.Number {
	if t.IsZero() {
		return ""
	}
	return json.Number(strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64))
}
