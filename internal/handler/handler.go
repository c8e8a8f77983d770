// Package handler composes the function: it takes an invocation, has the domain plan and start exports or follow
// them, tells the topic, and queues what cannot be finished now. It is the only room that knows Lambda.
package handler

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"appstream-ami-exporter/internal/config"
	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/metrics"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/trigger"
	"appstream-ami-exporter/internal/work"
)

// Handler handles invocations. All fields are required.
type Handler struct {
	Config   config.Config
	Exporter *export.Exporter
	Topic    notify.Topic
	Queue    work.Queue
	Now      func() time.Time
	Log      *slog.Logger
	Metrics  *metrics.Recorder
}

// Invoke takes the payload of one invocation and returns its reply; it is aws-lambda-go's Handler. It takes bytes, since
// what comes may be no JSON at all, and the one who sent it should read a sentence about that.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	reply, err := h.handle(ctx, payload)
	if err := h.Metrics.Flush(); err != nil {
		h.Log.WarnContext(ctx, "the metrics of this invocation are lost", "error", err.Error())
	}
	if err != nil {
		// Logged here, since aws-lambda-go's own line has neither the request id nor a level that survives filtering.
		h.Log.ErrorContext(ctx, "invocation failed", "error", err.Error())
		return nil, err
	}
	encoded, err := json.Marshal(reply)
	if err != nil {
		return nil, fmt.Errorf("encode the reply: %w", err)
	}
	return encoded, nil
}

func (h *Handler) handle(ctx context.Context, payload []byte) (any, error) {
	invocation := trigger.Invocation{Now: h.Now(), Account: h.Config.Place.Account, Region: h.Config.Place.Region}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		invocation.RequestID = lc.AwsRequestID
	}
	input, err := trigger.Decode(payload, invocation)
	switch {
	case err != nil:
		return nil, &InvalidInput{err}
	case input.Batch != nil:
		return h.batch(ctx, input.Batch), nil
	case input.Ignored != "":
		h.Log.InfoContext(ctx, "ignored", "reason", input.Ignored)
		return Reply{Ignored: input.Ignored}.filled(), nil
	}
	return h.trigger(ctx, input)
}

// reserve is the end of an invocation that is kept for publishing and queueing what was done in it: twice publishLimit. A
// quarter at the most, so that short timeouts leave time to work.
const reserve = 20 * time.Second

// working returns the context for reading AppStream and starting exports.
func working(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	left := time.Until(deadline)
	return context.WithDeadline(ctx, deadline.Add(-min(reserve, left/4)))
}
