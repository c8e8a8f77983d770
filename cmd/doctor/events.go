package main

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"appstream-ami-exporter/internal/doctor"
)

// notFound is how EventBridge and its Scheduler say that there is no such thing.
const notFound = "ResourceNotFoundException"

func (c clients) rule(ctx context.Context, name string) doctor.Answer[doctor.Rule] {
	o, err := c.events.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &name})
	if err != nil {
		return answer(doctor.Rule{}, err, "events:DescribeRule", notFound)
	}
	return doctor.Given(doctor.Rule{Name: aws.ToString(o.Name), State: string(o.State)})
}

// schedule asks for a schedule by what CloudFormation calls it: its name, or its ARN.
func (c clients) schedule(ctx context.Context, name string) doctor.Answer[doctor.Schedule] {
	name = name[strings.LastIndex(name, "/")+1:]
	o, err := c.schedules.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: &name})
	if err != nil {
		return answer(doctor.Schedule{}, err, "scheduler:GetSchedule", notFound)
	}
	zone := aws.ToString(o.ScheduleExpressionTimezone)
	if zone == "" {
		zone = "UTC"
	}
	return doctor.Given(doctor.Schedule{Name: name, State: string(o.State), Expression: aws.ToString(o.ScheduleExpression), TimeZone: zone})
}
