package docs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryStatementIsExplained(t *testing.T) {
	page := read(t, "docs", "PERMISSIONS.md")
	for id, resource := range readTemplate(t).Resources {
		for _, key := range []string{"PolicyName", "Sid"} {
			eachString(resource.Properties, key, func(name string) {
				if !strings.Contains(page, "| `"+name+"` |") {
					t.Errorf("%s: %s of %s is not explained", key, name, id)
				}
			})
		}
	}
}

// No table speaks of a policy that is not there.
func TestNoStatementIsMadeUp(t *testing.T) {
	there := map[string]bool{}
	for _, resource := range readTemplate(t).Resources {
		for _, key := range []string{"PolicyName", "Sid"} {
			eachString(resource.Properties, key, func(name string) { there[name] = true })
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\|").FindAllStringSubmatch(read(t, "docs", "PERMISSIONS.md"), -1) {
		if !there[row[1]] {
			t.Errorf("the template has no policy or statement %s", row[1])
		}
	}
}

type policy struct {
	Statement []struct {
		Sid      string
		Effect   string
		Action   []string
		Resource any
	}
}

func readPolicy(t *testing.T, name string) (parsed policy) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, "docs", name)), &parsed); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var compact strings.Builder
	for _, char := range read(t, "docs", name) {
		if char != ' ' && char != '\n' {
			compact.WriteRune(char)
		}
	}
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
	if compact.Len() > 6144 {
		t.Errorf("%s has %d characters, a managed policy can have 6144", name, compact.Len())
	}
	return parsed
}

// The policies are used as they are, in whatever partition the account is: aws, aws-us-gov and others.
func TestPoliciesInEveryPartition(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "docs", "*-policy.json"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%d policies, %v", len(files), err)
	}
	for _, file := range files {
		for _, statement := range readPolicy(t, filepath.Base(file)).Statement {
			resources, ok := statement.Resource.([]any)
			if !ok {
				resources = []any{statement.Resource}
			}
			for _, resource := range resources {
				if resource != "*" && !strings.HasPrefix(resource.(string), "arn:*:") {
					t.Errorf("%s: %s is of one partition", filepath.Base(file), resource)
				}
			}
		}
	}
}

func (p policy) allows(action string) bool {
	return slices.ContainsFunc(p.Statement, func(s struct {
		Sid      string
		Effect   string
		Action   []string
		Resource any
	}) bool {
		return s.Effect == "Allow" && slices.Contains(s.Action, action)
	})
}

// What CloudFormation has to call to make and delete each type of resource, as its resource types declare it.
var made = map[string][]string{
	"AWS::Serverless::Function": {
		"lambda:CreateFunction", "lambda:DeleteFunction", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration",
		"lambda:PutFunctionRecursionConfig", "lambda:PutFunctionConcurrency", "lambda:PutFunctionEventInvokeConfig",
		"lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping", "lambda:AddPermission", "lambda:RemovePermission",
		"iam:PassRole", "events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:DeleteRule",
		"scheduler:CreateSchedule", "scheduler:DeleteSchedule", "s3:GetObject",
	},
	"AWS::Logs::LogGroup":    {"logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:DeleteLogGroup", "logs:AssociateKmsKey"},
	"AWS::SNS::Topic":        {"sns:CreateTopic", "sns:GetTopicAttributes", "sns:SetTopicAttributes", "sns:DeleteTopic"},
	"AWS::SNS::TopicPolicy":  {"sns:SetTopicAttributes"},
	"AWS::SNS::Subscription": {"sns:Subscribe", "sns:Unsubscribe"},
	"AWS::SQS::Queue":        {"sqs:CreateQueue", "sqs:GetQueueAttributes", "sqs:SetQueueAttributes", "sqs:DeleteQueue"},
	"AWS::SQS::QueuePolicy":  {"sqs:SetQueueAttributes"},
	"AWS::IAM::Role": {"iam:CreateRole", "iam:GetRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:DeleteRole",
		"iam:PutRolePermissionsBoundary", "iam:UpdateAssumeRolePolicy"},
	"AWS::CloudWatch::Alarm":     {"cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"},
	"AWS::CloudWatch::Dashboard": {"cloudwatch:PutDashboard", "cloudwatch:GetDashboard", "cloudwatch:DeleteDashboards"},
	"AWS::Rbin::Rule":            {"rbin:CreateRule", "rbin:GetRule", "rbin:UpdateRule", "rbin:TagResource", "rbin:DeleteRule"},
}

func TestDeployPolicy(t *testing.T) {
	policy := readPolicy(t, "deploy-policy.json")
	for id, resource := range readTemplate(t).Resources {
		actions, known := made[resource.Type]
		if !known {
			t.Errorf("%s: it is not known here what %s takes to be made", id, resource.Type)
		}
		for _, action := range actions {
			if !policy.allows(action) {
				t.Errorf("%s: the policy does not allow %s", id, action)
			}
		}
	}
}

// A person at the terminal may do just what the commands do: every call of an SDK has an input of its own type.
func TestTerminalPolicy(t *testing.T) {
	call := regexp.MustCompile(`&([a-z]+)\.([A-Z]\w+)Input\{`)
	called := map[string]bool{}
	for _, room := range []string{"cmd/exporter", "internal/deployed", "internal/terminal"} {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(room), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range call.FindAllStringSubmatch(string(content), -1) {
				called[iamAction(match[1], match[2])] = true
			}
		}
	}
	called["iam:PassRole"] = called["appstream:CreateImportedImage"] // AppStream asks for it, and nobody calls it
	policy := readPolicy(t, "terminal-policy.json")
	for action := range called {
		if !policy.allows(action) {
			t.Errorf("the policy does not allow %s", action)
		}
	}
	for _, statement := range policy.Statement {
		for _, action := range statement.Action {
			if !called[action] {
				t.Errorf("the policy allows %s, which nothing calls", action)
			}
		}
	}
	if len(called) < 8 {
		t.Errorf("only %d calls were found", len(called))
	}
}

// iamAction is the permission that an operation of an SDK's package needs.
func iamAction(service, operation string) string {
	switch {
	case service == "lambda" && operation == "Invoke":
		return "lambda:InvokeFunction"
	case service == "cloudwatchlogs":
		return "logs:" + operation
	}
	return service + ":" + operation
}
