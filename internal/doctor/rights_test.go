package doctor

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"testing"

	"appstream-ami-exporter/internal/localaws/template"
)

// allowance is one action on one resource that a role of the template allows.
type allowance struct {
	action, resource string
	condition        map[string]map[string]texts
}

// covers tells whether the role may make the call: IAM's star stands for anything, slashes included, so both are flattened.
func (a allowance) covers(right Right) bool {
	flat := func(text string) string { return strings.ReplaceAll(text, "/", "|") }
	like := func(pattern, text string) bool {
		matched, err := path.Match(flat(pattern), flat(text))
		return err == nil && matched
	}
	if a.action != right.Action || !like(a.resource, right.Resource) {
		return false
	}
	for _, keys := range a.condition {
		for key, patterns := range keys {
			if len(right.Context[key]) == 0 {
				return false
			}
			for _, value := range right.Context[key] {
				if !slices.ContainsFunc(patterns, func(pattern string) bool { return like(pattern, value) }) {
					return false
				}
			}
		}
	}
	return true
}

func roleAllowances(t *testing.T, properties map[string]any) (all []allowance) {
	t.Helper()
	data, err := json.Marshal(properties)
	if err != nil {
		t.Fatal(err)
	}
	var role struct {
		Policies []struct {
			PolicyDocument struct {
				Statement []struct {
					Effect           string
					Action, Resource texts
					Condition        map[string]map[string]texts
				}
			}
		}
	}
	if err := json.Unmarshal(data, &role); err != nil {
		t.Fatal(err)
	}
	for _, policy := range role.Policies {
		for _, s := range policy.PolicyDocument.Statement {
			for _, action := range s.Action {
				for _, resource := range s.Resource {
					all = append(all, allowance{action, resource, s.Condition})
				}
			}
		}
	}
	return all
}

// What is simulated is what the roles of the template allow, no more and no less, with and without a key.
func TestRightsAreThoseOfTheTemplate(t *testing.T) {
	const key = "arn:aws:kms:eu-west-1:123456789012:key/0"
	for _, parameters := range []map[string]string{nil, {"KmsKeyArn": key}} {
		template, err := template.Load("../../template.yaml", parameters)
		if err != nil {
			t.Fatal(err)
		}
		roles, err := template.Resources("AWS::IAM::Role")
		if err != nil {
			t.Fatal(err)
		}
		stack, err := template.Stack(nil)
		if err != nil {
			t.Fatal(err)
		}
		d := Deployment{Region: "eu-west-1", Account: "123456789012", Partition: "aws", Parameters: parameters, Outputs: map[string]string{
			"FunctionArn": stack.Function.ARN, "ExportRole": stack.Function.Environment["EXPORT_ROLE_ARN"],
			"Topic":        stack.Function.Environment["TOPIC_ARN"],
			"LogGroupName": stack.Function.LogGroup, "WorkQueueUrl": stack.Queues["WorkQueue"].URL,
			"DeadLetterQueueUrl":   stack.Queues["DeadLetterQueue"].URL,
			"FailedEventsQueueUrl": stack.Queues["FailedEventsQueue"].URL,
		}}
		for id, rights := range map[string][]Right{"FunctionRole": d.FunctionRights(), "ScheduleRole": d.ScheduleRights(),
			"ExportRole": ExportRoleRights()} {
			allowances := roleAllowances(t, roles[id])
			if len(allowances) == 0 {
				t.Errorf("the template has no role %s", id)
			}
			for _, right := range rights {
				if !slices.ContainsFunc(allowances, func(a allowance) bool { return a.covers(right) }) {
					t.Errorf("%s: %+v is asked about and not allowed by the template", id, right)
				}
			}
			for _, a := range allowances {
				if !slices.ContainsFunc(rights, a.covers) {
					t.Errorf("%s: the template allows %s on %s under %v, which is not asked about", id, a.action, a.resource, a.condition)
				}
			}
		}
	}
}
