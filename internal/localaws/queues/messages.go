package queues

import (
	"fmt"
	"time"

	"github.com/Admiral-Piett/goaws/app/models"
)

// holdLimit is when a message that is held would become visible if it were never released.
const holdLimit = 24 * time.Hour

// MessageState says whether a message can be received.
type MessageState string

// The states of a message in a queue.
const (
	Visible  MessageState = "visible"
	Delayed  MessageState = "delayed"
	InFlight MessageState = "in flight"
)

// Message is a message in a queue, as only this side can see it.
type Message struct {
	ID         string
	Body       string
	State      MessageState
	VisibleAt  time.Time // when a message that is delayed or in flight can be received
	Sent       time.Time
	Receives   int
	Attributes map[string]string
}

// messageRecord is what is to be known about a message beyond what goaws knows.
type messageRecord struct {
	sent          time.Time
	firstReceived time.Time
	received      time.Time // the last time
	handle        string    // the latest receipt handle
	visibleAt     time.Time
	held          bool
}

// applyVisibility tells goaws when the message can be seen again.
func (r *messageRecord) applyVisibility(m *models.SqsMessage) {
	m.VisibilityTimeout = r.visibleAt
	if r.held {
		pin(m)
	}
}

// pin keeps goaws' periodic tasks from showing a message that is in flight.
func pin(m *models.SqsMessage) {
	m.VisibilityTimeout = time.Now().Add(holdLimit)
}

// Send puts a message into a queue and returns its id.
func (q *Server) Send(queue Queue, body string) (messageID string, err error) {
	goawsLock.Lock()
	defer goawsLock.Unlock()
	if _, ok := q.queues[queue.Name]; !ok {
		return "", fmt.Errorf("send to %q: no such queue", queue.Name)
	}
	sent, err := q.send(sqsInput{QueueURL: queue.Name, MessageBody: body})
	if err != nil {
		return "", fmt.Errorf("send to %s: %w", queue.Name, err)
	}
	return sent.MessageID, nil
}

// Messages returns all messages in a queue, whether they can be received or not, oldest first.
func (q *Server) Messages(queue Queue) []Message {
	goawsLock.Lock()
	defer goawsLock.Unlock()
	return q.messages(queue.Name)
}

// Counts returns how many messages of each state are in a queue.
func (q *Server) Counts(queue Queue) map[MessageState]int {
	return countStates(q.Messages(queue))
}

// IsEmpty tells whether a queue has no messages at all, which is cheaper to know than how many.
func (q *Server) IsEmpty(queue Queue) bool {
	goawsLock.Lock()
	defer goawsLock.Unlock()
	empty := true
	withQueue(queue.Name, func(theirs *models.Queue) { empty = len(theirs.Messages) == 0 })
	return empty
}

func (q *Server) messages(name string) []Message {
	now := time.Now()
	var messages []Message
	withQueue(name, func(queue *models.Queue) {
		for i := range queue.Messages {
			messages = append(messages, q.describe(&queue.Messages[i], now))
		}
	})
	return messages
}

func (q *Server) describe(m *models.SqsMessage, now time.Time) Message {
	record := q.record(m.Uuid)
	message := Message{
		ID: m.Uuid, Body: m.MessageBody, State: Visible, Sent: record.sent,
		Receives: m.NumberOfReceives, Attributes: map[string]string{},
	}
	for name, attribute := range m.MessageAttributes {
		message.Attributes[name] = attribute.StringValue
	}
	shown := m.SentTime.Add(time.Duration(m.DelaySecs) * time.Second)
	switch {
	case m.ReceiptHandle != "":
		message.State, message.VisibleAt = InFlight, record.visibleAt
	case shown.After(now):
		message.State, message.VisibleAt = Delayed, shown
	}
	return message
}

// record returns what is known about a message; nothing, if it reached goaws in another way.
func (q *Server) record(messageID string) *messageRecord {
	if q.records[messageID] == nil {
		q.records[messageID] = &messageRecord{sent: time.Now()}
	}
	return q.records[messageID]
}

func countStates(messages []Message) map[MessageState]int {
	counts := map[MessageState]int{}
	for _, message := range messages {
		counts[message.State]++
	}
	return counts
}

func (q *Server) urlOf(name string) string {
	return fmt.Sprintf("https://sqs.%s.amazonaws.com/%s/%s", q.options.Region, q.options.AccountID, name)
}

// showAt decides when a message that was sent can first be received. goaws counts whole seconds of delay
// from the time of sending, so that time is moved.
func showAt(m *models.SqsMessage, t time.Time) {
	m.SentTime = t.Add(-time.Duration(m.DelaySecs) * time.Second)
}

// withQueue calls f with goaws' own record of a queue while goaws' periodic tasks keep off it.
func withQueue(name string, f func(*models.Queue)) {
	models.SyncQueues.Lock()
	defer models.SyncQueues.Unlock()
	if queue := models.SyncQueues.Queues[name]; queue != nil {
		f(queue)
	}
}

// withMessage calls f with goaws' own record of a message, if it is in the queue. The newest messages
// are looked at first, because most calls are about those.
func withMessage(queue, id string, f func(*models.SqsMessage)) {
	withQueue(queue, func(theirs *models.Queue) {
		for i := len(theirs.Messages) - 1; i >= 0; i-- {
			if theirs.Messages[i].Uuid == id {
				f(&theirs.Messages[i])
				return
			}
		}
	})
}
