package main

import (
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

// newDesk makes the clients. Most commands are about a stack, which whoever calls it has to find.
func newDesk(cfg aws.Config, now func() time.Time) desk {
	return desk{
		stacks:     cloudformation.NewFromConfig(cfg),
		appStream:  appstream.NewFromConfig(cfg),
		queues:     sqs.NewFromConfig(cfg),
		cloudWatch: cloudwatch.NewFromConfig(cfg),
		logs:       cloudwatchlogs.NewFromConfig(cfg),
		functions:  lambda.NewFromConfig(cfg),
		now:        now,
	}
}
