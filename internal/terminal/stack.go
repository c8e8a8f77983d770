package terminal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"
)

// Stack is the deployed CloudFormation stack.
type Stack struct {
	Name       string            `json:"name"`
	Region     string            `json:"region"`
	Account    string            `json:"account"`
	ID         string            `json:"-"` // its ARN
	Partition  string            `json:"-"`
	Status     string            `json:"-"` // such as "UPDATE_COMPLETE"
	Reason     string            `json:"-"` // of the status, where CloudFormation gives one
	Created    time.Time         `json:"-"`
	Updated    time.Time         `json:"-"` // the zero time if never
	Outputs    map[string]string `json:"-"`
	Parameters map[string]string `json:"-"`
}

// DescribeStacksAPI is the call of CloudFormation that finds a stack.
type DescribeStacksAPI interface {
	DescribeStacks(
		context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options),
	) (*cloudformation.DescribeStacksOutput, error)
}

// needed are the outputs by which a stack is known to be one of this project.
var needed = []string{"FunctionName", "WorkQueueUrl", "DeadLetterQueueUrl", "FailedEventsQueueUrl", "LogGroupName"}

// FindStack asks for the stack of that name. Region is where it was looked for, to be told if it is not there. A stack without
// the outputs of this project is returned with the error that says so.
func FindStack(ctx context.Context, api DescribeStacksAPI, name, region string) (Stack, error) {
	answer, err := api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if notThere(err) {
		return Stack{}, fmt.Errorf("there is no stack %s in %s. Name yours with STACK=<its name> and REGION=<its Region>", name, region)
	}
	if err != nil {
		return Stack{}, Explain(err)
	}
	if len(answer.Stacks) != 1 {
		return Stack{}, fmt.Errorf("CloudFormation tells of %d stacks with the name %s", len(answer.Stacks), name)
	}
	found := answer.Stacks[0]
	s := Stack{
		Name: name, ID: aws.ToString(found.StackId), Region: region,
		Status: string(found.StackStatus), Reason: aws.ToString(found.StackStatusReason),
		Created: aws.ToTime(found.CreationTime), Updated: aws.ToTime(found.LastUpdatedTime),
		Outputs: map[string]string{}, Parameters: map[string]string{},
	}
	if id, err := arn.Parse(s.ID); err == nil {
		s.Partition, s.Region, s.Account = id.Partition, id.Region, id.AccountID
	}
	for _, output := range found.Outputs {
		s.Outputs[aws.ToString(output.OutputKey)] = aws.ToString(output.OutputValue)
	}
	for _, parameter := range found.Parameters {
		s.Parameters[aws.ToString(parameter.ParameterKey)] = aws.ToString(parameter.ParameterValue)
	}
	for _, key := range needed {
		if s.Outputs[key] == "" {
			return s, fmt.Errorf("the stack %s has no output %s: it is not one of the AppStream AMI Exporter, "+
				"or its deployment has not finished (%s)", name, key, s.Status)
		}
	}
	return s, nil
}

// notThere tells whether CloudFormation has no stack of that name: it has no error of its own for that.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
func notThere(err error) bool {
	failure, ok := errors.AsType[smithy.APIError](err)
	return ok && failure.ErrorCode() == "ValidationError" && strings.HasSuffix(failure.ErrorMessage(), "does not exist")
}
