package main

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/doctor"
	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/trigger"
)

// noFunction is how Lambda says that there is no such function.
const noFunction = "ResourceNotFoundException"

func (c clients) function(ctx context.Context, name string) doctor.Answer[doctor.Function] {
	o, err := c.functions.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	if err != nil {
		return answer(doctor.Function{}, err, "lambda:GetFunctionConfiguration", noFunction)
	}
	modified, _ := time.Parse("2006-01-02T15:04:05.000-0700", aws.ToString(o.LastModified)) // Lambda's own form
	return doctor.Given(doctor.Function{
		State: string(o.State), StateReason: aws.ToString(o.StateReason), Update: string(o.LastUpdateStatus),
		UpdateReason: aws.ToString(o.LastUpdateStatusReason), Modified: modified,
	})
}

func (c clients) recursion(ctx context.Context, name string) doctor.Answer[string] {
	o, err := c.functions.GetFunctionRecursionConfig(ctx, &lambda.GetFunctionRecursionConfigInput{FunctionName: &name})
	if err != nil {
		return answer("", err, "lambda:GetFunctionRecursionConfig")
	}
	return doctor.Given(string(o.RecursiveLoop))
}

func (c clients) reserved(ctx context.Context, name string) doctor.Answer[int] {
	o, err := c.functions.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: &name})
	switch {
	case err != nil:
		return answer(0, err, "lambda:GetFunctionConcurrency")
	case o.ReservedConcurrentExecutions == nil:
		return doctor.Absent[int]()
	}
	return doctor.Given(int(*o.ReservedConcurrentExecutions))
}

func (c clients) concurrency(ctx context.Context) doctor.Answer[doctor.Concurrency] {
	o, err := c.functions.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	if err != nil || o.AccountLimit == nil {
		return answer(doctor.Concurrency{}, err, "lambda:GetAccountSettings")
	}
	return doctor.Given(doctor.Concurrency{
		Limit: int(o.AccountLimit.ConcurrentExecutions), Unreserved: int(aws.ToInt32(o.AccountLimit.UnreservedConcurrentExecutions)),
	})
}

// mapping is the event source mapping from the work queue to the function.
func (c clients) mapping(ctx context.Context, name, queue string) doctor.Answer[doctor.Mapping] {
	pages := lambda.NewListEventSourceMappingsPaginator(c.functions,
		&lambda.ListEventSourceMappingsInput{FunctionName: &name, EventSourceArn: &queue})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return answer(doctor.Mapping{}, err, "lambda:ListEventSourceMappings", noFunction)
		}
		for _, m := range page.EventSourceMappings {
			return doctor.Given(doctor.Mapping{
				State: aws.ToString(m.State), Reason: aws.ToString(m.StateTransitionReason),
				LastResult: aws.ToString(m.LastProcessingResult),
			})
		}
	}
	return doctor.Absent[doctor.Mapping]()
}

// plan has the function make a plan and start nothing.
func (c clients) plan(ctx context.Context, name string) doctor.Answer[doctor.Plan] {
	r, err := deployed.Ask(ctx, c.functions, name, trigger.Spec{DryRun: true})
	if says, ok := errors.AsType[deployed.FunctionError](err); ok {
		return doctor.Given(doctor.Plan{Trouble: string(says)})
	}
	if err != nil {
		return answer(doctor.Plan{}, err, "lambda:InvokeFunction")
	}
	p := doctor.Plan{More: r.WouldStartMore + r.WaitingMore + r.SkippedMore + r.RejectedMore}
	for _, e := range r.WouldStart {
		p.Export = append(p.Export, e.ImageName)
	}
	for _, e := range r.Waiting {
		p.Wait = append(p.Wait, e.Reason)
	}
	for _, e := range r.Rejected {
		p.Unfit = append(p.Unfit, e.Reason)
	}
	for _, e := range r.Skipped {
		if export.IsNotSelected(e.Reason) {
			p.Others++
			continue
		}
		switch e.Reason {
		case export.AlreadyExported:
			p.Exported++
		case export.InProgress:
			p.Running++
		case export.FailedTooOften:
			p.GivenUp = append(p.GivenUp, e.ImageName)
		default:
			p.Unfit = append(p.Unfit, e.Reason)
		}
	}
	return doctor.Given(p)
}
