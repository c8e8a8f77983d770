// Package stack holds the tests of template.yaml: what is deployed, who may do what, which parameters are taken, what rings.
package stack

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/template"
	"appstream-ami-exporter/internal/trigger/triggertest"
)

const projectTemplate = "../../template.yaml"

// written is the project's template, which is read once for all tests.
var written = sync.OnceValues(func() (*template.Document, error) { return template.Read(projectTemplate) })

// load gives the template's parameters values.
func load(parameters map[string]string) (*template.Template, error) {
	read, err := written()
	if err != nil {
		return nil, err
	}
	return read.With(parameters)
}

func projectStack(t *testing.T, parameters map[string]string) *template.Stack {
	t.Helper()
	loaded, err := load(parameters)
	if err != nil {
		t.Fatal(err)
	}
	stack, err := loaded.Stack(nil)
	if err != nil {
		t.Fatal(err)
	}
	return stack
}

func TestProjectFunction(t *testing.T) {
	got := projectStack(t, nil).Function
	const queues = "https://sqs.eu-west-1.amazonaws.com/123456789012/appstream-ami-exporter-"
	want := template.Function{
		LogicalID: "ExportFunction", Name: "appstream-ami-exporter-ExportFunction",
		ARN:     "arn:aws:lambda:eu-west-1:123456789012:function:appstream-ami-exporter-ExportFunction",
		Handler: "bootstrap", Timeout: 5 * time.Minute, MemorySize: 128,
		Environment: map[string]string{
			"AMI_DESCRIPTION_TEMPLATE":  "AppStream image {image}, made {created}",
			"AMI_NAME_TEMPLATE":         "{image}-{created}",
			"AMI_TAGS":                  "",
			"COPY_IMAGE_TAGS":           "true",
			"DEAD_LETTER_QUEUE_URL":     queues + "DeadLetterQueue",
			"EXPORT_DEADLINE_HOURS":     "72",
			"EXPORT_ROLE_ARN":           "arn:aws:iam::123456789012:role/appstream-ami-exporter-ExportRole",
			"IMAGES":                    "*",
			"IMAGE_TAG":                 "",
			"MAX_RECEIVE_COUNT":         "1000",
			"REQUESTS_WITHIN_SELECTION": "false",
			"SCHEDULE_TIMEZONE":         "UTC",
			"STACK":                     "appstream-ami-exporter@eu-west-1",
			"TOPIC_ARN":                 "arn:aws:sns:eu-west-1:123456789012:appstream-ami-exporter-Topic",
			"WAIT_DEADLINE_HOURS":       "72",
			"WORK_QUEUE_URL":            queues + "WorkQueue",
		},
		LogGroup: "appstream-ami-exporter-FunctionLogGroup", LogFormat: "JSON", LogLevel: "INFO", SystemLogLevel: "INFO",
		RetryAttempts: 2, MaximumEventAge: 6 * time.Hour,
		OnFailure: "arn:aws:sqs:eu-west-1:123456789012:appstream-ami-exporter-FailedEventsQueue",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("function (-want +got):\n%s", diff)
	}
}

func TestProjectQueuesAndMapping(t *testing.T) {
	stack := projectStack(t, map[string]string{"Timeout": "900"})
	work, dead := stack.Queues["WorkQueue"], stack.Queues["DeadLetterQueue"]
	if work.DeadLetterARN != dead.ARN || dead.ARN == "" {
		t.Errorf("the work queue's dead letters go to %q, want %q", work.DeadLetterARN, dead.ARN)
	}
	if want := stack.Function.Environment["MAX_RECEIVE_COUNT"]; strconv.Itoa(work.MaxReceiveCount) != want {
		t.Errorf("maxReceiveCount is %d, MAX_RECEIVE_COUNT %s", work.MaxReceiveCount, want)
	}
	// 900 is the longest timeout; TestProjectParameters sees to that. Lambda may hold a message before it invokes the function.
	if work.VisibilityTimeout < 2*stack.Function.Timeout {
		t.Errorf("visibility timeout %s is shorter than twice the longest function timeout %s", work.VisibilityTimeout,
			stack.Function.Timeout)
	}
	for id, queue := range stack.Queues {
		if want := 14 * 24 * time.Hour; queue.RetentionPeriod != want {
			t.Errorf("%s keeps messages for %s, want %s", id, queue.RetentionPeriod, want)
		}
	}
	want := template.Mapping{QueueARN: work.ARN, BatchSize: 10, MaximumConcurrency: 2, ReportBatchItemFailures: true}
	if diff := cmp.Diff(want, stack.Mapping); diff != "" {
		t.Errorf("mapping (-want +got):\n%s", diff)
	}
}

// TestProjectPermissions pins what the function may do, so that more is a decision and not an accident.
func TestProjectPermissions(t *testing.T) {
	stack := projectStack(t, nil)
	got := map[string][]string{}
	for _, statement := range stack.Statements {
		if statement.Effect != "Allow" {
			t.Errorf("%s: effect %s", statement.Policy, statement.Effect)
		}
		for _, action := range statement.Actions {
			got[action] = append(got[action], statement.Resources...)
		}
	}
	const images = "arn:aws:appstream:eu-west-1:123456789012:image/*"
	const queue = "arn:aws:sqs:eu-west-1:123456789012:appstream-ami-exporter-"
	const logs = "arn:aws:logs:eu-west-1:123456789012:log-group:appstream-ami-exporter-FunctionLogGroup:*"
	want := map[string][]string{
		"appstream:CreateExportImageTask": {"*"},
		"appstream:DescribeImages":        {"*"},
		"appstream:GetExportImageTask":    {"*"},
		"appstream:ListExportImageTasks":  {"*"},
		"appstream:ListTagsForResource":   {"*"},
		"appstream:TagResource":           {images},
		"iam:PassRole":                    {"arn:aws:iam::123456789012:role/appstream-ami-exporter-ExportRole"},
		"logs:CreateLogStream":            {logs},
		"logs:PutLogEvents":               {logs},
		"sns:Publish":                     {"arn:aws:sns:eu-west-1:123456789012:appstream-ami-exporter-Topic"},
		"sqs:ChangeMessageVisibility":     {queue + "WorkQueue"},
		"sqs:DeleteMessage":               {queue + "WorkQueue"},
		"sqs:GetQueueAttributes":          {queue + "WorkQueue"},
		"sqs:ReceiveMessage":              {queue + "WorkQueue"},
		"sqs:SendMessage":                 {queue + "WorkQueue", queue + "DeadLetterQueue", queue + "FailedEventsQueue"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("permissions (-want +got):\n%s", diff)
	}
	conditions := map[string]map[string]map[string][]string{}
	for _, statement := range stack.Statements {
		if statement.Condition != nil {
			conditions[statement.Policy] = statement.Condition
		}
	}
	wantConditions := map[string]map[string]map[string][]string{
		"StartExports":       {"StringEquals": {"aws:RequestedRegion": {"eu-west-1"}}},
		"PassExportRole":     {"StringEquals": {"iam:PassedToService": {"appstream.amazonaws.com"}}},
		"MarkExportedImages": {"ForAllValues:StringLike": {"aws:TagKeys": {"appstream-ami-exporter:*"}}},
	}
	if diff := cmp.Diff(wantConditions, conditions); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
}

func TestProjectExistingTopicAndRole(t *testing.T) {
	const topic, role = "arn:aws:sns:eu-west-1:123456789012:exports.fifo", "arn:aws:iam::123456789012:role/backup/export"
	stack := projectStack(t, map[string]string{"TopicArn": topic, "ExportRoleArn": role})
	environment := stack.Function.Environment
	if environment["TOPIC_ARN"] != topic || environment["EXPORT_ROLE_ARN"] != role {
		t.Errorf("TOPIC_ARN is %q, EXPORT_ROLE_ARN %q", environment["TOPIC_ARN"], environment["EXPORT_ROLE_ARN"])
	}
	granted := map[string][]string{}
	for _, statement := range stack.Statements {
		granted[statement.Actions[0]] = statement.Resources
	}
	if diff := cmp.Diff([][]string{{topic}, {role}}, [][]string{granted["sns:Publish"], granted["iam:PassRole"]}); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
}

func TestProjectSchedule(t *testing.T) {
	schedule := projectStack(t, map[string]string{"ScheduleTimezone": "Europe/Dublin", "Schedule": "DISABLED"}).Schedule
	if schedule.Expression != "cron(0 4 * * ? *)" || schedule.Timezone != "Europe/Dublin" || schedule.Enabled {
		t.Errorf("got %+v", schedule)
	}
	payload, err := schedule.Payload(time.Date(2026, 11, 23, 3, 0, 0, 0, time.FixedZone("CET", 3600)))
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, readEvent(t, "schedule.json")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(payload)); diff != "" {
		t.Errorf("events/schedule.json is not what the template's Input yields (-file +template):\n%s", diff)
	}
}

// TestProjectEvents holds the rule's pattern and events/ against each other.
func TestProjectEvents(t *testing.T) {
	rules := projectStack(t, nil).Rules
	if len(rules) != 1 {
		t.Fatalf("%d rules, want 1", len(rules))
	}
	for _, sample := range triggertest.Samples {
		got, err := rules[0].Matches(readEvent(t, sample.File))
		if err != nil {
			t.Errorf("%s: %v", sample.File, err)
		} else if got != sample.PassesRule {
			t.Errorf("%s passes the rule: %t, want %t", sample.File, got, sample.PassesRule)
		}
	}
}

// TestProjectRuleIsNarrow changes one thing in an event that passes.
func TestProjectRuleIsNarrow(t *testing.T) {
	tests := []struct{ file, path, value string }{
		{"create-image.json", "account", `"210987654321"`},
		{"create-image.json", "source", `"example.fake"`},
		{"create-image.json", "detail-type", `"AWS API Call via CloudTrail"`},
		{"create-image.json", "detail.eventName", `"DeleteImage"`},
		{"create-image.json", "detail.errorCode", `"InternalError"`},
		{"create-image.json", "detail.eventSource", `"ec2.amazonaws.com"`},
		{"create-updated-image.json", "source", `"example.fake"`},
		{"create-updated-image.json", "detail-type", `"AWS Service Event via CloudTrail"`},
		{"create-updated-image.json", "detail.errorCode", `"UnknownError"`},
		{"create-updated-image.json", "detail.requestParameters.dryRun", `true`},
		{"create-imported-image.json", "detail.errorCode", `"DryRunOperationException"`},
		{"create-imported-image.json", "detail.requestParameters.dryRun", `true`},
		{"copy-image.json", "detail.errorCode", `"ResourceNotFoundException"`},
		{"image-ready.json", "account", `"210987654321"`},
		{"image-ready.json", "detail-type", `"AppStream Image Broken"`},
	}
	rule := projectStack(t, nil).Rules[0]
	for _, test := range tests {
		event := withField(t, readEvent(t, test.file), test.path, json.RawMessage(test.value))
		if got, err := rule.Matches(event); err != nil || got {
			t.Errorf("%s with %s = %s passes the rule: %t, %v", test.file, test.path, test.value, got, err)
		}
	}
}

func TestProjectImageEventsCanBeDisabled(t *testing.T) {
	rule := projectStack(t, map[string]string{"ImageEvents": "DISABLED"}).Rules[0]
	if got, err := rule.Matches(readEvent(t, "create-image.json")); err != nil || got {
		t.Errorf("the disabled rule passes an event: %t, %v", got, err)
	}
}

// EventBridge's default quota for a pattern is 2048 characters.
func TestProjectPatternIsShortEnough(t *testing.T) {
	if pattern := projectStack(t, nil).Rules[0].Pattern; len(pattern) > 2048 {
		t.Errorf("the pattern has %d characters", len(pattern))
	}
}

func TestProjectParameters(t *testing.T) {
	tests := []struct {
		name, parameter string
		accepted        []string
		refused         []string
	}{
		{"selection", "Images", []string{"*", "prod-*,!prod-test", "a.b_c", "win[0-9]?", "a, !b"},
			[]string{"", "a b", "a,,b", "a,", "!", "prod/x"}},
		{"tag", "ImageTag", []string{"", "Backup=yes", "Backup=yes,Cost Centre=", "a=b=c"}, []string{"Backup", "=yes", "a=b,", ","}},
		{"name", "AmiNameTemplate", []string{"{image}", "x-{image}-{date}", "{account}/{region}/{image}-{time}"},
			[]string{"", "{date}", "{image", "{image}{img}", "{image} {date}"}},
		{"description", "AmiDescriptionTemplate", []string{"x", "Size (|~): {image}!", strings.Repeat("x", 255)},
			[]string{"", "{name}", "}", "Größe", "{image} – base", "a\tb", strings.Repeat("x", 256)}},
		{"schedule", "ScheduleExpression", []string{"cron(30 1 ? * MON-FRI *)", "rate(1 day)", "rate(12 hours)"},
			[]string{"", "0 2 * * *", "rate(0 days)", "rate(1 week)"}},
		{"time zone", "ScheduleTimezone", []string{"America/Argentina/Buenos_Aires", "Etc/GMT+1"}, []string{"", "Europe Dublin"}},
		{"topic", "TopicArn", []string{"", "arn:aws-us-gov:sns:us-gov-west-1:123456789012:a_B-1.fifo"},
			[]string{"my-topic", "arn:aws:sqs:eu-west-1:123456789012:q", "arn:aws:sns:eu-west-1:1:x"}},
		{"role", "ExportRoleArn", []string{"", "arn:aws-cn:iam::123456789012:role/a/b+c"},
			[]string{"export", "arn:aws:iam::123456789012:user/x"}},
		{"mail", "NotificationEmail", []string{"", "desktop@example.com"}, []string{"desktop", "a@b", "a@example.com b@example.com"}},
		{"deadline", "WaitDeadlineHours", []string{"1", "168"}, []string{"0", "169", "soon", ""}},
		{"timeout", "Timeout", []string{"60", "900"}, []string{"59", "901"}},
		{"boundary", "PermissionsBoundaryArn", []string{"", "arn:aws:iam::123456789012:policy/x/y",
			"arn:aws:iam::aws:policy/PowerUserAccess"},
			[]string{"x", "arn:aws:iam::123456789012:role/x"}},
		{"key", "KmsKeyArn", []string{"", "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-1"},
			[]string{"alias/aws/sns", "arn:aws:kms:eu-west-1:123456789012:alias/x"}},
		{"concurrency", "ReservedConcurrency", []string{"", "3", "10", "999"}, []string{"0", "1", "2", "1000", "03", "x"}},
		{"hours without a run", "HoursWithoutRun", []string{"0", "26", "168"}, []string{"-1", "169", ""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, value := range test.accepted {
				if _, err := load(map[string]string{test.parameter: value}); err != nil {
					t.Errorf("%q is refused: %v", value, err)
				}
			}
			for _, value := range test.refused {
				_, err := load(map[string]string{test.parameter: value})
				if err == nil || !strings.Contains(err.Error(), "parameter "+test.parameter+": ") {
					t.Errorf("%q: got error %v", value, err)
				}
			}
		})
	}
}

func readEvent(t *testing.T, name string) []byte {
	t.Helper()
	event, err := os.ReadFile(filepath.Join("../../events", name))
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// withField sets the field at a path of names with dots between them.
func withField(t *testing.T, event []byte, path string, value json.RawMessage) []byte {
	t.Helper()
	name, rest, more := strings.Cut(path, ".")
	var object map[string]json.RawMessage
	if err := json.Unmarshal(event, &object); err != nil {
		t.Fatal(err)
	}
	if more {
		value = withField(t, object[name], rest, value)
	}
	object[name] = value
	changed, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}
