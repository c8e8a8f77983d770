package wait_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"appstream-ami-exporter/internal/localaws/wait"
)

func TestFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if err := wait.For(ctx, 59*time.Second); err != nil || time.Since(began) != 59*time.Second {
			t.Errorf("waited %s: %v", time.Since(began), err)
		}
		if err := wait.For(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("waited %s: %v", time.Since(began), err)
		}
		if err := wait.For(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("no wait, with a context that has ended: %v", err)
		}
	})
}

func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if err := wait.Until(ctx, func() bool { return time.Since(began) >= time.Second }); err != nil || time.Since(began) != time.Second {
			t.Errorf("waited %s: %v", time.Since(began), err)
		}
		if err := wait.Until(ctx, func() bool { return false }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waited for what never comes: %v", err)
		}
	})
}
