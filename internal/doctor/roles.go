package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func roleChecks() []Check {
	const group = "The roles"
	return []Check{
		{
			"export role", group, "The role with which AppStream makes the AMIs exists.",
			"Set ExportRoleArn to a role of this account, or to nothing so that the stack makes one, and deploy again. The stack's own " +
				"comes " +
				"back with a new stack only.", lookAtExportRole,
		},
		{
			"export role: trust", group, "appstream.amazonaws.com may assume the export role.",
			"Let the role's trust policy allow sts:AssumeRole to the service appstream.amazonaws.com.", lookAtTrust,
		},
		{
			"export role: rights", group,
			"IAM's simulation of the three EC2 actions that AppStream needs, permissions boundaries and organization policies included " +
				"where " +
				"it tells.",
			"Allow ec2:CopyImage, ec2:DescribeImages and ec2:CreateTags on *; a boundary or an organization's policy must allow them as " +
				"well.",
			func(f Facts) Finding { return lookAtRights(f.ExportRights, "so AppStream makes no AMI") },
		},
		{
			"function's role: rights", group, "IAM's simulation of each call that the function and Lambda make with the function's role, " +
				"iam:PassRole among them.",
			"If somebody has changed the role, undo that: CloudFormation's drift detection shows it. A boundary or an organization's " +
				"policy " +
				"must allow the action as well.",
			func(f Facts) Finding {
				return lookAtRights(f.FunctionRights, "and docs/PERMISSIONS.md says what breaks without each")
			},
		},
		{
			"schedule's role: rights", group, "IAM's simulation of what EventBridge Scheduler does with the schedule's role.",
			"As for the function's role.",
			func(f Facts) Finding {
				return lookAtRights(f.ScheduleRights, "so no night runs, or one that cannot is lost")
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
		return warn("%s may assume the role, on conditions (%s)", appStreamService,
			strings.Join(trust.conditionKeys(appStreamService), ", ")).
			do("AWS does not say which of these AppStream sends when it exports. If exports fail with InvalidRoleException, remove the " +
				"conditions.")
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
	var denied []Decision
	for _, decision := range answer.Value {
		if decision.Why != "" {
			denied = append(denied, decision)
		}
	}
	if len(denied) == 0 {
		return ok("all %d are allowed", len(answer.Value))
	}
	return fail("%d of %d are denied, %s; %s", len(denied), len(answer.Value), consequence, reasons(denied))
}

// reasons names the calls that are denied, by why.
func reasons(denied []Decision) string {
	by := map[string][]string{}
	for _, decision := range denied {
		by[decision.Why] = append(by[decision.Why], decision.Right.String())
	}
	var parts []string
	for _, why := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, why+": "+few(slices.Compact(by[why])))
	}
	return strings.Join(parts, "; ")
}
