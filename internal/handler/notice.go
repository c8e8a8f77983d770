package handler

import (
	"context"

	"appstream-ami-exporter/internal/work"
)

// republish publishes a notification that SNS did not take before. It is tried until the queue lets go of it: who was not told
// would not know that there was something to tell.
func (h *Handler) republish(ctx context.Context, item work.Item) (done bool) {
	notice := *item.Notice
	if err := h.topic.Publish(ctx, notice); err != nil {
		h.log.ErrorContext(ctx, "publishing failed again", "id", notice.ID,
			"waited", formatDuration(h.now().Sub(item.Since)), "error", err.Error())
		return false
	}
	h.logPublished(ctx, item.Trigger, notice)
	return true
}
