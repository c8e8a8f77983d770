// Command keeper is the second Lambda function: it decides what becomes of the AMIs that the exporter made, and does it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"
	_ "time/tzdata" // the runtime has been seen without the database of time zones

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"appstream-ami-exporter/internal/awsclient"
	"appstream-ami-exporter/internal/keep"
	"appstream-ami-exporter/internal/keepaws"
	"appstream-ami-exporter/internal/keepconfig"
	"appstream-ami-exporter/internal/metrics"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/runtimeapi"
	"appstream-ami-exporter/internal/safelog"
)

// version is stamped by the build.
var version = "dev"

func main() {
	log := safelog.New(lambdacontext.NewLogger())
	slog.SetDefault(log)
	slog.SetLogLoggerLevel(slog.LevelError) // aws-lambda-go reports failures by package log
	f, err := newFunction(context.Background(), log)
	if err != nil {
		log.Error("the keeper cannot start", "error", err.Error(), "version", version)
		if err := runtimeapi.ReportInitError(err); err != nil {
			log.Warn("Lambda could not be told why", "error", err.Error())
		}
		os.Exit(1)
	}
	log.Info("keeper started", "version", version)
	lambda.Start(f)
}

// function is aws-lambda-go's Handler.
type function struct {
	keeper  *keep.Keeper
	metrics *metrics.Recorder
	log     *slog.Logger
}

func newFunction(ctx context.Context, log *slog.Logger) (*function, error) {
	c, err := keepconfig.FromEnvironment(os.LookupEnv)
	if err != nil {
		return nil, fmt.Errorf("the configuration has problems: %w", err)
	}
	cfg, err := awsclient.Config(ctx)
	if err != nil {
		return nil, err
	}
	topic := sns.NewFromConfig(cfg)
	recorder := &metrics.Recorder{Out: os.Stdout, Function: lambdacontext.FunctionName, Now: time.Now}
	regions := map[string]keep.Region{}
	for _, region := range append([]string{c.Keep.Home}, c.Keep.CopyRegions...) {
		regions[region] = keepaws.NewRegion(cfg, region)
	}
	k, err := keep.New(keep.Keeper{
		Config:    c.Keep,
		Regions:   regions,
		AppStream: keepaws.AppStream{Client: appstream.NewFromConfig(cfg)},
		Topic:     keepaws.Topic{Topic: notify.Topic{SNS: topic, ARN: c.TopicARN}, Client: topic},
		Now:       time.Now,
		Sleep:     sleep,
		Log:       log,
		Metrics:   recorder,
	})
	if err != nil {
		return nil, err
	}
	return &function{keeper: k, metrics: recorder, log: log}, nil
}

// Invoke makes a pass, or in a dry run only its plan, and returns the plan.
func (f *function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	invocation, err := keep.Decode(payload)
	if err != nil {
		err = &InvalidInput{err}
		f.log.ErrorContext(ctx, "invocation refused", "error", err.Error())
		return nil, err
	}
	reply, err := f.pass(ctx, invocation.DryRun)
	if err := f.metrics.Flush(); err != nil {
		f.log.WarnContext(ctx, "the metrics of this pass are lost", "error", err.Error())
	}
	if err != nil {
		err = &PassFailed{err}
		f.log.ErrorContext(ctx, "the pass could not do everything", "error", err.Error())
		return nil, err
	}
	encoded, err := json.Marshal(reply)
	if err != nil {
		return nil, fmt.Errorf("encode the reply: %w", err)
	}
	return encoded, nil
}

func (f *function) pass(ctx context.Context, dryRun bool) (keep.Reply, error) {
	if dryRun {
		return keep.NewReply(f.keeper.Config, f.keeper.DryRun(ctx), true), nil
	}
	plan, err := f.keeper.Pass(ctx)
	return keep.NewReply(f.keeper.Config, plan, false), err
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
