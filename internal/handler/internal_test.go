package handler

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"appstream-ami-exporter/internal/export"
)

// People read durations in e-mails.
func TestFormatDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0:                               "0s",
		999 * time.Millisecond:          "0s",
		time.Second:                     "1s",
		59*time.Second + 999999999:      "59s",
		time.Minute:                     "1m",
		89 * time.Second:                "1m",
		90 * time.Second:                "2m",
		59*time.Minute + 29*time.Second: "59m",
		59*time.Minute + 30*time.Second: "1h",
		time.Hour:                       "1h",
		3*time.Hour + 12*time.Minute:    "3h12m",
		72 * time.Hour:                  "72h",
		168*time.Hour + 5*time.Minute:   "168h5m",
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("formatDuration(%v) = %q, want %q", d, got, want)
		}
	}
}

// The end of an invocation is kept for publishing and queueing: 20 seconds, or a quarter where that is less.
func TestWorking(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ left, want time.Duration }{
		{5 * time.Minute, 5*time.Minute - 20*time.Second},
		{80 * time.Second, time.Minute},
		{time.Minute, 45 * time.Second},
		{4 * time.Second, 3 * time.Second},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), test.left)
		working, cancelWorking := working(ctx)
		deadline, ok := working.Deadline()
		if got := time.Until(deadline); !ok || got > test.want || got < test.want-time.Second {
			t.Errorf("with %v left, work ends in %v, want %v", test.left, got, test.want)
		}
		cancelWorking()
		cancel()
	}

	// Without a deadline, as in a test by hand, there is none; ending the invocation ends the work.
	ctx, cancel := context.WithCancel(t.Context())
	endless, cancelEndless := working(ctx)
	defer cancelEndless()
	if deadline, ok := endless.Deadline(); ok {
		t.Errorf("work ends at %v", deadline)
	}
	cancel()
	if endless.Err() == nil {
		t.Error("work goes on after its invocation")
	}
}

// Every field of the API's ExportImageTask arrives under its own name.
func TestTaskDocument(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal(taskDocument(export.Task{
		ID: "t", ImageARN: "i", AMIName: "n", Description: "d", AMIID: "a",
		Created: time.Date(2026, 11, 23, 3, 0, 3, 0, time.FixedZone("CET", 3600)),
		State:   "NEW_STATE", Tags: map[string]string{"k": "v"}, Errors: []export.TaskError{{Code: "c", Message: "m"}, {}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"TaskId":"t","ImageArn":"i","AmiName":"n","CreatedDate":"2026-11-23T02:00:03Z","AmiDescription":"d",` +
		`"State":"NEW_STATE",` +
		`"AmiId":"a","TagSpecifications":{"k":"v"},"ErrorDetails":[{"ErrorCode":"c","ErrorMessage":"m"},{}]}`
	if string(got) != want {
		t.Errorf("task = %s\nwant   %s", got, want)
	}
	bare, err := json.Marshal(taskDocument(export.Task{}))
	if want := `{"TaskId":"","ImageArn":"","AmiName":""}`; err != nil || string(bare) != want {
		t.Errorf("a task of which nothing is known: %v, %s", err, bare)
	}
}

// A handler that lacks something says so when it is made, not in the middle of a night.
func TestNewChecksWhatItIsGiven(t *testing.T) {
	t.Parallel()
	_, err := New(Dependencies{})
	if err == nil {
		t.Fatal("a handler was made of nothing")
	}
	want := []string{"AppStream", "SNS", "SQS", "clock", "log", "writer for metrics", "topic, queues and export role", "deadlines"}
	for i, line := range strings.Split(err.Error(), "\n") {
		if i >= len(want) || line != "the handler has no "+want[i] {
			t.Errorf("problem %d: %s", i, line)
		}
	}
}
