package main

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/doctor"
	"appstream-ami-exporter/internal/work"
)

// noQueue is how SQS says that there is no such queue, today and in its older protocol.
var noQueue = []string{"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"}

func (c clients) queue(ctx context.Context, url string) doctor.Answer[doctor.Queue] {
	depth, err := deployed.Count(ctx, c.queues, url)
	return answer(doctor.Queue(depth), err, "sqs:GetQueueAttributes", noQueue...)
}

// lost counts what came to nothing, and reads some of it for the reasons. Reading takes nothing out of these queues: a message is
// hidden for a second, and they give up on none however often it is received. The work queue does, and is not read.
func (c clients) lost(ctx context.Context, url string, reason func(types.Message) string) (doctor.Answer[doctor.Queue],
	doctor.Answer[[]string]) {
	queue := c.queue(ctx, url)
	if !queue.There() || queue.Value.Messages() == 0 {
		return queue, doctor.Given[[]string](nil)
	}
	const most = 10 // messages in an answer of SQS
	o, err := c.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: most, VisibilityTimeout: 1, WaitTimeSeconds: 1, MessageAttributeNames: []string{"All"},
	})
	if err != nil {
		return queue, answer([]string(nil), err, "sqs:ReceiveMessage")
	}
	reasons := []string{}
	for _, message := range o.Messages {
		reasons = append(reasons, strings.Join(strings.Fields(reason(message)), " "))
	}
	return queue, doctor.Given(reasons)
}

// failedReason is why a trigger came to nothing.
func failedReason(message types.Message) string { return deployed.ReadFailedEvent(message).Why }

// deadReason is what a message of the dead-letter queue is about.
func deadReason(message types.Message) string {
	item, err := work.Decode(aws.ToString(message.Body))
	switch {
	case err != nil:
		return err.Error()
	case item.Notice != nil:
		return "a notification that the topic refused: " + item.Notice.Summary
	case item.Watch != nil:
		return "the export of " + item.Watch.ImageName + " (task " + item.Watch.TaskID + ")"
	}
	return "a request whose images wait"
}
