package notify_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/awsclient"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/notify/notifytest"
)

const (
	topic     = "arn:aws:sns:eu-west-1:123456789012:exports"
	published = `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>` +
		`567910cd-659e-55d4-8ccb-5aaf14679dc0</MessageId></PublishResult></PublishResponse>`
	refused = `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>%s</Code><Message>` +
		`%s</Message></Error><RequestId>r</RequestId></ErrorResponse>`
)

// service is SNS as far as the real SDK client sees it: it keeps the forms that it was sent.
type service struct {
	mutex sync.Mutex
	forms []url.Values
}

func (s *service) sent() []url.Values {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.forms
}

// newService returns the service and a topic that publishes to it through the function's own client.
func newService(t *testing.T, arn string, status int, answer string) (*service, notify.Topic) {
	t.Helper()
	s := &service{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		s.mutex.Lock()
		s.forms = append(s.forms, r.PostForm)
		s.mutex.Unlock()
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL_SNS", server.URL)
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	clients, err := awsclient.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s, notify.Topic{SNS: clients.SNS, ARN: arn}
}

// attributes reads the message attributes out of the form; each is a String.
func attributes(t *testing.T, form url.Values) map[string]string {
	t.Helper()
	found := map[string]string{}
	for i := 1; ; i++ {
		entry := fmt.Sprintf("MessageAttributes.entry.%d.", i)
		name := form.Get(entry + "Name")
		if name == "" {
			return found
		}
		if kind := form.Get(entry + "Value.DataType"); kind != "String" {
			t.Errorf("attribute %s is a %s", name, kind)
		}
		found[name] = form.Get(entry + "Value.StringValue")
	}
}

// What no trigger asked for has no attribute of one: SNS takes no empty attributes.
func TestPublishWithoutATrigger(t *testing.T) {
	sns, topicOf := newService(t, topic, http.StatusOK, published)
	document := started()
	document.Type, document.Trigger = notify.AMICopied, notify.Trigger{}
	if err := topicOf.Publish(t.Context(), document); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"type": "AmiCopied", "imageName": "win2022-base-7"}
	if diff := cmp.Diff(want, attributes(t, sns.sent()[0])); diff != "" {
		t.Errorf("message attributes (-want +got):\n%s", diff)
	}
}

func TestPublish(t *testing.T) {
	tests := map[string]struct {
		document   notify.Document
		subject    string
		attributes map[string]string
	}{
		"started": {started(), "AppStream export of win2022-base-7 started",
			map[string]string{"type": "ExportStarted", "state": "EXPORTING", "imageName": "win2022-base-7", "trigger": "schedule"}},
		"timed out": {failed("TIMED_OUT"), "AppStream export of win2022-base-7 FAILED",
			map[string]string{"type": "ExportFailed", "state": "TIMED_OUT", "imageName": "win2022-base-7", "trigger": "schedule"}},
		"rejected": {rejected(), "AppStream export of win2022-base-7 REJECTED",
			map[string]string{"type": "ExportRejected", "state": "REJECTED", "imageName": "win2022-base-7", "trigger": "schedule"}},
		"given up": {unstarted(), "AppStream export of * GIVEN UP",
			map[string]string{"type": "ExportGivenUp", "state": "GIVEN_UP", "imageName": "*", "trigger": "schedule"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sns, topicOf := newService(t, topic, http.StatusOK, published)
			if err := topicOf.Publish(t.Context(), test.document); err != nil {
				t.Fatal(err)
			}
			forms := sns.sent()
			if len(forms) != 1 {
				t.Fatalf("%d requests, want 1", len(forms))
			}
			form := forms[0]
			if diff := cmp.Diff(test.attributes, attributes(t, form)); diff != "" {
				t.Errorf("message attributes (-want +got):\n%s", diff)
			}
			notifytest.Validate(t, []byte(form.Get("Message")))
			for key := range form {
				if strings.HasPrefix(key, "MessageAttributes.") {
					form.Del(key)
				}
			}
			// All that is sent: no MessageStructure, and nothing of FIFO to a standard topic.
			want := url.Values{
				"Action": {"Publish"}, "Version": {"2010-03-31"}, "TopicArn": {topic},
				"Subject": {test.subject}, "Message": {body(t, test.document)},
			}
			if diff := cmp.Diff(want, form); diff != "" {
				t.Errorf("form (-want +got):\n%s", diff)
			}
		})
	}
}

// What a FIFO topic takes as group and deduplication id: 1 to 128 letters, digits and punctuation.
var fifoID = regexp.MustCompile(`^[!-~]{1,128}$`)

func TestPublishToFIFO(t *testing.T) {
	long := unstarted()
	long.ID = strings.Repeat("x", 129) + ":GIVEN_UP"
	odd := started()
	odd.ImageName, odd.ID = "é image", taskID+" :EXPORTING"
	type test struct {
		document  notify.Document
		group, id string // empty: a hash
	}
	tests := map[string]test{
		"a task":       {completed(), "win2022-base-7", taskID + ":COMPLETED"},
		"all images":   {unstarted(), "*", unstarted().ID},
		"a long id":    {long, "*", ""},
		"odd letters":  {odd, "", ""},
		"no task":      {rejected(), "win2022-base-7", rejected().ID},
		"another task": {failed("FAILED"), "win2022-base-7", taskID + ":FAILED"},
	}
	longest, edges := started(), started()
	longest.ImageName = strings.Repeat("x", 128)
	edges.ImageName = "!~"
	space, end := started(), started()
	space.ImageName, end.ImageName = "! ~", "!\x7f"
	tests["the longest group"] = test{longest, longest.ImageName, longest.ID}
	tests["the first and the last character"] = test{edges, "!~", edges.ID}
	tests["one before the first"] = test{space, "", space.ID}
	tests["one behind the last"] = test{end, "", end.ID}
	hash := regexp.MustCompile(`^[0-9a-f]{64}$`)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sns, topicOf := newService(t, topic+".fifo", http.StatusOK, published)
			for range 2 { // the same change told twice has the same id, so that SNS passes over the second
				if err := topicOf.Publish(t.Context(), test.document); err != nil {
					t.Fatal(err)
				}
			}
			forms := sns.sent()
			if len(forms) != 2 {
				t.Fatalf("%d requests, want 2", len(forms))
			}
			if diff := cmp.Diff(forms[0], forms[1]); diff != "" {
				t.Errorf("the second time (-first +second):\n%s", diff)
			}
			for key, want := range map[string]string{"MessageGroupId": test.group, "MessageDeduplicationId": test.id} {
				got := forms[0].Get(key)
				if !fifoID.MatchString(got) || want != "" && got != want || want == "" && !hash.MatchString(got) {
					t.Errorf("%s = %q, want %q", key, got, want)
				}
			}
		})
	}
}

func TestPublishFails(t *testing.T) {
	tests := map[string]struct {
		status   int
		code     string
		requests int // the SDK's standard retries
		is       func(error) bool
	}{
		"the topic is gone": {http.StatusNotFound, "NotFound", 1,
			func(err error) bool { _, ok := errors.AsType[*types.NotFoundException](err); return ok }},
		"not allowed": {http.StatusForbidden, "AuthorizationError", 1,
			func(err error) bool { _, ok := errors.AsType[*types.AuthorizationErrorException](err); return ok }},
		"out of order": {http.StatusInternalServerError, "InternalError", 3, func(err error) bool {
			api, ok := errors.AsType[smithy.APIError](err)
			return ok && api.ErrorFault() == smithy.FaultServer
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sns, topicOf := newService(t, topic, test.status, fmt.Sprintf(refused, test.code, "why"))
			err := topicOf.Publish(t.Context(), started())
			if err == nil || !test.is(err) {
				t.Fatalf("error = %v, want SNS's own in it", err)
			}
			if want := "publish " + taskID + ":EXPORTING to " + topic + ": "; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error = %q, want it to begin with %q", err, want)
			}
			if got := len(sns.sent()); got != test.requests {
				t.Errorf("%d requests, want %d", got, test.requests)
			}
		})
	}
	t.Run("no time left", func(t *testing.T) {
		sns, topicOf := newService(t, topic, http.StatusOK, published)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := topicOf.Publish(ctx, started()); !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v, want context.Canceled in it", err)
		}
		if got := len(sns.sent()); got != 0 {
			t.Errorf("%d requests, want none", got)
		}
	})
}
