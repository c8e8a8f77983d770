package template_test

import (
	"testing"
	"time"

	"appstream-ami-exporter/internal/localaws/template"
)

func TestSchedulePayload(t *testing.T) {
	scheduled := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	schedule := template.Schedule{ARN: "arn:s", Input: `{"s":"<aws.scheduler.schedule-arn>","t":"<aws.scheduler.scheduled-time>"}`}
	got, err := schedule.Payload(scheduled)
	if want := `{"s":"arn:s","t":"2026-11-23T02:00:00Z"}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	for _, input := range []string{`{"id":"<aws.scheduler.execution-id>"}`, `{`, ``} {
		schedule.Input = input
		if got, err := schedule.Payload(scheduled); err == nil {
			t.Errorf("Input %q: got %s, want an error", input, got)
		}
	}
}
