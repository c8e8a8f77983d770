package deployed

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Resource is what CloudFormation has made of a resource of the template.
type Resource struct{ Type, PhysicalID string }

// Resources are those of a stack, by their logical ids.
func Resources(ctx context.Context, client *cloudformation.Client, stack string) (map[string]Resource, error) {
	resources := map[string]Resource{}
	pages := cloudformation.NewListStackResourcesPaginator(client, &cloudformation.ListStackResourcesInput{StackName: &stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.StackResourceSummaries {
			resources[aws.ToString(r.LogicalResourceId)] = Resource{aws.ToString(r.ResourceType), aws.ToString(r.PhysicalResourceId)}
		}
	}
	return resources, nil
}

// mostNames is how many alarms DescribeAlarms takes by their names.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
const mostNames = 100

// Alarms are those among the resources of a stack.
func Alarms(ctx context.Context, client *cloudwatch.Client, resources map[string]Resource) (alarms []types.MetricAlarm, err error) {
	var names []string
	for _, resource := range resources {
		if resource.Type == "AWS::CloudWatch::Alarm" {
			names = append(names, resource.PhysicalID)
		}
	}
	slices.Sort(names)
	for chunk := range slices.Chunk(names, mostNames) {
		pages := cloudwatch.NewDescribeAlarmsPaginator(client, &cloudwatch.DescribeAlarmsInput{AlarmNames: chunk})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			alarms = append(alarms, page.MetricAlarms...)
		}
	}
	return alarms, nil
}
