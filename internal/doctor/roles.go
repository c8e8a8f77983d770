package doctor

import (
	"fmt"
	"strings"
)

func roleChecks() []Check {
	const group = "The roles"
	return []Check{
		{
			"export role", group, "The role with which AppStream makes the AMIs exists.",
			"Set ExportRoleArn to a role of this account, or to nothing so that the stack makes one, and deploy again.", lookAtExportRole,
		},
		{
			"export role: trust", group, "appstream.amazonaws.com may assume the export role.",
			"Let the role's trust policy allow sts:AssumeRole to the service appstream.amazonaws.com.", lookAtTrust,
		},
		{
			"export role: rights", group,
			"IAM's simulation of the three EC2 actions that AppStream needs, permissions boundaries and organization policies included where it tells.",
			"Allow ec2:CopyImage, ec2:DescribeImages and ec2:CreateTags on *; a boundary or an organization's policy must allow them as well.",
			func(f Facts) Finding { return lookAtRights(f.ExportRights, "AppStream makes no AMI") },
		},
		{
			"function's role: rights", group, "IAM's simulation of each call that the function and Lambda make with the function's role, iam:PassRole among them.",
			"Deploy again if somebody has changed the role; otherwise a boundary or an organization's policy must allow the action. docs/PERMISSIONS.md says what breaks without each.",
			func(f Facts) Finding { return lookAtRights(f.FunctionRights, "docs/PERMISSIONS.md says what breaks") },
		},
		{
			"schedule's role: rights", group, "IAM's simulation of what EventBridge Scheduler does with the schedule's role.",
			"As for the function's role.",
			func(f Facts) Finding {
				return lookAtRights(f.ScheduleRights, "no night runs, or it is lost when it cannot")
			},
		},
	}
}

func lookAtExportRole(f Facts) Finding {
	if unknown := f.ExportRole.unknown(); unknown != nil {
		return *unknown
	}
	if !f.ExportRole.There() {
		return fail("there is no role %s", f.Deployment.Outputs["ExportRole"])
	}
	return ok("%s", f.ExportRole.Value.ARN)
}

const appStreamService = "appstream.amazonaws.com"

func lookAtTrust(f Facts) Finding {
	if unknown := f.ExportRole.unknown(); unknown != nil {
		return *unknown
	}
	if !f.ExportRole.There() {
		return fail("there is no role to trust with")
	}
	trust, err := parsePolicy(f.ExportRole.Value.Trust)
	if err != nil {
		return Finding{Verdict: Unknown, Seen: fmt.Sprintf("the trust policy cannot be read: %v", err)}
	}
	allowed, conditional := trust.letsService(appStreamService, "sts:AssumeRole")
	switch {
	case !allowed:
		return fail("%s may not assume the role", appStreamService)
	case conditional:
		return warn("%s may assume the role, on conditions (%s)", appStreamService, strings.Join(trust.conditionKeys(appStreamService), ", ")).
			do("AWS does not say which of these AppStream sends when it exports. If exports fail with InvalidRoleException, remove the conditions.")
	}
	return ok("%s may assume it", appStreamService)
}

func lookAtRights(answer Answer[[]Decision], consequence string) Finding {
	if unknown := answer.unknown(); unknown != nil {
		return *unknown
	}
	if !answer.There() {
		return fail("there is no such role")
	}
	var refused []string
	for _, decision := range answer.Value {
		if decision.Why != "" {
			refused = append(refused, fmt.Sprintf("%s on %s: %s", decision.Right.Action, decision.Right.Resource, decision.Why))
		}
	}
	if len(refused) > 0 {
		return fail("%d of %d are denied, so %s: %s", len(refused), len(answer.Value), consequence, tally(refused))
	}
	return ok("all %d are allowed", len(answer.Value))
}
