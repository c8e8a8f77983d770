package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// nightsBack is how far back the last nightly run is looked for: long enough for one a week.
const nightsBack = 8 * 24 * time.Hour

// nightly is the line of the log with which a nightly run ended.
type nightly struct {
	TriggerID string `json:"triggerId"`
	Images    int    `json:"images"`
	Started   int    `json:"started"`
	Waiting   int    `json:"waiting"`
	Skipped   int    `json:"skipped"`
	Rejected  int    `json:"rejected"`
	at        time.Time
}

// lastNight finds the last nightly run in the function's log; nil where there is none. What had to wait comes again from the
// queue with lines of its own, so of one trigger the first line counts.
func (d desk) lastNight(ctx context.Context, now time.Time) (*nightly, error) {
	var answer struct {
		Events []struct {
			Timestamp int64  `json:"timestamp"`
			Message   string `json:"message"`
		} `json:"events"`
	}
	err := d.aws.call(ctx, &answer, "logs", "filter-log-events", "--log-group-name", d.stack.outputs["LogGroupName"],
		"--start-time", strconv.FormatInt(now.Add(-nightsBack).UnixMilli(), 10),
		"--filter-pattern", `{ $.message = "run finished*" && $.trigger = "schedule" }`)
	if err != nil {
		return nil, err
	}
	var last *nightly
	for _, event := range answer.Events {
		run := nightly{at: time.UnixMilli(event.Timestamp)}
		if json.Unmarshal([]byte(event.Message), &run) != nil {
			continue // not a line of ours
		}
		if last == nil || run.TriggerID != last.TriggerID && run.at.After(last.at) {
			last = &run
		}
	}
	return last, nil
}

func (n *nightly) rows(now time.Time) [][]string {
	if n == nil {
		return nil
	}
	return [][]string{{fmt.Sprintf("%s UTC, %s ago: %d images, %d started, %d waiting, %d skipped, %d rejected",
		stamp(n.at), span(now.Sub(n.at)), n.Images, n.Started, n.Waiting, n.Skipped, n.Rejected)}}
}

// alarmStates are the alarms of the stack: how many there are, and those that do not say OK.
type alarmStates struct {
	count int
	bad   [][]string
}

func (d desk) alarmStates(ctx context.Context) (states alarmStates, err error) {
	names, err := d.aws.alarms(ctx, d.stack.name)
	if err != nil || len(names) == 0 {
		return states, err
	}
	var answer struct {
		MetricAlarms []struct {
			AlarmName             string
			AlarmDescription      string
			StateValue            string
			StateUpdatedTimestamp moment
		}
	}
	if err := d.aws.call(ctx, &answer, "cloudwatch", "describe-alarms", append([]string{"--alarm-names"}, names...)...); err != nil {
		return states, err
	}
	states.count = len(answer.MetricAlarms)
	for _, alarm := range answer.MetricAlarms {
		if alarm.StateValue == "ALARM" {
			// The name's last part is CloudFormation's own and the description's first sentence says what happened.
			what, _, _ := strings.Cut(alarm.AlarmDescription, ". ")
			states.bad = append(states.bad, []string{stamp(time.Time(alarm.StateUpdatedTimestamp)), alarm.AlarmName, what})
		}
	}
	return states, nil
}

func (a alarmStates) rows() [][]string { return headed(a.bad, "SINCE (UTC)", "ALARM", "WHAT HAPPENED") }

func (a alarmStates) none() string {
	if a.count == 0 {
		return "the stack has no alarms"
	}
	return fmt.Sprintf("none of %d rings", a.count)
}
