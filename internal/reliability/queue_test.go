package reliability

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	"appstream-ami-exporter/internal/localaws/awsreply"
	"appstream-ami-exporter/internal/localaws/template"
)

// queue is an SQS queue in virtual time: visibility, delays, receive counts, redrive and retention.
type queue struct {
	template.Queue
	deadLetter *queue
	messages   []*message
	sent       int
	expired    []string // bodies that nobody took before the retention was over
	buried     []string // bodies that were received too often

	mostReceives int // of one message
}

type message struct {
	id        string
	body      string
	handle    string
	sent      time.Time
	visibleAt time.Time
	received  time.Time
	receives  int
}

func newQueue(stack template.Queue, deadLetter *queue) *queue {
	return &queue{Queue: stack, deadLetter: deadLetter}
}

// add puts a message into the queue.
func (q *queue) add(body string, delay time.Duration) *message {
	q.sent++
	now := time.Now()
	m := &message{id: fmt.Sprintf("%s-%d", q.Name, q.sent), body: body, sent: now, visibleAt: now.Add(delay)}
	q.messages = append(q.messages, m)
	return m
}

func (q *queue) remove(m *message) {
	q.messages = slices.DeleteFunc(q.messages, func(other *message) bool { return other == m })
}

func (q *queue) bodies() (bodies []string) {
	for _, m := range q.messages {
		bodies = append(bodies, m.body)
	}
	return bodies
}

// oldest is what is said about work that is left over.
func (q *queue) oldest() string {
	if len(q.messages) == 0 {
		return "none"
	}
	m := q.messages[0]
	return fmt.Sprintf("%s received %d times, visible at %s", m.body, m.receives, m.visibleAt)
}

// receive takes messages in any order, as a standard queue gives them.
func (q *queue) receive(limit int, w *world) (batch []*message) {
	now := time.Now()
	for _, m := range slices.Clone(q.messages) {
		switch {
		case now.Sub(m.sent) >= q.RetentionPeriod:
			q.remove(m)
			q.expired = append(q.expired, m.body)
		case m.visibleAt.After(now):
		case q.deadLetter != nil && m.receives >= q.MaxReceiveCount:
			q.remove(m)
			q.buried = append(q.buried, m.body)
			q.deadLetter.add(m.body, 0).sent = m.sent // as SQS: it is as old there
		default:
			batch = append(batch, m)
		}
	}
	w.random.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
	batch = batch[:min(limit, len(batch))]
	for _, m := range batch {
		m.receives++
		q.mostReceives = max(q.mostReceives, m.receives)
		m.handle = fmt.Sprintf("%s#%d", m.id, m.receives)
		m.received, m.visibleAt = now, now.Add(q.VisibilityTimeout)
		w.comesBack(m)
	}
	return batch
}

// comesBack has the mapping look again when the message can be received.
func (w *world) comesBack(m *message) { w.at(m.visibleAt, w.poll) }

// sqsText is what SQS accepts in a message body: the characters of XML 1.0.
var sqsText = regexp.MustCompile(`^[\x{9}\x{A}\x{D}\x{20}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]*$`)

// callSQS does what SendMessage or ChangeMessageVisibility asks for.
func (w *world) callSQS(action string, body []byte) (answer any, refusal *awsreply.Error) {
	var input struct {
		QueueURL          string `json:"QueueUrl"`
		MessageBody       string
		DelaySeconds      int
		ReceiptHandle     string
		VisibilityTimeout int
	}
	if err := json.Unmarshal(body, &input); err != nil {
		return nil, awsreply.Refuse("SerializationException", "%v", err)
	}
	q := w.queueAt(input.QueueURL)
	if q == nil {
		return nil, awsreply.Refuse("QueueDoesNotExist", "The specified queue does not exist.")
	}
	switch action {
	case "SendMessage":
		delay := time.Duration(input.DelaySeconds) * time.Second
		switch {
		case input.MessageBody == "" || len(input.MessageBody) > 256*1024:
			return nil, awsreply.Refuse("InvalidParameterValue", "A message of %d bytes is not taken.", len(input.MessageBody))
		case !sqsText.MatchString(input.MessageBody):
			return nil, awsreply.Refuse("InvalidMessageContents", "The message contains characters outside the allowed set.")
		case delay < 0 || delay > 15*time.Minute:
			return nil, awsreply.Refuse("InvalidParameterValue", "Value %d for parameter DelaySeconds is invalid.", input.DelaySeconds)
		}
		m := q.add(input.MessageBody, delay)
		if q == w.work {
			w.comesBack(m)
		}
		sum := md5.Sum([]byte(m.body))
		return map[string]string{"MessageId": m.id, "MD5OfMessageBody": hex.EncodeToString(sum[:])}, nil
	case "ChangeMessageVisibility":
		return struct{}{}, w.changeVisibility(q, input.ReceiptHandle, time.Duration(input.VisibilityTimeout)*time.Second)
	}
	return nil, awsreply.Refuse("InvalidAction", "The action %s is not available here.", action)
}

func (w *world) changeVisibility(q *queue, handle string, timeout time.Duration) *awsreply.Error {
	now := time.Now()
	i := slices.IndexFunc(q.messages, func(m *message) bool { return m.handle == handle && handle != "" })
	switch {
	case i < 0:
		return awsreply.Refuse("InvalidParameterValue", "Value %s for parameter ReceiptHandle is invalid.", handle)
	case !q.messages[i].visibleAt.After(now):
		return awsreply.Refuse("MessageNotInflight", "The message referred to isn't in flight.")
	case timeout < 0 || now.Sub(q.messages[i].received)+timeout > 12*time.Hour:
		return awsreply.Refuse("InvalidParameterValue", "Total VisibilityTimeout for the message is beyond the limit [43200 seconds].")
	}
	q.messages[i].visibleAt = now.Add(timeout)
	w.comesBack(q.messages[i])
	return nil
}

func (w *world) queueAt(url string) *queue {
	for _, q := range []*queue{w.work, w.dead, w.failed} {
		if q.URL == url {
			return q
		}
	}
	return nil
}
