package lambda_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"appstream-ami-exporter/internal/localaws/lambda"
)

// The answers are those of https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html.
func TestInvokeAPI(t *testing.T) {
	t.Parallel()
	var attempts results
	f := newFunction(t, lambda.FunctionOptions{Scale: 600, OnResult: attempts.add})
	server := httptest.NewServer(lambda.API([]*lambda.Function{f}))
	t.Cleanup(server.Close)
	name := f.ARN()[strings.LastIndexByte(f.ARN(), ':')+1:]

	tests := map[string]struct {
		name, kind, payload string
		status              int
		header, value       string
		body                string
	}{
		"by name": {name, "", `{"do":"echo"}`, 200, "X-Amz-Executed-Version", "$LATEST", ""},
		"by ARN":  {url.PathEscape(f.ARN()), "RequestResponse", `{"do":"echo"}`, 200, "X-Amz-Function-Error", "", ""},
		"the function fails": {name, "", `{"do":"fail","text":"no luck"}`, 200, "X-Amz-Function-Error", "Unhandled",
			`"errorMessage":"no luck"`},
		"later":            {name, "Event", `{"do":"echo"}`, 202, "", "", ""},
		"only tried":       {name, "DryRun", `{}`, 204, "", "", ""},
		"another function": {"other", "", `{}`, 404, "X-Amzn-ErrorType", "ResourceNotFoundException", "other"},
		"unknown type":     {name, "Never", `{}`, 400, "X-Amzn-ErrorType", "InvalidParameterValueException", "Never"},
		"too large": {name, "Event", `"` + strings.Repeat("x", 1<<20) + `"`, 413, "X-Amzn-ErrorType", "RequestTooLargeException",
			""},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			request, err := http.NewRequestWithContext(within(t, time.Minute), http.MethodPost,
				server.URL+"/2015-03-31/functions/"+test.name+"/invocations", strings.NewReader(test.payload))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("X-Amz-Invocation-Type", test.kind)
			response, err := server.Client().Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != test.status || !strings.Contains(string(body), test.body) {
				t.Errorf("got %s: %s", response.Status, body)
			}
			if got := response.Header.Get(test.header); test.header != "" && got != test.value {
				t.Errorf("%s: %q, want %q", test.header, got, test.value)
			}
		})
	}
	if err := f.Wait(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	if n := len(attempts.list()); n != 4 {
		t.Errorf("%d invocations, want 4: two that echo, one that fails, one asynchronous", n)
	}
}

func TestInvokeAPIKnowsNothingElse(t *testing.T) {
	t.Parallel()
	f := newFunction(t, lambda.FunctionOptions{})
	recorder := httptest.NewRecorder()
	lambda.API([]*lambda.Function{f}).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/2015-03-31/functions/", nil))
	if recorder.Code != http.StatusNotFound {
		t.Errorf("status %d", recorder.Code)
	}
}

// Each function is found by its name.
func TestAPIOfTwoFunctions(t *testing.T) {
	t.Parallel()
	var functions []*lambda.Function
	for _, name := range []string{"exporter", "keeper"} {
		functions = append(functions, lambda.NewFunction(lambda.FunctionOptions{
			Environment: lambda.EnvironmentOptions{FunctionName: name, Region: "eu-west-1", AccountID: "123456789012", MemorySize: 512},
			Timeout:     time.Minute,
		}))
	}
	for path, want := range map[string]string{
		"/2015-03-31/functions/keeper/configuration":   `"FunctionName":"keeper"`,
		"/2015-03-31/functions/exporter/configuration": `"FunctionName":"exporter"`,
		"/2019-09-30/functions/exporter/concurrency":   `{}`,
		"/2015-03-31/functions/third/configuration":    `Function not found: third`,
	} {
		recorder := httptest.NewRecorder()
		lambda.API(functions).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
		if !strings.Contains(recorder.Body.String(), want) {
			t.Errorf("%s: %d %s, want %s", path, recorder.Code, recorder.Body, want)
		}
	}
}
