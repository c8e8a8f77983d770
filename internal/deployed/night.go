package deployed

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// NightsBack is how far back the function's log is searched: long enough for a nightly run once a week.
const NightsBack = 8 * 24 * time.Hour

// Line is a line of the function's log, as far as the commands read it.
type Line struct {
	Version   string    `json:"version,omitempty"`
	TriggerID string    `json:"triggerId"`
	Images    int       `json:"images"`
	Started   int       `json:"started"`
	Waiting   int       `json:"waiting"`
	Skipped   int       `json:"skipped"`
	Rejected  int       `json:"rejected"`
	At        time.Time `json:"time"`
}

// LastNight finds the line with which the last nightly run ended; nil where there is none in NightsBack. What had to wait comes
// again from the queue with lines of its own, so of one trigger the first line counts.
func LastNight(ctx context.Context, client *cloudwatchlogs.Client, group string, now time.Time) (last *Line, err error) {
	err = eachLine(ctx, client, group, now, `{ $.message = "run finished*" && $.trigger = "schedule" }`, func(line Line) {
		if last == nil || line.TriggerID != last.TriggerID && line.At.After(last.At) {
			last = &line
		}
	})
	return last, err
}

// Version is that of the function when it last started, "" where it has not in NightsBack.
func Version(ctx context.Context, client *cloudwatchlogs.Client, group string, now time.Time) (version string, err error) {
	var last time.Time
	err = eachLine(ctx, client, group, now, `{ $.message = "started" && $.version = "*" }`, func(line Line) {
		if !line.At.Before(last) {
			last, version = line.At, line.Version
		}
	})
	return version, err
}

// eachLine calls do for every line of the log that fits a pattern.
func eachLine(ctx context.Context, client *cloudwatchlogs.Client, group string, now time.Time, pattern string, do func(Line)) error {
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(client, &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &group, StartTime: aws.Int64(now.Add(-NightsBack).UnixMilli()), FilterPattern: &pattern,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, event := range page.Events {
			var line Line
			if json.Unmarshal([]byte(aws.ToString(event.Message)), &line) != nil {
				continue // not a line of ours
			}
			line.At = time.UnixMilli(aws.ToInt64(event.Timestamp)).UTC()
			do(line)
		}
	}
	return nil
}
