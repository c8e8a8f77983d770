package operator

import (
	"maps"
	"slices"
	"time"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// Stack is the deployed stack, as CloudFormation knows it.
type Stack struct {
	Name       string
	ID         string // its ARN
	Status     string
	Account    string
	Created    time.Time
	Parameters map[string]string
	Outputs    map[string]string
	Resources  map[string]Resource // by logical id
	LogGroups  []string
}

// Resource is what the stack has made.
type Resource struct {
	Type       string
	PhysicalID string
	Alarm      *Alarm // of a CloudWatch alarm
}

// named refuses a request for any other stack.
func (s *Server) named(in object) error {
	if name := text(in, "StackName"); name != "" && name != s.options.Stack.Name && name != s.options.Stack.ID {
		return awsreply.Refuse("ValidationError", "Stack with id %s does not exist", name)
	}
	return nil
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
func (s *Server) describeStacks(in object) (object, error) {
	if err := s.named(in); err != nil {
		return nil, err
	}
	stack := s.options.Stack
	return object{"Stacks": list{object{
		"StackName": stack.Name, "StackId": stack.ID, "StackStatus": stack.Status, "CreationTime": stack.Created,
		"Parameters": pairs(stack.Parameters, "Parameter"), "Outputs": pairs(stack.Outputs, "Output"),
		"DisableRollback": false, "Capabilities": list{"CAPABILITY_IAM"}, "Tags": list{},
	}}}, nil
}

// pairs are the parameters or outputs of a stack.
func pairs(values map[string]string, kind string) list {
	items := list{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		items = append(items, object{kind + "Key": key, kind + "Value": values[key]})
	}
	return items
}

func (s *Server) resources() list {
	items := list{}
	for _, id := range slices.Sorted(maps.Keys(s.options.Stack.Resources)) {
		resource := s.options.Stack.Resources[id]
		items = append(items, object{
			"LogicalResourceId": id, "PhysicalResourceId": resource.PhysicalID, "ResourceType": resource.Type,
			"ResourceStatus": "CREATE_COMPLETE", "StackName": s.options.Stack.Name, "StackId": s.options.Stack.ID,
			"LastUpdatedTimestamp": s.options.Stack.Created, "Timestamp": s.options.Stack.Created,
		})
	}
	return items
}

// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (s *Server) getCallerIdentity(object) (object, error) {
	account := s.options.Stack.Account
	return object{"Account": account, "Arn": "arn:aws:iam::" + account + ":user/you", "UserId": "AIDAEXAMPLE"}, nil
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html
func (s *Server) listStackResources(in object) (object, error) {
	return object{"StackResourceSummaries": s.resources()}, s.named(in)
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html
func (s *Server) describeStackResources(in object) (object, error) {
	return object{"StackResources": s.resources()}, s.named(in)
}
