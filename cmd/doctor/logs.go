package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"appstream-ami-exporter/internal/doctor"
)

// line is a line of the function's log, as far as it is read here.
type line struct {
	Version   string `json:"version"`
	TriggerID string `json:"triggerId"`
	Images    int    `json:"images"`
	Started   int    `json:"started"`
	Waiting   int    `json:"waiting"`
	Skipped   int    `json:"skipped"`
	Rejected  int    `json:"rejected"`
	at        time.Time
}

// filterLog is the permission of all that is read from the log.
const filterLog = "logs:FilterLogEvents"

// logged calls do for every line of the function's log that fits a pattern.
func (c clients) logged(ctx context.Context, d doctor.Deployment, since time.Time, pattern string, do func(line)) error {
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(c.logs, &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: aws.String(d.Outputs["LogGroupName"]), StartTime: aws.Int64(since.UnixMilli()), FilterPattern: &pattern,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, event := range page.Events {
			var l line
			if json.Unmarshal([]byte(aws.ToString(event.Message)), &l) != nil {
				continue // not a line of ours
			}
			l.at = time.UnixMilli(aws.ToInt64(event.Timestamp)).UTC()
			do(l)
		}
	}
	return nil
}

// version is that of the function when it last started.
func (c clients) version(ctx context.Context, d doctor.Deployment, now time.Time) doctor.Answer[string] {
	var last line
	err := c.logged(ctx, d, now.Add(-doctor.NightsBack), `{ $.message = "started" && $.version = "*" }`, func(l line) {
		if !l.at.Before(last.at) {
			last = l
		}
	})
	if err == nil && last.Version == "" {
		return doctor.Absent[string]()
	}
	return answer(last.Version, err, filterLog)
}

// lastNight finds the last nightly run. What had to wait comes again from the queue with lines of its own, so of one trigger the
// first line counts.
func (c clients) lastNight(ctx context.Context, d doctor.Deployment, now time.Time) doctor.Answer[doctor.Night] {
	var last line
	err := c.logged(ctx, d, now.Add(-doctor.NightsBack), `{ $.message = "run finished*" && $.trigger = "schedule" }`, func(l line) {
		if last.at.IsZero() || l.TriggerID != last.TriggerID && l.at.After(last.at) {
			last = l
		}
	})
	if err == nil && last.at.IsZero() {
		return doctor.Absent[doctor.Night]()
	}
	return answer(doctor.Night{At: last.at, Images: last.Images, Started: last.Started, Waiting: last.Waiting, Skipped: last.Skipped, Rejected: last.Rejected}, err, filterLog)
}
