// Package wait waits for time to pass, or for something to come about, no longer than a context allows.
package wait

import (
	"context"
	"time"
)

// Interval is how often is looked for what is waited for: it bounds how exact compressed time can be.
const Interval = 2 * time.Millisecond

// For waits for d, or until ctx ends and then returns why.
func For(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Until waits until done returns true, or ctx ends and then returns why.
func Until(ctx context.Context, done func() bool) error {
	for !done() {
		if err := For(ctx, Interval); err != nil {
			return err
		}
	}
	return nil
}
