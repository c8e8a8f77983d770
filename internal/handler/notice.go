package handler

import (
	"context"

	"appstream-ami-exporter/internal/trigger"
	"appstream-ami-exporter/internal/work"
)

// republish publishes a notification that SNS did not take before. It is tried for as long as the queue delivers it: who was not
// told would not know that there was something to tell. The function moves it to the dead-letter queue just before SQS would,
// since a message that SQS moves keeps its age and stays there only for what is left of 14 days.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
func (h *Handler) republish(ctx context.Context, record trigger.Record, item work.Item) (done bool) {
	notice := *item.Notice
	if err := h.topic.Publish(ctx, notice); err != nil {
		h.log.ErrorContext(ctx, "publishing failed again", "id", notice.ID,
			"waited", formatDuration(h.now().Sub(item.Since)), "error", err.Error())
		if !h.fewReceivesLeft(record) {
			return false
		}
		h.log.ErrorContext(ctx, "a notification that SNS does not take goes to the dead-letter queue", "id", notice.ID)
		return h.moveToDeadLetterQueue(ctx, record)
	}
	h.logPublished(ctx, item.Trigger, notice)
	return true
}
