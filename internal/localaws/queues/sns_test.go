package queues_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"appstream-ami-exporter/internal/localaws/queues"
)

func newSNS(t *testing.T, q *queues.Server) *sns.Client {
	t.Helper()
	return sns.NewFromConfig(clientConfig(t, q))
}

func subscribe(t *testing.T, q *queues.Server, topic queues.Topic, queue queues.Queue) {
	t.Helper()
	if err := q.Subscribe(topic, queue); err != nil {
		t.Fatal(err)
	}
}

func text(value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
}

func TestSNSDelivers(t *testing.T) {
	t.Parallel()
	q := newQueues(t, 1)
	topic := createTopic(t, q, "news")
	inbox := createQueue(t, q, "inbox", queues.QueueOptions{})
	subscribe(t, q, topic, inbox)
	client := newSNS(t, q)

	var ids []string
	for _, kind := range []string{"ExportStarted", "ExportFailed"} {
		output, err := client.Publish(t.Context(), &sns.PublishInput{
			TopicArn: &topic.ARN, Subject: aws.String("About " + kind), Message: aws.String(`{"type":"` + kind + `"}`),
			MessageAttributes: map[string]types.MessageAttributeValue{"type": text(kind), "image": text("win")},
		})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, *output.MessageId)
	}

	notification := func(id, kind string) queues.Notification {
		return queues.Notification{
			ID: id, TopicARN: topic.ARN, Subject: "About " + kind, Message: `{"type":"` + kind + `"}`,
			Attributes: map[string]string{"type": kind, "image": "win"},
		}
	}
	started, failed := notification(ids[0], "ExportStarted"), notification(ids[1], "ExportFailed")
	got, err := q.Notifications(inbox)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]queues.Notification{started, failed}, got, cmpopts.IgnoreFields(queues.Notification{}, "Time")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, n := range got {
		if time.Since(n.Time).Abs() > time.Minute {
			t.Errorf("published at %v", n.Time)
		}
	}
	send(t, q, inbox, "hello")
	if _, err := q.Notifications(inbox); err == nil {
		t.Error("another message passes for a notification")
	}
}

func TestSNSWritesTheEnvelopeAsAWSDoes(t *testing.T) {
	t.Parallel()
	q := newQueues(t, 1)
	topic, inbox := createTopic(t, q, "news"), createQueue(t, q, "inbox", queues.QueueOptions{})
	subscribe(t, q, topic, inbox)
	output, err := newSNS(t, q).Publish(t.Context(), &sns.PublishInput{
		TopicArn: &topic.ARN, Message: aws.String("hello"),
		MessageAttributes: map[string]types.MessageAttributeValue{"type": text("greeting")},
	})
	if err != nil {
		t.Fatal(err)
	}

	var got map[string]any
	if err := json.Unmarshal([]byte(q.Messages(inbox)[0].Body), &got); err != nil {
		t.Fatal(err)
	}
	if stamp, _ := got["Timestamp"].(string); !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(stamp) {
		t.Errorf("Timestamp is %q", stamp)
	}
	for _, name := range []string{"Timestamp", "Signature", "SigningCertURL", "UnsubscribeURL"} {
		delete(got, name)
	}
	want := map[string]any{
		"Type": "Notification", "MessageId": *output.MessageId, "TopicArn": topic.ARN, "Message": "hello",
		"SignatureVersion":  "1",
		"MessageAttributes": map[string]any{"type": map[string]any{"Type": "String", "Value": "greeting"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("envelope (-want +got):\n%s", diff)
	}
}

func TestSNSDeduplicatesOnFIFOTopics(t *testing.T) {
	t.Parallel()
	q := newQueues(t, 600) // five minutes are half a second
	topic := createTopic(t, q, "news.fifo")
	inbox := createQueue(t, q, "inbox", queues.QueueOptions{})
	subscribe(t, q, topic, inbox)
	client := newSNS(t, q)
	publish := func(key string) string {
		t.Helper()
		output, err := client.Publish(t.Context(), &sns.PublishInput{
			TopicArn: &topic.ARN, Message: aws.String("hello"),
			MessageGroupId: aws.String("win"), MessageDeduplicationId: &key,
		})
		if err != nil {
			t.Fatal(err)
		}
		return *output.MessageId
	}

	first, again, other := publish("task:COMPLETED"), publish("task:COMPLETED"), publish("task:FAILED")
	if first != again || first == other {
		t.Errorf("got the ids %s, %s and %s", first, again, other)
	}
	if got := len(q.Messages(inbox)); got != 2 {
		t.Errorf("%d messages, want two", got)
	}
	time.Sleep(510 * time.Millisecond)
	if publish("task:COMPLETED") == first {
		t.Error("still a duplicate after five minutes")
	}
}

func TestSNSLimits(t *testing.T) {
	t.Parallel()
	q := newQueues(t, 1)
	topic, fifo := createTopic(t, q, "news"), createTopic(t, q, "news.fifo")
	client := newSNS(t, q)
	attribute := func(name, kind, value string) sns.PublishInput {
		return sns.PublishInput{MessageAttributes: map[string]types.MessageAttributeValue{
			name: {DataType: &kind, StringValue: &value},
		}}
	}
	onFIFO := func(group, key string) sns.PublishInput {
		input := sns.PublishInput{TopicArn: &fifo.ARN}
		if group != "" {
			input.MessageGroupId = &group
		}
		if key != "" {
			input.MessageDeduplicationId = &key
		}
		return input
	}
	const invalid, invalidValue = "InvalidParameter", "ParameterValueInvalid"
	tests := []struct {
		name  string
		input sns.PublishInput
		want  string
	}{
		{"plain", sns.PublishInput{}, ""},
		{"longest subject", sns.PublishInput{Subject: aws.String(strings.Repeat("x", 99))}, ""},
		{"subject too long", sns.PublishInput{Subject: aws.String(strings.Repeat("x", 100))}, invalid},
		{"empty subject", sns.PublishInput{Subject: aws.String("")}, invalid},
		{"subject with a line break", sns.PublishInput{Subject: aws.String("a\nb")}, invalid},
		{"subject that is not ASCII", sns.PublishInput{Subject: aws.String("é")}, invalid},
		{"subject that starts with a space", sns.PublishInput{Subject: aws.String(" a")}, invalid},
		{"empty message", sns.PublishInput{Message: aws.String("")}, invalid},
		{"largest message", sns.PublishInput{Message: aws.String(strings.Repeat("x", 256*1024))}, ""},
		{"message too large", sns.PublishInput{Message: aws.String(strings.Repeat("x", 256*1024+1))}, invalid},
		{"messages by protocol", sns.PublishInput{MessageStructure: aws.String("json"), Message: aws.String(`{"default":"x"}`)}, invalid},
		{"empty attribute", attribute("amiId", "String", ""), invalidValue},
		{"reserved name", attribute("AWS.type", "String", "x"), invalidValue},
		{"name with two periods", attribute("a..b", "String", "x"), invalidValue},
		{"name with a space", attribute("a b", "String", "x"), invalidValue},
		{"another type", attribute("n", "Number", "12.5"), invalidValue},
		{"no such topic", sns.PublishInput{TopicArn: aws.String(topic.ARN + "x")}, "NotFound"},
		{"group on a standard topic", sns.PublishInput{MessageGroupId: aws.String("g")}, ""},
		{"deduplication on a standard topic", sns.PublishInput{MessageDeduplicationId: aws.String("d")}, invalid},
		{"fifo", onFIFO("g", strings.Repeat("d", 128)), ""},
		{"fifo without a group", onFIFO("", "d"), invalid},
		{"fifo without deduplication", onFIFO("g", ""), invalid},
		{"fifo, deduplication too long", onFIFO("g", strings.Repeat("d", 129)), invalid},
		{"fifo, group with a space", onFIFO("a b", "d"), invalid},
	}
	for _, tt := range tests {
		if tt.input.TopicArn == nil {
			tt.input.TopicArn = &topic.ARN
		}
		if tt.input.Message == nil {
			tt.input.Message = aws.String("hello")
		}
		if _, err := client.Publish(t.Context(), &tt.input); errorCode(err) != tt.want || (err != nil) != (tt.want != "") {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
	attributes, err := client.GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{TopicArn: &topic.ARN})
	if err != nil || attributes.Attributes["SubscriptionsConfirmed"] != "0" || attributes.Attributes["TopicArn"] != topic.ARN {
		t.Errorf("its attributes are %v, %v", attributes, err)
	}
	_, err = client.GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{TopicArn: aws.String(topic.ARN + "x")})
	if errorCode(err) != "NotFound" {
		t.Errorf("the attributes of no topic: %v", err)
	}
	if _, err := client.DeleteTopic(t.Context(), &sns.DeleteTopicInput{TopicArn: &topic.ARN}); errorCode(err) != "InvalidAction" {
		t.Errorf("delete the topic: got %v, want InvalidAction", err)
	}
}
