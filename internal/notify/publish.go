package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// SNS is what publishing needs of the service, with the SDK's own signature.
type SNS interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// Topic publishes documents to one SNS topic.
type Topic struct {
	SNS SNS
	ARN string
}

// Publish sends the document, plain and without a MessageStructure: so e-mails read well, and filters by
// attribute and by body both work.
// https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering.html
func (t Topic) Publish(ctx context.Context, d Document) error {
	body, err := d.Body()
	if err != nil {
		return err
	}
	input := &sns.PublishInput{
		TopicArn:          aws.String(t.ARN),
		Subject:           aws.String(d.Subject()),
		Message:           aws.String(body),
		MessageAttributes: map[string]types.MessageAttributeValue{},
	}
	for name, value := range map[string]string{
		"type": string(d.Type), "state": d.state(), "imageName": d.ImageName, "trigger": d.Trigger.Type,
	} {
		if value != "" { // SNS takes no empty ones
			input.MessageAttributes[name] = text(value)
		}
	}
	if strings.HasSuffix(t.ARN, ".fifo") {
		input.MessageGroupId = aws.String(fifo(d.ImageName))
		input.MessageDeduplicationId = aws.String(fifo(d.ID))
	}
	if _, err := t.SNS.Publish(ctx, input); err != nil {
		return fmt.Errorf("publish %s to %s: %w", d.ID, t.ARN, err)
	}
	return nil
}

func text(value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
}

// fifo makes the value fit for a FIFO topic: 1 to 128 printable ASCII characters without spaces.
// https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html
func fifo(value string) string {
	unfit := func(r rune) bool { return r <= ' ' || r > '~' }
	if value != "" && len(value) <= 128 && strings.IndexFunc(value, unfit) < 0 {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}
