// Package handler composes the function: it takes an invocation, has the domain plan and start exports or follow
// them, tells the topic, and queues what cannot be finished now. It is the only room that knows Lambda. In which order things are
// done, and why, says the crash protocol of package export.
package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// Dependencies are what a Handler works with. All fields but Function are required.
type Dependencies struct {
	Config    config.Config
	AppStream export.AppStream
	SNS       notify.SNS
	SQS       work.SQS
	Now       func() time.Time
	Log       *slog.Logger
	Metrics   io.Writer // takes the lines with metrics; on Lambda the standard output
	Function  string    // the name of the Lambda function, under which the metrics are found
}

// Handler handles invocations.
type Handler struct {
	config   config.Config
	exporter *export.Exporter
	topic    notify.Topic
	queue    work.Queue
	now      func() time.Time
	log      *slog.Logger
	metrics  *metrics.Recorder
}

// New makes a handler. Its error names everything that is missing.
func New(d Dependencies) (*Handler, error) {
	var problems []error
	require := func(what string, there bool) {
		if !there {
			problems = append(problems, fmt.Errorf("the handler has no %s", what))
		}
	}
	c := d.Config
	require("AppStream", d.AppStream != nil)
	require("SNS", d.SNS != nil)
	require("SQS", d.SQS != nil)
	require("clock", d.Now != nil)
	require("log", d.Log != nil)
	require("writer for metrics", d.Metrics != nil)
	require("topic, queues and export role", c.TopicARN != "" && c.WorkQueueURL != "" && c.DeadLetterQueueURL != "" &&
		c.ExportRoleARN != "")
	require("deadlines", c.WaitDeadline > 0 && c.ExportDeadline > 0 && c.MaxReceiveCount > 0)
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return &Handler{
		config: c,
		exporter: &export.Exporter{
			AppStream: d.AppStream, Place: c.Place, Stack: c.Stack, RoleARN: c.ExportRoleARN, Now: d.Now, Warn: d.Log.WarnContext,
		},
		topic:   notify.Topic{SNS: d.SNS, ARN: c.TopicARN},
		queue:   work.Queue{SQS: d.SQS, URL: c.WorkQueueURL, DeadLetterURL: c.DeadLetterQueueURL},
		now:     d.Now,
		log:     d.Log,
		metrics: &metrics.Recorder{Out: d.Metrics, Function: d.Function, Now: d.Now},
	}, nil
}

// Invoke takes the payload of one invocation and returns its reply; it is aws-lambda-go's Handler. It takes bytes, since
// what comes may be no JSON at all, and the one who sent it should read a sentence about that.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	reply, err := h.handle(ctx, payload)
	if err := h.metrics.Flush(); err != nil {
		h.log.WarnContext(ctx, "the metrics of this invocation are lost", "error", err.Error())
	}
	if err != nil {
		// Logged here, since aws-lambda-go's own line has neither the request id nor a level that survives filtering.
		h.log.ErrorContext(ctx, "invocation failed", "error", err.Error())
		return nil, err
	}
	encoded, err := json.Marshal(reply)
	if err != nil {
		return nil, fmt.Errorf("encode the reply: %w", err)
	}
	return encoded, nil
}

func (h *Handler) handle(ctx context.Context, payload []byte) (any, error) {
	invocation := trigger.Invocation{
		Now:       h.now(),
		Account:   h.config.Place.Account,
		Region:    h.config.Place.Region,
		WorkQueue: h.config.WorkQueueARN(),
	}
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
		h.log.InfoContext(ctx, "ignored", "reason", input.Ignored)
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
	return context.WithDeadline(ctx, deadline.Add(-min(reserve, time.Until(deadline)/4)))
}
