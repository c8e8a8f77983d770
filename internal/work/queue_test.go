package work_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/awsclient"
	"appstream-ami-exporter/internal/work"
)

// call is one request as SQS sees it.
type call struct {
	Operation string
	Body      map[string]any
}

type service struct {
	mutex sync.Mutex
	calls []call
}

func (s *service) made() []call {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.calls
}

const (
	queueURL = "https://sqs.eu-west-1.amazonaws.com/123456789012/work"
	deadURL  = "https://sqs.eu-west-1.amazonaws.com/123456789012/dead"
)

// newQueue returns a queue behind the function's own SQS client, and what arrives at its other end.
func newQueue(t *testing.T, status int, answer func(call) string) (*service, work.Queue) {
	t.Helper()
	s := &service{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		made := call{Operation: strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")}
		if err := json.Unmarshal(raw, &made.Body); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		s.mutex.Lock()
		s.calls = append(s.calls, made)
		s.mutex.Unlock()
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(status)
		if _, err := io.WriteString(w, answer(made)); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL_SQS", server.URL)
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	clients, err := awsclient.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s, work.Queue{SQS: clients.SQS, URL: queueURL, DeadLetterURL: deadURL}
}

// accepted answers as SQS does. The SDK compares nothing where the checksum is left out.
func accepted(call) string { return `{"MessageId":"5fea7756-0ea4-451a-a703-a558b933e274"}` }

func TestQueueSends(t *testing.T) {
	sqs, queue := newQueue(t, http.StatusOK, accepted)
	item := watch()
	if err := queue.Send(t.Context(), item, 90*time.Second+999*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := queue.Postpone(t.Context(), "receipt", 15*time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := queue.MoveToDeadLetterQueue(t.Context(), "no work"); err != nil {
		t.Fatal(err)
	}
	if err := queue.MoveToDeadLetterQueue(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	want := []call{
		{"SendMessage", map[string]any{"QueueUrl": queueURL, "MessageBody": encode(t, item), "DelaySeconds": 90.0}},
		{"ChangeMessageVisibility", map[string]any{"QueueUrl": queueURL, "ReceiptHandle": "receipt", "VisibilityTimeout": 900.0}},
		{"SendMessage", map[string]any{"QueueUrl": deadURL, "MessageBody": "no work"}},
		{"SendMessage", map[string]any{"QueueUrl": deadURL, "MessageBody": "(empty)"}},
	}
	if diff := cmp.Diff(want, sqs.made()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// SQS refuses a message that holds a character which XML has not; a request may hold any.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
func TestQueueSendsAnyCharacter(t *testing.T) {
	sqs, queue := newQueue(t, http.StatusOK, accepted)
	item := request()
	item.Request.Spec.AMIDescription = "\x00\x01\x1f\x7f\u2028\ufffd\ufffe\uffff\U0001F600\U0010FFFF\\uffff"
	if err := queue.Send(t.Context(), item, time.Minute); err != nil {
		t.Fatal(err)
	}
	calls := sqs.made()
	if len(calls) != 1 {
		t.Fatalf("%d calls, want 1", len(calls))
	}
	body := calls[0].Body["MessageBody"].(string)
	for _, r := range body {
		if r != '\t' && r != '\n' && r != '\r' && (r < ' ' || r > 0xD7FF && r < 0xE000 || r > 0xFFFD && r < 0x10000) {
			t.Errorf("SQS refuses %U in %q", r, body)
		}
	}
	received, err := work.Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(item, received); diff != "" {
		t.Errorf("sent and received (-want +got):\n%s", diff)
	}
}

func TestQueueFails(t *testing.T) {
	missing := func(call) string {
		return `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}`
	}
	_, queue := newQueue(t, http.StatusBadRequest, missing)
	ctx := t.Context()
	tests := map[string]struct {
		do   func() error
		says string
	}{
		"send": {func() error { return queue.Send(ctx, watch(), time.Minute) }, "send work to " + queueURL + ": "},
		"keep": {func() error { return queue.Postpone(ctx, "receipt", time.Minute) }, "keep work on " + queueURL + ": "},
		"bury": {func() error { return queue.MoveToDeadLetterQueue(ctx, "x") }, "move to " + deadURL + ": "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := test.do()
			if _, ok := errors.AsType[*types.QueueDoesNotExist](err); !ok || !strings.HasPrefix(err.Error(), test.says) {
				t.Errorf("error = %v, want SQS's own in it after %q", err, test.says)
			}
		})
	}
	t.Run("no time left", func(t *testing.T) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		if err := queue.Send(ctx, watch(), time.Minute); !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v, want context.Canceled in it", err)
		}
	})
	t.Run("what cannot be encoded", func(t *testing.T) {
		item := watch()
		item.Deadline = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
		if err := queue.Send(ctx, item, time.Minute); err == nil || !strings.HasPrefix(err.Error(), "encode work: ") {
			t.Errorf("error = %v", err)
		}
	})
}

// Sending is repeated as the SDK does by itself: a second copy is work that is done already.
func TestQueueRetries(t *testing.T) {
	sqs, queue := newQueue(t, http.StatusInternalServerError, func(call) string { return `{"__type":"InternalFailure"}` })
	if err := queue.Send(t.Context(), watch(), time.Minute); err == nil {
		t.Fatal("no error")
	}
	if got := len(sqs.made()); got != 3 {
		t.Errorf("%d calls, want 3", got)
	}
}
