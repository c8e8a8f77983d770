package queues

import "github.com/aws/aws-lambda-go/events"

// Take receives up to limit messages for an event source mapping, in the form in which Lambda gives them to a function.
// AWS has the visibility timeout longer than any invocation takes; compressed it may be shorter, so the messages stay
// invisible until Conclude.
func (q *Server) Take(queue Queue, limit int) ([]events.SQSMessage, error) {
	received, err := q.receive(queue.Name, limit, nil, q.options.Scale > 1)
	if err != nil {
		return nil, err
	}
	var messages []events.SQSMessage
	for _, message := range received {
		attributes := map[string]events.SQSMessageAttribute{}
		for name, a := range message.MessageAttributes {
			attributes[name] = events.SQSMessageAttribute{
				DataType: a.DataType, StringValue: &a.StringValue, StringListValues: []string{}, BinaryListValues: [][]byte{},
			}
		}
		messages = append(messages, events.SQSMessage{
			MessageId:              message.MessageId,
			ReceiptHandle:          message.ReceiptHandle,
			Body:                   message.Body,
			Attributes:             message.Attributes,
			MessageAttributes:      attributes,
			Md5OfBody:              message.MD5OfBody,
			Md5OfMessageAttributes: message.MD5OfMessageAttributes,
			EventSource:            "aws:sqs",
			EventSourceARN:         queue.ARN,
			AWSRegion:              q.options.Region,
		})
	}
	return messages, nil
}

// Conclude deletes those of the taken messages that did not fail. The others become visible again in their time.
func (q *Server) Conclude(queue Queue, taken []events.SQSMessage, failed map[string]bool) {
	goawsLock.Lock()
	defer goawsLock.Unlock()
	for _, message := range taken {
		if failed[message.MessageId] {
			q.release(queue.Name, message.MessageId)
			continue
		}
		// Fails only if the queue was closed under the mapping.
		_ = q.delete(sqsInput{QueueURL: queue.Name, ReceiptHandle: message.ReceiptHandle})
	}
}

// release ends the holding of a message: from now on its visibility timeout counts, and if that has passed meanwhile it can be
// received at once. The caller holds goawsLock.
func (q *Server) release(queue, id string) {
	record := q.records[id]
	if record == nil || !record.held {
		return
	}
	record.held = false
	withMessage(queue, id, record.applyVisibility)
}
