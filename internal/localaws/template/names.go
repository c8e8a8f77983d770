package template

import "fmt"

// Physical gives the physical value of a resource: attribute is "" for what Ref returns, and for example
// "Arn" for what GetAtt does. Where ok is false, the value is one that CloudFormation could have made.
type Physical func(logicalID, attribute string) (value string, ok bool)

// names makes names for a template's resources, <stack>-<logical id>; CloudFormation adds random
// characters.
type names struct {
	template *Template
	physical Physical
}

func (n *names) of(id, attribute string) (string, error) {
	kind, err := n.kind(id)
	if err != nil {
		return "", err
	}
	if n.physical != nil {
		if value, ok := n.physical(id, attribute); ok {
			return value, nil
		}
	}
	name := stackName + "-" + id
	arn := func(service, resource string) string {
		return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, Region, AccountID, resource)
	}
	switch kind + " " + attribute {
	case "AWS::IAM::Role ", "AWS::Logs::LogGroup ", "AWS::Serverless::Function ", "AWS::Events::Rule ", "AWS::Scheduler::Schedule ",
		"AWS::SQS::Queue QueueName", "AWS::SNS::Topic TopicName", "AWS::CloudWatch::Alarm ", "AWS::CloudWatch::Dashboard ":
		return name, nil
	case "AWS::SQS::Queue ":
		return fmt.Sprintf("https://sqs.%s.amazonaws.com/%s/%s", Region, AccountID, name), nil
	case "AWS::SQS::Queue Arn":
		return arn("sqs", name), nil
	case "AWS::SNS::Topic ", "AWS::SNS::Topic TopicArn":
		return arn("sns", name), nil
	case "AWS::IAM::Role Arn":
		return fmt.Sprintf("arn:aws:iam::%s:role/%s", AccountID, name), nil
	case "AWS::Logs::LogGroup Arn":
		return arn("logs", "log-group:"+name+":*"), nil
	case "AWS::CloudWatch::Alarm Arn":
		return arn("cloudwatch", "alarm:"+name), nil
	case "AWS::Serverless::Function Arn":
		return arn("lambda", "function:"+name), nil
	case "AWS::Events::Rule Arn":
		return arn("events", "rule/"+name), nil
	case "AWS::Scheduler::Schedule Arn":
		return arn("scheduler", "schedule/default/"+name), nil
	}
	return "", fmt.Errorf("%s is of type %s; its attribute %q is not known here", id, kind, attribute)
}

// both returns the name and the ARN of a resource whose Ref is its name.
func (n *names) both(id string) (name, arn string, err error) {
	if name, err = n.of(id, ""); err != nil {
		return "", "", err
	}
	arn, err = n.of(id, "Arn")
	return name, arn, err
}

// kind returns the type of a resource, also of one that SAM makes from an event of a function: its id is
// that of the function and the event.
func (n *names) kind(id string) (string, error) {
	if resource, ok := n.template.resources[id]; ok {
		if !n.template.exists(id) {
			return "", fmt.Errorf("resource %s is not made, condition %s does not hold", id, resource.Condition)
		}
		return resource.Type, nil
	}
	for functionID, resource := range n.template.resources {
		if resource.Type != "AWS::Serverless::Function" {
			continue
		}
		events, _ := resource.Properties["Events"].(map[string]any)
		for name, event := range events {
			if functionID+name != id {
				continue
			}
			declared, _ := event.(map[string]any)
			switch declared["Type"] {
			case "ScheduleV2":
				return "AWS::Scheduler::Schedule", nil
			case "EventBridgeRule":
				return "AWS::Events::Rule", nil
			}
		}
	}
	return "", fmt.Errorf("there is no parameter or resource %s", id)
}
