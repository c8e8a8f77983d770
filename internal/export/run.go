package export

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Exporter does with AppStream what orders ask for. All fields are required.
type Exporter struct {
	AppStream AppStream
	Place     Place
	RoleARN   string // the role with which AppStream makes the AMI
	Now       func() time.Time
	Warn      func(ctx context.Context, message string, args ...any) // slog's signature
}

// Run plans the order and starts what can be started, and reports what became of each image: report is
// called once for each, from several goroutines at once. Its error means that AppStream could not be read,
// that nothing was started and that report was not called. When ctx ends, what is not started yet waits.
func (e *Exporter) Run(ctx context.Context, order Order, report func(Decision)) error {
	read, err := e.readAppStream(ctx, order)
	if err != nil {
		return err
	}
	r := &run{Exporter: e, order: &order, history: read.history, report: report}
	var announcements []Decision // side by side, since telling them may take its time
	var candidates []*candidate
	deliver := func(d Decision) {
		if d.Action == Announce || d.Action == Reject {
			announcements = append(announcements, d)
			return
		}
		report(d)
	}
	for _, name := range order.unseenImages(read, e.Place) {
		deliver(r.decideUnseen(name))
	}
	for _, image := range read.images {
		c := newCandidate(&order, e.Place, read.history, image, read.tags[image.Name])
		if made := c.decide(); !made || c.Action == Export {
			candidates = append(candidates, c)
			continue
		}
		deliver(c.Decision)
	}
	inParallel(announcements, report)
	inParallel(candidates, func(c *candidate) { r.startOne(ctx, c) })
	r.resolve(ctx)
	return nil
}

// run is what the images of one order share while they are started.
type run struct {
	*Exporter
	order   *Order
	history *history
	report  func(Decision)

	mutex  sync.Mutex
	halt   string        // why nothing more is started in this run
	unsure []failedStart // for one look-up together
}

func (r *run) decideUnseen(name string) Decision {
	return r.order.decideUnseen(name, r.history, r.Place, r.Now())
}

// startOne decides about an image whose decision hangs on its tags, and starts its export where that is the decision. Where
// nothing more can be started the tags are still looked at: what needs no export does not wait for one.
func (r *run) startOne(ctx context.Context, c *candidate) {
	if c.tags == nil && !r.readTagsFor(ctx, c) {
		return
	}
	if c.Action != Export || r.order.DryRun {
		r.report(c.Decision)
		return
	}
	if reason := r.halted(ctx); reason != "" {
		r.wait(c, reason)
		return
	}
	task, refusal := r.start(ctx, c)
	if refusal != nil {
		r.keep(failedStart{c.Decision, refusal})
		return
	}
	c.Task, c.TaskID = &task, task.ID
	r.report(c.Decision)
}

// readTagsFor reads the tags on which the decision hangs, and makes it. Where they cannot be read it reports what becomes of the
// image then, and returns false.
func (r *run) readTagsFor(ctx context.Context, c *candidate) bool {
	if ctx.Err() != nil {
		r.wait(c, noTime)
		return false
	}
	read, err := r.readTags(ctx, c.image.Name)
	refusal, isRefusal := errors.AsType[*Refusal](err)
	switch {
	case err == nil:
		c.tags = read
		c.decide()
		return true
	case isNotFound(err):
		r.report(r.decideUnseen(c.image.Name))
	case isRefusal && refusal.Temporary():
		r.wait(c, "its tags cannot be read: "+err.Error())
	case r.history.own[c.imageARN] != nil:
		r.report(announceOwn(c.image.Name, r.history.own[c.imageARN])) // it needs no tags to be told
	default:
		r.report(rejected(Decision{ImageName: c.image.Name}, "its tags cannot be read", refusal))
	}
	return false
}

func (r *run) wait(c *candidate, reason string) {
	c.because(Wait, reason)
	r.report(c.Decision)
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

// keep keeps a start that failed for the look-up at the end.
func (r *run) keep(failed failedStart) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if failed.refusal.kind == limited {
		r.halt = failed.refusal.Error()
	}
	r.unsure = append(r.unsure, failed)
}
