package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"appstream-ami-exporter/internal/doctor"
)

// noEntity is how IAM says that there is no such role.
const noEntity = "NoSuchEntity"

// caller is the ARN of whose credentials are used. The call takes no permission; where it fails, the others say why.
func (c clients) caller(ctx context.Context) string {
	o, err := c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return ""
	}
	return aws.ToString(o.Arn)
}

func (c clients) role(ctx context.Context, arn string) doctor.Answer[doctor.Role] {
	o, err := c.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(path.Base(arn))})
	if err != nil || o.Role == nil {
		return answer(doctor.Role{}, err, "iam:GetRole", noEntity)
	}
	// IAM writes the policy as in the query of a URL.
	trust, err := url.QueryUnescape(aws.ToString(o.Role.AssumeRolePolicyDocument))
	if err != nil {
		trust = aws.ToString(o.Role.AssumeRolePolicyDocument)
	}
	return doctor.Given(doctor.Role{ARN: aws.ToString(o.Role.Arn), Trust: trust})
}

// rights simulates calls with a role. Those on one resource under the same conditions are asked about at once: IAM answers
// only so many simulations in a second.
func (c clients) rights(ctx context.Context, role string, rights []doctor.Right) doctor.Answer[[]doctor.Decision] {
	var decisions []doctor.Decision
	for len(rights) > 0 {
		first := rights[0]
		var alike, rest []doctor.Right
		for _, right := range rights {
			if right.Resource == first.Resource && maps.EqualFunc(right.Context, first.Context, slices.Equal) {
				alike = append(alike, right)
			} else {
				rest = append(rest, right)
			}
		}
		some, err := c.simulate(ctx, role, alike)
		if err != nil {
			return answer(decisions, err, "iam:SimulatePrincipalPolicy", noEntity)
		}
		decisions, rights = append(decisions, some...), rest
	}
	return doctor.Given(decisions)
}

// simulate asks about rights on the same resource under the same conditions.
func (c clients) simulate(ctx context.Context, role string, rights []doctor.Right) (decisions []doctor.Decision, err error) {
	input := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &role, ResourceArns: []string{rights[0].Resource}}
	for _, right := range rights {
		input.ActionNames = append(input.ActionNames, right.Action)
	}
	for _, key := range slices.Sorted(maps.Keys(rights[0].Context)) {
		input.ContextEntries = append(input.ContextEntries, contextEntry(key, rights[0].Context[key]))
	}
	told := map[string]types.EvaluationResult{} // by action
	pages := iam.NewSimulatePrincipalPolicyPaginator(c.iam, input)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, result := range page.EvaluationResults {
			told[aws.ToString(result.EvalActionName)] = result
		}
	}
	for _, right := range rights {
		result, ok := told[right.Action]
		if !ok {
			return nil, fmt.Errorf("IAM's simulation says nothing of %s", right.Action)
		}
		decisions = append(decisions, doctor.Decision{Right: right, Why: whyDenied(result), Missing: missingKeys(result)})
	}
	return decisions, nil
}

// contextKinds are the types of condition keys that are more than one text.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
var contextKinds = map[string]types.ContextKeyTypeEnum{
	"aws:CalledVia": types.ContextKeyTypeEnumStringList, "aws:TagKeys": types.ContextKeyTypeEnumStringList,
	"kms:GrantIsForAWSResource": types.ContextKeyTypeEnumBoolean,
}

func contextEntry(key string, values []string) types.ContextEntry {
	kind, ok := contextKinds[key]
	if !ok {
		kind = types.ContextKeyTypeEnumString
	}
	return types.ContextEntry{ContextKeyName: &key, ContextKeyType: kind, ContextKeyValues: values}
}

// missingKeys are the condition keys that the simulation was not told. Where it was asked about a resource, it names them there.
func missingKeys(r types.EvaluationResult) []string {
	missing := r.MissingContextValues
	for _, specific := range r.ResourceSpecificResults {
		missing = append(missing, specific.MissingContextValues...)
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

// whyDenied is "" where the simulation allows the call.
func whyDenied(r types.EvaluationResult) string {
	switch {
	case r.EvalDecision == types.PolicyEvaluationDecisionTypeAllowed:
		return ""
	case r.OrganizationsDecisionDetail != nil && !r.OrganizationsDecisionDetail.AllowedByOrganizations:
		return doctor.ByOrganization
	case r.PermissionsBoundaryDecisionDetail != nil && !r.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary:
		return doctor.ByBoundary
	case r.EvalDecision == types.PolicyEvaluationDecisionTypeExplicitDeny:
		return doctor.ByPolicy
	}
	return doctor.ByNone
}
