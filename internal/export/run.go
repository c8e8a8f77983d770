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
	Stack     string // whose exports these are, <stack name>@<Region>; empty where the environment is older than the code
	RoleARN   string // the role with which AppStream makes the AMI
	Now       func() time.Time
	Warn      func(ctx context.Context, message string, args ...any) // slog's signature
}

// Run plans the order and starts what can be started, and reports what became of each image: report is
// called once for each, from several goroutines at once. Its error means that AppStream could not be read,
// that nothing was started and that report was not called. When ctx ends, what is not started yet waits.
func (e *Exporter) Run(ctx context.Context, order Order, report func(Decision)) (Findings, error) {
	if order.Only != nil {
		return e.runRest(ctx, order, report)
	}
	read, err := e.readAppStream(ctx, order)
	if err != nil {
		return Findings{}, err
	}
	r := newRun(e, &order, read.history, report)
	var decisions []Decision
	for _, name := range order.unseenImages(read, e.Place) {
		decisions = append(decisions, r.decideUnseen(name))
	}
	r.carryOut(ctx, read, decisions)
	findings := r.conclude(ctx)
	r.heal(ctx, r.unmarked)
	return findings, nil
}

// halt is why nothing more is started in a run; none while there is no reason.
type halt struct {
	reason string
	awaits Awaited
}

// run is what the images of one order share while they are started.
type run struct {
	*Exporter
	order   *Order
	history *history // as it was before the first start
	report  func(Decision)
	first   gate // of the starts

	mutex   sync.Mutex
	started int
	halt    halt
	unsure  []failedStart // for one look-up together

	unmarked []*candidate // perhaps
}

func newRun(e *Exporter, order *Order, history *history, report func(Decision)) *run {
	r := &run{Exporter: e, order: order, history: history}
	r.report = report
	// Where exports run already there may be no room: then one start tells it, and eight need not be tried in vain.
	if history.running > 0 {
		r.first = newGate()
	}
	return r
}

// carryOut does what has been decided, decides about the images, and starts what is to be exported.
func (r *run) carryOut(ctx context.Context, read snapshot, decisions []Decision) {
	var announcements []Decision // side by side, since telling them may take its time
	var candidates []*candidate
	deliver := func(d Decision) {
		if d.Action == Announce || d.Action == Reject {
			announcements = append(announcements, d)
			return
		}
		r.report(d)
	}
	for _, d := range decisions {
		deliver(d)
	}
	now := r.Now()
	for _, image := range read.images {
		c := newCandidate(r.order, r.Place, r.history, image, read.tags[image.Name], now)
		if made := c.decide(); !made || c.Action == Export {
			candidates = append(candidates, c)
			continue
		}
		if c.mayLackItsMark(r.Now()) {
			r.unmarked = append(r.unmarked, c)
		}
		deliver(c.Decision)
	}
	inParallel(announcements, r.report)
	inParallel(candidates, func(c *candidate) { r.startOne(ctx, c) })
}

func (r *run) decideUnseen(name string) Decision {
	return r.order.decideUnseen(name, r.history, r.Place, r.Now())
}

// startOne decides about an image whose decision hangs on its tags, and starts its export where that is the decision. Where
// nothing more can be started the tags are still looked at, unless a backlog waits: what needs no export does not wait for one.
func (r *run) startOne(ctx context.Context, c *candidate) {
	if halt := r.halted(ctx); c.tags == nil && halt.reason != "" && r.history.backlog {
		// An earlier run waits for room with the same images: their tags would be read each night until it is their turn.
		c.Unread = true
		r.wait(c, halt.awaits, halt.reason)
		return
	}
	if c.tags == nil && !r.readTagsFor(ctx, c) {
		return
	}
	if c.Action != Export || r.order.DryRun {
		r.report(c.Decision)
		return
	}
	if r.tryStart(ctx, c) {
		r.report(c.Decision)
	}
}

// tryStart starts an export when the gate lets it through, and tells whether there is a decision to report
// now.
func (r *run) tryStart(ctx context.Context, c *candidate) bool {
	defer r.first.pass()()
	if halt := r.halted(ctx); halt.reason != "" {
		c.Awaits = halt.awaits
		return c.because(Wait, halt.reason) == decided
	}
	task, refusal := r.start(ctx, c)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if refusal != nil {
		r.keep(failedStart{c.Decision, refusal, c.tags})
		return false
	}
	r.started++
	c.Task, c.TaskID = &task, task.ID
	return true
}

// readTagsFor reads the tags on which the decision hangs, and makes it. Where they cannot be read it reports what becomes of the
// image then, and returns false.
func (r *run) readTagsFor(ctx context.Context, c *candidate) bool {
	if ctx.Err() != nil {
		r.wait(c, Room, noTime)
		return false
	}
	read, err := r.readTags(ctx, c.image.Name)
	if err == nil {
		c.tags = read
		c.decide()
		return true
	}
	refusal, isRefusal := errors.AsType[*Refusal](err)
	switch {
	case isNotFound(err):
		r.report(r.decideUnseen(c.image.Name))
	case isRefusal && refusal.Temporary():
		r.wait(c, Calm, "its tags cannot be read: "+err.Error())
	case r.history.own[c.imageARN] != nil:
		r.report(announceOwn(c.image.Name, r.history.own[c.imageARN])) // it needs no tags to be told
	default:
		r.report(rejected(Decision{ImageName: c.image.Name}, "its tags cannot be read", refusal))
	}
	return false
}

func (r *run) wait(c *candidate, awaits Awaited, reason string) {
	c.Awaits = awaits
	c.because(Wait, reason)
	r.report(c.Decision)
}

const noTime = "no time left in this run"

// halted says why nothing more may be started, or nothing.
func (r *run) halted(ctx context.Context) halt {
	if ctx.Err() != nil {
		return halt{noTime, Room}
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.halt
}

// keep keeps a start that failed for the look-up at the end. The caller holds the mutex.
func (r *run) keep(failed failedStart) {
	if failed.refusal.kind == limited {
		r.halt = halt{failed.refusal.Error(), failed.awaits()}
	}
	r.unsure = append(r.unsure, failed)
}
