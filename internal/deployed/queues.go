package deployed

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Depth counts the messages of a queue: those to be had, those being worked on or put off, and those sent with a delay.
type Depth struct{ Visible, InFlight, Delayed int }

// Messages are all of them.
func (d Depth) Messages() int { return d.Visible + d.InFlight + d.Delayed }

// Count asks how much is in a queue.
func Count(ctx context.Context, client *sqs.Client, url string) (d Depth, err error) {
	parts := map[types.QueueAttributeName]*int{
		types.QueueAttributeNameApproximateNumberOfMessages:           &d.Visible,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible: &d.InFlight,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed:    &d.Delayed,
	}
	input := &sqs.GetQueueAttributesInput{QueueUrl: &url}
	for name := range parts {
		input.AttributeNames = append(input.AttributeNames, name)
	}
	answer, err := client.GetQueueAttributes(ctx, input)
	if err != nil {
		return d, err
	}
	for name, count := range parts {
		if *count, err = strconv.Atoi(answer.Attributes[string(name)]); err != nil {
			return d, err
		}
	}
	return d, nil
}
