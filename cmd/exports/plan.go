package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"appstream-ami-exporter/internal/handler"
	"appstream-ami-exporter/internal/trigger"
)

// plan shows what a run would do now. The function makes its plan as always and stops before the last call.
func plan(ctx context.Context, d desk, ask trigger.Spec) error {
	reply, err := d.ask(ctx, ask)
	if err != nil {
		return err
	}
	which := "the images that the stack selects"
	if len(ask.Images) > 0 {
		which = strings.Join(ask.Images, ", ")
	}
	d.screen.line("What a run of %s in %s (account %s) would do now with %s:", d.stack.name, d.stack.region, d.stack.account, which)
	d.decisions(reply)
	d.screen.line("%d would be exported, %d would wait, %d would be skipped, %d would be rejected. Nothing was started.",
		len(reply.WouldStart), len(reply.Waiting), len(reply.Skipped)+reply.SkippedMore, len(reply.Rejected))
	return nil
}

// export starts the export of one image. What was not started and never will be is an error.
func export(ctx context.Context, d desk, ask trigger.Spec) error {
	reply, err := d.ask(ctx, ask)
	if err != nil {
		return err
	}
	d.screen.line("%s in %s (account %s) answers:", d.stack.name, d.stack.region, d.stack.account)
	d.decisions(reply)
	switch {
	case len(reply.Started) > 0:
		d.screen.line("Started. `make status` shows how it goes on; the topic tells the end.")
	case len(reply.Waiting) > 0:
		d.screen.line("It will be started as soon as it can be; the topic tells when.")
	case len(reply.Rejected) > 0:
		return errors.New("nothing was started")
	default:
		d.screen.line("Nothing was started. To make another AMI of an image that has one, give it another name: AMI_NAME=<name>.")
	}
	return nil
}

// decisions shows what becomes of each image, and why.
func (d desk) decisions(reply handler.Reply) {
	rows := [][]string{{"", "IMAGE", "AMI NAME", "WHY"}}
	for _, part := range []struct {
		word    string
		entries []handler.Entry
	}{
		{"export", reply.WouldStart}, {"started", reply.Started}, {"wait", reply.Waiting}, {"reject", reply.Rejected}, {"skip", reply.Skipped},
	} {
		for _, entry := range part.entries {
			rows = append(rows, []string{part.word, entry.ImageName, entry.AMIName, entry.Reason})
			if entry.Hint != "" {
				rows = append(rows, []string{"", "", "", entry.Hint})
			}
		}
	}
	if reply.SkippedMore > 0 {
		rows = append(rows, []string{"skip", "", "", fmt.Sprintf("and %d more, which the function's log names", reply.SkippedMore)})
	}
	if len(rows) == 1 {
		rows = [][]string{{"no image matches"}}
	}
	d.screen.table(rows)
}
