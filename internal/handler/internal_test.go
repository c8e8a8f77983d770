package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

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

// Whatever is in its lists, a reply fits into what Lambda carries, and says how many images it does not name.
func TestBoundedReply(t *testing.T) {
	t.Parallel()
	list := func(count, size int) (entries []Entry) {
		for i := range count {
			name := fmt.Sprintf("image-%05d", i)
			entries = append(entries, Entry{ImageName: name, AMIName: name, TaskID: name, Reason: strings.Repeat("\x01", size),
				Hint: "hint"})
		}
		return entries
	}
	for _, test := range []struct{ count, size, names int }{
		{0, 0, 0}, {3, 100, 3}, {1000, 0, 1000}, {1001, 0, 1000}, {10_000, 100, 1000},
		{1000, 1_000, 163}, // each takes 6,000 bytes of JSON and those of its names
		{2, 1_000_000, 0},
	} {
		entries := list(test.count, test.size)
		// Each list by its own number, so that none is counted for another.
		whole := Reply{
			WouldStart: entries, Started: append(list(1, 0), entries...), Waiting: append(list(2, 0), entries...),
			Skipped: append(list(3, 0), entries...), SkippedMore: 7, Rejected: append(list(4, 0), entries...),
		}
		got := whole.bounded()
		encoded, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if len(encoded) > 6*1024*1024 {
			t.Errorf("%d entries of %d bytes: the reply has %d", test.count, test.size, len(encoded))
		}
		for i, list := range []struct {
			names, more, all int
		}{
			{len(got.WouldStart), got.WouldStartMore, test.count}, {len(got.Started), got.StartedMore, test.count + 1},
			{len(got.Waiting), got.WaitingMore, test.count + 2}, {len(got.Skipped), got.SkippedMore, test.count + 3 + 7},
			{len(got.Rejected), got.RejectedMore, test.count + 4},
		} {
			if list.names+list.more != list.all || list.names < min(test.names, 1000-5) || list.names > min(1000, test.names+5) {
				t.Errorf("%d entries of %d bytes, list %d: %d named, %d more of %d", test.count, test.size, i, list.names, list.more,
					list.all)
			}
		}
		if len(whole.Rejected) != test.count+4 {
			t.Error("the whole lists are needed afterwards")
		}
	}
}

// A request may have as many problems as it has bytes.
func TestBoundedErrors(t *testing.T) {
	t.Parallel()
	long := errors.New(strings.Repeat("ü", 1_000_000))
	for _, err := range []error{&InvalidInput{long}, &AppStreamUnreadable{long}, &NotHandedOver{long}} {
		text := err.Error()
		if len(text) > 17_000 || !utf8.ValidString(text) || !strings.HasSuffix(text, "... and 1984000 bytes more") {
			t.Errorf("%T: %d bytes, ... %s", err, len(text), text[len(text)-40:])
		}
		if !errors.Is(err, long) {
			t.Errorf("%T hides its cause", err)
		}
	}
	whole := errors.New(strings.Repeat("a", 16_000))
	if got := (&InvalidInput{whole}).Error(); !strings.HasSuffix(got, whole.Error()) {
		t.Errorf("cut: ... %s", got[len(got)-40:])
	}
}
