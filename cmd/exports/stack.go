package main

import (
	"context"
	"fmt"
	"strings"
)

// stack is the deployed CloudFormation stack, by its outputs.
type stack struct {
	name    string
	region  string
	account string
	outputs map[string]string
}

func (c cli) stack(ctx context.Context, name string) (stack, error) {
	var answer struct {
		Stacks []struct {
			StackID string `json:"StackId"`
			Outputs []struct {
				OutputKey   string
				OutputValue string
			}
		}
	}
	err := c.call(ctx, &answer, "cloudformation", "describe-stacks", "--stack-name", name)
	switch {
	case err != nil && strings.Contains(err.Error(), "Stack with id"):
		return stack{}, fmt.Errorf("there is no stack %s%s. Name yours with STACK=<its name> and REGION=<its Region>", name, inRegion(c.region))
	case err != nil:
		return stack{}, err
	case len(answer.Stacks) != 1:
		return stack{}, fmt.Errorf("aws cloudformation describe-stacks told of %d stacks with the name %s", len(answer.Stacks), name)
	}
	s := stack{name: name, outputs: map[string]string{}}
	// arn:aws:cloudformation:<region>:<account>:stack/<name>/<id>
	if parts := strings.Split(answer.Stacks[0].StackID, ":"); len(parts) > 4 {
		s.region, s.account = parts[3], parts[4]
	}
	for _, output := range answer.Stacks[0].Outputs {
		s.outputs[output.OutputKey] = output.OutputValue
	}
	for _, key := range []string{"FunctionName", "WorkQueueUrl", "DeadLetterQueueUrl", "FailedEventsQueueUrl", "LogGroupName"} {
		if s.outputs[key] == "" {
			return stack{}, fmt.Errorf("the stack %s has no output %s: it is not one of the AppStream AMI Exporter, or its deployment has not finished", name, key)
		}
	}
	return s, nil
}

func inRegion(region string) string {
	if region == "" {
		return " in the Region that the aws command uses"
	}
	return " in " + region
}

// alarms are the names of the alarms that the stack has made.
func (c cli) alarms(ctx context.Context, stackName string) (names []string, err error) {
	var answer struct {
		StackResourceSummaries []struct {
			ResourceType       string
			PhysicalResourceID string `json:"PhysicalResourceId"`
		}
	}
	err = c.call(ctx, &answer, "cloudformation", "list-stack-resources", "--stack-name", stackName)
	for _, resource := range answer.StackResourceSummaries {
		if resource.ResourceType == "AWS::CloudWatch::Alarm" {
			names = append(names, resource.PhysicalResourceID)
		}
	}
	return names, err
}
