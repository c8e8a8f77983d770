package main

import (
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"appstream-ami-exporter/internal/localaws/iam"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/localaws/template"
)

// simulate is IAM's simulation: it reads a request as the SDK has written it, and decides by policies.
func simulate(t *testing.T, statements []iam.Statement, missing string) func(body string) string {
	return func(body string) string {
		form, err := url.ParseQuery(body)
		if err != nil {
			t.Error(err)
		}
		list := func(prefix string) (values []string) {
			for i := 1; form.Has(fmt.Sprintf("%s.member.%d", prefix, i)); i++ {
				values = append(values, form.Get(fmt.Sprintf("%s.member.%d", prefix, i)))
			}
			return values
		}
		keys := map[string][]string{}
		for i := 1; form.Has(fmt.Sprintf("ContextEntries.member.%d.ContextKeyName", i)); i++ {
			entry := fmt.Sprintf("ContextEntries.member.%d.", i)
			key := form.Get(entry + "ContextKeyName")
			keys[key] = list(entry + "ContextKeyValues")
			// What has several values is a list, also where it has one.
			several := key == "aws:TagKeys" || key == "aws:CalledVia"
			if kind := form.Get(entry + "ContextKeyType"); (kind == "stringList") != several {
				t.Errorf("the key %s is of the type %s", key, kind)
			}
		}
		var answer strings.Builder
		resource := list("ResourceArns")[0]
		for _, action := range list("ActionNames") {
			decision := "implicitDeny"
			if iam.Allows(statements, iam.Request{Action: action, Resource: resource, Keys: keys}) {
				decision = "allowed"
			}
			fmt.Fprintf(&answer, "<member><EvalActionName>%s</EvalActionName><EvalResourceName>%s</EvalResourceName>"+
				"<EvalDecision>%s</EvalDecision><ResourceSpecificResults><member><EvalResourceName>%s</EvalResourceName>"+
				"<EvalResourceDecision>%s</EvalResourceDecision>"+
				"<MissingContextValues><member>%s</member></MissingContextValues></member></ResourceSpecificResults></member>",
				action, resource, decision, resource, decision, missing)
		}
		return "<EvaluationResults>" + answer.String() + "</EvaluationResults><IsTruncated>false</IsTruncated>"
	}
}

// keeping are the parameters of a stack whose keeper does everything.
var keeping = map[string]string{
	"Keep": "last=3", "KeepMode": "ON", "CopyRegions": "eu-central-1", "LatestAmiParameter": "/appstream-amis",
	"CopyKmsKeys": "arn:aws:kms:eu-central-1:123456789012:key/1",
}

// keeperStatements are those of the template, under the names of the account that the fake plays.
func keeperStatements(t *testing.T) (statements []iam.Statement) {
	t.Helper()
	loaded, err := template.Load(filepath.Join(localtest.Root(t), "template.yaml"), keeping)
	if err != nil {
		t.Fatal(err)
	}
	deployed, err := loaded.Stack(func(logicalID, attribute string) (string, bool) {
		switch {
		case logicalID == "Topic":
			return outputs["Topic"], true
		case logicalID == "KeeperLogGroup" && attribute == "Arn":
			return "arn:aws:logs:eu-west-1:123456789012:log-group:" + outputs["KeeperLogGroupName"] + ":*", true
		}
		return "", false
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range deployed.Keeper.Statements {
		for _, values := range s.Condition { // the fake's stack is called otherwise
			for key, of := range values {
				values[key] = strings.Split(strings.ReplaceAll(strings.Join(of, "\n"), "appstream-ami-exporter@", "exporter@"), "\n")
			}
		}
		statements = append(statements, iam.Statement{Effect: s.Effect, Actions: s.Actions, Resources: s.Resources, Condition: s.Condition})
	}
	return statements
}

// The keeper's role is simulated as the template has it.
func TestKeeperRole(t *testing.T) {
	statements := keeperStatements(t)
	answers := maps.Clone(healthy)
	answers["cloudformation:DescribeStacks"] = stackOf("CREATE_COMPLETE", keeping)
	answers["cloudformation:ListStackResources"] = resourcesOf(map[string]string{
		"ExportFunction": "AWS::Lambda::Function", "ExportFunctionImageEvents": "AWS::Events::Rule",
		"ExportFunctionNightly": "AWS::Scheduler::Schedule", "KeeperFunction": "AWS::Lambda::Function",
		"KeeperFunctionHourly": "AWS::Scheduler::Schedule", "KeeperRole": "AWS::IAM::Role", "ScheduleRole": "AWS::IAM::Role",
	})
	for _, test := range []struct {
		name, missing string
		more          []iam.Statement
		want          []string
	}{
		{"as deployed", "aws:CalledVia", nil, []string{
			"ok keeper's role: rights all 47 are allowed; unknown, since IAM simulates it for no role",
			"ok keeper's role: fence all 24 are denied",
		}},
		{"with more rights", "", []iam.Statement{{Effect: "Allow", Actions: []string{"ec2:*"}, Resources: []string{"*"}}}, []string{
			"ok keeper's role: rights all 47 are allowed",
			"FAIL keeper's role: fence 19 of 24 are allowed that must not be: ec2:DeregisterImage on an AMI without tags,",
		}},
		{"under a boundary that asks for something else", "aws:SourceVpce", nil, []string{
			"unknown keeper's role: fence all is denied as far as the simulation tells; policies of the role hang on aws:SourceVpce, which",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			aws, cfg := start(t, answers)
			ofKeeper := simulate(t, append(slices.Clone(statements), test.more...), test.missing)
			aws.answerTo = map[string]func(string) string{"iam:SimulatePrincipalPolicy": func(body string) string {
				if !strings.Contains(body, url.QueryEscape(":role/exporter-KeeperRole-1")) {
					return healthy["iam:SimulatePrincipalPolicy"]
				}
				return ofKeeper(body)
			}}
			screen, _ := look(t, cfg, false) // what else is seen is for other tests
			said := strings.Join(strings.Fields(screen), " ")
			for _, want := range test.want {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not said:\n%s", want, screen)
				}
			}
		})
	}
}
