package lambda

import (
	"fmt"
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

// operations are those of Lambda's own API that are played, each with its path, in which the function stands by its name or its ARN.
var operations = []struct {
	method, before, after string
	serve                 func(*Function, http.ResponseWriter, *http.Request) error
}{
	{http.MethodPost, "/2015-03-31/functions/", "/invocations", (*Function).serveInvoke},
	{http.MethodGet, "/2015-03-31/functions/", "/configuration", (*Function).serveConfiguration},
	{http.MethodGet, "/2019-09-30/functions/", "/concurrency", (*Function).serveConcurrency},
}

// API is Lambda's own API for these functions.
func API(functions []*Function) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := serve(functions, w, r); err != nil {
			awsreply.AsError(err).Write(w, r)
		}
	})
}

func serve(functions []*Function, w http.ResponseWriter, r *http.Request) error {
	for _, operation := range operations {
		name, begins := strings.CutPrefix(r.URL.Path, operation.before)
		name, ends := strings.CutSuffix(name, operation.after)
		if !begins || !ends || r.Method != operation.method {
			continue
		}
		f, err := find(functions, name)
		if err != nil {
			return err
		}
		return operation.serve(f, w, r)
	}
	return &awsreply.Error{Status: http.StatusNotFound, Code: "UnknownOperationException",
		Message: fmt.Sprintf("The local AWS does not play %s %s of lambda.", r.Method, r.URL.Path)}
}

func find(functions []*Function, name string) (*Function, error) {
	i := slices.IndexFunc(functions, func(f *Function) bool { return name == f.options.Environment.FunctionName || name == f.ARN() })
	if i < 0 {
		return nil, &awsreply.Error{Status: http.StatusNotFound, Code: "ResourceNotFoundException", Message: "Function not found: " + name}
	}
	return functions[i], nil
}

// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
func (f *Function) serveConfiguration(w http.ResponseWriter, r *http.Request) error {
	environment := f.options.Environment
	awsreply.Write(w, r, map[string]any{
		"FunctionName": environment.FunctionName, "FunctionArn": f.ARN(), "Version": "$LATEST", "Runtime": "provided.al2023",
		"PackageType": "Zip", "MemorySize": environment.MemorySize, "Timeout": int(f.options.Timeout.Seconds()),
		"State": "Active", "LastUpdateStatus": "Successful", "LastModified": f.deployed.UTC().Format("2006-01-02T15:04:05.000-0700"),
	})
	return nil
}

// serveConcurrency tells that nothing is reserved for the function.
// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConcurrency.html
func (f *Function) serveConcurrency(w http.ResponseWriter, r *http.Request) error {
	awsreply.Write(w, r, struct{}{})
	return nil
}

// serveInvoke is Invoke.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
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
