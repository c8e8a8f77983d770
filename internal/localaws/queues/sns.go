package queues

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/Admiral-Piett/goaws/app/models"
	"github.com/google/uuid"

	"appstream-ami-exporter/internal/localaws/awsreply"
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

// callSNS executes Publish, the only action that is open to clients, and returns the message id.
func (q *Server) callSNS(form url.Values) (messageID string, err error) {
	if action := form.Get("Action"); action != "Publish" {
		return "", awsreply.Refuse("InvalidAction", "The action %s is not available here.", action)
	}
	goawsLock.Lock()
	defer goawsLock.Unlock()
	topic := q.topics[form.Get("TopicArn")]
	if topic == nil {
		return "", &awsreply.Error{Status: http.StatusNotFound, Code: "NotFound", Message: "Topic does not exist"}
	}
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

func writePublished(w http.ResponseWriter, id string) {
	answer := struct {
		XMLName   xml.Name `xml:"http://sns.amazonaws.com/doc/2010-03-31/ PublishResponse"`
		MessageID string   `xml:"PublishResult>MessageId"`
		RequestID string   `xml:"ResponseMetadata>RequestId"`
	}{MessageID: id, RequestID: uuid.NewString()}
	w.Header().Set("Content-Type", "text/xml")
	_ = xml.NewEncoder(w).Encode(answer) // fails only if the caller has gone
}
