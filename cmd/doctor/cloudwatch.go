package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/doctor"
)

// alarmStates are the alarms among the resources of the stack.
func (c clients) alarmStates(ctx context.Context, resources resourcesAnswer) doctor.Answer[[]doctor.Alarm] {
	if !resources.There() {
		return doctor.Without[[]doctor.Alarm](resources)
	}
	found, err := deployed.Alarms(ctx, c.alarms, resources.Value)
	ids := map[string]string{} // logical, by name
	for id, resource := range resources.Value {
		ids[resource.PhysicalID] = id
	}
	alarms := []doctor.Alarm{}
	for _, a := range found {
		name := aws.ToString(a.AlarmName)
		alarms = append(alarms, doctor.Alarm{
			LogicalID: ids[name], Name: name, State: string(a.StateValue), Since: aws.ToTime(a.StateUpdatedTimestamp),
			Description: aws.ToString(a.AlarmDescription), Muted: a.ActionsEnabled != nil && !*a.ActionsEnabled,
		})
	}
	return answer(alarms, err, "cloudwatch:DescribeAlarms")
}
