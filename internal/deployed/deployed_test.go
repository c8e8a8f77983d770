package deployed

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"appstream-ami-exporter/internal/handler"
	"appstream-ami-exporter/internal/trigger"
)

// Each form of a message in the failed-events queue.
func TestReadFailedEvent(t *testing.T) {
	const schedule = `{"source":"aws.scheduler","detail-type":"Scheduled Event","detail":"{}"}`
	quoted, err := json.Marshal(schedule)
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]types.MessageAttributeValue{
		"ERROR_CODE":    {StringValue: aws.String("AccessDenied")},
		"ERROR_MESSAGE": {StringValue: aws.String("the role may not invoke the function")},
	}
	const reason = "AccessDenied: the role may not invoke the function"
	tests := map[string]struct {
		body       string
		attributes map[string]types.MessageAttributeValue
		want       FailedEvent
	}{
		"Lambda's record": {
			`{"requestPayload":` + schedule +
				`,"responsePayload":{"errorType":"AppStreamUnreadable","errorMessage":"nothing was started"}}`, nil,
			FailedEvent{[]byte(schedule), "nothing was started", true},
		},
		"Lambda's record of what cannot be used": {
			`{"requestPayload":{"imagse":["a"]},"responsePayload":{"errorType":"InvalidInput","errorMessage":"no field"}}`, nil,
			FailedEvent{[]byte(`{"imagse":["a"]}`), "no field", false},
		},
		"Lambda's record of a throttled event": {
			`{"requestPayload":` + schedule + `,"responsePayload":null}`, nil,
			FailedEvent{[]byte(schedule), "Lambda gives no reason", true},
		},
		"Scheduler's request": {
			`{"FunctionName":"arn:aws:lambda:eu-west-1:123456789012:function:f","InvocationType":"EVENT","Payload":` + string(quoted) + `}`,
			reasons,
			FailedEvent{[]byte(schedule), reason, true},
		},
		"Scheduler's request with an object": {
			`{"FunctionName":"f","Payload":` + schedule + `}`, nil, FailedEvent{[]byte(schedule), "it was not delivered", true},
		},
		"Scheduler's request with no JSON": {
			`{"FunctionName":"f","Payload":"tonight"}`, reasons,
			FailedEvent{[]byte("tonight"), "it is no JSON, so it is no trigger; " + reason, false},
		},
		"a rule's event": {schedule, reasons, FailedEvent{[]byte(schedule), reason, true}},
		"only one key":   {`{"Payload":"{}"}`, nil, FailedEvent{[]byte(`{"Payload":"{}"}`), "it was not delivered", true}},
		"what is no JSON": {`tonight, please`, nil,
			FailedEvent{[]byte("tonight, please"), "it is no JSON, so it is no trigger; it was not delivered", false}},
		"nothing in it": {``, nil, FailedEvent{[]byte{}, "it is no JSON, so it is no trigger; it was not delivered", false}},
		"only half of JSON": {`{"images":`, nil,
			FailedEvent{[]byte(`{"images":`), "it is no JSON, so it is no trigger; it was not delivered", false}},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			got := ReadFailedEvent(types.Message{Body: &test.body, MessageAttributes: test.attributes})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("it is read as (-want +got):\n%s", diff)
			}
		})
	}
}

// The reply is decoded with all that the function says in it about images.
func TestReply(t *testing.T) {
	e := handler.Entry{ImageName: "a", AMIName: "b", TaskID: "c", Reason: "d", Hint: "e"}
	said := handler.Reply{WouldStart: []handler.Entry{e}, Started: []handler.Entry{e}, Waiting: []handler.Entry{e},
		Skipped: []handler.Entry{e}, Rejected: []handler.Entry{e},
		WouldStartMore: 3, StartedMore: 4, WaitingMore: 5, SkippedMore: 7, RejectedMore: 6}
	for field, value := range reflect.ValueOf(e).Fields() {
		if value.IsZero() {
			t.Fatalf("this test does not know of %s", field.Name)
		}
	}
	data, err := json.Marshal(said)
	if err != nil {
		t.Fatal(err)
	}
	var read Reply
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	list := []Entry{{ImageName: "a", AMIName: "b", TaskID: "c", Reason: "d", Hint: "e"}}
	want := Reply{WouldStart: list, Started: list, Waiting: list, Skipped: list, Rejected: list,
		WouldStartMore: 3, StartedMore: 4, WaitingMore: 5, SkippedMore: 7, RejectedMore: 6}
	if diff := cmp.Diff(want, read, cmpopts.IgnoreFields(Reply{}, "Raw")); diff != "" {
		t.Errorf("the reply is read as (-want +got):\n%s", diff)
	}
}

func TestFunctionError(t *testing.T) {
	for payload, want := range map[string]string{
		`{"errorMessage":"nothing was started: \"?\" is not an image name",` +
			`"errorType":"InvalidInput"}`: `the function says: nothing was started: "?" is not an image name`,
		`null`: "the function failed: null",
	} {
		if got := functionError([]byte(payload)).Error(); got != want {
			t.Errorf("the error is %q, want %q", got, want)
		}
	}
}

// A second attempt would invoke the function a second time, and start what it starts again.
func TestInvokeOnce(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(server.Close)
	client := lambda.NewFromConfig(aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 3,
		Credentials: credentials.NewStaticCredentialsProvider("x", "x", ""),
	})
	if _, err := Ask(t.Context(), client, "f", trigger.Spec{DryRun: true}); err == nil || asked != 1 {
		t.Errorf("the function is asked %d times: %v", asked, err)
	}
}

// The client of an invocation is like the others in all but how long it waits: it trusts the certificates that they trust.
func TestOnce(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }))
	t.Cleanup(server.Close)
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	client := lambda.NewFromConfig(aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("x", "x", ""),
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(transport *http.Transport) {
			transport.TLSClientConfig = &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}
		}),
	})
	if _, err := Ask(t.Context(), client, "f", trigger.Spec{DryRun: true}); err != nil {
		t.Error(err)
	}
	o := lambda.Options{HTTPClient: http.DefaultClient}
	Once(&o)
	if own, ok := o.HTTPClient.(*awshttp.BuildableClient); !ok || own.GetTimeout() < 15*time.Minute {
		t.Errorf("the client is %T", o.HTTPClient)
	}
}
