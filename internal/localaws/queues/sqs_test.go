package queues_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/queues"
)

// newSQS returns a client of the queues.
func newSQS(t *testing.T, q *queues.Server) *sqs.Client {
	t.Helper()
	return sqs.NewFromConfig(clientConfig(t, q))
}

// receiveOne waits for a message.
func receiveOne(t *testing.T, client *sqs.Client, queue queues.Queue) types.Message {
	t.Helper()
	output, err := client.ReceiveMessage(within(t, 30*time.Second), &sqs.ReceiveMessageInput{
		QueueUrl: &queue.URL, WaitTimeSeconds: 20,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(output.Messages) != 1 {
		t.Fatalf("got %d messages, want one", len(output.Messages))
	}
	return output.Messages[0]
}

// changeVisibility returns the error of the call.
func changeVisibility(t *testing.T, client *sqs.Client, queue queues.Queue, handle *string, seconds int32) error {
	t.Helper()
	_, err := client.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &queue.URL, ReceiptHandle: handle, VisibilityTimeout: seconds,
	})
	return err
}

func bodies(messages []queues.Message) []string {
	var bodies []string
	for _, m := range messages {
		bodies = append(bodies, m.Body)
	}
	return bodies
}

func TestQueuesAreIsolated(t *testing.T) {
	t.Parallel()
	one, two := newQueues(t, 1), newQueues(t, 1)
	queueOne := createQueue(t, one, "work", queues.QueueOptions{})
	queueTwo := createQueue(t, two, "work", queues.QueueOptions{})
	send(t, one, queueOne, "for one")

	if got := bodies(two.Messages(queueTwo)); got != nil {
		t.Errorf("the other instance has %q", got)
	}
	if diff := cmp.Diff([]string{"for one"}, bodies(one.Messages(queueOne))); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if _, err := two.Send(queueOne, "astray"); err == nil {
		t.Error("an instance can send to the queue of another")
	}
	if !strings.HasPrefix(queueOne.ARN, "arn:aws:sqs:eu-west-1:123456789012:work-") {
		t.Errorf("the ARN is %s", queueOne.ARN)
	}
}

func TestSQSCountsReceivesAndKeepsTimes(t *testing.T) {
	t.Parallel()
	q := newQueues(t, 100)
	queue := createQueue(t, q, "work", queues.QueueOptions{VisibilityTimeout: 30 * time.Second})
	client := newSQS(t, q)
	sent := time.Now()
	send(t, q, queue, "hello")

	time.Sleep(20 * time.Millisecond)
	first := receiveOne(t, client, queue)
	second := receiveOne(t, client, queue) // 30 s are 0.3 s here
	if got := time.Since(sent); got < 300*time.Millisecond {
		t.Errorf("received again after %v, want at least 300ms", got)
	}
	if diff := cmp.Diff([]string{"1", "2"}, []string{
		first.Attributes["ApproximateReceiveCount"], second.Attributes["ApproximateReceiveCount"],
	}); diff != "" {
		t.Errorf("receive counts (-want +got):\n%s", diff)
	}
	for _, name := range []string{"SentTimestamp", "ApproximateFirstReceiveTimestamp"} {
		if first.Attributes[name] == "" || first.Attributes[name] != second.Attributes[name] {
			t.Errorf("%s changed from %q to %q", name, first.Attributes[name], second.Attributes[name])
		}
	}
	millis, err := strconv.ParseInt(second.Attributes["SentTimestamp"], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if got := time.UnixMilli(millis).Sub(sent).Abs(); got > 15*time.Millisecond {
		t.Errorf("SentTimestamp is %v off", got)
	}
	if *first.ReceiptHandle == *second.ReceiptHandle {
		t.Error("both receives gave the same handle")
	}
}

func TestSQSCompressesTime(t *testing.T) {
	t.Parallel()
	const scale = 60 // a minute is a second
	q := newQueues(t, scale)
	client := newSQS(t, q)
	// Generous on a slow machine, but far from both the true time and no time at all.
	inAbout := func(t *testing.T, start time.Time, want time.Duration) {
		t.Helper()
		if got := time.Since(start); got < want || got > want+2*time.Second {
			t.Errorf("took %v, want about %v", got, want)
		}
	}

	t.Run("delay", func(t *testing.T) {
		t.Parallel()
		queue := createQueue(t, q, "delay", queues.QueueOptions{})
		start := time.Now()
		if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: &queue.URL, MessageBody: aws.String("hello"), DelaySeconds: 30,
		}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[queues.MessageState]int{queues.Delayed: 1}, q.Counts(queue)); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
		receiveOne(t, client, queue)
		inAbout(t, start, 500*time.Millisecond)
	})
	t.Run("visibility timeout", func(t *testing.T) {
		t.Parallel()
		queue := createQueue(t, q, "visibility", queues.QueueOptions{VisibilityTimeout: 30 * time.Second})
		send(t, q, queue, "hello")
		receiveOne(t, client, queue)
		start := time.Now()
		if diff := cmp.Diff(map[queues.MessageState]int{queues.InFlight: 1}, q.Counts(queue)); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
		receiveOne(t, client, queue)
		inAbout(t, start, 490*time.Millisecond)
	})
	t.Run("change visibility", func(t *testing.T) {
		t.Parallel()
		queue := createQueue(t, q, "change", queues.QueueOptions{VisibilityTimeout: time.Hour})
		send(t, q, queue, "hello")
		start := time.Now()
		message := receiveOne(t, client, queue)
		if err := changeVisibility(t, client, queue, message.ReceiptHandle, 45); err != nil {
			t.Fatal(err)
		}
		receiveOne(t, client, queue)
		inAbout(t, start, 750*time.Millisecond)
	})
	t.Run("visible at once", func(t *testing.T) {
		t.Parallel()
		queue := createQueue(t, q, "at-once", queues.QueueOptions{VisibilityTimeout: time.Hour})
		send(t, q, queue, "hello")
		message := receiveOne(t, client, queue)
		if err := changeVisibility(t, client, queue, message.ReceiptHandle, 0); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		receiveOne(t, client, queue)
		inAbout(t, start, 0)
	})
}

func TestSQSMovesToTheDeadLetterQueue(t *testing.T) {
	t.Parallel()
	q := newQueues(t, 600)
	dead := createQueue(t, q, "dead", queues.QueueOptions{})
	queue := createQueue(t, q, "work", queues.QueueOptions{
		VisibilityTimeout: time.Minute, DeadLetter: &dead, MaxReceiveCount: 2,
	})
	client := newSQS(t, q)
	id := send(t, q, queue, "poison")
	sent := q.Messages(queue)[0].Sent

	receiveOne(t, client, queue)
	receiveOne(t, client, queue)
	eventually(t, "the message is in the dead-letter queue", func() bool { return len(q.Messages(dead)) == 1 })
	if got := q.Messages(queue); got != nil {
		t.Errorf("the queue still has %+v", got)
	}
	want := []queues.Message{{
		ID: id, Body: "poison", State: queues.Visible, Sent: sent, Receives: 2, Attributes: map[string]string{},
	}}
	if diff := cmp.Diff(want, q.Messages(dead)); diff != "" {
		t.Errorf("dead letters (-want +got):\n%s", diff)
	}
}

func TestSQSReceiptHandles(t *testing.T) {
	t.Parallel()
	q := newQueues(t, 600)
	queue := createQueue(t, q, "work", queues.QueueOptions{VisibilityTimeout: time.Minute})
	client := newSQS(t, q)
	remove := func(handle *string) error {
		_, err := client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &queue.URL, ReceiptHandle: handle})
		return err
	}
	send(t, q, queue, "hello")
	first := receiveOne(t, client, queue)
	second := receiveOne(t, client, queue)

	if err := remove(first.ReceiptHandle); err != nil {
		t.Errorf("an old handle is refused: %v", err)
	}
	if got := len(q.Messages(queue)); got != 1 {
		t.Errorf("an old handle deleted the message: %d are left", got)
	}
	eventually(t, "the message is visible again", func() bool { return q.Counts(queue)[queues.Visible] == 1 })
	if err := changeVisibility(t, client, queue, second.ReceiptHandle, 60); !strings.HasSuffix(errorCode(err), "MessageNotInflight") {
		t.Errorf("a visible message: got %v, want MessageNotInflight", err)
	}
	if err := remove(second.ReceiptHandle); err != nil {
		t.Error(err)
	}
	if got := len(q.Messages(queue)); got != 0 {
		t.Errorf("the latest handle did not delete the message: %d are left", got)
	}
	if err := remove(second.ReceiptHandle); err != nil {
		t.Errorf("deleting twice is refused: %v", err)
	}
	if err := changeVisibility(t, client, queue, second.ReceiptHandle, 60); errorCode(err) != "InvalidParameterValue" {
		t.Errorf("a deleted message: got %v, want InvalidParameterValue", err)
	}
	if err := remove(aws.String("nonsense")); errorCode(err) != "ReceiptHandleIsInvalid" {
		t.Errorf("nonsense: got %v, want ReceiptHandleIsInvalid", err)
	}
}

func TestSQSLimits(t *testing.T) {
	t.Parallel()
	q := newQueues(t, 1000)
	queue := createQueue(t, q, "work", queues.QueueOptions{VisibilityTimeout: 10 * time.Hour})
	client := newSQS(t, q)
	sendTests := []struct {
		name  string
		input sqs.SendMessageInput
		want  string
	}{
		{"largest", sqs.SendMessageInput{MessageBody: aws.String(strings.Repeat("x", 256*1024)), DelaySeconds: 900}, ""},
		{"too large", sqs.SendMessageInput{MessageBody: aws.String(strings.Repeat("x", 256*1024+1))}, "InvalidParameterValue"},
		{"too large with attributes", sqs.SendMessageInput{
			MessageBody: aws.String(strings.Repeat("x", 256*1024-5)),
			MessageAttributes: map[string]types.MessageAttributeValue{
				"a": {DataType: aws.String("String"), StringValue: aws.String("b")},
			},
		}, "InvalidParameterValue"},
		{"empty", sqs.SendMessageInput{MessageBody: aws.String("")}, "MissingParameter"},
		{"control character", sqs.SendMessageInput{MessageBody: aws.String("a\x00b")}, "InvalidMessageContents"},
		{"delay too long", sqs.SendMessageInput{MessageBody: aws.String("x"), DelaySeconds: 901}, "InvalidParameterValue"},
		{"delay negative", sqs.SendMessageInput{MessageBody: aws.String("x"), DelaySeconds: -1}, "InvalidParameterValue"},
		{"no such queue", sqs.SendMessageInput{MessageBody: aws.String("x"), QueueUrl: aws.String("https://example/none")},
			"AWS.SimpleQueueService.NonExistentQueue"},
		{"another type of attribute", sqs.SendMessageInput{MessageBody: aws.String("x"),
			MessageAttributes: map[string]types.MessageAttributeValue{
				"a": {DataType: aws.String("Binary"), BinaryValue: []byte("b")},
			}}, "InvalidParameterValue"},
	}
	for _, tt := range sendTests {
		if tt.input.QueueUrl == nil {
			tt.input.QueueUrl = &queue.URL
		}
		if _, err := client.SendMessage(t.Context(), &tt.input); errorCode(err) != tt.want || (err != nil) != (tt.want != "") {
			t.Errorf("send, %s: got %v, want %q", tt.name, err, tt.want)
		}
	}

	message := receiveOne(t, client, queue)
	for _, tt := range []struct {
		seconds int32
		want    string
	}{
		{-1, "InvalidParameterValue"}, {43201, "InvalidParameterValue"},
		{43200, "InvalidParameterValue"}, // counted from the receive, this is too long
		{36000, ""}, {0, ""},
	} {
		err := changeVisibility(t, client, queue, message.ReceiptHandle, tt.seconds)
		if errorCode(err) != tt.want || (err != nil) != (tt.want != "") {
			t.Errorf("visibility of %d: got %v, want %q", tt.seconds, err, tt.want)
		}
	}
}

func TestSQSCountsByState(t *testing.T) {
	t.Parallel()
	q := newQueues(t, 60)
	queue := createQueue(t, q, "work", queues.QueueOptions{})
	client := newSQS(t, q)
	send(t, q, queue, "taken")
	receiveOne(t, client, queue)
	send(t, q, queue, "now")
	if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &queue.URL, MessageBody: aws.String("later"), DelaySeconds: 600,
	}); err != nil {
		t.Fatal(err)
	}
	states := map[queues.MessageState]int{queues.Visible: 1, queues.Delayed: 1, queues.InFlight: 1}
	if diff := cmp.Diff(states, q.Counts(queue)); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	attributes, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &queue.URL, AttributeNames: []types.QueueAttributeName{
			"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesNotVisible",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"ApproximateNumberOfMessages": "1", "ApproximateNumberOfMessagesDelayed": "1",
		"ApproximateNumberOfMessagesNotVisible": "1",
	}
	if diff := cmp.Diff(want, attributes.Attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

func TestSQSActionsOnQueuesAreClosed(t *testing.T) {
	t.Parallel()
	q := newQueues(t, 1)
	queue := createQueue(t, q, "work", queues.QueueOptions{})
	client := newSQS(t, q)
	if _, err := client.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: &queue.URL}); errorCode(err) != "InvalidAction" {
		t.Errorf("got %v, want InvalidAction", err)
	}
	got, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: &queue.Name})
	if err != nil || *got.QueueUrl != queue.URL {
		t.Errorf("got %v, %v, want %s", got, err, queue.URL)
	}
	list, err := client.ListQueues(t.Context(), &sqs.ListQueuesInput{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{queue.URL}, list.QueueUrls); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
	send(t, q, queue, "hello")
	if _, err := client.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &queue.URL}); err != nil {
		t.Error(err)
	}
	if got := q.Messages(queue); got != nil {
		t.Errorf("purged, but there is %+v", got)
	}
}
