package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/aws/smithy-go"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/doctor"
	"appstream-ami-exporter/internal/terminal"
)

// The logical ids of resources that no output names.
const (
	scheduleRole   = "ScheduleRole"
	nightly        = "ExportFunctionNightly"
	imageEvents    = "ExportFunctionImageEvents"
	keeperFunction = "KeeperFunction"
	keeperHourly   = "KeeperFunctionHourly"
	keeperRole     = "KeeperRole"
)

// facts asks all services, each group of questions at the same time as the others. What one refuses does not hide the rest.
func (c clients) facts(ctx context.Context, d doctor.Deployment, now time.Time) doctor.Facts {
	f := doctor.Facts{Now: now, Deployment: d, Searched: deployed.NightsBack}
	if d.Outputs["FunctionName"] == "" {
		return f // there is nothing to ask about yet
	}
	resources := c.resources(ctx, d.Stack)
	var wait sync.WaitGroup
	for _, ask := range []func(){
		func() { f.Version = c.version(ctx, d, now) },
		func() { f.Night = c.lastNight(ctx, d, now) },
		func() {
			name := d.Outputs["FunctionName"]
			f.Function, f.Recursion = c.function(ctx, name), c.recursion(ctx, name)
			f.Reserved, f.Concurrency = c.reserved(ctx, name), c.concurrency(ctx)
			f.Mapping = c.mapping(ctx, name, d.QueueARN("WorkQueueUrl"))
		},
		func() { f.Plan = c.plan(ctx, d.Outputs["FunctionName"]) },
		func() { f.Tasks = c.tasks(ctx) },
		func() {
			f.ExportRole = c.role(ctx, d.Outputs["ExportRole"])
			f.ExportRights = c.rights(ctx, d.Outputs["ExportRole"], doctor.ExportRoleRights())
			c.encryption(ctx, &f)
		},
		func() { f.FunctionRights = c.rights(ctx, d.Outputs["FunctionRole"], d.FunctionRights()) },
		func() {
			f.ScheduleRights = of(resources, scheduleRole, func(role string) doctor.Answer[[]doctor.Decision] {
				return c.rights(ctx, d.RoleARN(role), d.ScheduleRights())
			})
		},
		func() { c.topicAndKeys(ctx, &f) },
		func() { f.Subscriptions = c.subscriptions(ctx, d.Outputs["Topic"]) },
		func() {
			f.Rule = of(resources, imageEvents, func(name string) doctor.Answer[doctor.Rule] { return c.rule(ctx, name) })
		},
		func() {
			f.Schedule = of(resources, nightly, func(name string) doctor.Answer[doctor.Schedule] { return c.schedule(ctx, name) })
		},
		func() { f.Trails = c.loggingTrails(ctx, d.Region) },
		func() { f.Keeper = c.keeper(ctx, resources) },
		func() { f.KeeperRights = c.keeperRole(ctx, resources, d, d.KeeperRights()) },
		func() { f.KeeperFence = c.keeperRole(ctx, resources, d, d.KeeperFence()) },
		func() { f.AMIs = c.amis(ctx) },
		func() { f.AMIQuota = c.amiQuota(ctx) },
		func() { f.Work = c.queue(ctx, d.Outputs["WorkQueueUrl"]) },
		func() { f.DeadLetters, f.DeadReasons = c.lost(ctx, d.Outputs["DeadLetterQueueUrl"], deadReason) },
		func() { f.FailedEvents, f.FailedReasons = c.lost(ctx, d.Outputs["FailedEventsQueueUrl"], failedReason) },
		func() { f.Alarms = c.alarmStates(ctx, resources) },
	} {
		wait.Go(ask)
	}
	wait.Wait()
	return f
}

// topicAndKeys looks at the topic, its key, and the stack's.
func (c clients) topicAndKeys(ctx context.Context, f *doctor.Facts) {
	f.Topic = c.topic(ctx, f.Deployment.Outputs["Topic"])
	f.TopicKey, f.StackKey = doctor.Absent[doctor.Key](), doctor.Absent[doctor.Key]()
	if f.Topic.There() && f.Topic.Value.KeyID != "" {
		f.TopicKey = c.key(ctx, f.Topic.Value.KeyID)
	}
	if key := f.Deployment.Parameters["KmsKeyArn"]; key != "" {
		f.StackKey = c.key(ctx, key)
	}
}

// keeper is the function that looks after the AMIs, where the stack has one.
func (c clients) keeper(ctx context.Context, resources resourcesAnswer) doctor.Answer[doctor.Keeper] {
	if resources.There() && resources.Value[keeperFunction].PhysicalID == "" {
		return doctor.Absent[doctor.Keeper]()
	}
	return of(resources, keeperFunction, func(name string) doctor.Answer[doctor.Keeper] {
		return doctor.Given(doctor.Keeper{Function: c.function(ctx, name), Schedule: of(resources, keeperHourly,
			func(name string) doctor.Answer[doctor.Schedule] { return c.schedule(ctx, name) })})
	})
}

// keeperRole simulates calls with the role of the keeper.
func (c clients) keeperRole(
	ctx context.Context, resources resourcesAnswer, d doctor.Deployment, rights []doctor.Right,
) doctor.Answer[[]doctor.Decision] {
	return of(resources, keeperRole, func(role string) doctor.Answer[[]doctor.Decision] {
		return c.rights(ctx, d.RoleARN(role), rights)
	})
}

// resourcesAnswer are the resources of the stack, as far as they are known.
type resourcesAnswer = doctor.Answer[map[string]deployed.Resource]

// of asks about a resource by its physical id. Where that is not known, the answer says why.
func of[T any](resources resourcesAnswer, id string, ask func(physicalID string) doctor.Answer[T]) doctor.Answer[T] {
	name := resources.Value[id].PhysicalID
	if name == "" {
		return doctor.Without[T](resources)
	}
	return ask(name)
}

// answer is what became of a call. action is what IAM calls the permission that it needs, absent are the codes with which the
// service says that there is no such thing.
func answer[T any](value T, err error, action string, absent ...string) doctor.Answer[T] {
	switch {
	case err == nil:
		return doctor.Given(value)
	case terminal.Denied(err):
		return doctor.Denied[T](action)
	case coded(err, absent...):
		return doctor.Absent[T]()
	case coded(err, "UnknownOperationException", "InvalidAction"): // such as a local AWS, which plays only so much
		return doctor.Failed[T]("this AWS does not know " + action)
	}
	return doctor.Failed[T](sentence(err))
}

func coded(err error, codes ...string) bool {
	failure, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains(codes, failure.ErrorCode())
}
