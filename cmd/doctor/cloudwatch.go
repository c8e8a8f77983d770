package main

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"appstream-ami-exporter/internal/doctor"
)

// mostNames is how many alarms DescribeAlarms takes by their names.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
const mostNames = 100

// alarmStates are the alarms among the resources of the stack.
func (c clients) alarmStates(ctx context.Context, resources map[string]doctor.Resource) doctor.Answer[[]doctor.Alarm] {
	ids := map[string]string{} // logical, by name
	for id, resource := range resources {
		if resource.Type == "AWS::CloudWatch::Alarm" {
			ids[resource.PhysicalID] = id
		}
	}
	alarms := []doctor.Alarm{}
	for names := range slices.Chunk(slices.Sorted(maps.Keys(ids)), mostNames) {
		pages := cloudwatch.NewDescribeAlarmsPaginator(c.alarms, &cloudwatch.DescribeAlarmsInput{AlarmNames: names})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return answer(alarms, err, "cloudwatch:DescribeAlarms")
			}
			for _, a := range page.MetricAlarms {
				name := aws.ToString(a.AlarmName)
				alarms = append(alarms, doctor.Alarm{
					LogicalID: ids[name], Name: name, State: string(a.StateValue), Since: aws.ToTime(a.StateUpdatedTimestamp),
					Description: aws.ToString(a.AlarmDescription), Muted: a.ActionsEnabled != nil && !*a.ActionsEnabled,
				})
			}
		}
	}
	return doctor.Given(alarms)
}
