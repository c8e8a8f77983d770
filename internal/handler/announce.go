package handler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/metrics"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/trigger"
	"appstream-ami-exporter/internal/work"
)

// announceStart tells that an export has started and then queues the watch on its task. An error means that one of the two
// is not done and what led here has to come again. It is in this order, since a watch ends with the mark by which the trigger
// knows that all was told: were the watch there first and this process killed, a quick export would never be told to have
// started.
func (h *Handler) announceStart(ctx context.Context, t trigger.Trigger, imageName string, task types.ExportImageTask, chosen bool) error {
	now := h.Now()
	item := work.Item{
		Trigger:  t,
		Since:    now,
		Deadline: now.Add(h.Config.ExportDeadline),
		Watch: &work.Watch{
			TaskID:    aws.ToString(task.TaskId),
			ImageARN:  aws.ToString(task.ImageArn),
			AMIName:   aws.ToString(task.AmiName),
			ImageName: imageName,
			Created:   aws.ToTime(task.CreatedDate),
			Chosen:    chosen,
		},
	}
	err := h.tell(ctx, t, h.started(t, imageName, task))
	if err == nil {
		err = h.Queue.Send(ctx, item, item.Delay(now))
	}
	if err != nil {
		return fmt.Errorf("task %s exports %s, and nobody follows it: %w", item.Watch.TaskID, imageName, err)
	}
	return nil
}

// counted is the metric of each change that is told.
var counted = map[notify.Type]metrics.Name{
	notify.ExportStarted:   metrics.ExportsStarted,
	notify.ExportCompleted: metrics.ExportsCompleted,
	notify.ExportFailed:    metrics.ExportsFailed,
	notify.ExportRejected:  metrics.ExportsRejected,
	notify.ExportGivenUp:   metrics.ExportsGivenUp,
}

// publishLimit bounds the attempts to publish one notification: where SNS hangs, the others must not wait for it long. Nor
// may it take more than half of what is left of the invocation: the rest is for queueing what SNS does not take.
const publishLimit = 10 * time.Second

// tell publishes a notification. What SNS does not take now waits in the queue, since a trigger is delivered again for
// some minutes only.
func (h *Handler) tell(ctx context.Context, t trigger.Trigger, document notify.Document) error {
	h.Metrics.Count(counted[document.Type], 1)
	if document.DurationSeconds != nil {
		h.Metrics.Measure(metrics.ExportDuration, time.Duration(*document.DurationSeconds)*time.Second)
	}
	limit := publishLimit
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/2)
	}
	inTime, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	published := h.Topic.Publish(inTime, document)
	if published == nil {
		h.Log.InfoContext(ctx, "published", "id", document.ID, "type", string(document.Type), "imageName", document.ImageName, "triggerId", t.ID)
		return nil
	}
	h.Log.ErrorContext(ctx, "publishing failed, the notification waits in the queue", "id", document.ID, "type", string(document.Type),
		"imageName", document.ImageName, "triggerId", t.ID, "error", published.Error())
	now := h.Now()
	item := work.Item{Trigger: t, Since: now, Deadline: now.Add(h.Config.WaitDeadline), Notice: &document}
	if err := h.Queue.Send(ctx, item, item.Delay(now)); err != nil {
		return errors.Join(published, err)
	}
	return nil
}

// document is what all notifications have in common.
func (h *Handler) document(kind notify.Type, t trigger.Trigger, imageName, id, summary string) notify.Document {
	return notify.Document{
		Summary:       summary,
		SchemaVersion: notify.SchemaVersion,
		ID:            id,
		Type:          kind,
		Time:          h.Now().UTC().Truncate(time.Second),
		Account:       h.Config.Place.Account,
		Region:        h.Config.Place.Region,
		ImageName:     imageName,
		Trigger:       notify.Trigger{Type: string(t.Type), ID: t.ID, Time: t.Time},
	}
}

// started always has the id of a task that is EXPORTING, also when it is told late: the end has an id of its own.
func (h *Handler) started(t trigger.Trigger, imageName string, task types.ExportImageTask) notify.Document {
	told := notify.TaskOf(task)
	summary := fmt.Sprintf("Export of %s to the AMI %s has started", imageName, told.AMIName)
	document := h.document(notify.ExportStarted, t, imageName, told.TaskID+":"+string(types.ExportImageTaskStateExporting), summary)
	document.Task = &told
	return document
}

func (h *Handler) rejected(t trigger.Trigger, d export.Decision) notify.Document {
	summary := fmt.Sprintf("Export of %s was not started: %s", d.ImageName, d.Reason)
	document := h.document(notify.ExportRejected, t, d.ImageName, notify.IDWithoutTask(t.ID, d.ImageName, "REJECTED"), summary)
	document.AMIName = d.AMIName
	document.Error = &notify.Error{Code: d.Code, Message: d.Message, Hint: d.Hint}
	if d.Code == "" {
		document.Error.Code, document.Error.Message = "NotExportable", d.Reason
	}
	return document
}

// ended tells the end of a task: COMPLETED, FAILED or TIMED_OUT.
func (h *Handler) ended(t trigger.Trigger, watch work.Watch, task types.ExportImageTask) notify.Document {
	imageName := watch.ImageName
	told := notify.TaskOf(task)
	age := export.Age(task, h.Now())
	kind, summary := notify.ExportCompleted, fmt.Sprintf("Export of %s completed: %s (%s) after %s", imageName, cmp.Or(told.AMIID, "AMI"), told.AMIName, short(age))
	if task.State != types.ExportImageTaskStateCompleted {
		kind, summary = notify.ExportFailed, fmt.Sprintf("Export of %s to the AMI %s ended %s after %s", imageName, told.AMIName, told.State, short(age))
	}
	document := h.document(kind, t, imageName, told.TaskID+":"+told.State, summary)
	document.Task = &told
	seconds := int64(age.Seconds())
	document.DurationSeconds = &seconds
	if told.AMIID != "" {
		document.Links = notify.ConsoleLinks(h.Config.Place.Partition, h.Config.Place.Region, told.AMIID)
	}
	if kind == notify.ExportFailed {
		document.Error = failure(told, watch.Chosen)
	}
	return document
}

// failure puts AppStream's reasons into one sentence. Their codes are not documented but for EC2's own. Where a request chose
// the AMI's name, no nightly run makes that AMI.
func failure(task notify.Task, chosen bool) *notify.Error {
	failure := &notify.Error{
		Code:    task.State,
		Message: "AppStream gives no reason",
		Hint:    "A nightly run that selects the image tries again; after three failures it leaves the image alone until somebody requests it by name.",
	}
	if chosen {
		failure.Hint = "Request it again: nightly runs give AMIs the names of the stack's own template, not the requested one."
	}
	for i, detail := range task.ErrorDetails {
		if i == 0 {
			failure.Code, failure.Message = detail.ErrorCode, detail.ErrorMessage
			continue
		}
		failure.Message += "; " + detail.ErrorCode + ": " + detail.ErrorMessage
	}
	if failure.Code == "" {
		failure.Code = task.State
	}
	if failure.Code == "InvalidAMIName.Duplicate" {
		failure.Hint = "An AMI of that name exists already. If it is not the export of this image, deregister it or choose another AMI name template."
	}
	return failure
}

// watchGivenUp tells that a task has not ended before its deadline.
func (h *Handler) watchGivenUp(t trigger.Trigger, watch work.Watch, task types.ExportImageTask, why string) notify.Document {
	told := notify.TaskOf(task)
	age := export.Age(task, h.Now())
	summary := fmt.Sprintf("Export of %s to the AMI %s is no longer followed after %s: %s", watch.ImageName, watch.AMIName, short(age), why)
	document := h.document(notify.ExportGivenUp, t, watch.ImageName, watch.TaskID+":GIVEN_UP", summary)
	document.Task = &told
	document.Error = &notify.Error{
		Code:    "DeadlinePassed",
		Message: fmt.Sprintf("%s; followed for %s", why, short(age)),
		Hint:    "See how it stands with: aws appstream get-export-image-task --task-id " + watch.TaskID + ". If it hangs, ask AWS Support; the image itself is untouched.",
	}
	return document
}

// requestGivenUp tells that an image could not be started before the deadline.
func (h *Handler) requestGivenUp(item work.Item, imageName, amiName, why string) notify.Document {
	waited := short(max(0, h.Now().Sub(item.Since)))
	summary := fmt.Sprintf("Export of %s was not started within %s: %s", imageName, waited, why)
	if imageName == allImages {
		summary = fmt.Sprintf("A run for all selected images could not begin within %s: %s", waited, why)
	}
	document := h.document(notify.ExportGivenUp, item.Trigger, imageName, notify.IDWithoutTask(item.Trigger.ID, imageName, "GIVEN_UP"), summary)
	document.AMIName = amiName
	document.Error = &notify.Error{
		Code:    "DeadlinePassed",
		Message: fmt.Sprintf("waited for %s: %s", waited, why),
		Hint:    "When the cause is mended, request the image by name, or leave it to a nightly run that selects it.",
	}
	if item.Request.Spec.CustomAMIName() {
		document.Error.Hint = "When the cause is mended, request it again."
	}
	return document
}

// allImages stands in a notification for the images of a run that could not even be planned.
const allImages = "*"

// unmarked tells with a completed export that its image could not be marked.
func unmarked(refusal *export.Refusal) *notify.Error {
	return &notify.Error{
		Code:    "NotMarked",
		Message: "The AMI is complete, but the image could not be marked as exported: " + refusal.Error(),
		Hint:    refusal.Hint + " Until it is marked, a sweep could export it again once AppStream has forgotten this task.",
	}
}
