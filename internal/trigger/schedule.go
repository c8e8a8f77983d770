package trigger

import (
	"time"

	"appstream-ami-exporter/internal/tags"
)

// schedule is a run that a clock started: EventBridge Scheduler, a scheduled rule of EventBridge, or {} by hand. It means the
// stack's own selection.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
type schedule struct{}

func (schedule) accepts() string { return "an EventBridge schedule (Scheduler, scheduled rule, or {})" }

func (schedule) matches(p payload) bool {
	return len(p.fields) == 0 || p.isEvent && (p.event.Source == "aws.scheduler" || p.event.Source == "aws.events")
}

func (schedule) decode(p payload, inv Invocation) (Input, error) {
	t, ok := parseTime(p.event.Time)
	if !ok || len(p.event.Resources) == 0 {
		// By hand: nothing in it tells this run from another, Lambda's request id does.
		return Input{Trigger: Trigger{Type: Schedule, ID: tags.Value(inv.RequestID), Time: p.event.time(inv)}}, nil
	}
	id := p.event.Resources[0] + "@" + t.Format(time.RFC3339)
	return Input{Trigger: Trigger{Type: Schedule, ID: tags.Value(id), Time: t}}, nil
}
