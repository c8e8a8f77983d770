package lambda

import (
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// The longest payloads that Lambda's Invoke takes.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	maxRequest = 6 << 20
	maxEvent   = 1 << 20
)

// API is Lambda's own API as far as functions can be invoked with it, by their names or their ARNs.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func API(functions []*Function) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := serveInvoke(functions, w, r); err != nil {
			awsreply.AsError(err).Write(w, r)
		}
	})
}

func serveInvoke(functions []*Function, w http.ResponseWriter, r *http.Request) error {
	name, ok := strings.CutPrefix(r.URL.Path, "/2015-03-31/functions/")
	name, suffix := strings.CutSuffix(name, "/invocations")
	if r.Method != http.MethodPost || !ok || !suffix {
		return &awsreply.Error{Status: http.StatusNotFound, Code: "UnknownOperationException", Message: "Only Invoke is available here."}
	}
	i := slices.IndexFunc(functions, func(f *Function) bool { return name == f.options.Environment.FunctionName || name == f.ARN() })
	if i < 0 {
		return &awsreply.Error{Status: http.StatusNotFound, Code: "ResourceNotFoundException", Message: "Function not found: " + name}
	}
	return functions[i].serveInvoke(w, r)
}

func (f *Function) serveInvoke(w http.ResponseWriter, r *http.Request) error {
	kind, limit := r.Header.Get("X-Amz-Invocation-Type"), maxRequest
	if kind == "Event" {
		limit = maxEvent
	}
	payload, err := io.ReadAll(io.LimitReader(r.Body, int64(limit)+1))
	if err != nil {
		return awsreply.Refuse("InvalidRequestContentException", "the payload could not be read: %v", err)
	}
	if len(payload) > limit {
		return &awsreply.Error{Status: http.StatusRequestEntityTooLarge, Code: "RequestTooLargeException",
			Message: "the payload is too large"}
	}
	if len(payload) == 0 {
		payload = []byte("{}")
	}

	w.Header().Set("X-Amzn-RequestId", uuid.NewString())
	w.Header().Set("X-Amz-Executed-Version", "$LATEST")
	switch kind {
	case "", "RequestResponse":
		result, err := f.Invoke(r.Context(), payload)
		if err != nil {
			return &awsreply.Error{Status: http.StatusInternalServerError, Code: "ServiceException", Message: err.Error()}
		}
		if result.Failed() {
			w.Header().Set("X-Amz-Function-Error", result.FunctionError)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(result.Payload) // fails only if the caller has gone
	case "Event":
		f.InvokeAsync(payload)
		w.WriteHeader(http.StatusAccepted)
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
	default:
		return awsreply.Refuse("InvalidParameterValueException", "the invocation type %q is not known", kind)
	}
	return nil
}
