package handler

import (
	"context"
	"testing"
	"time"
)

// People read durations in e-mails.
func TestShort(t *testing.T) {
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
		if got := short(d); got != want {
			t.Errorf("short(%v) = %q, want %q", d, got, want)
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
