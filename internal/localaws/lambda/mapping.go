package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/uuid"

	"appstream-ami-exporter/internal/localaws/queues"
	"appstream-ami-exporter/internal/localaws/wait"
)

// Mapping is a Lambda event source mapping: it polls a queue and invokes a function with what it gets.
type Mapping struct {
	options MappingOptions
	cancel  context.CancelFunc
	pollers sync.WaitGroup
}

// MappingOptions describe an event source mapping.
type MappingOptions struct {
	Queues   *queues.Server
	Queue    queues.Queue
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
	err := wait.Until(ctx, func() bool {
		// An invocation may have sent a message just after the queue was looked at, so none may have begun meanwhile.
		before := f.progress()
		return f.Idle() && m.options.Queues.IsEmpty(m.options.Queue) && f.Idle() && f.progress() == before
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
			_ = wait.For(ctx, wait.Interval) // the loop looks at ctx
		}
	}
}

// pollOnce processes one batch, and returns false if there was none. The right to run the function comes
// first, so that messages are not received only to wait while their visibility timeout passes.
func (m *Mapping) pollOnce(ctx context.Context) bool {
	if m.options.Queues.IsEmpty(m.options.Queue) {
		return false
	}
	if m.options.Function.acquire(ctx) != nil {
		return false // closed
	}
	defer m.options.Function.release()
	batch, err := m.options.Queues.Take(m.options.Queue, m.options.BatchSize)
	if err != nil || len(batch) == 0 {
		return false
	}
	payload, err := json.Marshal(events.SQSEvent{Records: batch})
	if err != nil {
		panic(err) // strings and bytes can always be encoded
	}
	result := m.options.Function.run(uuid.NewString(), 1, payload)
	m.options.Queues.Conclude(m.options.Queue, batch, m.failures(result, batch))
	return true
}

// failures returns the ids of the messages that the function did not process.
func (m *Mapping) failures(result Result, batch []events.SQSMessage) map[string]bool {
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
