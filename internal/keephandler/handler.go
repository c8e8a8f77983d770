// Package keephandler is the keeper as Lambda calls it: it takes an invocation, makes a pass, and replies.
package keephandler

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"appstream-ami-exporter/internal/awsclient"
	"appstream-ami-exporter/internal/keep"
	"appstream-ami-exporter/internal/keepaws"
	"appstream-ami-exporter/internal/keepconfig"
	"appstream-ami-exporter/internal/metrics"
	"appstream-ami-exporter/internal/notify"
)

// Handler is an aws-lambda-go Handler.
type Handler struct {
	keeper  *keep.Keeper
	metrics *metrics.Recorder
	log     *slog.Logger
}

// New reads the configuration from the environment and makes a Handler, whose clock is now. Its error names every variable that is
// wrong.
func New(ctx context.Context, log *slog.Logger, now func() time.Time) (*Handler, error) {
	c, err := keepconfig.FromEnvironment(os.LookupEnv)
	if err != nil {
		return nil, fmt.Errorf("the configuration has problems: %w", err)
	}
	cfg, err := awsclient.Config(ctx)
	if err != nil {
		return nil, err
	}
	topic := sns.NewFromConfig(cfg)
	recorder := &metrics.Recorder{Out: os.Stdout, Function: lambdacontext.FunctionName, Now: now}
	regions := map[string]keep.Region{}
	for _, region := range append([]string{c.Keep.Home}, c.Keep.CopyRegions...) {
		regions[region] = keepaws.NewRegion(cfg, region)
	}
	k, err := keep.New(keep.Keeper{
		Config:    c.Keep,
		Regions:   regions,
		AppStream: keepaws.AppStream{Client: appstream.NewFromConfig(cfg)},
		Topic:     keepaws.Topic{Topic: notify.Topic{SNS: topic, ARN: c.TopicARN}, Client: topic},
		Now:       now,
		Sleep:     sleep,
		Log:       log,
		Metrics:   recorder,
	})
	if err != nil {
		return nil, err
	}
	return &Handler{keeper: k, metrics: recorder, log: log}, nil
}

// Invoke makes a pass, or in a dry run only its plan, and returns the plan.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	invocation, err := keep.Decode(payload)
	if err != nil {
		err = &InvalidInput{err}
		h.log.ErrorContext(ctx, "invocation refused", "error", err.Error())
		return nil, err
	}
	reply, err := h.pass(ctx, invocation.DryRun)
	if err := h.metrics.Flush(); err != nil {
		h.log.WarnContext(ctx, "the metrics of this pass are lost", "error", err.Error())
	}
	if err != nil {
		err = &PassFailed{err}
		h.log.ErrorContext(ctx, "the pass could not do everything", "error", err.Error())
		return nil, err
	}
	encoded, err := json.Marshal(reply)
	if err != nil {
		return nil, fmt.Errorf("encode the reply: %w", err)
	}
	return encoded, nil
}

func (h *Handler) pass(ctx context.Context, dryRun bool) (keep.Reply, error) {
	if dryRun {
		return keep.NewReply(h.keeper.Config, h.keeper.DryRun(ctx), true), nil
	}
	plan, err := h.keeper.Pass(ctx)
	return keep.NewReply(h.keeper.Config, plan, false), err
}

// InvalidInput is returned for a payload that the keeper does not take. Lambda reports errors by the name of their type.
type InvalidInput struct{ err error }

func (e *InvalidInput) Error() string { return "nothing was done: " + e.err.Error() }
func (e *InvalidInput) Unwrap() error { return e.err }

// PassFailed is returned for a pass that could not do everything that was planned: the next one tries again.
type PassFailed struct{ err error }

func (e *PassFailed) Error() string { return e.err.Error() }
func (e *PassFailed) Unwrap() error { return e.err }

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
