package appstream_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/localtest"
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

// postCBOR sends a request by hand in Smithy RPC v2 CBOR.
func (s *scene) postCBOR(t *testing.T, operation string, body []byte, change ...func(*http.Request)) *http.Response {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/service/PhotonAdminProxyService/operation/"+operation,
		bytes.NewReader(body))
	request.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-west-1/appstream/aws4_request")
	request.Header.Set("Content-Type", "application/cbor")
	for _, do := range change {
		do(request)
	}
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, request)
	return recorder.Result()
}

// answered decodes an answer in CBOR, which must say that it is one.
func answered(t *testing.T, response *http.Response) cbor.Value {
	t.Helper()
	if got := response.Header.Get("Smithy-Protocol") + " " + response.Header.Get("Content-Type"); got != "rpc-v2-cbor application/cbor" {
		t.Errorf("the answer says that it is %q", got)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	value, err := cbor.Decode(body)
	if err != nil {
		t.Fatalf("%v in %x", err, body)
	}
	return value
}

// encoded is a JSON document in CBOR.
func encoded(t *testing.T, document string) cbor.Value {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(document), &value); err != nil {
		t.Fatal(err)
	}
	return encodedValue(value)
}

func encodedValue(value any) cbor.Value {
	switch value := value.(type) {
	case string:
		return cbor.String(value)
	case bool:
		return cbor.Bool(value)
	case float64:
		if whole := int64(value); float64(whole) != value {
			return cbor.Float64(value)
		} else if whole < 0 {
			return cbor.NegInt(-whole)
		}
		return cbor.Uint(value)
	case []any:
		list := cbor.List{}
		for _, item := range value {
			list = append(list, encodedValue(item))
		}
		return list
	case map[string]any:
		object := cbor.Map{}
		for name, item := range value {
			object[name] = encodedValue(item)
		}
		return object
	}
	return &cbor.Nil{}
}

// plain is what JSON would have for a value, with times as numbers.
func plain(t *testing.T, value cbor.Value) any {
	t.Helper()
	switch value := value.(type) {
	case cbor.String:
		return string(value)
	case cbor.Bool:
		return bool(value)
	case cbor.Uint:
		return float64(value)
	case cbor.Float64:
		return float64(value)
	case *cbor.Tag:
		return plain(t, value.Value)
	case cbor.List:
		list := []any{}
		for _, item := range value {
			list = append(list, plain(t, item))
		}
		return list
	case cbor.Map:
		object := map[string]any{}
		for name, item := range value {
			object[name] = plain(t, item)
		}
		return object
	}
	t.Fatalf("an answer has a %T", value)
	return nil
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
		{name: "unknown operation", target: "PhotonAdminProxyService.MakeCoffee", body: "{}", code: "UnknownOperationException",
			part: "MakeCoffee"},
		{name: "no target", body: "{}", code: "UnknownOperationException"},
		{name: "no prefix", target: "DescribeImages", body: "{}", code: "UnknownOperationException"},
		{name: "another service", target: "AmazonSSM.DescribeImages", body: "{}", code: "UnknownOperationException"},
		{name: "not a POST", target: describe, body: "{}", code: "UnknownOperationException",
			change: func(r *http.Request) { r.Method = http.MethodPut }},
		{name: "unsigned", target: describe, body: "{}", code: "MissingAuthenticationTokenException",
			change: func(r *http.Request) { r.Header.Del("Authorization") }},
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

// A request in CBOR is the same request in JSON, and has the same answer.
func TestBothProtocols(t *testing.T) {
	const win = "arn:aws:appstream:eu-west-1:123456789012:image/win"
	for _, test := range []struct{ operation, parameters string }{
		{"DescribeImages", `{}`},
		{"DescribeImages", `{"Names":["win"],"Type":"PRIVATE","MaxResults":1}`},
		{"DescribeImages", `{"MaxResults":-1}`},
		{"DescribeImages", `{"MaxResults":1.5}`},
		{"DescribeImages", `{"Names":null}`},
		{"DescribeImages", `{"Names":"win"}`},
		{"DescribeImages", `{"Names":["none"]}`},
		{"CreateExportImageTask", `{"ImageName":"win","AmiName":"win-1","IamRoleArn":"` + exportRole + `","TagSpecifications":{"a":"ä"}}`},
		{"CreateExportImageTask", `{"ImageName":"win"}`},
		{"GetExportImageTask", `{"TaskId":"3f0c2f0e-8a55-4c1c-9f0e-000000000001"}`},
		{"ListExportImageTasks", `{"FromTheFuture":[true,{"a":1.5}]}`},
		{"TagResource", `{"ResourceArn":"` + win + `","Tags":{"a":"b"}}`},
		{"ListTagsForResource", `{"ResourceArn":"` + win + `"}`},
		{"UntagResource", `{"ResourceArn":"` + win + `","TagKeys":["a"]}`},
		{"DeleteImage", `{"Name":"win"}`},
		{"MakeCoffee", `{}`},
	} {
		t.Run(test.operation+" "+test.parameters, func(t *testing.T) {
			inJSON, inCBOR := newScene(t, appstream.Options{}), newScene(t, appstream.Options{})
			for _, s := range []*scene{inJSON, inCBOR} {
				s.PutImage(appstream.Image{Name: "win", Tags: map[string]string{"Team": "Desktop"}})
				s.PutImage(appstream.Image{Name: "broken", State: types.ImageStateFailed,
					Errors: []appstream.ImageError{{Code: "a", Time: start}}})
				s.mustExport(t, "win", "win-0")
			}
			want := inJSON.post(t, "PhotonAdminProxyService."+test.operation, test.parameters)
			got := inCBOR.postCBOR(t, test.operation, cbor.Encode(encoded(t, test.parameters)))
			if got.StatusCode != want.StatusCode {
				t.Errorf("status %d, in JSON %d", got.StatusCode, want.StatusCode)
			}
			var wantBody any
			if err := json.Unmarshal([]byte(bodyOf(t, want)), &wantBody); err != nil {
				t.Fatal(err)
			}
			gotBody := plain(t, answered(t, got))
			if object, ok := gotBody.(map[string]any); ok && got.StatusCode != http.StatusOK {
				delete(object, "Message") // what the model of AppStream calls message
			}
			if diff := cmp.Diff(wantBody, gotBody); diff != "" {
				t.Errorf("(-JSON +CBOR):\n%s", diff)
			}
		})
	}
}

func TestRefusesBadCBOR(t *testing.T) {
	for name, test := range map[string]struct {
		operation string
		body      []byte
		change    func(*http.Request)
		code      string
	}{
		"unknown operation": {operation: "MakeCoffee", body: cbor.Encode(cbor.Map{}), code: "UnknownOperationException"},
		"another service": {operation: "DescribeImages", body: cbor.Encode(cbor.Map{}), code: "UnknownOperationException",
			change: func(r *http.Request) { r.URL.Path = "/service/Other/operation/DescribeImages" }},
		"no path": {operation: "DescribeImages", body: cbor.Encode(cbor.Map{}), code: "UnknownOperationException",
			change: func(r *http.Request) { r.URL.Path = "/" }},
		"unsigned": {operation: "DescribeImages", body: cbor.Encode(cbor.Map{}), code: "MissingAuthenticationTokenException",
			change: func(r *http.Request) { r.Header.Del("Authorization") }},
		"no CBOR":       {operation: "DescribeImages", body: []byte{0xff}, code: "SerializationException"},
		"no body":       {operation: "DescribeImages", code: "SerializationException"},
		"not an object": {operation: "DescribeImages", body: cbor.Encode(cbor.List{}), code: "SerializationException"},
		"bytes": {operation: "DescribeImages", body: cbor.Encode(cbor.Map{"Names": cbor.Slice("win")}),
			code: "SerializationException"},
	} {
		t.Run(name, func(t *testing.T) {
			change := test.change
			if change == nil {
				change = func(*http.Request) {}
			}
			response := newScene(t, appstream.Options{}).postCBOR(t, test.operation, test.body, change)
			failure, _ := answered(t, response).(cbor.Map)
			if response.StatusCode != http.StatusBadRequest || failure["__type"] != cbor.String(test.code) ||
				failure["message"] == cbor.String("") {
				t.Errorf("got %d and %v, want %s", response.StatusCode, failure, test.code)
			}
		})
	}
}

// A client takes a moment from nothing but a tagged number, and names AMIs by the second of it.
func TestTimesInCBOR(t *testing.T) {
	s := newScene(t, appstream.Options{})
	s.PutImage(appstream.Image{Name: "win"})
	answer, _ := answered(t, s.postCBOR(t, "DescribeImages", cbor.Encode(cbor.Map{}))).(cbor.Map)
	image, _ := answer["Images"].(cbor.List)[0].(cbor.Map)
	if diff := cmp.Diff(&cbor.Tag{ID: 1, Value: cbor.Float64(1795399200.123)}, image["CreatedTime"]); diff != "" {
		t.Errorf("CreatedTime (-want +got):\n%s", diff)
	}
	second := start.Truncate(time.Second)
	for millisecond := range 1000 {
		s.PutImage(appstream.Image{Name: "win", CreatedTime: second.Add(time.Duration(millisecond) * time.Millisecond)})
		output, err := s.client.DescribeImages(t.Context(), &sdk.DescribeImagesInput{})
		if err != nil {
			t.Fatal(err)
		}
		if got := output.Images[0].CreatedTime.Unix(); got != second.Unix() {
			t.Fatalf("%d ms after the second %d are read as %d", millisecond, second.Unix(), got)
		}
	}
}

// The tests with the SDK's client are tests of CBOR only while it speaks that.
func TestSDKSpeaksCBOR(t *testing.T) {
	s := newScene(t, appstream.Options{})
	var header http.Header
	client := newClient("http://appstream.invalid", inProcess{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		s.ServeHTTP(w, r)
	})})
	if _, err := client.DescribeImages(t.Context(), &sdk.DescribeImagesInput{}); err != nil {
		t.Fatal(err)
	}
	if got := header.Get("Smithy-Protocol"); got != "rpc-v2-cbor" {
		t.Errorf("Smithy-Protocol %q", got)
	}
}

// The AWS CLI speaks JSON.
func TestAWSCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: each call of the aws command takes a second")
	}
	aws := localtest.Tool(t, "aws", "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html")
	s := newScene(t, appstream.Options{})
	s.PutImage(appstream.Image{Name: "win", Tags: map[string]string{"Team": "Desktop"}})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	run := func(arguments ...string) string {
		t.Helper()
		command := exec.Command(aws, append([]string{"appstream"},
			append(arguments, "--output", "text", "--endpoint-url", server.URL)...)...)
		command.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x", "AWS_DEFAULT_REGION=eu-west-1",
			"AWS_MAX_ATTEMPTS=1",
			"AWS_CONFIG_FILE="+os.DevNull, "AWS_PAGER=")
		output, err := command.CombinedOutput()
		if err != nil {
			return err.Error() + ": " + string(output)
		}
		return strings.TrimSpace(string(output))
	}
	const arn = "arn:aws:appstream:eu-west-1:123456789012:image/win"
	for _, test := range []struct {
		arguments []string
		want      string
	}{
		{[]string{"describe-images", "--query", "Images[].[Name,State]"}, "win\tAVAILABLE"},
		{[]string{"create-export-image-task", "--image-name", "win", "--ami-name", "win-1", "--iam-role-arn", exportRole,
			"--query", "ExportImageTask.[AmiName,State]"}, "win-1\tEXPORTING"},
		{[]string{"list-export-image-tasks", "--query", "ExportImageTasks[].AmiName"}, "win-1"},
		{[]string{"untag-resource", "--resource-arn", arn, "--tag-keys", "Team"}, ""},
		{[]string{"delete-image", "--name", "none"}, "ResourceNotFoundException"},
	} {
		if got := run(test.arguments...); got != test.want && !(strings.HasSuffix(test.want, "Exception") &&
			strings.Contains(got, test.want)) {
			t.Errorf("aws appstream %s: %q, want %q", strings.Join(test.arguments, " "), got, test.want)
		}
	}
	if tags := s.TagsOf("win"); len(tags) != 0 {
		t.Errorf("tags %v", tags)
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
