package handler

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/trigger"
	"appstream-ami-exporter/internal/work"
)

// newDocument is what all notifications have in common.
func (h *Handler) newDocument(kind notify.Type, t trigger.Trigger, imageName, id, summary string) notify.Document {
	return notify.Document{
		Summary:       summary,
		SchemaVersion: notify.SchemaVersion,
		ID:            id,
		Type:          kind,
		Time:          h.now().UTC().Truncate(time.Second),
		Account:       h.config.Place.Account,
		Region:        h.config.Place.Region,
		ImageName:     imageName,
		Trigger:       notify.Trigger{Type: string(t.Type), ID: t.ID, Time: t.Time},
	}
}

// startedDocument always has the id of a task that is EXPORTING, also when it is told late: the end has an id of its own.
func (h *Handler) startedDocument(t trigger.Trigger, imageName string, task export.Task) notify.Document {
	reported := taskDocument(task)
	summary := fmt.Sprintf("Export of %s to the AMI %s has started", imageName, reported.AMIName)
	document := h.newDocument(notify.ExportStarted, t, imageName, reported.TaskID+":"+export.StateExporting, summary)
	document.Task = &reported
	return document
}

func (h *Handler) rejectedDocument(t trigger.Trigger, d export.Decision) notify.Document {
	summary := fmt.Sprintf("Export of %s was not started: %s", d.ImageName, d.Reason)
	document := h.newDocument(notify.ExportRejected, t, d.ImageName, notify.IDWithoutTask(t.ID, d.ImageName, "REJECTED"), summary)
	document.AMIName = d.AMIName
	document.Error = &notify.Error{Code: d.Code, Message: d.Message, Hint: d.Hint}
	if d.Code == "" {
		document.Error.Code, document.Error.Message = "NotExportable", d.Reason
	}
	return document
}

// endedDocument tells the end of a task: COMPLETED, FAILED or TIMED_OUT.
func (h *Handler) endedDocument(t trigger.Trigger, watch work.Watch, task export.Task) notify.Document {
	imageName := watch.ImageName
	reported := taskDocument(task)
	age := task.Age(h.now())
	kind, summary := notify.ExportCompleted, fmt.Sprintf("Export of %s completed: %s (%s) after %s", imageName,
		cmp.Or(reported.AMIID, "AMI"), reported.AMIName, formatDuration(age))
	if !task.Completed() {
		kind, summary = notify.ExportFailed, fmt.Sprintf("Export of %s to the AMI %s ended %s after %s", imageName, reported.AMIName,
			reported.State, formatDuration(age))
	}
	document := h.newDocument(kind, t, imageName, reported.TaskID+":"+reported.State, summary)
	document.Task = &reported
	seconds := int64(age.Seconds())
	document.DurationSeconds = &seconds
	if reported.AMIID != "" {
		document.Links = notify.ConsoleLinks(h.config.Place.Partition, h.config.Place.Region, reported.AMIID)
	}
	if kind == notify.ExportFailed {
		document.Error = failureOf(task, watch.CustomAMIName)
	}
	return document
}

// failureOf puts AppStream's reasons into one sentence. Where a request chose the AMI's name, no nightly run makes that AMI.
func failureOf(task export.Task, customAMIName bool) *notify.Error {
	code, message, hint := task.Failure()
	switch {
	case hint != "":
	case customAMIName:
		hint = "Request it again: nightly runs give AMIs the names of the stack's own template, not the requested one."
	default:
		hint = "A nightly run that selects the image tries again; after three failures it leaves the image alone until somebody requests " +
			"it by name."
	}
	return &notify.Error{Code: code, Message: message, Hint: hint}
}

// watchGivenUpDocument tells that a task has not ended before its deadline.
func (h *Handler) watchGivenUpDocument(t trigger.Trigger, watch work.Watch, task export.Task, why string) notify.Document {
	reported := taskDocument(task)
	age := task.Age(h.now())
	summary := fmt.Sprintf("Export of %s to the AMI %s is no longer followed after %s: %s", watch.ImageName, watch.AMIName,
		formatDuration(age), why)
	document := h.newDocument(notify.ExportGivenUp, t, watch.ImageName, watch.TaskID+":GIVEN_UP", summary)
	document.Task = &reported
	document.Error = &notify.Error{
		Code:    "DeadlinePassed",
		Message: fmt.Sprintf("%s; followed for %s", why, formatDuration(age)),
		Hint: "See how it stands with: aws appstream get-export-image-task --task-id " + watch.TaskID +
			". If it hangs, ask AWS Support; the image itself is untouched.",
	}
	return document
}

// requestGivenUpDocument tells that an image could not be started before the deadline.
func (h *Handler) requestGivenUpDocument(item work.Item, imageName, amiName, why string) notify.Document {
	waited := formatDuration(max(0, h.now().Sub(item.Since)))
	summary := fmt.Sprintf("Export of %s was not started within %s: %s", imageName, waited, why)
	if imageName == allImages {
		summary = fmt.Sprintf("A run for all selected images could not begin within %s: %s", waited, why)
	}
	document := h.newDocument(notify.ExportGivenUp, item.Trigger, imageName, notify.IDWithoutTask(item.Trigger.ID, imageName, "GIVEN_UP"),
		summary)
	document.AMIName = amiName
	document.Error = &notify.Error{
		Code:    "DeadlinePassed",
		Message: fmt.Sprintf("waited for %s: %s", waited, why),
		Hint:    "When the cause is mended, request the image by name, or leave it to a nightly run that selects it.",
	}
	if item.Request.Spec.CustomAMIName() {
		document.Error.Hint = "When the cause is mended, request it again."
	}
	if imageName == allImages {
		document.Error.Hint += " Should a process have died after it had started exports for this run, nobody follows them: " +
			"aws appstream list-export-image-tasks shows them."
	}
	return document
}

// namedInSweep is how many images are named in the news of a run that was given up: a mail about a thousand should not name all.
const namedInSweep = 20

// sweepGivenUpDocument tells that images of a scheduled run could not be started before the deadline, and that no later run is seen
// to carry them. Should there be several messages, each begins with another image.
func (h *Handler) sweepGivenUpDocument(item work.Item, names []string, why string) notify.Document {
	waited := formatDuration(max(0, h.now().Sub(item.Since)))
	summary := fmt.Sprintf("%d images of a scheduled run could not be started within %s: %s", len(names), waited, why)
	id := notify.IDWithoutTask(item.Trigger.ID, allImages+" "+names[0], "GIVEN_UP")
	document := h.newDocument(notify.ExportGivenUp, item.Trigger, allImages, id, summary)
	list := strings.Join(names[:min(len(names), namedInSweep)], ", ")
	if more := len(names) - namedInSweep; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	document.Error = &notify.Error{
		Code:    "DeadlinePassed",
		Message: fmt.Sprintf("waited for %s: %s; not started: %s", waited, why, list),
		Hint: "No later run of the schedule is seen to carry them. If the schedule is on, the next run does; otherwise request the " +
			"images. " +
			"If exports wait for room every night, ask AWS Support for a higher limit or raise WaitDeadlineHours.",
	}
	return document
}

// allImages stands in a notification for the images of a run.
const allImages = "*"

// duplicateAMI is the code of the error that a completed export has where another one has made a second AMI of its name.
const duplicateAMI = "DuplicateAmi"

// duplicateError tells with the later of two completed exports that there are two AMIs of one name. Where both have completed between
// two looks it is told with both.
func duplicateError(task, duplicate export.Task) *notify.Error {
	return &notify.Error{
		Code: duplicateAMI,
		Message: fmt.Sprintf("Two AMIs of this image have the name %s: %s, made by the task %s, and %s, made by the task %s",
			task.AMIName, task.AMIID, task.ID, duplicate.AMIID, duplicate.ID),
		Hint: "Both are complete and made of the same image. See which one is in use, and deregister the other one with its snapshots, " +
			"which cost as much again.",
	}
}

// unmarkedError tells with a completed export that its image could not be marked.
func unmarkedError(refusal *export.Refusal) *notify.Error {
	return &notify.Error{
		Code:    "NotMarked",
		Message: "The AMI is complete, but the image could not be marked as exported: " + refusal.Error(),
		Hint:    refusal.Hint + " Until it is marked, a sweep could export it again once AppStream has forgotten this task.",
	}
}

// taskDocument is the task as notifications show it.
func taskDocument(task export.Task) notify.Task {
	document := notify.Task{
		TaskID:            task.ID,
		ImageARN:          task.ImageARN,
		AMIName:           task.AMIName,
		AMIDescription:    task.Description,
		State:             task.State,
		AMIID:             task.AMIID,
		TagSpecifications: task.Tags,
	}
	if !task.Created.IsZero() {
		created := task.Created.UTC()
		document.CreatedDate = &created
	}
	for _, reason := range task.Errors {
		document.ErrorDetails = append(document.ErrorDetails, notify.ErrorDetail{ErrorCode: reason.Code, ErrorMessage: reason.Message})
	}
	return document
}
