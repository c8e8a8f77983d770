package lambda

import (
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// post plays a process that posts to the Runtime API, and returns the status of the answer.
func post(t *testing.T, api *runtimeAPI, path, body string, header http.Header) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		"http://"+api.address+"/2018-06-01/runtime/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(request.Header, header)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

func TestRuntimeAPI(t *testing.T) {
	t.Parallel()
	api, err := startRuntimeAPI()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.close)
	inv := invocation{
		requestID: "r1", payload: []byte(`{"a":1}`), deadline: time.UnixMilli(1234), functionARN: "arn", traceID: "Root=1-x",
	}
	go func() { api.work <- inv }()

	response, err := http.Get("http://" + api.address + "/2018-06-01/runtime/invocation/next")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	payload, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{string(payload)}
	for _, name := range []string{
		"Lambda-Runtime-Aws-Request-Id", "Lambda-Runtime-Deadline-Ms",
		"Lambda-Runtime-Invoked-Function-Arn", "Lambda-Runtime-Trace-Id",
	} {
		got = append(got, response.Header.Get(name))
	}
	if diff := cmp.Diff([]string{`{"a":1}`, "r1", "1234", "arn", "Root=1-x"}, got); diff != "" {
		t.Errorf("invocation (-want +got):\n%s", diff)
	}

	if got := post(t, api, "invocation/r0/response", "{}", nil); got != http.StatusBadRequest {
		t.Errorf("the reply to another invocation is answered with %d", got)
	}
	named := http.Header{"Lambda-Runtime-Function-Error-Type": {"Probe.Broken"}}
	if got := post(t, api, "invocation/r1/error", "", named); got != http.StatusAccepted {
		t.Errorf("an error is answered with %d", got)
	}
	if got := post(t, api, "invocation/r1/response", "{}", nil); got != http.StatusBadRequest {
		t.Errorf("a second reply is answered with %d", got)
	}
	want := outcome{failed: true, payload: []byte(`{"errorType":"Probe.Broken","errorMessage":""}`)}
	if diff := cmp.Diff(want, <-api.outcomes, cmp.AllowUnexported(outcome{})); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

func TestRuntimeAPITakesAnInitError(t *testing.T) {
	t.Parallel()
	api, err := startRuntimeAPI()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.close)
	const report = `{"errorType":"Probe.NotReady","errorMessage":"no"}`
	for range 2 {
		if got := post(t, api, "init/error", report, nil); got != http.StatusAccepted {
			t.Errorf("an init error is answered with %d", got)
		}
	}
	if got := string((<-api.initErrs).payload); got != report {
		t.Errorf("got %s, want %s", got, report)
	}
}
