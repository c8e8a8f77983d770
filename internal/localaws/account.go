// Package localaws is a local AWS account: it puts the parts below it together and deploys the template's stack in them.
// Tests and people at their own machines use it; nothing of it is deployed.
package localaws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/iam"
	"appstream-ami-exporter/internal/localaws/lambda"
	"appstream-ami-exporter/internal/localaws/operator"
	"appstream-ami-exporter/internal/localaws/queues"
	"appstream-ami-exporter/internal/localaws/regional"
	"appstream-ami-exporter/internal/localaws/template"
)

// Account is a local AWS account with the template's stack deployed in it: the compiled function behind the Lambda Runtime
// API, its queues and topic, its schedule and rules, and AppStream.
type Account struct {
	AppStream *appstream.Server
	Regional  *regional.Services // AppStream, and what else the AMIs live in
	Gateway   *gateway.Gateway
	Queues    *queues.Server
	Function  *lambda.Function // nil where it is not deployed
	Keeper    *lambda.Function // nil where the stack has none
	Stack     *template.Stack
	Operator  *operator.Server // what people ask about the stack
	People    *gateway.Gateway // where their programs find AWS

	WorkQueue         queues.Queue
	DeadLetterQueue   queues.Queue
	FailedEventsQueue queues.Queue
	Inbox             queues.Queue // subscribed to the topic: what an administrator receives

	mapping   *lambda.Mapping
	keeperMay []iam.Statement // what the keeper's role allows
}

// Options say which function is deployed, how, and into what kind of account.
type Options struct {
	Template   string            // path of template.yaml
	Parameters map[string]string // of the template, where not the defaults
	Bootstrap  string            // path of the compiled function; without it only the keeper is deployed
	Keeper     string            // path of the compiled keeper, where the parameters ask for one
	AppStream  appstream.Options

	// CopyDuration is how long a copy of an AMI is pending, 20 minutes by default.
	CopyDuration func(ec2.Image) time.Duration

	// Scale compresses the waits of queues and retries: at 60, a minute passes in one real second. What AppStream
	// takes for an export or an image is for the options of AppStream to say.
	Scale float64

	// Timeout of the function, where it is not to be the template's.
	Timeout time.Duration

	// Latency is added to every call of the function to AWS.
	Latency time.Duration

	// Environment is set over the variables that the template gives the function.
	Environment map[string]string

	// FIFOTopic has the stack publish to an existing FIFO topic.
	FIFOTopic bool

	// Forgetful has the gateway forget its calls, for an account that stays.
	Forgetful bool

	// OnLog, OnKeeperLog and OnCall, if set, are told of the functions' log lines and their calls. They must not block.
	OnLog, OnKeeperLog func(lambda.LogLine)
	OnCall             func(gateway.Call)
}

// Start deploys the stack. Close must be called when it is not needed any more.
func Start(ctx context.Context, options Options) (*Account, error) {
	a := &Account{}
	a.Regional = regional.New(regional.Options{
		Regions: regionsOf(options.Parameters), AppStream: options.AppStream, Now: options.AppStream.Now,
		CopyDuration: options.CopyDuration, Authorize: a.allows,
	})
	a.AppStream = a.Regional.AppStream
	a.Queues = queues.New(queues.Options{Region: template.Region, AccountID: template.AccountID, Scale: options.Scale, Authorize: a.allows})
	if err := a.deploy(ctx, options); err != nil {
		return nil, errors.Join(fmt.Errorf("deploy the stack: %w", err), a.Close())
	}
	return a, nil
}

// SampleQueueARN is the queue that the batches in events/ come from.
const SampleQueueARN = "arn:aws:sqs:eu-west-1:123456789012:work"

// FromWorkQueue makes a batch of the sample queue one of this account's work queue, whose name is another each time. Any other
// payload stays as it is.
func (a *Account) FromWorkQueue(payload []byte) []byte {
	return bytes.ReplaceAll(payload, []byte(`"`+SampleQueueARN+`"`), []byte(`"`+a.WorkQueue.ARN+`"`))
}

func (a *Account) deploy(ctx context.Context, options Options) error {
	deployed, err := template.Load(options.Template, options.Parameters)
	if err != nil {
		return err
	}
	// Once with made-up names to learn what the queues are to be, and again with their real ones.
	plan, err := deployed.Stack(nil)
	if err != nil {
		return err
	}
	physical, topic, err := a.createQueues(plan, options.FIFOTopic)
	if err != nil {
		return err
	}
	if a.Stack, err = deployed.Stack(physical); err != nil {
		return err
	}
	if err := a.playOperator(deployed, physical); err != nil {
		return err
	}
	services := append(a.Regional.Behind(),
		gateway.Service{SigningName: "appstream", Handler: a.AppStream},
		gateway.Service{SigningName: "sns", Handler: a.Queues},
		gateway.Service{SigningName: "sqs", Handler: a.Queues})
	a.Gateway = gateway.New(gateway.Options{Latency: options.Latency, OnCall: options.OnCall, Forgetful: options.Forgetful}, services...)
	if options.Bootstrap != "" {
		a.deployExporter(options, topic)
	}
	if err := a.deployKeeper(deployed, options); err != nil {
		return err
	}
	a.People = a.openToPeople(services)
	if err := a.warm(ctx); err != nil {
		return err
	}
	if a.Function == nil {
		return nil
	}
	a.mapping = lambda.StartMapping(lambda.MappingOptions{
		Queues:                  a.Queues,
		Queue:                   a.WorkQueue,
		Function:                a.Function,
		BatchSize:               a.Stack.Mapping.BatchSize,
		ReportBatchItemFailures: a.Stack.Mapping.ReportBatchItemFailures,
	})
	return nil
}

// warm starts a process of each function, so that one that cannot start is an error at once.
func (a *Account) warm(ctx context.Context) error {
	for _, function := range a.functions() {
		if err := function.Warm(ctx); err != nil {
			return err
		}
	}
	return nil
}

// functions are those that are deployed.
func (a *Account) functions() []*lambda.Function {
	return slices.DeleteFunc([]*lambda.Function{a.Function, a.Keeper}, func(f *lambda.Function) bool { return f == nil })
}

func (a *Account) deployExporter(options Options, topic queues.Topic) {
	function := a.Stack.Function
	environment := function.Environment
	if options.FIFOTopic {
		environment["TOPIC_ARN"] = topic.ARN
	}
	maps.Copy(environment, options.Environment)
	timeout := function.Timeout
	if options.Timeout > 0 {
		timeout = options.Timeout
	}
	a.Function = lambda.NewFunction(lambda.FunctionOptions{
		Environment:          a.environment(function, options.Bootstrap, options.OnLog),
		Timeout:              timeout,
		MaximumConcurrency:   a.Stack.Mapping.MaximumConcurrency,
		MaximumRetryAttempts: &function.RetryAttempts,
		OnFailure: func(record []byte) error {
			a.measureFunction(function.Name, "AsyncEventsDropped", time.Now(), 1)
			_, err := a.Queues.Send(a.FailedEventsQueue, string(record))
			return err
		},
		Scale:    options.Scale,
		OnResult: func(result lambda.Result) { a.watchFunction(function.Name, result) },
	})
}

// environment is where a function of the stack runs. Its log goes to its log group and to onLog.
func (a *Account) environment(function template.Function, binary string, onLog func(lambda.LogLine)) lambda.EnvironmentOptions {
	return lambda.EnvironmentOptions{
		Binary:       binary,
		FunctionName: function.Name,
		Region:       template.Region,
		AccountID:    template.AccountID,
		MemorySize:   function.MemorySize,
		Variables:    function.Environment,
		Gateway:      a.Gateway,
		OnLog: func(line lambda.LogLine) {
			a.Operator.Log(function.LogGroup, line.Time, line.Environment, line.Text)
			if onLog != nil {
				onLog(line)
			}
		},
	}
}

// createQueues makes the template's queues and its topic, and returns what their references in the template are.
func (a *Account) createQueues(plan *template.Stack, fifo bool) (template.Physical, queues.Topic, error) {
	values := map[[2]string]string{}
	create := func(logicalID string, deadLetter *queues.Queue) (queues.Queue, error) {
		planned := plan.Queues[logicalID]
		queue, err := a.Queues.CreateQueue(logicalID, queues.QueueOptions{
			VisibilityTimeout: planned.VisibilityTimeout,
			DeadLetter:        deadLetter,
			MaxReceiveCount:   planned.MaxReceiveCount,
		})
		values[[2]string{logicalID, ""}], values[[2]string{logicalID, "Arn"}] = queue.URL, queue.ARN
		values[[2]string{logicalID, "QueueName"}] = queue.Name
		return queue, err
	}
	var errs [4]error
	a.DeadLetterQueue, errs[0] = create("DeadLetterQueue", nil)
	a.WorkQueue, errs[1] = create("WorkQueue", &a.DeadLetterQueue)
	a.FailedEventsQueue, errs[2] = create("FailedEventsQueue", nil)
	a.Inbox, errs[3] = a.Queues.CreateQueue("Inbox", queues.QueueOptions{})
	if err := errors.Join(errs[:]...); err != nil {
		return nil, queues.Topic{}, err
	}
	name := "Topic"
	if fifo {
		name += ".fifo"
	}
	topic, err := a.Queues.CreateTopic(name)
	if err != nil {
		return nil, queues.Topic{}, err
	}
	values[[2]string{"Topic", ""}], values[[2]string{"Topic", "TopicArn"}] = topic.ARN, topic.ARN
	return func(logicalID, attribute string) (string, bool) {
		value, ok := values[[2]string{logicalID, attribute}]
		return value, ok
	}, topic, a.Queues.Subscribe(topic, a.Inbox)
}

// PutEvent does with an event what EventBridge does: each rule of the stack that it matches sends it to the function. It
// tells whether one did.
func (a *Account) PutEvent(event []byte) (bool, error) {
	matched := false
	for _, rule := range a.Stack.Rules {
		matches, err := rule.Matches(event)
		if err != nil {
			return matched, fmt.Errorf("rule %s: %w", rule.Name, err)
		}
		if matches {
			a.Function.InvokeAsync(event)
			matched = true
		}
	}
	toKeeper, err := a.tellKeeper(event)
	return matched || toKeeper, err
}

// FireSchedule does what EventBridge Scheduler does at the scheduled time. It returns what the function gets.
func (a *Account) FireSchedule(scheduled time.Time) ([]byte, error) {
	payload, err := a.Stack.Schedule.Payload(scheduled)
	if err != nil {
		return nil, err
	}
	if a.Stack.Schedule.Enabled {
		a.Function.InvokeAsync(payload)
	}
	return payload, nil
}

// Settle waits until nothing is going on and nothing is left to do.
func (a *Account) Settle(ctx context.Context) error { return a.mapping.Settle(ctx) }

// Notifications are what the topic has delivered so far, oldest first.
func (a *Account) Notifications() ([]queues.Notification, error) {
	return a.Queues.Notifications(a.Inbox)
}

// Close ends the function's processes and removes everything.
func (a *Account) Close() error {
	for _, function := range a.functions() {
		function.Close()
	}
	if a.mapping != nil {
		a.mapping.Close()
	}
	var errs []error
	for _, g := range []*gateway.Gateway{a.Gateway, a.People} {
		if g != nil {
			errs = append(errs, g.Close())
		}
	}
	a.Queues.Close()
	return errors.Join(errs...)
}
