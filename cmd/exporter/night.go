package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"appstream-ami-exporter/internal/terminal"
)

// nightsBack is how far back the last nightly run is looked for: long enough for one a week.
const nightsBack = 8 * 24 * time.Hour

// nightly is the line of the log with which a nightly run ended.
type nightly struct {
	TriggerID string    `json:"triggerId"`
	Images    int       `json:"images"`
	Started   int       `json:"started"`
	Waiting   int       `json:"waiting"`
	Skipped   int       `json:"skipped"`
	Rejected  int       `json:"rejected"`
	At        time.Time `json:"time"`
}

// lastNight finds the last nightly run in the function's log; nil where there is none. What had to wait comes again from the
// queue with lines of its own, so of one trigger the first line counts.
func (d desk) lastNight(ctx context.Context, now time.Time) (last *nightly, err error) {
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(d.logs, &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName:  aws.String(d.stack.Outputs["LogGroupName"]),
		StartTime:     aws.Int64(now.Add(-nightsBack).UnixMilli()),
		FilterPattern: aws.String(`{ $.message = "run finished*" && $.trigger = "schedule" }`),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, terminal.Explain(err)
		}
		for _, event := range page.Events {
			var run nightly
			if json.Unmarshal([]byte(aws.ToString(event.Message)), &run) != nil {
				continue // not a line of ours
			}
			run.At = time.UnixMilli(aws.ToInt64(event.Timestamp)).UTC()
			if last == nil || run.TriggerID != last.TriggerID && run.At.After(last.At) {
				last = &run
			}
		}
	}
	return last, nil
}

func (n *nightly) rows(now time.Time) [][]string {
	if n == nil {
		return nil
	}
	return [][]string{{fmt.Sprintf("%s UTC, %s ago: %d images, %d started, %d waiting, %d skipped, %d rejected",
		terminal.Stamp(n.At), terminal.Span(now.Sub(n.At)), n.Images, n.Started, n.Waiting, n.Skipped, n.Rejected)}}
}
