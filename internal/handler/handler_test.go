// These tests run the handler in this process, with the SDK's own clients against the local AWS and a clock that they set:
// for what is awkward to bring about through the compiled function. That is tested in cmd/handler.
package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/awsclient"
	"appstream-ami-exporter/internal/config"
	"appstream-ami-exporter/internal/handler"
	emulator "appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/queues"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/notify/notifytest"
	"appstream-ami-exporter/internal/trigger"
	"appstream-ami-exporter/internal/work"
)

// TestMain sets what Lambda sets, so that nothing of this machine's own AWS configuration is used.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "local", "AWS_SESSION_TOKEN": "local",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": "",
	} {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

var (
	made    = time.Date(2026, 11, 20, 10, 15, 0, 0, time.UTC)
	two     = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC) // at night, when every test begins
	nightly = trigger.Trigger{Type: trigger.Schedule, ID: "nightly@2026-11-23T02:00:00Z", Time: two}
)

const (
	schedule = `{"source":"aws.scheduler","resources":["nightly"],"time":"2026-11-23T02:00:00Z"}`

	exportDeadline = 48 * time.Hour
	waitDeadline   = 24 * time.Hour
)

// taskID is the id of the number-th task of a test.
func taskID(number int64) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", number) }

// amiOf is the name that the template gives the AMI of an image.
func amiOf(image string) string { return image + "-20261120T101500Z" }

func imageARN(image string) string {
	return "arn:aws:appstream:eu-west-1:123456789012:image/" + image
}

// night is a handler with everything around it.
type night struct {
	*handler.Handler
	dependencies handler.Dependencies

	t         *testing.T
	stream    *emulator.Server
	gateway   *gateway.Gateway
	queues    *queues.Server
	workQueue queues.Queue
	deadQueue queues.Queue
	inbox     queues.Queue
	log       *buffer
	metrics   *buffer

	mutex sync.Mutex
	now   time.Time
}

// newNight begins a night at two o'clock. Exports take 41 minutes.
func newNight(t *testing.T) *night {
	t.Helper()
	n := &night{t: t, now: two, log: &buffer{}, metrics: &buffer{}}
	var tasks atomic.Int64
	n.stream = emulator.New(emulator.Options{
		Now:            n.clock,
		NewID:          func() string { return taskID(tasks.Add(1)) },
		ExportDuration: func(string, string) time.Duration { return 41 * time.Minute },
	})
	n.queues = queues.New(queues.Options{Region: "eu-west-1", AccountID: "123456789012"})
	t.Cleanup(n.queues.Close)
	n.gateway = gateway.New(gateway.Options{},
		gateway.Service{SigningName: "appstream", Handler: n.stream},
		gateway.Service{SigningName: "sns", Handler: n.queues},
		gateway.Service{SigningName: "sqs", Handler: n.queues})
	endpoint, err := n.gateway.Listen(nil)
	n.must(err)
	t.Cleanup(func() { n.must(n.gateway.Close()) })
	n.deadQueue, n.workQueue, n.inbox = n.queue("dead"), n.queue("work"), n.queue("inbox")
	topic, err := n.queues.CreateTopic("topic")
	n.must(err)
	n.must(n.queues.Subscribe(topic, n.inbox))

	c, err := config.FromEnvironment(func(name string) (string, bool) {
		value, ok := map[string]string{
			"EXPORT_ROLE_ARN": "arn:aws:iam::123456789012:role/export", "TOPIC_ARN": topic.ARN, "WORK_QUEUE_URL": n.workQueue.URL,
			"DEAD_LETTER_QUEUE_URL": n.deadQueue.URL, "AWS_REGION": "eu-west-1", "EXPORT_DEADLINE_HOURS": "48", "WAIT_DEADLINE_HOURS": "24",
		}[name]
		return value, ok
	})
	n.must(err)
	clients, err := awsclient.New(t.Context())
	n.must(err)
	// The function's own clients, but for where they find AWS and for the waits between their attempts.
	url := aws.String(endpoint.URL())
	impatient := retry.NewStandard(func(o *retry.StandardOptions) {
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
	})
	log := slog.New(slog.NewJSONHandler(n.log, nil))
	n.dependencies = handler.Dependencies{
		Config:    c,
		AppStream: appstream.New(clients.AppStream.Options(), func(o *appstream.Options) { o.BaseEndpoint, o.Retryer = url, impatient }),
		SNS:       sns.New(clients.SNS.Options(), func(o *sns.Options) { o.BaseEndpoint, o.Retryer = url, impatient }),
		SQS:       sqs.New(clients.SQS.Options(), func(o *sqs.Options) { o.BaseEndpoint, o.Retryer = url, impatient }),
		Now:       n.clock, Log: log, Metrics: n.metrics, Function: "exporter",
	}
	n.with(func(*handler.Dependencies) {})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log:\n%s", n.log)
		}
	})
	return n
}

// with goes on with a handler that works with something else.
func (n *night) with(change func(*handler.Dependencies)) {
	n.t.Helper()
	change(&n.dependencies)
	h, err := handler.New(n.dependencies)
	n.must(err)
	n.Handler = h
}

func (n *night) queue(name string) queues.Queue {
	n.t.Helper()
	queue, err := n.queues.CreateQueue(name, queues.QueueOptions{})
	n.must(err)
	return queue
}

func (n *night) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *night) clock() time.Time {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.now
}

// pass lets time pass, for AppStream as well.
func (n *night) pass(d time.Duration) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.now = n.now.Add(d)
}

// put adds images that can be exported at once.
func (n *night) put(names ...string) {
	for _, name := range names {
		n.stream.PutImage(emulator.Image{Name: name, CreatedTime: made})
	}
}

// refuse has every call of the action answered with an error.
func (n *night) refuse(status int, code string, actions ...string) {
	n.gateway.SetFault(func(call gateway.Call) gateway.Effect {
		if slices.Contains(actions, call.Action) {
			return gateway.Effect{Kind: gateway.Refuse, Status: status, Code: code, Message: "No."}
		}
		return gateway.Effect{}
	})
}

func request(ctx context.Context) context.Context {
	return lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
}

// invoke runs the handler and returns its reply as it is.
func (n *night) invoke(payload string) (string, error) {
	reply, err := n.Invoke(request(n.t.Context()), []byte(payload))
	return string(reply), err
}

// batch runs the handler on items of the queue, each received so often, and returns which of them are to come again.
func (n *night) batch(receives int, items ...work.Item) (again []int) {
	n.t.Helper()
	return n.batchWithin(n.t.Context(), receives, items...)
}

func (n *night) batchWithin(ctx context.Context, receives int, items ...work.Item) (again []int) {
	n.t.Helper()
	var batch events.SQSEvent
	for i, item := range items {
		body, err := json.Marshal(item)
		n.must(err)
		batch.Records = append(batch.Records, events.SQSMessage{
			MessageId: fmt.Sprint(i), ReceiptHandle: fmt.Sprintf("handle-%d", i), Body: string(body), EventSource: "aws:sqs",
			EventSourceARN: n.workQueue.ARN,
			Attributes:     map[string]string{"ApproximateReceiveCount": fmt.Sprint(receives)},
		})
	}
	payload, err := json.Marshal(batch)
	n.must(err)
	reply, err := n.Invoke(request(ctx), payload)
	n.must(err)
	var response events.SQSEventResponse
	n.must(json.Unmarshal(reply, &response))
	for _, failure := range response.BatchItemFailures {
		var number int
		_, err := fmt.Sscan(failure.ItemIdentifier, &number)
		n.must(err)
		again = append(again, number)
	}
	return again
}

// queued are the items in the work queue, in the order in which they were sent. They are as the handler would read them.
func (n *night) queued() (items []work.Item) {
	n.t.Helper()
	for _, message := range n.queues.Messages(n.workQueue) {
		item, err := work.Decode(message.Body)
		n.must(err)
		items = append(items, item)
	}
	return items
}

// documents are what was published, in order; each is checked against its schema.
func (n *night) documents() (documents []notify.Document) {
	n.t.Helper()
	notifications, err := n.queues.Notifications(n.inbox)
	n.must(err)
	for _, notification := range notifications {
		notifytest.Validate(n.t, []byte(notification.Message))
		var d notify.Document
		n.must(json.Unmarshal([]byte(notification.Message), &d))
		documents = append(documents, d)
	}
	return documents
}

// ids are those of the documents, which say what each is about.
func (n *night) ids() (ids []string) {
	n.t.Helper()
	for _, d := range n.documents() {
		ids = append(ids, d.ID)
	}
	return ids
}

// calls counts the calls of an action that reached the gateway.
func (n *night) calls(action string) (count int) {
	for _, call := range n.gateway.Calls() {
		if call.Action == action {
			count++
		}
	}
	return count
}

func check[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// buffer takes the log of several goroutines.
type buffer struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.String()
}
