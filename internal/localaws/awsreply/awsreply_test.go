package awsreply_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// asked is a request with these headers, signed for a service.
func asked(path, service string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, nil)
	if service != "" {
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-west-1/"+service+"/aws4_request, "+
			"SignedHeaders=host")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

const form = "application/x-www-form-urlencoded"

var (
	inJSON = asked("/", "appstream", "X-Amz-Target", "PhotonAdminProxyService.DescribeImages", "Content-Type",
		"application/x-amz-json-1.1")
	inSQS   = asked("/", "sqs", "X-Amz-Target", "AmazonSQS.SendMessage", "Content-Type", "application/x-amz-json-1.0")
	inCBOR  = asked("/service/PhotonAdminProxyService/operation/DescribeImages", "appstream", "Smithy-Protocol", "rpc-v2-cbor")
	inQuery = asked("/", "sns", "Content-Type", form+"; charset=utf-8")
	inEC2   = asked("/", "ec2", "Content-Type", form)
	inREST  = asked("/2015-03-31/functions/f/invocations", "lambda", "Content-Type", "application/json")
)

func TestOperation(t *testing.T) {
	for name, test := range map[string]struct {
		request                     *http.Request
		body                        string
		signing, service, operation string
	}{
		"JSON":             {inJSON, "{}", "appstream", "PhotonAdminProxyService", "DescribeImages"},
		"CBOR":             {inCBOR, "\xa0", "appstream", "PhotonAdminProxyService", "DescribeImages"},
		"query":            {inQuery, "Action=Publish&Message=x", "sns", "", "Publish"},
		"EC2":              {inEC2, "Action=DescribeImages", "ec2", "", "DescribeImages"},
		"REST":             {inREST, "{}", "lambda", "", ""},
		"no form":          {inQuery, "%", "sns", "", ""},
		"another path":     {asked("/operation/X", "", "Smithy-Protocol", "rpc-v2-cbor"), "", "", "", ""},
		"no signature":     {asked("/", ""), "", "", "", ""},
		"broken signature": {asked("/", "a/b"), "", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			service, operation := awsreply.Operation(test.request, []byte(test.body))
			want := []string{test.signing, test.service, test.operation}
			if diff := cmp.Diff(want, []string{awsreply.SigningName(test.request), service, operation}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParameters(t *testing.T) {
	body := cbor.Encode(cbor.Map{
		"text": cbor.String("a"), "yes": cbor.Bool(true), "count": cbor.Uint(7), "less": cbor.NegInt(7), "half": cbor.Float32(0.5),
		"more": cbor.Float64(1.5), "at": &cbor.Tag{ID: 1, Value: cbor.Uint(9)}, "nothing": &cbor.Nil{}, "list": cbor.List{cbor.String("b")},
	})
	got, err := awsreply.Parameters(inCBOR, body)
	want := `{"at":9,"count":7,"half":0.5,"less":-7,"list":["b"],"more":1.5,"nothing":null,"text":"a","yes":true}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	for name, body := range map[string][]byte{
		"no CBOR": {0xff}, "bytes": cbor.Encode(cbor.Map{"a": cbor.Slice("b")}), "bytes in a list": cbor.Encode(cbor.List{cbor.Slice("b")}),
	} {
		if got, err := awsreply.Parameters(inCBOR, body); err == nil {
			t.Errorf("%s: got %s", name, got)
		}
	}
	for _, r := range []*http.Request{inJSON, inQuery, inREST} {
		if got, err := awsreply.Parameters(r, []byte("as it is")); err != nil || string(got) != "as it is" {
			t.Errorf("got %s, %v", got, err)
		}
	}
	if got, err := awsreply.Parameters(inCBOR, nil); err != nil || len(got) > 0 {
		t.Errorf("no body: got %s, %v", got, err)
	}
}

// output has every kind of field that emulators answer with.
type output struct {
	Text    string
	Named   string `json:"named"`
	Empty   string `json:",omitempty"`
	Yes     bool
	Count   int
	Less    int
	Share   float64
	List    []string
	NoList  []string          `json:",omitempty"`
	NilList []string          `json:",omitempty"`
	Tags    map[string]string `json:",omitempty"`
	Inner   *struct{ A int }
	Any     any
	At      awsreply.Time
	Never   awsreply.Time `json:",omitzero"`
}

func TestWrite(t *testing.T) {
	answer := output{
		Text: "a", Named: "b", Yes: true, Count: 7, Less: -7, Share: 0.5, List: []string{}, NoList: []string{},
		Tags:  map[string]string{"k": "v"},
		Inner: &struct{ A int }{1}, Any: nil, At: awsreply.Time(time.Unix(1795399200, 123_456_789)),
	}
	w := httptest.NewRecorder()
	awsreply.Write(w, inJSON, answer)
	want := `{"Text":"a","named":"b","Yes":true,"Count":7,"Less":-7,"Share":0.5,"List":[],"Tags":{"k":"v"},"Inner":{"A":1},"Any":null,` +
		`"At":1795399200.123}`
	if got := strings.TrimSpace(w.Body.String()); got != want || w.Header().Get("Content-Type") != "application/x-amz-json-1.1" {
		t.Errorf("%s:\n%s, want\n%s", w.Header().Get("Content-Type"), got, want)
	}
	if w.Header().Get("X-Amzn-RequestId") == "" {
		t.Error("the answer has no request id")
	}

	w = httptest.NewRecorder()
	w.Header().Set("X-Amzn-RequestId", "own")
	awsreply.Write(w, inCBOR, answer)
	got, err := cbor.Decode(w.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	wantValue := cbor.Map{
		"Text": cbor.String("a"), "named": cbor.String("b"), "Yes": cbor.Bool(true), "Count": cbor.Uint(7), "Less": cbor.NegInt(7),
		"Share": cbor.Float64(0.5), "List": cbor.List{}, "Tags": cbor.Map{"k": cbor.String("v")}, "Inner": cbor.Map{"A": cbor.Uint(1)},
		"Any": &cbor.Nil{}, "At": &cbor.Tag{ID: 1, Value: cbor.Float64(1795399200.123)},
	}
	if diff := cmp.Diff(cbor.Value(wantValue), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{
		"Smithy-Protocol": "rpc-v2-cbor", "Content-Type": "application/cbor", "X-Amzn-RequestId": "own",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestError(t *testing.T) {
	for name, test := range map[string]struct {
		request *http.Request
		refusal *awsreply.Error
		status  int
		want    string // in the body
		header  string
		value   string
	}{
		"JSON": {inJSON, awsreply.Refuse("No", "it is %d", 7), 400, `{"__type":"No","message":"it is 7"}`, "X-Amzn-ErrorType", "No"},
		"SQS": {inSQS, awsreply.Refuse("QueueDoesNotExist", "none"), 400,
			`{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"none"}`,
			"X-Amzn-Query-Error", "AWS.SimpleQueueService.NonExistentQueue;Sender"},
		"query": {inQuery, &awsreply.Error{Status: 503, Code: "Busy", Message: "<later>"}, 503,
			"<Type>Receiver</Type><Code>Busy</Code><Message>&lt;later&gt;</Message>", "Content-Type", "text/xml"},
		"EC2": {inEC2, awsreply.Refuse("No", "none"), 400,
			"<Response><Errors><Error><Code>No</Code><Message>none</Message></Error></Errors>",
			"Content-Type", "text/xml"},
		"REST": {inREST, &awsreply.Error{Status: 404, Code: "No", Message: "none"}, 404, `"message":"none"`, "X-Amzn-ErrorType", "No"},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			test.refusal.Write(w, test.request)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) || w.Header().Get(test.header) != test.value {
				t.Errorf("got %d, %s: %s and\n%s", w.Code, test.header, w.Header().Get(test.header), w.Body)
			}
		})
	}
	w := httptest.NewRecorder()
	awsreply.Refuse("No", "none").Write(w, inCBOR)
	got, err := cbor.Decode(w.Body.Bytes())
	want := cbor.Map{"__type": cbor.String("No"), "message": cbor.String("none"), "Message": cbor.String("none")}
	if diff := cmp.Diff(cbor.Value(want), got); err != nil || diff != "" || w.Code != 400 {
		t.Errorf("CBOR: got %d, %v (-want +got):\n%s", w.Code, err, diff)
	}
}

func TestAsError(t *testing.T) {
	refusal := awsreply.Refuse("No", "none")
	if got := awsreply.AsError(errors.Join(errors.New("before"), refusal)); got != refusal {
		t.Errorf("got %v", got)
	}
	if got := awsreply.AsError(errors.New("the disk is full")); got.Status != 500 || got.SenderFault() {
		t.Errorf("got %+v", got)
	}
}
