package queues

import (
	"context"
	"strconv"
	"time"

	"github.com/Admiral-Piett/goaws/app/models"

	"appstream-ami-exporter/internal/localaws/awsreply"
	"appstream-ami-exporter/internal/localaws/wait"
)

// delete removes a message. A message that is not there any more is no error, nor is an old receipt
// handle, though that does not delete anything. The caller holds goawsLock.
func (q *Server) delete(input sqsInput) error {
	id, err := checkHandle(input.ReceiptHandle)
	if err != nil {
		return err
	}
	record := q.records[id]
	if record == nil || record.handle != input.ReceiptHandle {
		return nil
	}
	inQueue := false
	withMessage(input.QueueURL, id, func(m *models.SqsMessage) {
		inQueue = true
		// The latest handle stays good after the visibility timeout, but goaws has forgotten it.
		m.ReceiptHandle = record.handle
		pin(m)
	})
	if !inQueue {
		return nil // moved to the dead-letter queue
	}
	delete(q.records, id)
	return q.forwardSQS("DeleteMessage", input, nil)
}

// changeVisibility decides when a received message can be seen again. The caller holds goawsLock.
func (q *Server) changeVisibility(input sqsInput) error {
	id, err := checkHandle(input.ReceiptHandle)
	if err != nil {
		return err
	}
	timeout, err := checkVisibility(input.VisibilityTimeout)
	if err != nil {
		return err
	}
	record := q.records[id]
	if record == nil {
		return awsreply.Refuse("InvalidParameterValue", "Value %s for parameter ReceiptHandle is invalid. Reason: "+
			"Message does not exist or is not available for visibility timeout change.", input.ReceiptHandle)
	}
	now := time.Now()
	if q.expand(now.Sub(record.received))+timeout > maxVisibility {
		return awsreply.Refuse("InvalidParameterValue", "Value %d for parameter VisibilityTimeout is invalid. Reason: "+
			"Total VisibilityTimeout for the message is beyond the limit [%d seconds].",
			*input.VisibilityTimeout, int(maxVisibility.Seconds()))
	}
	inFlight := false
	withMessage(input.QueueURL, id, func(m *models.SqsMessage) {
		if inFlight = m.ReceiptHandle == input.ReceiptHandle; inFlight {
			pin(m)
		}
	})
	if !inFlight {
		return awsreply.Refuse("MessageNotInflight", "The message referred to isn't in flight.")
	}
	if err := q.forwardSQS("ChangeMessageVisibility", input, nil); err != nil {
		return err
	}
	record.visibleAt = now.Add(q.compress(timeout))
	if timeout == 0 {
		record.held = false // goaws has shown it already
		return nil
	}
	withMessage(input.QueueURL, id, record.applyVisibility)
	return nil
}

// receiveWaiting is ReceiveMessage, with long polling: goaws' own would block all other calls.
func (q *Server) receiveWaiting(ctx context.Context, input sqsInput) (sqsReceived, error) {
	limit := max(input.MaxNumberOfMessages, 1)
	if limit > 10 {
		return sqsReceived{}, awsreply.Refuse("InvalidParameterValue", "Value %d for parameter MaxNumberOfMessages is "+
			"invalid. Reason: Must be between 1 and 10, if provided.", limit)
	}
	var visibility *time.Duration
	if input.VisibilityTimeout != nil {
		timeout, err := checkVisibility(input.VisibilityTimeout)
		if err != nil {
			return sqsReceived{}, err
		}
		visibility = &timeout
	}
	deadline := time.Now().Add(time.Duration(input.WaitTimeSeconds) * time.Second)
	for {
		messages, err := q.receive(input.QueueURL, limit, visibility, false)
		if err != nil || len(messages) > 0 || time.Now().After(deadline) || wait.For(ctx, wait.Interval) != nil {
			return sqsReceived{Messages: messages}, err
		}
	}
}

// receive takes up to limit messages from a queue. The visibility timeout is the queue's unless given.
// Held messages stay invisible until release, however long the compressed timeout may be.
func (q *Server) receive(queue string, limit int, visibility *time.Duration, hold bool) ([]*models.ResultMessage, error) {
	goawsLock.Lock()
	defer goawsLock.Unlock()
	if visibility == nil {
		timeout := q.queues[queue]
		visibility = &timeout
	}
	var output sqsReceived
	input := sqsInput{QueueURL: queue, MaxNumberOfMessages: limit}
	if err := q.forwardSQS("ReceiveMessage", input, &output); err != nil {
		return nil, err
	}
	now := time.Now()
	for _, message := range output.Messages {
		record := q.record(message.MessageId)
		record.handle, record.received = message.ReceiptHandle, now
		record.visibleAt, record.held = now.Add(q.compress(*visibility)), hold
		if record.firstReceived.IsZero() {
			record.firstReceived = now
		}
		withMessage(queue, message.MessageId, func(m *models.SqsMessage) {
			m.NumberOfReceives++ // goaws reports this count but never advances it
			record.applyVisibility(m)
		})
		// goaws gives the current time for both.
		message.Attributes["SentTimestamp"] = millis(record.sent)
		message.Attributes["ApproximateFirstReceiveTimestamp"] = millis(record.firstReceived)
	}
	return output.Messages, nil
}

func millis(t time.Time) string {
	return strconv.FormatInt(t.UnixMilli(), 10)
}
