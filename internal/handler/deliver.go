package handler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/metrics"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/trigger"
	"appstream-ami-exporter/internal/work"
)

// announceStart tells that an export has started and then queues the watch on its task, in the order of the crash protocol. An
// error means that one of the two is not done and what led here has to come again.
func (h *Handler) announceStart(ctx context.Context, t trigger.Trigger, imageName string, task export.Task, customAMIName bool) error {
	now := h.now()
	item := work.Item{
		Trigger:  t,
		Since:    now,
		Deadline: now.Add(h.config.ExportDeadline),
		Watch: &work.Watch{
			TaskID:        task.ID,
			ImageARN:      task.ImageARN,
			AMIName:       task.AMIName,
			ImageName:     imageName,
			Created:       task.Created,
			CustomAMIName: customAMIName,
		},
	}
	err := h.deliver(ctx, t, h.startedDocument(t, imageName, task))
	if err == nil {
		err = h.queue.Send(ctx, item, watchDelay(item, now))
	}
	if err != nil {
		return fmt.Errorf("task %s exports %s, and nobody follows it: %w", item.Watch.TaskID, imageName, err)
	}
	return nil
}

// metricOf is the metric of each change that is told.
func metricOf(change notify.Type) metrics.Name {
	return map[notify.Type]metrics.Name{
		notify.ExportStarted:   metrics.ExportsStarted,
		notify.ExportCompleted: metrics.ExportsCompleted,
		notify.ExportFailed:    metrics.ExportsFailed,
		notify.ExportRejected:  metrics.ExportsRejected,
		notify.ExportGivenUp:   metrics.ExportsGivenUp,
	}[change]
}

// publishLimit bounds the attempts to publish one notification: where SNS hangs, the others must not wait for it long. Nor
// may it take more than half of what is left of the invocation: the rest is for queueing what SNS does not take.
const publishLimit = 10 * time.Second

// deliver publishes a notification. What SNS does not take now waits in the queue, since a trigger is delivered again for
// some minutes only.
func (h *Handler) deliver(ctx context.Context, t trigger.Trigger, document notify.Document) error {
	h.metrics.Count(metricOf(document.Type), 1)
	if document.DurationSeconds != nil {
		h.metrics.Measure(metrics.ExportDuration, time.Duration(*document.DurationSeconds)*time.Second)
	}
	limit := publishLimit
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/2)
	}
	inTime, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	publishErr := h.topic.Publish(inTime, document)
	if publishErr == nil {
		h.logPublished(ctx, t, document)
		return nil
	}
	h.log.ErrorContext(ctx, "publishing failed, the notification waits in the queue", "id", document.ID, "type", string(document.Type),
		"imageName", document.ImageName, "triggerId", t.ID, "error", publishErr.Error())
	now := h.now()
	item := work.Item{Trigger: t, Since: now, Deadline: now.Add(h.config.WaitDeadline), Notice: &document}
	if err := h.queue.Send(ctx, item, noticeDelay(item, now)); err != nil {
		return errors.Join(publishErr, err)
	}
	return nil
}

func (h *Handler) logPublished(ctx context.Context, t trigger.Trigger, document notify.Document) {
	h.log.InfoContext(ctx, "published", "id", document.ID, "type", string(document.Type), "imageName", document.ImageName, "triggerId",
		t.ID)
}
