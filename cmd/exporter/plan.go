package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/terminal"
	"appstream-ami-exporter/internal/trigger"
)

// planned is what a run would do now.
type planned struct {
	Stack  terminal.Stack  `json:"stack"`
	Images []string        `json:"images,omitempty"` // that were asked about, where not those that the stack selects
	Reply  json.RawMessage `json:"reply"`            // the function's

	reply deployed.Reply
}

// plan asks what a run would do now. The function makes its plan as always and stops before the last call.
func (d desk) plan(ctx context.Context, spec trigger.Spec) (report, error) {
	reply, err := d.ask(ctx, spec)
	if err != nil {
		return nil, err
	}
	return planned{Stack: d.stack, Images: spec.Images, Reply: reply.Raw, reply: reply}, nil
}

func (p planned) show(s terminal.Screen) {
	which := "the images that the stack selects"
	if len(p.Images) > 0 {
		which = strings.Join(p.Images, ", ")
	}
	s.Line("What a run of %s in %s (account %s) would do now with %s:", p.Stack.Name, p.Stack.Region, p.Stack.Account, which)
	showDecisions(s, p.reply)
	s.Line("%d would be exported, %d would wait, %d would be skipped, %d would be rejected. Nothing was started.",
		len(p.reply.WouldStart)+p.reply.WouldStartMore, len(p.reply.Waiting)+p.reply.WaitingMore,
		len(p.reply.Skipped)+p.reply.SkippedMore, len(p.reply.Rejected)+p.reply.RejectedMore)
}

func (p planned) attention() error {
	if n := len(p.reply.Rejected) + p.reply.RejectedMore; n > 0 {
		return terminal.Attention(counted(n, "image") + " would be rejected")
	}
	return nil
}

// showDecisions shows what becomes of each image, and why.
func showDecisions(s terminal.Screen, r deployed.Reply) {
	rows := [][]string{{"", "IMAGE", "AMI NAME", "WHY"}}
	for _, part := range []struct {
		word    string
		colour  terminal.Colour
		entries []deployed.Entry
		more    int
	}{
		{"export", terminal.Green, r.WouldStart, r.WouldStartMore}, {"started", terminal.Green, r.Started, r.StartedMore},
		{"wait", terminal.Yellow, r.Waiting, r.WaitingMore}, {"reject", terminal.Red, r.Rejected, r.RejectedMore},
		{"skip", terminal.Dim, r.Skipped, r.SkippedMore},
	} {
		for _, e := range part.entries {
			rows = append(rows, []string{s.Paint(part.colour, part.word), e.ImageName, e.AMIName, e.Reason})
			if e.Hint != "" {
				rows = append(rows, []string{"", "", "", e.Hint})
			}
		}
		if part.more > 0 {
			more := fmt.Sprintf("and %d more, which the function's log names", part.more)
			rows = append(rows, []string{s.Paint(part.colour, part.word), "", "", more})
		}
	}
	if len(rows) == 1 {
		rows = [][]string{{"no image matches"}}
	}
	s.Table(rows)
}

// counted is a number of things: "1 image", "2 images".
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
