package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"appstream-ami-exporter/internal/terminal"
)

// alarms are those of the stack: how many there are, and which of them ring.
type alarms struct {
	Count   int     `json:"count"`
	Ringing []alarm `json:"ringing"`
}

type alarm struct {
	Name  string    `json:"name"`
	What  string    `json:"what"` // happened
	Since time.Time `json:"since"`
}

// mostNames is how many alarms DescribeAlarms takes by their names.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
const mostNames = 100

func (d desk) alarmStates(ctx context.Context) (a alarms, err error) {
	names, err := d.alarmNames(ctx)
	if err != nil {
		return a, err
	}
	for chunk := range slices.Chunk(names, mostNames) {
		pages := cloudwatch.NewDescribeAlarmsPaginator(d.cloudWatch, &cloudwatch.DescribeAlarmsInput{AlarmNames: chunk})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return a, terminal.Explain(err)
			}
			a.Count += len(page.MetricAlarms)
			for _, metric := range page.MetricAlarms {
				if metric.StateValue == types.StateValueAlarm {
					// The name's last part is CloudFormation's own and the description's first sentence says what happened.
					what, _, _ := strings.Cut(aws.ToString(metric.AlarmDescription), ". ")
					a.Ringing = append(a.Ringing, alarm{aws.ToString(metric.AlarmName), what, aws.ToTime(metric.StateUpdatedTimestamp)})
				}
			}
		}
	}
	return a, nil
}

// alarmNames are the names of the alarms that the stack has made.
func (d desk) alarmNames(ctx context.Context) (names []string, err error) {
	pages := cloudformation.NewListStackResourcesPaginator(d.stacks, &cloudformation.ListStackResourcesInput{StackName: &d.stack.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, terminal.Explain(err)
		}
		for _, resource := range page.StackResourceSummaries {
			if aws.ToString(resource.ResourceType) == "AWS::CloudWatch::Alarm" {
				names = append(names, aws.ToString(resource.PhysicalResourceId))
			}
		}
	}
	return names, nil
}

func (a alarms) rows(s terminal.Screen) (rows [][]string) {
	for _, ringing := range a.Ringing {
		rows = append(rows, []string{terminal.Stamp(ringing.Since), s.Paint(terminal.Red, ringing.Name), ringing.What})
	}
	return headed(rows, "SINCE (UTC)", "ALARM", "WHAT HAPPENED")
}

func (a alarms) none() string {
	if a.Count == 0 {
		return "the stack has no alarms"
	}
	return fmt.Sprintf("none of %d rings", a.Count)
}
