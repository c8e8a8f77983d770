package main

import (
	"context"

	"appstream-ami-exporter/internal/terminal"
	"appstream-ami-exporter/internal/trigger"
)

// startedNow is a nightly run that somebody may have at once.
type startedNow struct {
	planned
	Started bool `json:"started"`
}

// night shows what a nightly run would do now, and starts one if that is agreed to. Lambda tries it again if it fails, as it
// does with a scheduled one; so nobody waits for it here.
func (d desk) night(ctx context.Context, agreed func(question string) bool) (report, error) {
	reply, err := d.ask(ctx, trigger.Spec{DryRun: true})
	if err != nil {
		return nil, err
	}
	r := startedNow{planned: planned{Stack: d.stack, Reply: reply.Raw, reply: reply}}
	r.planned.show(d.screen)
	if !agreed("Start this run now?") {
		return r, nil
	}
	if err := d.send(ctx, []byte("{}")); err != nil {
		return r, err
	}
	r.Started = true
	return r, nil
}

func (r startedNow) show(s terminal.Screen) {
	if r.Started {
		s.Line("Started. `make status` shows what becomes of it; the topic tells each start and each end.")
		return
	}
	s.Line("Not started.")
}

func (startedNow) attention() error { return nil }
