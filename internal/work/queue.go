package work

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// SQS is what the queue needs of the service, with the SDK's own signatures.
type SQS interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	ChangeMessageVisibility(context.Context, *sqs.ChangeMessageVisibilityInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput,
		error)
}

// Queue is the work queue and the dead-letter queue behind it.
type Queue struct {
	SQS           SQS
	URL           string
	DeadLetterURL string
}

// Send puts work on the queue, to be looked at after the delay, which is at most 15 minutes.
func (q Queue) Send(ctx context.Context, item Item, delay time.Duration) error {
	var body strings.Builder
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // six bytes for each < would make a message larger than the request it came from
	if err := encoder.Encode(item); err != nil {
		return fmt.Errorf("encode work: %w", err)
	}
	_, err := q.SQS.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl:     aws.String(q.URL),
		MessageBody:  aws.String(sendable.Replace(strings.TrimSuffix(body.String(), "\n"))),
		DelaySeconds: int32(delay / time.Second),
	})
	if err != nil {
		return fmt.Errorf("send work to %s: %w", q.URL, err)
	}
	return nil
}

// sendable escapes the two characters that JSON may hold as they are and SQS refuses; the others that it refuses
// encoding/json escapes itself.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
var sendable = strings.NewReplacer("\uFFFE", `\ufffe`, "\uFFFF", `\uffff`)

// Postpone has a received message delivered again after the delay. The message stays what it is: it is neither
// copied nor can it be lost on the way.
func (q Queue) Postpone(ctx context.Context, receiptHandle string, delay time.Duration) error {
	_, err := q.SQS.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl:          aws.String(q.URL),
		ReceiptHandle:     aws.String(receiptHandle),
		VisibilityTimeout: int32(delay / time.Second),
	})
	if err != nil {
		return fmt.Errorf("keep work on %s: %w", q.URL, err)
	}
	return nil
}

// MoveToDeadLetterQueue moves what cannot be read to the dead-letter queue at once. The queue's own redrive would take days,
// since waiting is done by redelivery and the count of receives allowed is high.
func (q Queue) MoveToDeadLetterQueue(ctx context.Context, body string) error {
	if body == "" {
		body = "(empty)" // SQS takes no empty body
	}
	_, err := q.SQS.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(q.DeadLetterURL), MessageBody: aws.String(body)})
	if err != nil {
		return fmt.Errorf("move to %s: %w", q.DeadLetterURL, err)
	}
	return nil
}
