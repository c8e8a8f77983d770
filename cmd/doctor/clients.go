package main

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// clients are the services that the doctor asks.
type clients struct {
	appStream *appstream.Client
	stacks    *cloudformation.Client
	trails    *cloudtrail.Client
	alarms    *cloudwatch.Client
	logs      *cloudwatchlogs.Client
	ec2       *ec2.Client
	events    *eventbridge.Client
	iam       *iam.Client
	keys      *kms.Client
	functions *lambda.Client
	schedules *scheduler.Client
	quotas    *servicequotas.Client
	topics    *sns.Client
	queues    *sqs.Client
	sts       *sts.Client
}

func newClients(cfg aws.Config) clients {
	return clients{
		appStream: appstream.NewFromConfig(cfg),
		stacks:    cloudformation.NewFromConfig(cfg),
		trails:    cloudtrail.NewFromConfig(cfg),
		alarms:    cloudwatch.NewFromConfig(cfg),
		logs:      cloudwatchlogs.NewFromConfig(cfg),
		ec2:       ec2.NewFromConfig(cfg),
		events:    eventbridge.NewFromConfig(cfg),
		iam:       iam.NewFromConfig(cfg),
		keys:      kms.NewFromConfig(cfg),
		functions: lambda.NewFromConfig(cfg),
		schedules: scheduler.NewFromConfig(cfg),
		quotas:    servicequotas.NewFromConfig(cfg),
		topics:    sns.NewFromConfig(cfg),
		queues:    sqs.NewFromConfig(cfg),
		sts:       sts.NewFromConfig(cfg),
	}
}
