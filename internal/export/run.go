package export

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
)

// Exporter does with AppStream what orders ask for. All fields are required.
type Exporter struct {
	AppStream AppStream
	Place     Place
	RoleARN   string // the role with which AppStream makes the AMI
	Now       func() time.Time
	Warn      func(ctx context.Context, message string, args ...any) // slog's signature
}

// Run plans the order and starts what can be started, and hands over what became of each image: settle is
// called once for each, from several goroutines at once. Its error means that AppStream could not be read,
// that nothing was started and that settle was not called. When ctx ends, what is not started yet waits.
func (e *Exporter) Run(ctx context.Context, order Order, settle func(Decision)) error {
	seen, err := e.look(ctx, order)
	if err != nil {
		return err
	}
	var told []Decision // to be told: side by side, since that may take its time
	var undecided []Image
	sort := func(d Decision) {
		if d.Action == Announce || d.Action == Reject {
			told = append(told, d)
			return
		}
		settle(d)
	}
	for _, name := range order.absentees(seen, e.Place) {
		sort(order.absent(name, seen.past, e.Place, e.Now()))
	}
	for _, image := range seen.images {
		d := order.decide(image, seen.past, seen.tags[image.Name], e.Place)
		if d.Action == needTags || d.Action == Export {
			undecided = append(undecided, image)
			continue
		}
		sort(d)
	}
	inParallel(told, settle)
	run := &run{Exporter: e, order: order, seen: seen, settle: settle}
	inParallel(undecided, func(image Image) { run.one(ctx, image) })
	run.resolve(ctx)
	return nil
}

// run is what the images of one order share while they are started.
type run struct {
	*Exporter
	order  Order
	seen   sight
	settle func(Decision)

	mutex  sync.Mutex
	halt   string  // why nothing more is started in this run
	unsure []tried // starts that failed, for one look-up together
}

type tried struct {
	Decision
	refusal *Refusal
}

// one decides about an image whose decision hangs on its tags, and starts its export where that is the decision. Where
// nothing more can be started the tags are still looked at: what needs no export does not wait for one.
func (r *run) one(ctx context.Context, image Image) {
	tags := r.seen.tags[image.Name]
	wait := func(reason string) {
		d := r.order.decide(image, r.seen.past, tags, r.Place)
		d.Action, d.Reason = Wait, reason
		r.settle(d)
	}
	if tags == nil {
		if ctx.Err() != nil {
			wait(noTime)
			return
		}
		var err error
		if tags, err = r.tags(ctx, image.Name); err != nil {
			refusal, _ := errors.AsType[*Refusal](err)
			switch {
			case refusal.kind == gone:
				r.settle(r.order.absent(image.Name, r.seen.past, r.Place, r.Now()))
			case refusal.Passing():
				wait("its tags cannot be read: " + err.Error())
			default:
				d := reject(Decision{ImageName: image.Name}, "its tags cannot be read", refusal)
				if started := r.order.decide(image, r.seen.past, map[string]string{}, r.Place); started.Action == Announce {
					d = started // it needs no tags to be told
				}
				r.settle(d)
			}
			return
		}
	}
	d := r.order.decide(image, r.seen.past, tags, r.Place)
	if d.Action != Export || r.order.DryRun {
		r.settle(d)
		return
	}
	if reason := r.halted(ctx); reason != "" {
		d.Action, d.Reason = Wait, reason
		r.settle(d)
		return
	}
	task, refusal := r.start(ctx, image, d, tags)
	if refusal != nil {
		r.failed(d, refusal)
		return
	}
	d.Task, d.TaskID = task, aws.ToString(task.TaskId)
	r.settle(d)
}

const noTime = "no time left in this run"

// halted says why nothing more may be started, or nothing.
func (r *run) halted(ctx context.Context) string {
	if ctx.Err() != nil {
		return noTime
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.halt
}

// start calls CreateExportImageTask, once: it has no client token, so a repetition could make a second
// task. The SDK's retryer is off for it, which would repeat even LimitExceededException.
func (r *run) start(ctx context.Context, image Image, d Decision, tags map[string]string) (*types.ExportImageTask, *Refusal) {
	if !r.order.CopyTags {
		tags = nil
	}
	merged, left := amiTags(tags, r.order.StackTags, r.order.RequestTags, r.order.Trigger, r.Place.ImageARN(image.Name))
	if len(left) > 0 {
		r.Warn(ctx, "the AMI cannot have more than 50 tags, some are left out", "imageName", image.Name, "amiName", d.AMIName, "left", left)
	}
	input := &appstream.CreateExportImageTaskInput{
		ImageName:         aws.String(image.Name),
		AmiName:           aws.String(d.AMIName),
		IamRoleArn:        aws.String(r.RoleARN),
		TagSpecifications: merged,
	}
	if description := r.order.Description.description(r.order.values(image, r.Place)); description != "" {
		input.AmiDescription = aws.String(description)
	}
	reply, err := r.AppStream.CreateExportImageTask(ctx, input, func(o *appstream.Options) { o.RetryMaxAttempts = 1 })
	if err != nil {
		return nil, classify(err, r.RoleARN)
	}
	if reply.ExportImageTask == nil || aws.ToString(reply.ExportImageTask.TaskId) == "" {
		return nil, &Refusal{kind: ambiguous, Message: "AppStream's answer to CreateExportImageTask names no task"}
	}
	task := *reply.ExportImageTask
	if task.TagSpecifications == nil {
		task.TagSpecifications = maps.Clone(merged)
	}
	return &task, nil
}

// failed keeps a start that failed for the look-up at the end.
func (r *run) failed(d Decision, refusal *Refusal) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if refusal.kind == limited {
		r.halt = refusal.Error()
	}
	r.unsure = append(r.unsure, tried{d, refusal})
}

// resolve looks up, once for all, what became of the starts that failed: a task may be there all the same, its
// answer lost, or a twin was faster.
func (r *run) resolve(ctx context.Context) {
	doubtful := func(t tried) bool { return t.refusal.kind != limited }
	var past *history
	var err error
	if slices.ContainsFunc(r.unsure, doubtful) {
		past, err = r.history(ctx, r.order.Trigger)
	}
	for _, t := range r.unsure {
		r.settle(r.outcome(t, past, err))
	}
}

func (r *run) outcome(t tried, past *history, lookErr error) Decision {
	d := t.Decision
	if t.refusal.kind == limited {
		d.Action, d.Reason = Wait, t.refusal.Error() // a quota refuses before anything is made
		return d
	}
	if lookErr != nil {
		d.Action, d.Reason = Wait, fmt.Sprintf("the start failed (%s), and it cannot be seen whether it did", t.refusal)
		return d
	}
	imageARN := r.Place.ImageARN(d.ImageName)
	if own := past.own[imageARN]; own != nil {
		d.Task, d.TaskID, d.AMIName = own, aws.ToString(own.TaskId), aws.ToString(own.AmiName)
		d.Reason = "adopted after: " + t.refusal.Error()
		return d
	}
	if live := past.byAMIName[d.AMIName].live; live != nil && live.imageARN == imageARN {
		d.Action, d.Reason, d.TaskID = Skip, "in progress", live.taskID
		if completed(live.state) {
			d.Reason = "already exported"
		}
		return d
	}
	if t.refusal.Passing() {
		d.Action, d.Reason = Wait, t.refusal.Error()
		return d
	}
	return reject(d, "AppStream refused", t.refusal)
}

func reject(d Decision, what string, refusal *Refusal) Decision {
	d.Action, d.Reason = Reject, what+": "+refusal.Error()
	d.Code, d.Message, d.Hint = refusal.Code, refusal.Message, refusal.Hint
	return d
}
