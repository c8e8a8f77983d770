package export

import (
	"context"
	"fmt"
	"math"
)

// Findings are what a run has seen beside its images. AppStream does not tell how many exports may run at a time, so it is
// learned: a start that it refuses for the limit shows that as many as run are all that may.
type Findings struct {
	Running int // exports that run now, in the whole account
	Limit   int // how many may; 0 is not known
	// LaterNight tells that a later scheduled run carries the images that are left of this one.
	LaterNight bool
}

// room is how many exports may be started while so many run. Where some of as many as may run have ended it is one more than
// that, since limits get raised: so a start is tried in vain at most once each time that exports have ended. Where more run than the
// limit that is remembered, that one no longer holds.
func room(limit, running int) int {
	if limit == 0 || running > limit {
		return math.MaxInt
	}
	if running == limit {
		return 0
	}
	return limit - running + 1
}

const (
	noRoom  = "as many exports run as AppStream allows at a time (%d)"
	notRead = "not looked at: the images before it cannot be read"
	later   = "a later run carries it"
)

// runRest starts what it can of the images that are left of an order. Where there is no room it reads the tasks and nothing else.
// Where there is, it reads as many images as there is room for, in their order, until the room is taken: those that wait for room
// are not read again each time.
func (e *Exporter) runRest(ctx context.Context, order Order, report func(Decision)) (Findings, error) {
	read, err := e.readHistory(ctx, order.Trigger, order.Only)
	if err != nil {
		return Findings{}, fmt.Errorf("%s: %w", unreadable, err)
	}
	r := newRun(e, &order, read, report)
	names := r.announceOwn(ctx, order.Only)
	if order.Recurs() && (read.laterNight || order.LastLook && e.laterNightIsUntold(ctx, read)) {
		for _, name := range names {
			report(Decision{Action: Wait, ImageName: name, Reason: later, Awaits: Room, Unread: true})
		}
		findings := r.conclude(ctx)
		findings.LaterNight = true
		return findings, nil
	}
	room := room(order.Limit, read.running)
	wait := halt{fmt.Sprintf(noRoom, order.Limit), Room}
	for first := true; len(names) > 0 && r.started < room && r.halted(ctx).reason == ""; first = false {
		page := names[:min(len(names), imagesPage, room-r.started)]
		images, err := e.readImages(ctx, page)
		if err != nil && first {
			return Findings{}, fmt.Errorf("%s: %w", unreadable, err)
		}
		if err != nil {
			wait = halt{notRead, Calm}
			break
		}
		names = names[len(page):]
		images.history = read
		var unseen []Decision
		for _, name := range images.notFound {
			unseen = append(unseen, r.decideUnseen(name))
		}
		r.carryOut(ctx, images, unseen)
	}
	if halted := r.halted(ctx); halted.reason != "" {
		wait = halted
	}
	for _, name := range names {
		report(Decision{Action: Wait, ImageName: name, Reason: wait.reason, Awaits: wait.awaits, Unread: true})
	}
	return r.conclude(ctx), nil
}

// announceOwn has what this trigger has started announced, whether or not there is room for more, and returns the other names.
func (r *run) announceOwn(ctx context.Context, names []string) (others []string) {
	for _, name := range names {
		if r.history.own[r.Place.ImageARN(name)] == nil {
			others = append(others, name)
			continue
		}
		c := newCandidate(r.order, r.Place, r.history, Image{Name: name}, nil, r.Now()) // ownStart asks for no more of the image
		if c.decide() {
			r.report(c.Decision)
			continue
		}
		r.startOne(ctx, c)
	}
	return others
}
