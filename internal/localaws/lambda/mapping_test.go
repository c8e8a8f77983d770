package lambda_test

import (
	"crypto/md5"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/lambda"
	"appstream-ami-exporter/internal/localaws/queues"
)

// mapped is a queue that is mapped to the probe.
type mapped struct {
	queues      *queues.Server
	queue, dead queues.Queue
	mapping     *lambda.Mapping
	results     *results
}

// newMapped sets up a mapping. The visibility timeout of its queue is a minute, and messages move to the
// dead-letter queue after three receives. The first batch has all messages that prepare sends.
func newMapped(t *testing.T, scale float64, concurrency int, prepare func(m mapped)) mapped {
	t.Helper()
	m := mapped{queues: newQueues(t, scale), results: new(results)}
	m.dead = createQueue(t, m.queues, "dead", queues.QueueOptions{})
	m.queue = createQueue(t, m.queues, "work", queues.QueueOptions{
		VisibilityTimeout: time.Minute, DeadLetter: &m.dead, MaxReceiveCount: 3,
	})
	options := probeEnvironment(t)
	options.Gateway = newGateway(t, services(m.queues)...)
	f := newFunction(t, lambda.FunctionOptions{Environment: options, OnResult: m.results.add, MaximumConcurrency: concurrency})
	prepare(m)
	m.mapping = lambda.StartMapping(lambda.MappingOptions{
		Queues: m.queues, Queue: m.queue, Function: f, ReportBatchItemFailures: true,
	})
	t.Cleanup(m.mapping.Close)
	return m
}

// newSQS returns a client of the test itself.
func newSQS(t *testing.T, q *queues.Server) *sqs.Client {
	t.Helper()
	endpoint, err := newGateway(t, services(q)...).Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	return sqs.New(sqs.Options{
		Region: region, BaseEndpoint: aws.String(endpoint.URL()),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
}

func (m mapped) settle(t *testing.T) {
	t.Helper()
	if err := m.mapping.Settle(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
}

// batches returns the events that the function was given.
func (m mapped) batches(t *testing.T) []events.SQSEvent {
	t.Helper()
	var batches []events.SQSEvent
	for _, result := range m.results.list() {
		var event events.SQSEvent
		if err := json.Unmarshal(result.Event, &event); err != nil {
			t.Fatal(err)
		}
		batches = append(batches, event)
	}
	return batches
}

// receives returns which message was in which batch, by its text, and for which time it was received.
func (m mapped) receives(t *testing.T) [][]string {
	t.Helper()
	var all [][]string
	for _, batch := range m.batches(t) {
		var one []string
		for _, r := range batch.Records {
			var c struct{ Text string }
			if err := json.Unmarshal([]byte(r.Body), &c); err != nil {
				t.Fatal(err)
			}
			one = append(one, c.Text+" "+r.Attributes["ApproximateReceiveCount"])
		}
		all = append(all, one)
	}
	return all
}

func TestMappingBuildsTheEventAsLambdaDoes(t *testing.T) {
	t.Parallel()
	const body = `{"do":"echo"}`
	before := time.Now()
	m := newMapped(t, 1, 1, func(m mapped) {
		if _, err := newSQS(t, m.queues).SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: &m.queue.URL, MessageBody: aws.String(body),
			MessageAttributes: map[string]types.MessageAttributeValue{
				"kind": {DataType: aws.String("String"), StringValue: aws.String("watch")},
			},
		}); err != nil {
			t.Fatal(err)
		}
	})
	m.settle(t)

	var event struct{ Records []map[string]any }
	if err := json.Unmarshal(m.results.list()[0].Event, &event); err != nil {
		t.Fatal(err)
	}
	got := event.Records[0]
	attributes, _ := got["attributes"].(map[string]any)
	for _, name := range []string{"SentTimestamp", "ApproximateFirstReceiveTimestamp"} {
		var millis int64
		if _, err := fmt.Sscan(fmt.Sprint(attributes[name]), &millis); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if at := time.UnixMilli(millis); at.Before(before.Truncate(time.Millisecond)) || at.After(time.Now()) {
			t.Errorf("%s is %v", name, at)
		}
		delete(attributes, name)
	}
	for _, name := range []string{"messageId", "receiptHandle", "md5OfMessageAttributes"} {
		if value, _ := got[name].(string); value == "" {
			t.Errorf("%s is missing", name)
		}
		delete(got, name)
	}
	want := map[string]any{
		"body": body, "md5OfBody": fmt.Sprintf("%x", md5.Sum([]byte(body))),
		"attributes": map[string]any{"ApproximateReceiveCount": "1", "SenderId": accountID},
		"messageAttributes": map[string]any{
			"kind": map[string]any{
				"dataType": "String", "stringValue": "watch", "stringListValues": []any{}, "binaryListValues": []any{}},
		},
		"eventSource": "aws:sqs", "eventSourceARN": m.queue.ARN, "awsRegion": region,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestMappingReportsBatchItemFailures(t *testing.T) {
	t.Parallel()
	const scale = 200 // the visibility timeout takes 300 ms
	m := newMapped(t, scale, 1, func(m mapped) {
		send(t, m.queues, m.queue, `{"do":"echo","text":"good"}`)
		send(t, m.queues, m.queue, `{"do":"keep","text":"late","receive":"1"}`)
	})
	m.settle(t)

	if diff := cmp.Diff([][]string{{"good 1", "late 1"}, {"late 2"}}, m.receives(t)); diff != "" {
		t.Errorf("receives (-want +got):\n%s", diff)
	}
	all := m.results.list()
	// It counts from the receive, shortly before the invocation.
	if got := all[1].Started.Sub(all[0].Started); got < 250*time.Millisecond {
		t.Errorf("the message came back after %v, want about 300ms", got)
	}
}

func TestMappingDistrustsABatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, reply string // the reply of the function, as JSON
		wantAgain   bool
	}{
		{"no reply", ``, false},
		{"null", `null`, false},
		{"empty object", `{}`, false},
		{"null list", `{"batchItemFailures":null}`, false},
		{"empty list", `{"batchItemFailures":[]}`, false},
		{"unknown message", `{"batchItemFailures":[{"itemIdentifier":"nobody"}]}`, true},
		{"empty identifier", `{"batchItemFailures":[{"itemIdentifier":""}]}`, true},
		{"identifier under another name", `{"batchItemFailures":[{"id":"x"}]}`, true},
		{"not JSON", `oh`, true},
		{"not an object", `"oh"`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reply, err := json.Marshal(tt.reply)
			if err != nil {
				t.Fatal(err)
			}
			m := newMapped(t, 1000, 1, func(m mapped) {
				send(t, m.queues, m.queue, `{"do":"reply","receive":"1","text":`+string(reply)+`}`)
			})
			m.settle(t)
			if got := len(m.batches(t)) == 2; got != tt.wantAgain {
				t.Errorf("%d invocations; want the batch again: %v", len(m.batches(t)), tt.wantAgain)
			}
		})
	}
}

func TestMappingRepeatsAFailedBatchUntilItIsDead(t *testing.T) {
	t.Parallel()
	for _, do := range []string{"fail", "panic", "exit"} {
		t.Run(do, func(t *testing.T) {
			t.Parallel()
			m := newMapped(t, 600, 1, func(m mapped) {
				send(t, m.queues, m.queue, `{"do":"`+do+`","text":"bad"}`)
			})
			m.settle(t)
			if diff := cmp.Diff([][]string{{"bad 1"}, {"bad 2"}, {"bad 3"}}, m.receives(t)); diff != "" {
				t.Errorf("receives (-want +got):\n%s", diff)
			}
			if got := len(m.queues.Messages(m.dead)); got != 1 {
				t.Errorf("%d dead letters, want one", got)
			}
		})
	}
}

func TestMappingHonoursChangeMessageVisibility(t *testing.T) {
	t.Parallel()
	const scale = 100 // 300 s are 3 s, the queue's own minute 0.6 s
	m := newMapped(t, scale, 1, func(m mapped) {
		send(t, m.queues, m.queue, fmt.Sprintf(`{"do":"keep for","text":"late","seconds":300,"receive":"1","queue":%q}`, m.queue.URL))
	})
	m.settle(t)
	all := m.results.list()
	if len(all) != 2 {
		t.Fatalf("%d invocations, want two", len(all))
	}
	if got := all[1].Started.Sub(all[0].Started); got < 2900*time.Millisecond || got > 8*time.Second {
		t.Errorf("the message came back after %v, want about 3s", got)
	}
}

func TestMappingHoldsMessagesWhileTheFunctionRuns(t *testing.T) {
	t.Parallel()
	const scale = 1000 // the visibility timeout takes 60 ms, the invocation longer
	m := newMapped(t, scale, 2, func(m mapped) {
		send(t, m.queues, m.queue, `{"do":"sleep","text":"slow","millis":500}`)
	})
	m.settle(t)
	if diff := cmp.Diff([][]string{{"slow 1"}}, m.receives(t)); diff != "" {
		t.Errorf("receives (-want +got):\n%s", diff)
	}
}

func TestMappingLimitsTheBatch(t *testing.T) {
	t.Parallel()
	m := newMapped(t, 1, 1, func(m mapped) {
		for i := range 12 {
			send(t, m.queues, m.queue, fmt.Sprintf(`{"do":"echo","text":"%d"}`, i))
		}
	})
	m.settle(t)
	var sizes []int
	for _, batch := range m.batches(t) {
		sizes = append(sizes, len(batch.Records))
	}
	if diff := cmp.Diff([]int{10, 2}, sizes); diff != "" {
		t.Errorf("batch sizes (-want +got):\n%s", diff)
	}
}

func TestSettleSaysWhatIsLeft(t *testing.T) {
	t.Parallel()
	m := newMapped(t, 1, 1, func(m mapped) {
		send(t, m.queues, m.queue, `{"do":"keep","text":"late"}`)
	})
	eventually(t, "the message has been kept", func() bool { return len(m.results.list()) == 1 })
	err := m.mapping.Settle(within(t, 50*time.Millisecond))
	if err == nil || !strings.Contains(err.Error(), "in flight:1") {
		t.Errorf("got %v, want an error that counts the message in flight", err)
	}
}
