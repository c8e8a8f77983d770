package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Stack is what a template deploys, as far as the local AWS plays it.
type Stack struct {
	Deployment                  // of the exporter
	Keeper     *Deployment      // nil where the stack has none
	Queues     map[string]Queue // by logical id
}

// Deployment is a Lambda function with what starts it and what it may do.
type Deployment struct {
	Function   Function
	Schedule   Schedule
	Rules      []Rule
	Mapping    Mapping
	Statements []Statement // of the function's own role
}

// keeperFunction is the function that a stack may have beside the exporter.
const keeperFunction = "KeeperFunction"

// Function is a Lambda function.
type Function struct {
	LogicalID   string
	Name        string
	ARN         string
	Handler     string
	Timeout     time.Duration
	MemorySize  int // MB
	Environment map[string]string

	LogGroup       string
	LogFormat      string
	LogLevel       string // of the function's own lines
	SystemLogLevel string

	// For asynchronous invocations.
	RetryAttempts   int
	MaximumEventAge time.Duration
	OnFailure       string // ARN of the destination
}

// Mapping is what feeds a queue to the function.
type Mapping struct {
	QueueARN                string
	BatchSize               int
	MaximumConcurrency      int
	ReportBatchItemFailures bool
}

// Queue is an SQS queue.
type Queue struct {
	Name              string
	URL               string
	ARN               string
	VisibilityTimeout time.Duration
	RetentionPeriod   time.Duration
	DeadLetterARN     string // "" without a redrive policy
	MaxReceiveCount   int
}

// Statement is a statement of an IAM policy.
type Statement struct {
	Policy    string // the name of the policy
	Effect    string
	Actions   []string
	Resources []string
	Condition map[string]map[string][]string // operator, key, values
}

// Stack resolves the template with the physical values given; nil makes all of them up.
func (t *Template) Stack(physical Physical) (*Stack, error) {
	stack := &Stack{Queues: map[string]Queue{}}
	b := stackBuilder{template: t, names: &names{template: t, physical: physical}, stack: stack}
	for _, id := range slices.Sorted(maps.Keys(t.resources)) {
		if !t.exists(id) {
			continue
		}
		var err error
		switch t.resources[id].Type {
		case "AWS::Serverless::Function":
			b.into = &stack.Deployment
			if id == keeperFunction {
				stack.Keeper = &Deployment{}
				b.into = stack.Keeper
			}
			err = b.addFunction(id)
		case "AWS::SQS::Queue":
			err = b.addQueue(id)
		}
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", id, err)
		}
	}
	if stack.Function.LogicalID == "" {
		return nil, errors.New("the template has no AWS::Serverless::Function")
	}
	return stack, nil
}

// Resources resolves the properties of all resources of a type that the stack has, by logical id, with made-up names.
func (t *Template) Resources(kind string) (map[string]map[string]any, error) {
	return t.ResourcesWith(kind, nil)
}

// ResourcesWith does so with the physical values given.
func (t *Template) ResourcesWith(kind string, physical Physical) (map[string]map[string]any, error) {
	resolver := resolver{template: t, names: &names{template: t, physical: physical}}
	resources := map[string]map[string]any{}
	for id, resource := range t.resources {
		if resource.Type != kind || !t.exists(id) {
			continue
		}
		resolved, err := resolver.value(resource.Properties)
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", id, err)
		}
		resources[id], _ = resolved.(map[string]any)
	}
	return resources, nil
}

type stackBuilder struct {
	template *Template
	names    *names
	stack    *Stack
	into     *Deployment // of the function that is being added
}

// properties resolves the properties of a resource into a struct.
func (b stackBuilder) properties(id string, into any) error {
	resolver := resolver{template: b.template, names: b.names}
	resolved, err := resolver.value(b.template.resources[id].Properties)
	if err != nil {
		return err
	}
	data, err := json.Marshal(resolved)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

func (b stackBuilder) addFunction(id string) error {
	if b.into.Function.LogicalID != "" {
		return fmt.Errorf("a second function beside %s is not supported here", b.into.Function.LogicalID)
	}
	var p functionProperties
	if err := b.properties(id, &p); err != nil {
		return err
	}
	name, arn, err := b.names.both(id)
	if err != nil {
		return err
	}
	environment := map[string]string{}
	for key, value := range p.Environment.Variables {
		environment[key] = string(value)
	}
	b.into.Function = Function{
		LogicalID: id, Name: name, ARN: arn, Handler: p.Handler,
		Timeout: p.Timeout.seconds(), MemorySize: int(p.MemorySize), Environment: environment,
		LogGroup: p.LoggingConfig.LogGroup, LogFormat: p.LoggingConfig.LogFormat,
		LogLevel: p.LoggingConfig.ApplicationLogLevel, SystemLogLevel: p.LoggingConfig.SystemLogLevel,
		RetryAttempts:   int(p.EventInvokeConfig.MaximumRetryAttempts),
		MaximumEventAge: p.EventInvokeConfig.MaximumEventAgeInSeconds.seconds(),
		OnFailure:       p.EventInvokeConfig.DestinationConfig.OnFailure.Destination,
	}
	for _, event := range slices.Sorted(maps.Keys(p.Events)) {
		if err := b.addEvent(id+event, p.Events[event].Type, p.Events[event].Properties); err != nil {
			return fmt.Errorf("event %s: %w", event, err)
		}
	}
	return b.addStatements(id)
}

// addEvent adds what SAM makes of an event: a schedule, a rule or an event source mapping.
func (b stackBuilder) addEvent(id, kind string, properties json.RawMessage) error {
	switch kind {
	case "ScheduleV2":
		return b.addSchedule(id, properties)
	case "EventBridgeRule":
		return b.addRule(id, properties)
	case "SQS":
		var p mappingProperties
		if err := json.Unmarshal(properties, &p); err != nil {
			return err
		}
		if b.into.Mapping.QueueARN != "" {
			return errors.New("a second queue for the function is not supported here")
		}
		b.into.Mapping = Mapping{
			QueueARN: p.Queue, BatchSize: int(p.BatchSize), MaximumConcurrency: int(p.ScalingConfig.MaximumConcurrency),
			ReportBatchItemFailures: slices.Contains(p.FunctionResponseTypes, "ReportBatchItemFailures"),
		}
		return nil
	}
	return fmt.Errorf("the type %q is not supported here", kind)
}

func (b stackBuilder) addQueue(id string) error {
	// SQS's own defaults.
	visibility, retention := number(30), number(4*24*60*60)
	p := queueProperties{VisibilityTimeout: &visibility, MessageRetentionPeriod: &retention}
	if err := b.properties(id, &p); err != nil {
		return err
	}
	queue := Queue{
		VisibilityTimeout: p.VisibilityTimeout.seconds(), RetentionPeriod: p.MessageRetentionPeriod.seconds(),
		DeadLetterARN: p.RedrivePolicy.DeadLetterTargetARN, MaxReceiveCount: int(p.RedrivePolicy.MaxReceiveCount),
	}
	for attribute, value := range map[string]*string{"": &queue.URL, "Arn": &queue.ARN, "QueueName": &queue.Name} {
		var err error
		if *value, err = b.names.of(id, attribute); err != nil {
			return err
		}
	}
	b.stack.Queues[id] = queue
	return nil
}

func (b stackBuilder) addStatements(function string) error {
	call, role, _ := intrinsic(b.template.resources[function].Properties["Role"])
	id, _, err := pairOf[string, string](role)
	if call != "Fn::GetAtt" || err != nil {
		return errors.New("the property Role must be !GetAtt <role>.Arn")
	}
	var p roleProperties
	if err := b.properties(id, &p); err != nil {
		return fmt.Errorf("role %s: %w", id, err)
	}
	for _, policy := range p.Policies {
		for _, s := range policy.PolicyDocument.Statement {
			statement := Statement{Policy: policy.PolicyName, Effect: s.Effect, Actions: s.Action, Resources: s.Resource}
			for operator, keys := range s.Condition {
				if statement.Condition == nil {
					statement.Condition = map[string]map[string][]string{}
				}
				statement.Condition[operator] = map[string][]string{}
				for key, values := range keys {
					statement.Condition[operator][key] = values
				}
			}
			b.into.Statements = append(b.into.Statements, statement)
		}
	}
	return nil
}
