package main

import (
	"context"
	"fmt"
	"time"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/terminal"
)

// lastNight finds the last nightly run; nil where there is none.
func (d desk) lastNight(ctx context.Context, now time.Time) (*deployed.Line, error) {
	last, err := deployed.LastNight(ctx, d.logs, d.stack.Outputs["LogGroupName"], now)
	return last, terminal.Explain(err)
}

func nightRows(n *deployed.Line, now time.Time) [][]string {
	if n == nil {
		return nil
	}
	return [][]string{{fmt.Sprintf("%s UTC, %s ago: %d images, %d started, %d waiting, %d skipped, %d rejected",
		terminal.Stamp(n.At), terminal.Span(now.Sub(n.At)), n.Images, n.Started, n.Waiting, n.Skipped, n.Rejected)}}
}
