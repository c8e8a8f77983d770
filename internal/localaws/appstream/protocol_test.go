package appstream_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/appstream"
)

// post sends a request by hand, as a client with a mistake would.
func (s *scene) post(t *testing.T, target, body string, change ...func(*http.Request)) *http.Response {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
	request.Header.Set("X-Amz-Target", target)
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-west-1/appstream/aws4_request")
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	for _, do := range change {
		do(request)
	}
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, request)
	return recorder.Result()
}

func bodyOf(t *testing.T, response *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(body))
}

func TestRefusesBadProtocol(t *testing.T) {
	const describe = "PhotonAdminProxyService.DescribeImages"
	tests := []struct {
		name, target, body string
		change             func(*http.Request)
		code, part         string
	}{
		{name: "unknown operation", target: "PhotonAdminProxyService.MakeCoffee", body: "{}", code: "UnknownOperationException", part: "MakeCoffee"},
		{name: "no target", body: "{}", code: "UnknownOperationException"},
		{name: "no prefix", target: "DescribeImages", body: "{}", code: "UnknownOperationException"},
		{name: "another service", target: "AmazonSQS.DescribeImages", body: "{}", code: "UnknownOperationException"},
		{name: "not a POST", target: describe, body: "{}", code: "UnknownOperationException", change: func(r *http.Request) { r.Method = http.MethodPut }},
		{name: "unsigned", target: describe, body: "{}", code: "MissingAuthenticationTokenException", change: func(r *http.Request) { r.Header.Del("Authorization") }},
		{name: "no body", target: describe, code: "SerializationException"},
		{name: "not JSON", target: describe, body: "Names=a", code: "SerializationException"},
		{name: "not an object", target: describe, body: "[]", code: "SerializationException"},
		{name: "two documents", target: describe, body: "{}{}", code: "SerializationException"},
		{name: "too long", target: describe, body: `{"Names":["` + strings.Repeat("a", 1<<20) + `"]}`, code: "SerializationException"},
		{name: "string for a list", target: describe, body: `{"Names":"a"}`, code: "SerializationException", part: "Names"},
		{name: "string for a number", target: describe, body: `{"MaxResults":"1"}`, code: "SerializationException", part: "MaxResults"},
		{name: "fraction for a number", target: describe, body: `{"MaxResults":1.5}`, code: "SerializationException", part: "MaxResults"},
	}
	scene := newScene(t, appstream.Options{})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			change := test.change
			if change == nil {
				change = func(*http.Request) {}
			}
			response := scene.post(t, test.target, test.body, change)
			if response.StatusCode != http.StatusBadRequest {
				t.Errorf("status %d", response.StatusCode)
			}
			var failure struct {
				Type    string `json:"__type"`
				Message string
			}
			body := bodyOf(t, response)
			if err := json.Unmarshal([]byte(body), &failure); err != nil {
				t.Fatalf("%v in %s", err, body)
			}
			if failure.Type != test.code || failure.Message == "" || !strings.Contains(failure.Message, test.part) {
				t.Errorf("got %+v, want %s and %q", failure, test.code, test.part)
			}
			if got := response.Header.Get("X-Amzn-ErrorType"); got != test.code {
				t.Errorf("x-amzn-ErrorType %q", got)
			}
		})
	}
}

func TestErrorStatus(t *testing.T) {
	want := map[string]int{
		"InternalFailure":           http.StatusInternalServerError,
		"ServiceUnavailable":        http.StatusServiceUnavailable,
		"ThrottlingException":       http.StatusBadRequest,
		"ResourceNotFoundException": http.StatusBadRequest,
	}
	scene := newScene(t, appstream.Options{})
	for code, status := range want {
		scene.FailNext("DescribeImages", code)
		if got := scene.post(t, "PhotonAdminProxyService.DescribeImages", "{}").StatusCode; got != status {
			t.Errorf("%s is a %d, want %d", code, got, status)
		}
	}
}

// What is on the wire is fixed here, because a lenient client would not notice a change.
func TestTaskOnTheWire(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "win"})

	response := scene.post(t, "PhotonAdminProxyService.CreateExportImageTask", `{"ImageName":"win","AmiName":"win-1",
		"IamRoleArn":"arn:aws:iam::123456789012:role/export","AmiDescription":"nightly","TagSpecifications":{"a":"b"},"FromTheFuture":1}`)
	want := `{"ExportImageTask":{"TaskId":"3f0c2f0e-8a55-4c1c-9f0e-000000000001",` +
		`"ImageArn":"arn:aws:appstream:eu-west-1:123456789012:image/win","AmiName":"win-1","CreatedDate":1795399200.123,` +
		`"AmiDescription":"nightly","State":"EXPORTING","TagSpecifications":{"a":"b"}}}`
	if diff := cmp.Diff(want, bodyOf(t, response)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := response.Header.Get("Content-Type"); got != "application/x-amz-json-1.1" {
		t.Errorf("Content-Type %q", got)
	}
	first, second := response.Header.Get("X-Amzn-RequestId"), scene.post(t, "", "").Header.Get("X-Amzn-RequestId")
	if first == "" || first == second {
		t.Errorf("request ids %q and %q", first, second)
	}

	scene.pass(time.Hour)
	got := bodyOf(t, scene.post(t, "PhotonAdminProxyService.ListExportImageTasks", `{}`))
	want = `{"ExportImageTasks":[{"TaskId":"3f0c2f0e-8a55-4c1c-9f0e-000000000001",` +
		`"ImageArn":"arn:aws:appstream:eu-west-1:123456789012:image/win","AmiName":"win-1","CreatedDate":1795399200.123,` +
		`"AmiDescription":"nightly","State":"COMPLETED","AmiId":"` + scene.AMIs()[0].ID + `","TagSpecifications":{"a":"b"}}]}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Benchmarks count on images of the size that the service sends.
func TestImageSizeOnTheWire(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "win2022-base-7", Description: "The base of all others", Applications: 2})
	body := bodyOf(t, scene.post(t, "PhotonAdminProxyService.DescribeImages", "{}"))
	if len(body) < 1300 || len(body) > 1600 {
		t.Errorf("%d bytes: %s", len(body), body)
	}
}

func TestEmptyAnswersAreLists(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "win"})
	scene.RemoveImage("win")
	for target, want := range map[string]string{
		"PhotonAdminProxyService.DescribeImages":       `{"Images":[]}`,
		"PhotonAdminProxyService.ListExportImageTasks": `{"ExportImageTasks":[]}`,
	} {
		if got := bodyOf(t, scene.post(t, target, "{}")); got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
}
