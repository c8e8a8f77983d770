package export

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"

	"appstream-ami-exporter/internal/tags"
)

// start calls CreateExportImageTask, once: it has no client token, so a repetition could make a second
// task. The SDK's retryer is off for it, which would repeat even LimitExceededException.
func (r *run) start(ctx context.Context, c *candidate) (Task, *Refusal) {
	copied := c.tags
	if !r.order.CopyTags {
		copied = nil
	}
	own := r.order.ownTags(r.Stack, c.image, c.imageARN, c.AMIName)
	merged, dropped := amiTags(own, r.order.RequestTags, r.order.StackTags, copied)
	if len(dropped) > 0 {
		r.Warn(ctx, "the AMI has no room for all the tags, some are left out",
			"imageName", c.ImageName, "amiName", c.AMIName, "left", dropped)
	}
	input := &appstream.CreateExportImageTaskInput{
		ImageName:         aws.String(c.ImageName),
		AmiName:           aws.String(c.AMIName),
		IamRoleArn:        aws.String(r.RoleARN),
		TagSpecifications: merged,
	}
	if description := r.order.Description.description(r.order.values(c.image, r.Place)); description != "" {
		input.AmiDescription = aws.String(description)
	}
	reply, err := r.AppStream.CreateExportImageTask(ctx, input, func(o *appstream.Options) { o.RetryMaxAttempts = 1 })
	if err != nil {
		return Task{}, classify(err, r.RoleARN)
	}
	if reply.ExportImageTask == nil || aws.ToString(reply.ExportImageTask.TaskId) == "" {
		return Task{}, &Refusal{kind: ambiguous, Message: "AppStream's answer to CreateExportImageTask names no task"}
	}
	task := toTask(*reply.ExportImageTask)
	if task.Tags == nil {
		task.Tags = maps.Clone(merged)
	}
	return task, nil
}

// failedStart is a start that AppStream refused, or that nobody knows of whether it was done.
type failedStart struct {
	Decision
	refusal *Refusal
	tags    map[string]string // of the image
}

// conclude looks up, once for all, what became of the starts that failed: a task may be there all the same, its
// answer lost, or a twin was faster. The same look tells how many exports run where there was no room for more.
func (r *run) conclude(ctx context.Context) Findings {
	findings := Findings{Running: r.history.running + r.started, Limit: r.order.Limit}
	if findings.Limit < r.history.running {
		findings.Limit = 0 // more ran than it allows, so it was raised
	}
	var now *history
	var err error
	if slices.ContainsFunc(r.unsure, failedStart.needsLook) {
		if now, err = r.readHistory(ctx, r.order.Trigger, r.order.Only); err == nil {
			findings.Running = now.running
		}
	}
	if slices.ContainsFunc(r.unsure, failedStart.noRoom) {
		findings.Limit = findings.Running
	}
	inParallel(r.unsure, func(failed failedStart) { r.report(r.becameOf(failed, now, err)) })
	return findings
}

// needsLook tells whether the tasks say more about it. After a throttle they do not: nothing was made, and no limit was reached.
func (f failedStart) needsLook() bool { return f.refusal.kind != limited || f.noRoom() }

// noRoom tells whether it was refused since as many exports run as AppStream allows.
func (f failedStart) noRoom() bool { return f.refusal.Code == limitExceeded }

func (f failedStart) awaits() Awaited {
	if f.noRoom() {
		return Room
	}
	return Calm
}

// becameOf is the decision about a start that failed, by the tasks that are there now.
func (r *run) becameOf(failed failedStart, now *history, readErr error) Decision {
	d := failed.Decision
	if failed.refusal.kind == limited {
		d.Action, d.Reason, d.Awaits = Wait, failed.refusal.Error(), failed.awaits() // a limit refuses before anything is made
		return d
	}
	d.Awaits = Calm
	if readErr != nil {
		d.Action = Wait
		d.Reason = fmt.Sprintf("the start failed (%s), and it cannot be seen whether it did", failed.refusal)
		return d
	}
	imageARN := r.Place.ImageARN(d.ImageName)
	if own := now.own[imageARN]; own != nil {
		d.Task, d.TaskID, d.AMIName = own, own.ID, own.AMIName
		d.Reason = "adopted after: " + failed.refusal.Error()
		return d
	}
	live := now.byAMIName[d.AMIName].live
	if live != nil && live.imageARN == imageARN && live.untagged {
		// AppStream does not tell whose it is. It was not there before this run, so this start made it; should it have been
		// another one's, it is told twice under the same id.
		d.Task, d.TaskID = &Task{
			ID: live.id, ImageARN: imageARN, AMIName: d.AMIName, AMIID: live.amiID, Created: live.created, State: StateExporting,
		}, live.id
		d.Reason = "adopted after: " + failed.refusal.Error()
		return d
	}
	if live != nil && live.imageARN == imageARN {
		d.Action, d.Reason, d.TaskID = Skip, InProgress, live.id
		if live.completed {
			d.Reason = AlreadyExported
		}
		return d
	}
	if failed.refusal.Temporary() {
		d.Action, d.Reason = Wait, failed.refusal.Error()
		return d
	}
	d = rejected(d, "AppStream refused", failed.refusal)
	d.Repeated = !r.order.named(d.ImageName) && r.order.rejectionOf(d).repeats(failed.tags[tags.Rejected])
	return d
}

func rejected(d Decision, what string, refusal *Refusal) Decision {
	d.Action, d.Reason = Reject, what+": "+refusal.Error()
	d.Code, d.Message, d.Hint = refusal.Code, refusal.Message, refusal.Hint
	return d
}
