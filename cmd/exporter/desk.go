package main

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"appstream-ami-exporter/internal/terminal"
)

// desk is what every command works with.
type desk struct {
	stack      terminal.Stack
	stacks     *cloudformation.Client
	functions  *lambda.Client
	appStream  *appstream.Client
	queues     *sqs.Client
	cloudWatch *cloudwatch.Client
	logs       *cloudwatchlogs.Client
	screen     terminal.Screen // for what is shown while a command goes on
	now        func() time.Time
}

// newDesk finds the stack and makes the clients.
func newDesk(ctx context.Context, cfg aws.Config, stackName string, now func() time.Time) (desk, error) {
	d := desk{
		stacks:     cloudformation.NewFromConfig(cfg),
		appStream:  appstream.NewFromConfig(cfg),
		queues:     sqs.NewFromConfig(cfg),
		cloudWatch: cloudwatch.NewFromConfig(cfg),
		logs:       cloudwatchlogs.NewFromConfig(cfg),
		functions:  lambda.NewFromConfig(cfg),
		now:        now,
	}
	var err error
	d.stack, err = terminal.FindStack(ctx, d.stacks, stackName, cfg.Region)
	return d, err
}
