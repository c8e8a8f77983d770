package reliability

import (
	"encoding/json"
	"path"
	"strings"

	"appstream-ami-exporter/internal/localaws/awsreply"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/template"
)

// resourceOf is what IAM is asked about. AppStream knows resources for tags only.
func resourceOf(call gateway.Call) string {
	switch call.Action {
	case "TagResource", "ListTagsForResource":
		return call.Param("ResourceArn")
	case "Publish":
		return call.Param("TopicArn")
	case "SendMessage", "ChangeMessageVisibility":
		return "arn:aws:sqs:eu-west-1:123456789012:" + path.Base(call.Param("QueueUrl"))
	}
	return "*"
}

// denied asks the function's own role, as the template has it, whether it may make a call.
func denied(statements []template.Statement, call gateway.Call) *awsreply.Error {
	resource := resourceOf(call)
	keys := map[string][]string{"aws:RequestedRegion": {"eu-west-1"}}
	if call.Action == "TagResource" {
		var input struct{ Tags map[string]string }
		_ = json.Unmarshal(call.Body, &input) // AppStream says what is wrong with it
		for key := range input.Tags {
			keys["aws:TagKeys"] = append(keys["aws:TagKeys"], key)
		}
	}
	if !allowed(statements, call.IAMAction(), resource, keys) {
		return awsreply.Refuse("AccessDeniedException", "User is not authorized to perform: %s on resource: %s", call.IAMAction(), resource)
	}
	role := call.Param("IamRoleArn")
	if call.Action == "CreateExportImageTask" && !allowed(statements, "iam:PassRole", role,
		map[string][]string{"iam:PassedToService": {"appstream.amazonaws.com"}}) {
		return awsreply.Refuse("AccessDeniedException", "User is not authorized to perform: iam:PassRole on resource: %s", role)
	}
	return nil
}

// allowed evaluates statements that only allow, with the conditions that the template uses.
func allowed(statements []template.Statement, action, resource string, keys map[string][]string) bool {
	for _, s := range statements {
		if s.Effect == "Allow" && matchesAny(s.Actions, action) && matchesAny(s.Resources, resource) && holds(s.Condition, keys) {
			return true
		}
	}
	return false
}

func holds(condition map[string]map[string][]string, keys map[string][]string) bool {
	for operator, wanted := range condition {
		if operator != "StringEquals" && operator != "ForAllValues:StringLike" {
			return false // not known here, so it allows nothing
		}
		for key, patterns := range wanted {
			if operator == "StringEquals" && len(keys[key]) == 0 {
				return false
			}
			for _, value := range keys[key] {
				if !matchesAny(patterns, value) {
					return false
				}
			}
		}
	}
	return true
}

func matchesAny(patterns []string, text string) bool {
	for _, pattern := range patterns {
		if like(pattern, text) {
			return true
		}
	}
	return false
}

// like is IAM's own matching: a star stands for anything, slashes included.
func like(pattern, text string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	if !strings.HasPrefix(text, first) {
		return false
	}
	text = text[len(first):]
	for i := 0; i <= len(text); i++ {
		if like(rest, text[i:]) {
			return true
		}
	}
	return false
}
