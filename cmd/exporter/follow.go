package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"appstream-ami-exporter/internal/console"
	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/terminal"
	"appstream-ami-exporter/internal/trigger"
)

const (
	// An export takes the better part of an hour: at first a look in the time it takes to read a line, then one in each
	// thirty-second part of the time passed.
	shortestPause = 2 * time.Second
	longestPause  = 30 * time.Second
	pausesInTime  = 32

	// patience is how many looks in a row may fail, such as while a laptop changes its network.
	patience = 10
)

// follow shows how the export of an image goes on until it ends, or until ctx does: then only the looking ends. It returns the
// task as it was last seen, nil where there is none.
func (d desk) follow(ctx context.Context, spec trigger.Spec, r deployed.Reply) (last *task, err error) {
	image, ok := followable(r)
	if !ok {
		return nil, nil
	}
	usual := d.usualTime(ctx)
	d.screen.Line("%s Ctrl-C stops following, not the export.\n", usual)
	if image.TaskID == "" {
		image, err = d.awaitStart(ctx, spec, image)
	}
	if err == nil && image.TaskID != "" {
		last, err = d.awaitEnd(ctx, image.TaskID, usual)
	}
	if errors.Is(err, context.Canceled) {
		d.screen.Line("No longer followed. What was asked for goes on: `make status` shows it, and the topic tells the end.")
		return last, nil
	}
	return last, err
}

// followable is the one image of a reply, if it is exported or will be.
func followable(r deployed.Reply) (deployed.Entry, bool) {
	for _, entries := range [][]deployed.Entry{r.Started, r.Waiting, r.Skipped} {
		if len(entries) > 0 {
			return entries[0], entries[0].TaskID != "" || len(r.Waiting) > 0
		}
	}
	return deployed.Entry{}, false
}

// awaitStart looks until a task exports the image. The function says how it stands, since it is the function that starts it.
func (d desk) awaitStart(ctx context.Context, spec trigger.Spec, image deployed.Entry) (deployed.Entry, error) {
	spec.DryRun = true
	err := d.repeat(ctx, func(show func(state, more string)) (done bool, err error) {
		r, err := d.ask(ctx, spec)
		if err != nil {
			return false, err
		}
		if len(r.Rejected) > 0 {
			return true, terminal.Attention(image.ImageName + " will not be exported: " + r.Rejected[0].Reason + ". " + r.Rejected[0].Hint)
		}
		if len(r.Skipped) > 0 {
			image = r.Skipped[0]
			show(image.Reason, "")
			return true, nil
		}
		if len(r.Waiting) > 0 {
			image = r.Waiting[0]
		}
		show("waits to be started: "+cmp.Or(image.Reason, "it can be started any minute"), "")
		return false, nil
	})
	return image, err
}

// awaitEnd looks until the task has ended, and shows how.
func (d desk) awaitEnd(ctx context.Context, id string, usual usualTime) (last *task, err error) {
	err = d.repeat(ctx, func(show func(state, more string)) (done bool, err error) {
		t, err := d.task(ctx, id)
		if err != nil {
			return false, err
		}
		// AppStream does not tell when a task ended: only whoever saw it run knows how long it took.
		age, seen := d.now().Sub(t.Created), last != nil
		last = &t
		switch {
		case !t.ended():
			show(t.state(d.screen), " for "+terminal.Span(age)+usual.left(age))
		case seen:
			show(t.state(d.screen), " after "+terminal.Span(age)+": "+t.result())
		default:
			show(t.state(d.screen), ": "+t.result())
		}
		return t.ended(), nil
	})
	if err == nil && last.AMIID != "" {
		if address := console.AMI(d.stack.Partition, d.stack.Region, last.AMIID); address != "" {
			d.screen.Line("\n%s", address)
		}
	}
	return last, err
}

// repeat looks until that is done, fails for good, or ctx ends.
func (d desk) repeat(ctx context.Context, look func(show func(state, more string)) (done bool, err error)) error {
	line := d.screen.Progress()
	defer line.End()
	failures := 0
	for began := d.now(); ; {
		done, err := look(line.Show)
		_, person := errors.AsType[terminal.Attention](err)
		switch {
		case ctx.Err() != nil:
			return context.Canceled
		case err == nil && done || person || terminal.Denied(err):
			return err
		case err == nil:
			failures = 0
		default:
			if failures++; failures == patience {
				return fmt.Errorf("this cannot be followed any more, but goes on: %w", err)
			}
			line.Show("cannot be seen at the moment", "")
		}
		select {
		case <-ctx.Done():
			return context.Canceled
		case <-time.After(min(longestPause, max(shortestPause, d.now().Sub(began)/pausesInTime))):
		}
	}
}
