package handler

import (
	"cmp"
	"context"
	"errors"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/metrics"
	"appstream-ami-exporter/internal/work"
)

// watch looks how a task stands; one call while it runs.
func (h *Handler) watch(ctx context.Context, item work.Item, phase phase) (done bool) {
	looking, cancel := working(ctx)
	defer cancel()
	watch := *item.Watch
	log := h.log.With("imageName", watch.ImageName, "amiName", watch.AMIName, "taskId", watch.TaskID, "triggerId", item.Trigger.ID)

	task, err := h.exporter.ReadTask(looking, watch.TaskID)
	task = fillIn(task, watch)
	switch {
	case err != nil && !phase.givesUpOn(err):
		log.WarnContext(ctx, "the task cannot be seen", "reason", err.Error())
		return false
	case err != nil:
		log.ErrorContext(ctx, "given up", "reason", err.Error())
		return h.deliver(ctx, item.Trigger, h.watchGivenUpDocument(item.Trigger, watch, task,
			"AppStream does not tell how the task stands ("+err.Error()+")")) == nil
	case !task.Ended() && phase == inTime:
		log.InfoContext(ctx, "still running", "state", task.State, "age", formatDuration(task.Age(h.now())))
		return false
	case !task.Ended():
		log.ErrorContext(ctx, "given up", "reason", "the task has not ended before the deadline")
		return h.deliver(ctx, item.Trigger, h.watchGivenUpDocument(item.Trigger, watch, task,
			"the task is still "+cmp.Or(task.State, "in a state that AppStream does not tell"))) == nil
	case task.Completed():
		return h.handleCompleted(ctx, item, task, phase)
	}
	return h.handleFailed(ctx, item, task, phase)
}

// fillIn adds what AppStream left out or could not be asked for.
func fillIn(task export.Task, watch work.Watch) export.Task {
	task.ID = cmp.Or(task.ID, watch.TaskID)
	task.ImageARN = cmp.Or(task.ImageARN, watch.ImageARN)
	task.AMIName = cmp.Or(task.AMIName, watch.AMIName)
	if task.Created.IsZero() {
		task.Created = watch.Created
	}
	return task
}

// handleCompleted marks the image, so that no later sweep exports it again, and tells of the AMI. The AMI is there whether or not
// the mark can be set, so the telling does not wait for it: the mark is then set later.
func (h *Handler) handleCompleted(ctx context.Context, item work.Item, task export.Task, phase phase) (done bool) {
	log := h.log.With("imageName", item.Watch.ImageName, "amiName", task.AMIName, "taskId", task.ID, "triggerId", item.Trigger.ID)
	document := h.endedDocument(item.Trigger, *item.Watch, task)
	looking, cancel := working(ctx)
	defer cancel()
	if !item.Watch.EndPublished {
		duplicate, found, err := h.exporter.FindDuplicate(looking, task)
		if refusal, ok := errors.AsType[*export.Refusal](err); ok && refusal.Temporary() && phase != lastChance {
			log.WarnContext(ctx, "completed, and it cannot be seen whether there is a second AMI of the name", "reason", err.Error())
			return false
		}
		if found {
			log.ErrorContext(ctx, "there are two AMIs of one name", "amiId", task.AMIID, "duplicate", duplicate.AMIID)
			document.Error = duplicateError(task, duplicate)
		}
	}
	marked, markErr := h.exporter.Mark(looking, task, item.Watch.CustomAMIName)
	log.InfoContext(ctx, "completed", "amiId", task.AMIID, "marked", marked)
	if markErr != nil {
		log.ErrorContext(ctx, "the image cannot be marked as exported", "error", markErr.Error())
		refusal, ok := errors.AsType[*export.Refusal](markErr)
		if ok && (!refusal.Temporary() || phase == lastChance) && document.Error == nil {
			document.Error = unmarkedError(refusal)
		}
	}
	if !item.Watch.EndPublished {
		if document.Error != nil && document.Error.Code == duplicateAMI {
			h.metrics.Count(metrics.DuplicateAMIs, 1)
		}
		if err := h.deliver(ctx, item.Trigger, document); err != nil {
			return false
		}
	}
	switch {
	case markErr == nil || phase.givesUpOn(markErr):
		return true
	case item.Watch.EndPublished:
		return false
	}
	onlyMark := *item.Watch
	onlyMark.EndPublished = true
	item.Watch = &onlyMark
	if err := h.queue.Send(ctx, item, watchDelay(item, h.now())); err != nil {
		log.ErrorContext(ctx, "the watch comes again to mark the image", "error", err.Error())
		return false
	}
	return true
}

// handleFailed tells that a task failed or timed out, unless a twin of it completes: then the image is exported, and this task only
// came second. A twin that the same trigger started may be one that nobody was told of and nobody follows, if the process
// that started it was killed; so it is told and followed here.
func (h *Handler) handleFailed(ctx context.Context, item work.Item, task export.Task, phase phase) (done bool) {
	log := h.log.With("imageName", item.Watch.ImageName, "amiName", task.AMIName, "taskId", task.ID, "triggerId", item.Trigger.ID)
	looking, cancel := working(ctx)
	defer cancel()
	twin, found, err := h.exporter.FindTwin(looking, task)
	switch {
	case err != nil && !phase.givesUpOn(err):
		log.WarnContext(ctx, "the task failed, and it cannot be seen whether it has a twin", "reason", err.Error())
		return false
	case found && h.exporter.Started(twin, item.Trigger):
		if err := h.announceStart(ctx, item.Trigger, item.Watch.ImageName, twin, item.Watch.CustomAMIName); err != nil {
			log.ErrorContext(ctx, "the watch comes again to follow the task's twin", "twin", twin.ID, "error", err.Error())
			return false
		}
	case found && !twin.Ended() && phase == inTime:
		log.InfoContext(ctx, "failed, but its twin runs", "state", task.State, "twin", twin.ID)
		return false
	}
	if found {
		log.InfoContext(ctx, "came second", "state", task.State, "twin", twin.ID, "reason",
			"another task exports the image to this AMI name")
		return true
	}
	document := h.endedDocument(item.Trigger, *item.Watch, task)
	log.ErrorContext(ctx, "failed", "state", task.State, "code", document.Error.Code, "reason", document.Error.Message)
	return h.deliver(ctx, item.Trigger, document) == nil
}
