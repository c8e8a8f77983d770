package main

import (
	"context"
	"encoding/json"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/terminal"
	"appstream-ami-exporter/internal/trigger"
)

// exported is the function's answer to the request to export an image.
type exported struct {
	Stack terminal.Stack  `json:"stack"`
	Reply json.RawMessage `json:"reply"` // the function's
	// Task is how the export ended, or stood when it was last looked at; only where it was followed.
	Task *task `json:"task,omitempty"`

	reply deployed.Reply
}

// export asks for the export of one image. With follow it stays until the export has ended.
func (d desk) export(ctx context.Context, spec trigger.Spec, follow bool) (report, error) {
	reply, err := d.ask(ctx, spec)
	if err != nil {
		return nil, err
	}
	e := exported{Stack: d.stack, Reply: reply.Raw, reply: reply}
	if !follow {
		return e, nil
	}
	e.show(d.screen)
	task, err := d.follow(ctx, spec, reply)
	e.Task = task
	return followed{e}, err
}

func (e exported) show(s terminal.Screen) {
	s.Line("%s in %s (account %s) answers:", e.Stack.Name, e.Stack.Region, e.Stack.Account)
	showDecisions(s, e.reply)
	switch {
	case len(e.reply.Started) > 0:
		s.Line("Started. `make status` shows how it goes on; the topic tells the end.")
	case len(e.reply.Waiting) > 0:
		s.Line("It will be started as soon as it can be; the topic tells when.")
	case len(e.reply.Rejected) == 0:
		s.Line("Nothing was started. To make another AMI of an image that has one, give it another name: AMI_NAME=<name>.")
	}
}

func (e exported) attention() error {
	switch {
	case len(e.reply.Rejected) > 0:
		return terminal.Attention("nothing was started")
	case e.Task != nil && e.Task.ended() && !e.Task.completed():
		return terminal.Attention("the export failed; docs/OPERATIONS.md, section \"An export failed\", says what to do")
	}
	return nil
}

// followed is an export that was shown while it went on.
type followed struct{ exported }

func (followed) show(terminal.Screen) {}
