// Command playedkeeper is the keeper of a year that is played: the deployed one but for its clock, which shows the time of the event
// that it is given. Nothing of it is deployed.
package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"
	_ "time/tzdata" // as in the keeper

	"github.com/aws/aws-lambda-go/lambda"

	"appstream-ami-exporter/internal/keephandler"
	"appstream-ami-exporter/internal/runtimeapi"
)

func main() {
	debug.SetGCPercent(400) // how much memory it takes is not what is played
	runtimeapi.Run("played", func(ctx context.Context, log *slog.Logger) (lambda.Handler, error) {
		p := &player{}
		var err error
		p.keeper, err = keephandler.New(ctx, log, p.now)
		return p, err
	})
}

// player sets the clock before each invocation.
type player struct {
	keeper *keephandler.Handler
	shows  atomic.Pointer[time.Time]
}

func (p *player) now() time.Time { return *p.shows.Load() }

// Invoke is the keeper's, at the time of its event.
func (p *player) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var event struct{ Time time.Time }
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, err
	}
	p.shows.Store(&event.Time)
	return p.keeper.Invoke(ctx, payload)
}
