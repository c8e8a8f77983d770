package runtimeapi_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/runtimeapi"
)

func TestReportInitError(t *testing.T) {
	var calls []string
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls = append(calls,
			r.Method+" "+r.URL.Path+" "+r.Header.Get("Lambda-Runtime-Function-Error-Type")+" "+r.Header.Get("Content-Type"))
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	t.Setenv("AWS_LAMBDA_RUNTIME_API", strings.TrimPrefix(server.URL, "http://"))
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:9") // where nobody answers

	if err := runtimeapi.ReportInitError(errors.New("TOPIC_ARN is \"wrong\"\nand so on")); err != nil {
		t.Fatal(err)
	}
	want := []string{"POST /2018-06-01/runtime/init/error Function.CannotStart application/json"}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	const report = `{"errorMessage":"TOPIC_ARN is \"wrong\"\nand so on","errorType":"Function.CannotStart","stackTrace":[]}`
	if diff := cmp.Diff(report, string(body)); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}

	if err := runtimeapi.ReportInitError(errors.New(strings.Repeat("ü", 100_000))); err != nil {
		t.Fatal(err)
	}
	var long struct{ ErrorMessage string }
	if err := json.Unmarshal(body, &long); err != nil || len(long.ErrorMessage) != 16_003 || !utf8.ValidString(long.ErrorMessage) {
		t.Errorf("%d bytes, %v", len(long.ErrorMessage), err)
	}
}

func TestReportThatIsNotTaken(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer server.Close()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // without which the server would not notice that the client has gone
		<-r.Context().Done()
	}))
	defer slow.Close()
	for address, says := range map[string]string{
		strings.TrimPrefix(server.URL, "http://"): "it is not taken: 403 Forbidden",
		strings.TrimPrefix(slow.URL, "http://"):   "deadline exceeded",
		"127.0.0.1:1":                             "connection refused",
		"not an address":                          "not an address",
	} {
		t.Setenv("AWS_LAMBDA_RUNTIME_API", address)
		begin := time.Now()
		err := runtimeapi.ReportInitError(errors.New("why"))
		if err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "report to Lambda's Runtime API") {
			t.Errorf("%s: error = %v, want %q in it", address, err, says)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s: it takes %v", address, took)
		}
	}
}

// At a person's own machine there is no Lambda to tell.
func TestNoLambda(t *testing.T) {
	t.Setenv("AWS_LAMBDA_RUNTIME_API", "")
	if err := runtimeapi.ReportInitError(errors.New("why")); err != nil {
		t.Error(err)
	}
}
