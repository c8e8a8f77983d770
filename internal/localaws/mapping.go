package localaws

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/Admiral-Piett/goaws/app/models"
	"github.com/aws/aws-lambda-go/events"
	"github.com/google/uuid"
)

// Mapping is a Lambda event source mapping: it polls a queue and invokes a function with what it gets.
type Mapping struct {
	options MappingOptions
	cancel  context.CancelFunc
	pollers sync.WaitGroup
}

// MappingOptions describe an event source mapping.
type MappingOptions struct {
	Queues   *Queues
	Queue    Queue
	Function *Function

	// BatchSize is how many messages an invocation gets at most; zero means 10.
	BatchSize int

	// ReportBatchItemFailures lets the function's reply name the messages that failed. Without it, the
	// messages of every reply that is not an error count as done.
	ReportBatchItemFailures bool
}

// StartMapping starts to poll.
func StartMapping(options MappingOptions) *Mapping {
	if options.BatchSize == 0 {
		options.BatchSize = 10
	}
	ctx, cancel := context.WithCancel(context.Background())
	m := &Mapping{options: options, cancel: cancel}
	for range options.Function.options.MaximumConcurrency {
		m.pollers.Go(func() { m.poll(ctx) })
	}
	return m
}

// Close stops polling and waits for the running invocations. Closing the function first cuts those short.
func (m *Mapping) Close() {
	m.cancel()
	m.pollers.Wait()
}

// Settle waits until everything is quiet: no invocation is running or pending, and nothing is in the
// queue, neither visible nor delayed nor in flight.
func (m *Mapping) Settle(ctx context.Context) error {
	f := m.options.Function
	err := waitUntil(ctx, func() bool {
		// An invocation may have sent a message just after the queue was looked at, so none may have begun meanwhile.
		before := f.progress()
		return f.Idle() && m.options.Queues.isEmpty(m.options.Queue) && f.Idle() && f.progress() == before
	})
	if err != nil {
		return fmt.Errorf("wait for the queue %s to settle: %w, with %v messages in it",
			m.options.Queue.Name, err, m.options.Queues.Counts(m.options.Queue))
	}
	return nil
}

// poll processes one batch after the other.
func (m *Mapping) poll(ctx context.Context) {
	for ctx.Err() == nil {
		if !m.pollOnce(ctx) {
			_ = sleep(ctx, pollInterval) // the loop looks at ctx
		}
	}
}

// pollOnce processes one batch, and returns false if there was none. The right to run the function comes
// first, so that messages are not received only to wait while their visibility timeout passes.
func (m *Mapping) pollOnce(ctx context.Context) bool {
	if m.options.Queues.isEmpty(m.options.Queue) {
		return false
	}
	if m.options.Function.acquire(ctx) != nil {
		return false // closed
	}
	defer m.options.Function.release()
	// AWS has the visibility timeout longer than any invocation takes. Compressed it may be shorter, so the
	// messages are held for as long as the invocation runs.
	hold := m.options.Queues.options.Scale > 1
	batch, err := m.options.Queues.receive(m.options.Queue.Name, m.options.BatchSize, nil, hold)
	if err != nil || len(batch) == 0 {
		return false
	}
	result := m.options.Function.run(uuid.NewString(), 1, m.event(batch))
	m.conclude(batch, m.failures(result, batch))
	return true
}

// event is the payload of an invocation.
func (m *Mapping) event(batch []*models.ResultMessage) []byte {
	var event events.SQSEvent
	for _, message := range batch {
		attributes := map[string]events.SQSMessageAttribute{}
		for name, a := range message.MessageAttributes {
			attributes[name] = sqsEventAttribute(a)
		}
		event.Records = append(event.Records, events.SQSMessage{
			MessageId:              message.MessageId,
			ReceiptHandle:          message.ReceiptHandle,
			Body:                   message.Body,
			Attributes:             message.Attributes,
			MessageAttributes:      attributes,
			Md5OfBody:              message.MD5OfBody,
			Md5OfMessageAttributes: message.MD5OfMessageAttributes,
			EventSource:            "aws:sqs",
			EventSourceARN:         m.options.Queue.ARN,
			AWSRegion:              m.options.Queues.options.Region,
		})
	}
	payload, err := json.Marshal(event)
	if err != nil {
		panic(err) // strings and bytes can always be encoded
	}
	return payload
}

func sqsEventAttribute(a models.MessageAttribute) events.SQSMessageAttribute {
	attribute := events.SQSMessageAttribute{DataType: a.DataType, StringListValues: []string{}, BinaryListValues: [][]byte{}}
	if a.BinaryValue != "" {
		// Both sides write bytes as base64.
		_ = json.Unmarshal([]byte(`"`+a.BinaryValue+`"`), &attribute.BinaryValue)
		return attribute
	}
	attribute.StringValue = &a.StringValue
	return attribute
}

// failures returns the ids of the messages that the function did not process.
func (m *Mapping) failures(result InvokeResult, batch []*models.ResultMessage) map[string]bool {
	all := map[string]bool{}
	for _, message := range batch {
		all[message.MessageId] = true
	}
	if result.Failed() {
		return all
	}
	if !m.options.ReportBatchItemFailures {
		return nil
	}
	if len(bytes.TrimSpace(result.Payload)) == 0 {
		return nil // an empty reply names no failures
	}
	var reply struct {
		BatchItemFailures []struct {
			ItemIdentifier string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if json.Unmarshal(result.Payload, &reply) != nil {
		return all
	}
	failed := map[string]bool{}
	for _, failure := range reply.BatchItemFailures {
		if !all[failure.ItemIdentifier] {
			return all // Lambda does not trust a reply that names a message it did not send
		}
		failed[failure.ItemIdentifier] = true
	}
	return failed
}

// conclude deletes what was processed. The rest becomes visible again in its time.
func (m *Mapping) conclude(batch []*models.ResultMessage, failed map[string]bool) {
	var keep []string
	for _, message := range batch {
		if failed[message.MessageId] {
			keep = append(keep, message.MessageId)
			continue
		}
		goawsLock.Lock()
		// Fails only if the queue was closed under the mapping.
		_ = m.options.Queues.delete(sqsInput{QueueURL: m.options.Queue.Name, ReceiptHandle: message.ReceiptHandle})
		goawsLock.Unlock()
	}
	m.options.Queues.release(m.options.Queue.Name, keep)
}
