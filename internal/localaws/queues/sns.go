package queues

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/Admiral-Piett/goaws/app/models"
	"github.com/google/uuid"

	"appstream-ami-exporter/internal/localaws/awsreply"
	"appstream-ami-exporter/internal/localaws/iam"
)

// deduplicationPeriod is how long a FIFO topic remembers what it was given.
const deduplicationPeriod = 5 * time.Minute

type topicState struct {
	Topic
	subscribers []string                   // queues
	accepted    map[string]acceptedMessage // by deduplication id; FIFO topics only
}

type acceptedMessage struct {
	id    string
	until time.Time
}

// envelope is the body of a message that a topic delivered to a queue.
type envelope struct {
	Type              string
	MessageID         string `json:"MessageId"`
	TopicArn          string
	Subject           string `json:",omitempty"`
	Message           string
	Timestamp         string
	SignatureVersion  string
	Signature         string
	SigningCertURL    string
	UnsubscribeURL    string
	MessageAttributes map[string]envelopeAttribute `json:",omitempty"`
}

type envelopeAttribute struct {
	Type  string
	Value string
}

// Notification is one message that a topic has delivered, as its subscriber sees it.
type Notification struct {
	ID         string // the message id that the publisher was given
	TopicARN   string
	Subject    string
	Message    string
	Attributes map[string]string
	Time       time.Time // when it was published
}

// Notifications returns what topics have delivered to the queue, oldest first. What is no
// notification is an error.
func (q *Server) Notifications(queue Queue) ([]Notification, error) {
	var notifications []Notification
	for _, message := range q.Messages(queue) {
		n, err := notification(message.Body)
		if err != nil {
			return nil, fmt.Errorf("message %s in %s: %w", message.ID, queue.Name, err)
		}
		n.Time = message.Sent
		notifications = append(notifications, n)
	}
	return notifications, nil
}

// Deliveries returns what topics have delivered to the queue since the last call, and takes it out of the queue.
func (q *Server) Deliveries(queue Queue) ([]Notification, error) {
	var notifications []Notification
	for {
		taken, err := q.Take(queue, 10)
		if err != nil || len(taken) == 0 {
			return notifications, err
		}
		for _, message := range taken {
			n, err := notification(message.Body)
			if err != nil {
				return notifications, fmt.Errorf("message %s in %s: %w", message.MessageId, queue.Name, err)
			}
			notifications = append(notifications, n)
		}
		q.Conclude(queue, taken, nil)
	}
}

func notification(body string) (Notification, error) {
	var e envelope
	if err := json.Unmarshal([]byte(body), &e); err != nil || e.Type != "Notification" {
		return Notification{}, fmt.Errorf("this is no notification: %q", body)
	}
	n := Notification{ID: e.MessageID, TopicARN: e.TopicArn, Subject: e.Subject, Message: e.Message, Attributes: map[string]string{}}
	for name, attribute := range e.MessageAttributes {
		n.Attributes[name] = attribute.Value
	}
	return n, nil
}

// callSNS executes one of the actions that are open to clients, and returns its answer.
func (q *Server) callSNS(accessKeyID string, form url.Values) (answer any, err error) {
	action := form.Get("Action")
	if action != "Publish" && action != "GetTopicAttributes" && action != "ListSubscriptionsByTopic" {
		return nil, awsreply.Refuse("InvalidAction", "The action %s is not available here.", action)
	}
	request := iam.Request{
		Action: "sns:" + action, Resource: form.Get("TopicArn"), AccessKeyID: accessKeyID,
		Keys: map[string][]string{"aws:RequestedRegion": {q.options.Region}},
	}
	if !q.options.Authorize(request) {
		return nil, &awsreply.Error{Status: http.StatusForbidden, Code: "AuthorizationError",
			Message: "The role is not authorized to perform: " + request.Action + " on resource: " + request.Resource}
	}
	goawsLock.Lock()
	defer goawsLock.Unlock()
	topic := q.topics[form.Get("TopicArn")]
	if topic == nil {
		return nil, &awsreply.Error{Status: http.StatusNotFound, Code: "NotFound", Message: "Topic does not exist"}
	}
	switch action {
	case "GetTopicAttributes":
		return q.topicAttributes(topic), nil
	case "ListSubscriptionsByTopic":
		return q.subscriptions(topic), nil
	}
	id, err := q.publish(topic, form)
	return newPublished(id), err
}

// publish takes a message for a topic, and returns its id. The caller holds goawsLock.
func (q *Server) publish(topic *topicState, form url.Values) (messageID string, err error) {
	attributes := formAttributes(form)
	if err := checkPublish(form, attributes); err != nil {
		return "", err
	}

	now := time.Now()
	key := form.Get("MessageDeduplicationId")
	if earlier, ok := topic.accepted[key]; ok && now.Before(earlier.until) {
		return earlier.id, nil // accepted, but not delivered again
	}
	if err := q.forwardSNS(form); err != nil {
		return "", err
	}
	id := uuid.NewString()
	if key != "" {
		topic.accepted[key] = acceptedMessage{id: id, until: now.Add(q.compress(deduplicationPeriod))}
	}
	for _, queue := range topic.subscribers {
		q.adopt(queue, id, now)
	}
	return id, nil
}

// adopt finishes what goaws has delivered to a subscribed queue: it neither gives the message a time, nor writes the envelope as
// AWS does.
func (q *Server) adopt(queue, id string, now time.Time) {
	withQueue(queue, func(theirs *models.Queue) {
		// New messages are at the end, after those that have a record.
		for i := len(theirs.Messages) - 1; i >= 0; i-- {
			m := &theirs.Messages[i]
			if q.records[m.Uuid] != nil {
				return
			}
			q.records[m.Uuid] = &messageRecord{sent: now}
			m.SentTime = now
			m.MessageBody = rewriteEnvelope(m.MessageBody, id, now)
		}
	})
}

// rewriteEnvelope turns goaws' envelope into one of AWS: the message id that the publisher was given,
// milliseconds, and attributes as Type and Value.
func rewriteEnvelope(body, id string, now time.Time) string {
	var theirs models.SNSMessage
	if err := json.Unmarshal([]byte(body), &theirs); err != nil {
		return body // not an envelope
	}
	ours := envelope{
		Type: theirs.Type, MessageID: id, TopicArn: theirs.TopicArn, Subject: theirs.Subject, Message: theirs.Message,
		Timestamp:        now.UTC().Format("2006-01-02T15:04:05.000Z"),
		SignatureVersion: theirs.SignatureVersion, Signature: theirs.Signature,
		SigningCertURL: theirs.SigningCertURL, UnsubscribeURL: theirs.UnsubscribeURL,
		MessageAttributes: map[string]envelopeAttribute{},
	}
	for name, a := range theirs.MessageAttributes {
		ours.MessageAttributes[name] = envelopeAttribute{Type: a.DataType, Value: a.StringValue}
	}
	rewritten, err := json.MarshalIndent(ours, "", "  ")
	if err != nil {
		return body // cannot happen: all fields are strings
	}
	return string(rewritten)
}

// formAttributes reads the message attributes of a Publish request.
func formAttributes(form url.Values) map[string]models.MessageAttribute {
	attributes := map[string]models.MessageAttribute{}
	for i := 1; ; i++ {
		entry := fmt.Sprintf("MessageAttributes.entry.%d.", i)
		if !form.Has(entry + "Name") {
			return attributes
		}
		attributes[form.Get(entry+"Name")] = models.MessageAttribute{
			DataType:    form.Get(entry + "Value.DataType"),
			StringValue: form.Get(entry + "Value.StringValue"),
		}
	}
}

type published struct {
	XMLName   xml.Name `xml:"http://sns.amazonaws.com/doc/2010-03-31/ PublishResponse"`
	MessageID string   `xml:"PublishResult>MessageId"`
	RequestID string   `xml:"ResponseMetadata>RequestId"`
}

func newPublished(id string) published { return published{MessageID: id, RequestID: uuid.NewString()} }

type topicAttribute struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

type topicAttributes struct {
	XMLName    xml.Name         `xml:"http://sns.amazonaws.com/doc/2010-03-31/ GetTopicAttributesResponse"`
	Attributes []topicAttribute `xml:"GetTopicAttributesResult>Attributes>entry"`
	RequestID  string           `xml:"ResponseMetadata>RequestId"`
}

// topicAttributes tells who hears of a topic: a queue of the account confirms its subscription at once.
// https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html
func (q *Server) topicAttributes(topic *topicState) topicAttributes {
	return topicAttributes{RequestID: uuid.NewString(), Attributes: []topicAttribute{
		{"TopicArn", topic.ARN}, {"Owner", q.options.AccountID},
		{"SubscriptionsConfirmed", strconv.Itoa(len(topic.subscribers))}, {"SubscriptionsPending", "0"}, {"SubscriptionsDeleted", "0"},
	}}
}

type subscription struct {
	TopicArn, Protocol, SubscriptionArn, Owner, Endpoint string
}

type subscriptions struct {
	XMLName       xml.Name       `xml:"http://sns.amazonaws.com/doc/2010-03-31/ ListSubscriptionsByTopicResponse"`
	Subscriptions []subscription `xml:"ListSubscriptionsByTopicResult>Subscriptions>member"`
	RequestID     string         `xml:"ResponseMetadata>RequestId"`
}

// https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html
func (q *Server) subscriptions(topic *topicState) subscriptions {
	answer := subscriptions{RequestID: uuid.NewString()}
	for _, queue := range topic.subscribers {
		answer.Subscriptions = append(answer.Subscriptions, subscription{
			TopicArn: topic.ARN, Protocol: "sqs", SubscriptionArn: topic.ARN + ":" + queue, Owner: q.options.AccountID,
			Endpoint: fmt.Sprintf("arn:aws:sqs:%s:%s:%s", q.options.Region, q.options.AccountID, queue),
		})
	}
	return answer
}
