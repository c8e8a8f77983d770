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
			if role := physical(resources, scheduleRole); role != "" {
				f.ScheduleRights = c.rights(ctx, d.RoleARN(role), d.ScheduleRights())
			}
		},
		func() {
			f.Topic = c.topic(ctx, d.Outputs["Topic"])
			f.TopicKey = doctor.Absent[doctor.Key]()
			if f.Topic.There() && f.Topic.Value.KeyID != "" {
				f.TopicKey = c.key(ctx, f.Topic.Value.KeyID)
			}
		},
		func() { f.Subscriptions = c.subscriptions(ctx, d.Outputs["Topic"]) },
		func() {
			f.StackKey = doctor.Absent[doctor.Key]()
			if key := d.Parameters["KmsKeyArn"]; key != "" {
				f.StackKey = c.key(ctx, key)
			}
		},
		func() {
			if rule := physical(resources, imageEvents); rule != "" {
				f.Rule = c.rule(ctx, rule)
			}
		},
		func() {
			if schedule := physical(resources, nightly); schedule != "" {
				f.Schedule = c.schedule(ctx, schedule)
			}
		},
		func() { f.Trails = c.loggingTrails(ctx, d.Region) },
		func() { f.Keeper = c.keeper(ctx, resources) },
		func() { f.AMIs = c.amis(ctx) },
		func() { f.AMIQuota = c.amiQuota(ctx) },
		func() { f.Work = c.queue(ctx, d.Outputs["WorkQueueUrl"]) },
		func() { f.DeadLetters, f.DeadReasons = c.lost(ctx, d.Outputs["DeadLetterQueueUrl"], deadReason) },
		func() { f.FailedEvents, f.FailedReasons = c.lost(ctx, d.Outputs["FailedEventsQueueUrl"], failedReason) },
		func() {
			if resources.There() {
				f.Alarms = c.alarmStates(ctx, resources.Value)
			}
		},
	} {
		wait.Go(ask)
	}
	wait.Wait()
	return f
}

// keeper is the function that looks after the AMIs, where the stack has one.
func (c clients) keeper(ctx context.Context, resources doctor.Answer[map[string]deployed.Resource]) doctor.Answer[doctor.Keeper] {
	name := physical(resources, keeperFunction)
	switch {
	case !resources.There():
		return doctor.Answer[doctor.Keeper]{}
	case name == "":
		return doctor.Absent[doctor.Keeper]()
	}
	k := doctor.Keeper{Function: c.function(ctx, name)}
	if schedule := physical(resources, keeperHourly); schedule != "" {
		k.Schedule = c.schedule(ctx, schedule)
	}
	return doctor.Given(k)
}

// physical is the physical id of a resource, "" where it is not known or there is none.
func physical(resources doctor.Answer[map[string]deployed.Resource], id string) string {
	return resources.Value[id].PhysicalID
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
