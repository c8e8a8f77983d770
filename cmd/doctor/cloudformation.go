package main

import (
	"context"
	"strings"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/doctor"
	"appstream-ami-exporter/internal/terminal"
)

// deployment finds the stack. One whose deployment has failed has no outputs, and is still to be looked at.
func (c clients) deployment(ctx context.Context, name, region string) (doctor.Deployment, error) {
	s, err := terminal.FindStack(ctx, c.stacks, name, region)
	if err != nil && (s.ID == "" || !strings.Contains(s.Status, "ROLLBACK") && !strings.HasSuffix(s.Status, "_FAILED")) {
		return doctor.Deployment{}, err
	}
	return doctor.Deployment{
		Stack: s.Name, Region: s.Region, Account: s.Account, Partition: s.Partition, Status: s.Status, Reason: s.Reason,
		Created: s.Created, Updated: s.Updated, Parameters: s.Parameters, Outputs: s.Outputs,
	}, nil
}

// resources are what CloudFormation has made, by their logical ids.
func (c clients) resources(ctx context.Context, stack string) resourcesAnswer {
	resources, err := deployed.Resources(ctx, c.stacks, stack)
	return answer(resources, err, "cloudformation:ListStackResources")
}
