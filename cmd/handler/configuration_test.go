package main_test

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"appstream-ami-exporter/internal/localaws/lambda"
	"appstream-ami-exporter/internal/localaws/localtest"
)

// environment is a complete one, with the changes.
func environment(changes map[string]string) map[string]string {
	all := map[string]string{
		"EXPORT_ROLE_ARN":       "arn:aws:iam::123456789012:role/export",
		"TOPIC_ARN":             "arn:aws:sns:eu-west-1:123456789012:topic",
		"WORK_QUEUE_URL":        "https://sqs.eu-west-1.amazonaws.com/123456789012/work",
		"DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead",
	}
	maps.Copy(all, changes)
	return all
}

func start(t *testing.T, variables map[string]string) error {
	t.Helper()
	e, err := lambda.StartEnvironment(t.Context(), lambda.EnvironmentOptions{
		Binary: localtest.Bootstrap(t), FunctionName: "exporter", Region: "eu-west-1", AccountID: "123456789012", Variables: variables,
	})
	if err == nil {
		e.Kill()
	}
	return err
}

// A function that is configured wrongly does not serve. It ends with one line that an administrator can act on without
// trying again and again: every problem, each with the variable, its value and what is allowed.
func TestConfigurationErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		changes map[string]string
		says    []string
	}{
		{"nothing is set", map[string]string{"EXPORT_ROLE_ARN": "", "TOPIC_ARN": "", "WORK_QUEUE_URL": "", "DEAD_LETTER_QUEUE_URL": ""},
			[]string{
				`EXPORT_ROLE_ARN="": it is not set (allowed: the ARN of an IAM role)`,
				`TOPIC_ARN="": it is not set (allowed: the ARN of an SNS topic, standard or FIFO)`,
				`WORK_QUEUE_URL="": it is not set (allowed: the URL of an SQS queue)`,
				`DEAD_LETTER_QUEUE_URL="": it is not set (allowed: the URL of an SQS queue)`,
			}},
		{"everything is wrong", map[string]string{
			"EXPORT_ROLE_ARN": "arn:aws:iam::123456789012:user/export", "TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:topic",
			"WORK_QUEUE_URL":    "work",
			"MAX_RECEIVE_COUNT": "5", "IMAGES": "prod-[", "IMAGE_TAG": "Backup", "REQUESTS_WITHIN_SELECTION": "yes",
			"AMI_NAME_TEMPLATE":        "golden-{date}",
			"AMI_DESCRIPTION_TEMPLATE": "{name}", "AMI_TAGS": "Co$t=7", "COPY_IMAGE_TAGS": "1", "WAIT_DEADLINE_HOURS": "0",
			"EXPORT_DEADLINE_HOURS": "soon",
		}, []string{
			`EXPORT_ROLE_ARN="arn:aws:iam::123456789012:user/export": it is not the ARN of a role`,
			`TOPIC_ARN="arn:aws:sns:us-east-1:123456789012:topic": the topic is in us-east-1, the function in eu-west-1`,
			`WORK_QUEUE_URL="work": it is no URL`,
			`MAX_RECEIVE_COUNT="5": it is out of range (allowed: a whole number from 10 to 1000)`,
			`IMAGES="prod-[": "prod-[" is not an image pattern`,
			`IMAGE_TAG="Backup": "Backup" is not Key=Value`,
			`REQUESTS_WITHIN_SELECTION="yes": it is neither (allowed: true or false)`,
			`AMI_NAME_TEMPLATE="golden-{date}": the AMI name template "golden-{date}" lacks {image}`,
			`AMI_DESCRIPTION_TEMPLATE="{name}": the AMI description template "{name}" holds {name}`,
			`AMI_TAGS="Co$t=7": "Co$t" is not a tag key`,
			`COPY_IMAGE_TAGS="1": it is neither (allowed: true or false)`,
			`WAIT_DEADLINE_HOURS="0": it is out of range (allowed: a number from 1 to 168)`,
			`EXPORT_DEADLINE_HOURS="soon": it is not a number (allowed: a number from 1 to 168)`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := start(t, environment(test.changes))
			failure, ok := errors.AsType[*lambda.InitError](err)
			if !ok {
				t.Fatalf("the function starts, or fails otherwise: %v", err)
			}
			// Lambda is told as well, and tells whoever invokes the function.
			var report struct{ ErrorType, ErrorMessage string }
			if err := json.Unmarshal([]byte(failure.Reason), &report); err != nil {
				t.Fatalf("Lambda is told %q: %v", failure.Reason, err)
			}
			check(t, "errorType", "Function.CannotStart", report.ErrorType)
			if len(failure.Output) != 1 {
				t.Fatalf("%d lines of log, want one:\n%s", len(failure.Output), strings.Join(failure.Output, "\n"))
			}
			var line struct{ Level, Message, Error, Version string }
			if err := json.Unmarshal([]byte(failure.Output[0]), &line); err != nil {
				t.Fatal(err)
			}
			check(t, "level", "ERROR", line.Level)
			check(t, "message", "the function cannot start", line.Message)
			if line.Version == "" {
				t.Error("the line does not say which version it is")
			}
			check(t, "number of problems", len(test.says), strings.Count(line.Error, " (allowed: "))
			check(t, "errorMessage", line.Error, strings.ReplaceAll(report.ErrorMessage, "\n", "; ")) // a line of the log is one line
			for _, says := range test.says {
				if !strings.Contains(line.Error, says) {
					t.Errorf("the line does not say: %s\nbut: %s", says, line.Error)
				}
			}
		})
	}
}

// The least that has to be set; the template sets every variable.
func TestConfigurationDefaults(t *testing.T) {
	t.Parallel()
	if err := start(t, environment(nil)); err != nil {
		t.Error(err)
	}
}
