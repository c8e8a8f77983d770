package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/lambda"
)

// invoke runs a function once.
func invoke(t *testing.T, f *lambda.Function, event string) lambda.Result {
	t.Helper()
	result, err := f.Invoke(within(t, time.Minute), []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestInvokeOutcomes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, event          string
		wantPayload          string // of a success
		wantType, wantInText string // of an error
		wantSameProcess      bool   // for the next invocation
	}{
		{name: "success", event: `{"do":"echo"}`, wantPayload: `{"do":"echo"}`, wantSameProcess: true},
		{name: "reply that is not JSON", event: `{"do":"reply","text":"oh"}`, wantPayload: `oh`, wantSameProcess: true},
		{name: "error", event: `{"do":"fail","text":"no luck"}`,
			wantType: "errorString", wantInText: "no luck", wantSameProcess: true},
		{name: "error with a name", event: `{"do":"fail by name","text":"no luck"}`,
			wantType: "namedError", wantInText: "no luck", wantSameProcess: true},
		{name: "panic", event: `{"do":"panic","text":"help"}`, wantType: "string", wantInText: "help"},
		{name: "exit", event: `{"do":"exit","exitCode":7}`,
			wantType: "Runtime.ExitError", wantInText: "Runtime exited with error: exit status 7"},
		{name: "exit without a reason", event: `{"do":"exit"}`,
			wantType: "Runtime.ExitError", wantInText: "Runtime exited without providing a reason"},
		{name: "timeout", event: `{"do":"sleep","millis":60000}`,
			wantType: "Sandbox.Timedout", wantInText: "Task timed out after 2.00 seconds"},
		{name: "reply too large", event: `{"do":"big"}`,
			wantType: "Function.ResponseSizeTooLarge", wantInText: "6291556 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFunction(t, lambda.FunctionOptions{Timeout: 2 * time.Second, MaximumConcurrency: 1})
			got := invoke(t, f, tt.event)
			if tt.wantType == "" {
				if got.Failed() || string(got.Payload) != tt.wantPayload {
					t.Errorf("got %s (%s), want %s", got.Payload, got.FunctionError, tt.wantPayload)
				}
			} else if got.FunctionError != "Unhandled" || got.ErrorType != tt.wantType ||
				!strings.Contains(got.ErrorMessage, tt.wantInText) {
				t.Errorf("got %q, %q: %q; want %q with %q", got.FunctionError, got.ErrorType, got.ErrorMessage, tt.wantType, tt.wantInText)
			}
			if strings.HasPrefix(tt.wantType, "Runtime.") && !strings.Contains(got.ErrorMessage, "RequestId: "+got.RequestID) {
				t.Errorf("%q does not name the request %s", got.ErrorMessage, got.RequestID)
			}

			calls := string(invoke(t, f, `{"do":"calls"}`).Payload)
			if same := calls == "2"; same != tt.wantSameProcess {
				t.Errorf("the next invocation is number %s of its process; want the same process: %v", calls, tt.wantSameProcess)
			}
		})
	}
}

func TestInvocationContext(t *testing.T) {
	t.Parallel()
	options := probeEnvironment(t)
	options.MemorySize = 256
	f := newFunction(t, lambda.FunctionOptions{Environment: options, Timeout: 20 * time.Second})
	result := invoke(t, f, `{"do":"context"}`)
	var got struct {
		RequestID, ARN, Trace, Name string
		Left                        float64
		Memory                      int
	}
	if err := json.Unmarshal(result.Payload, &got); err != nil {
		t.Fatal(err)
	}
	if got.Left < 15 || got.Left > 20 {
		t.Errorf("%v seconds are left, want a little less than 20", got.Left)
	}
	if !strings.HasPrefix(got.Trace, "Root=1-") {
		t.Errorf("the trace is %q", got.Trace)
	}
	want := []any{result.RequestID, "arn:aws:lambda:eu-west-1:123456789012:function:probe", "probe", 256}
	if diff := cmp.Diff(want, []any{got.RequestID, got.ARN, got.Name, got.Memory}); diff != "" {
		t.Errorf("context (-want +got):\n%s", diff)
	}
}

func TestEnvironmentInheritsNothing(t *testing.T) {
	t.Setenv("LOCALAWS_TEST_SECRET", "leaks")
	options := probeEnvironment(t)
	options.Variables = map[string]string{"GIVEN": "yes", "TZ": "Europe/Paris"}
	options.Gateway = newGateway(t)
	f := newFunction(t, lambda.FunctionOptions{Environment: options})

	var got []string
	if err := json.Unmarshal(invoke(t, f, `{"do":"environment"}`).Payload, &got); err != nil {
		t.Fatal(err)
	}
	var names []string
	values := map[string]string{}
	for _, variable := range got {
		name, value, _ := strings.Cut(variable, "=")
		names = append(names, name)
		values[name] = value
	}
	slices.Sort(names)
	want := []string{
		"AWS_ACCESS_KEY_ID", "AWS_CONFIG_FILE", "AWS_DEFAULT_REGION", "AWS_EC2_METADATA_DISABLED",
		"AWS_ENDPOINT_URL",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
		"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_GROUP_NAME",
		"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN", "AWS_SHARED_CREDENTIALS_FILE", "GIVEN", "LAMBDA_TASK_ROOT", "LANG", "PATH", "TZ",
		"_HANDLER", "_X_AMZN_TRACE_ID",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	if values["GIVEN"] != "yes" || values["TZ"] != "Europe/Paris" {
		t.Errorf("the given variables are %q and %q", values["GIVEN"], values["TZ"])
	}
}

func TestEnvironmentLogs(t *testing.T) {
	t.Parallel()
	options := probeEnvironment(t)
	var mu sync.Mutex
	got := map[string][]lambda.LogLine{}
	options.OnLog = func(line lambda.LogLine) {
		mu.Lock()
		defer mu.Unlock()
		got[line.Stream] = append(got[line.Stream], line)
	}
	f := newFunction(t, lambda.FunctionOptions{Environment: options})
	result := invoke(t, f, `{"do":"log","text":"hello"}`)

	// No waiting: the lines of an invocation are there when it returns.
	mu.Lock()
	defer mu.Unlock()
	for stream, want := range map[string][]string{"stdout": {"out hello", "no newline"}, "stderr": {"err hello"}} {
		var texts []string
		for _, line := range got[stream] {
			texts = append(texts, line.Text)
			if line.RequestID != result.RequestID || line.Environment == "" || line.Time.IsZero() {
				t.Errorf("the line %+v is not of the invocation %s", line, result.RequestID)
			}
		}
		if diff := cmp.Diff(want, texts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", stream, diff)
		}
	}
}

func TestInitFailureIsReportedWithOutput(t *testing.T) {
	t.Parallel()
	options := probeEnvironment(t)
	options.Variables = map[string]string{"PROBE_FAIL_INIT": "QUEUE_URL: must be set"}
	f := newFunction(t, lambda.FunctionOptions{Environment: options})

	initError, ok := errors.AsType[*lambda.InitError](f.Warm(t.Context()))
	if !ok {
		t.Fatalf("got no InitError from Warm")
	}
	want := &lambda.InitError{Reason: "Runtime exited with error: exit status 3", Output: []string{"QUEUE_URL: must be set"}}
	if diff := cmp.Diff(want, initError); diff != "" {
		t.Errorf("init error (-want +got):\n%s", diff)
	}
	result := invoke(t, f, `{}`)
	if result.ErrorType != "Runtime.ExitError" || !strings.Contains(result.ErrorMessage, "exit status 3") {
		t.Errorf("got %q: %q", result.ErrorType, result.ErrorMessage)
	}
	if diff := cmp.Diff(want, result.InitError); diff != "" {
		t.Errorf("init error of an invocation (-want +got):\n%s", diff)
	}
}

func TestStartEnvironmentWithoutBinary(t *testing.T) {
	t.Parallel()
	options := probeEnvironment(t)
	options.Binary = "no/such/file"
	if _, err := lambda.StartEnvironment(context.Background(), options); err == nil || !strings.Contains(err.Error(), "no/such/file") {
		t.Errorf("got %v, want an error that names the file", err)
	}
}
