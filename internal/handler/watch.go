package handler

import (
	"cmp"
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/tags"
	"appstream-ami-exporter/internal/work"
)

// watch looks how a task stands; one call while it runs.
func (h *Handler) watch(ctx context.Context, item work.Item, left patience) (done bool) {
	looking, cancel := working(ctx)
	defer cancel()
	watch := *item.Watch
	log := h.Log.With("imageName", watch.ImageName, "amiName", watch.AMIName, "taskId", watch.TaskID, "triggerId", item.Trigger.ID)

	task, err := h.Exporter.Task(looking, watch.TaskID)
	if err != nil {
		task = types.ExportImageTask{}
	}
	complete(&task, watch)
	switch {
	case err != nil && !left.hopeless(err):
		log.WarnContext(ctx, "the task cannot be seen", "reason", err.Error())
		return false
	case err != nil:
		log.ErrorContext(ctx, "given up", "reason", err.Error())
		return h.tell(ctx, item.Trigger, h.watchGivenUp(item.Trigger, watch, task, "AppStream does not tell how the task stands ("+err.Error()+")")) == nil
	case !export.Ended(task.State) && left == plenty:
		log.InfoContext(ctx, "still running", "state", string(task.State), "age", short(export.Age(task, h.Now())))
		return false
	case !export.Ended(task.State):
		log.ErrorContext(ctx, "given up", "reason", "the task has not ended before the deadline")
		return h.tell(ctx, item.Trigger, h.watchGivenUp(item.Trigger, watch, task, "the task is still "+cmp.Or(string(task.State), "in a state that AppStream does not tell"))) == nil
	case task.State == types.ExportImageTaskStateCompleted:
		return h.completed(ctx, item, task, left)
	}
	return h.failed(ctx, item, task, left)
}

// complete fills in what AppStream left out or could not be asked for.
func complete(task *types.ExportImageTask, watch work.Watch) {
	fill := func(field **string, value string) {
		if aws.ToString(*field) == "" {
			*field = aws.String(value)
		}
	}
	fill(&task.TaskId, watch.TaskID)
	fill(&task.ImageArn, watch.ImageARN)
	fill(&task.AmiName, watch.AMIName)
	if task.CreatedDate == nil && !watch.Created.IsZero() {
		task.CreatedDate = &watch.Created
	}
}

// completed marks the image, so that no later sweep exports it again, and tells of the AMI. The AMI is there whether or not
// the mark can be set, so the telling does not wait for it: the mark is then set later.
func (h *Handler) completed(ctx context.Context, item work.Item, task types.ExportImageTask, left patience) (done bool) {
	log := h.Log.With("imageName", item.Watch.ImageName, "amiName", *task.AmiName, "taskId", *task.TaskId, "triggerId", item.Trigger.ID)
	document := h.ended(item.Trigger, *item.Watch, task)
	marking, cancel := working(ctx)
	defer cancel()
	marked, markErr := h.Exporter.Mark(marking, task, item.Watch.Chosen)
	log.InfoContext(ctx, "completed", "amiId", aws.ToString(task.AmiId), "marked", marked)
	if markErr != nil {
		log.ErrorContext(ctx, "the image cannot be marked as exported", "error", markErr.Error())
		if refusal, ok := errors.AsType[*export.Refusal](markErr); ok && (!refusal.Passing() || left == gone) {
			document.Error = unmarked(refusal)
		}
	}
	if !item.Watch.Told {
		if err := h.tell(ctx, item.Trigger, document); err != nil {
			return false
		}
	}
	switch {
	case markErr == nil || left.hopeless(markErr):
		return true
	case item.Watch.Told:
		return false
	}
	told := *item.Watch
	told.Told = true
	item.Watch = &told
	if err := h.Queue.Send(ctx, item, item.Delay(h.Now())); err != nil {
		log.ErrorContext(ctx, "the watch comes again to mark the image", "error", err.Error())
		return false
	}
	return true
}

// failed tells that a task failed or timed out, unless a twin of it completes: then the image is exported, and this task only
// came second. A twin that the same trigger started may be one that nobody was told of and nobody follows, if the process
// that started it was killed; so it is told and followed here.
func (h *Handler) failed(ctx context.Context, item work.Item, task types.ExportImageTask, left patience) (done bool) {
	log := h.Log.With("imageName", item.Watch.ImageName, "amiName", *task.AmiName, "taskId", *task.TaskId, "triggerId", item.Trigger.ID)
	looking, cancel := working(ctx)
	defer cancel()
	twin, found, err := h.Exporter.Twin(looking, task)
	switch {
	case err != nil && !left.hopeless(err):
		log.WarnContext(ctx, "the task failed, and it cannot be seen whether it has a twin", "reason", err.Error())
		return false
	case found && twin.TagSpecifications[tags.TriggerID] == item.Trigger.ID:
		if err := h.announceStart(ctx, item.Trigger, item.Watch.ImageName, twin, item.Watch.Chosen); err != nil {
			log.ErrorContext(ctx, "the watch comes again to follow the task's twin", "twin", aws.ToString(twin.TaskId), "error", err.Error())
			return false
		}
	case found && !export.Ended(twin.State) && left == plenty:
		log.InfoContext(ctx, "failed, but its twin runs", "state", string(task.State), "twin", aws.ToString(twin.TaskId))
		return false
	}
	if found {
		log.InfoContext(ctx, "came second", "state", string(task.State), "twin", aws.ToString(twin.TaskId), "reason", "another task exports the image to this AMI name")
		return true
	}
	document := h.ended(item.Trigger, *item.Watch, task)
	log.ErrorContext(ctx, "failed", "state", string(task.State), "code", document.Error.Code, "reason", document.Error.Message)
	return h.tell(ctx, item.Trigger, document) == nil
}
