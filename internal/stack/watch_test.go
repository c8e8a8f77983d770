package stack

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"appstream-ami-exporter/internal/metrics"
)

// These tests hold the alarms and the dashboard of the project's own template to what the function measures and logs, and
// its parameters to what a person sees of them.

const (
	ownTopic      = "arn:aws:sns:eu-west-1:123456789012:appstream-ami-exporter-Topic"
	existingTopic = "arn:aws:sns:eu-west-1:123456789012:existing"
)

func projectResources(t *testing.T, kind string, parameters map[string]string) map[string]map[string]any {
	t.Helper()
	loaded, err := load(parameters)
	if err != nil {
		t.Fatal(err)
	}
	resources, err := loaded.Resources(kind)
	if err != nil {
		t.Fatal(err)
	}
	return resources
}

func projectAlarms(t *testing.T, parameters map[string]string) map[string]map[string]any {
	t.Helper()
	return projectResources(t, "AWS::CloudWatch::Alarm", parameters)
}

// TestProjectAlarms pins what each alarm watches.
func TestProjectAlarms(t *testing.T) {
	got := map[string]string{}
	for id, alarm := range projectAlarms(t, map[string]string{"WaitDeadlineHours": "24", "ExportDeadlineHours": "48"}) {
		got[id] = watches(alarm)
	}
	const function, queue = "FunctionName=appstream-ami-exporter-ExportFunction", "QueueName=appstream-ami-exporter-"
	want := map[string]string{
		"ExportFailedAlarm":    "AppStreamAmiExporter ExportsFailed " + function + " Sum >= 1, 1 x 300 s, missing notBreaching",
		"ExportRejectedAlarm":  "AppStreamAmiExporter ExportsRejected " + function + " Sum >= 1, 1 x 300 s, missing notBreaching",
		"ExportGivenUpAlarm":   "AppStreamAmiExporter ExportsGivenUp " + function + " Sum >= 1, 1 x 300 s, missing notBreaching",
		"DuplicateAmiAlarm":    "AppStreamAmiExporter DuplicateAmis " + function + " Sum >= 1, 1 x 300 s, missing notBreaching",
		"FunctionErrorsAlarm":  "AWS/Lambda Errors " + function + " Sum >= 1, 1 x 300 s, missing notBreaching",
		"ThrottlesAlarm":       "AWS/Lambda Throttles " + function + " Sum >= 1, 3 x 300 s, missing notBreaching",
		"EventsDroppedAlarm":   "AWS/Lambda AsyncEventsDropped " + function + " Sum >= 1, 1 x 300 s, missing notBreaching",
		"FailedEventLostAlarm": "AWS/Lambda DestinationDeliveryFailures " + function + " Sum >= 1, 1 x 300 s, missing notBreaching",
		"FailedEventsQueueAlarm": "AWS/SQS ApproximateNumberOfMessagesVisible " + queue +
			"FailedEventsQueue Maximum >= 1, 1 x 300 s, missing ignore",
		"DeadLetterQueueAlarm": "AWS/SQS ApproximateNumberOfMessagesVisible " + queue +
			"DeadLetterQueue Maximum >= 1, 1 x 300 s, missing ignore",
		"WorkQueueUnreadAlarm": "AWS/SQS ApproximateNumberOfMessagesVisible " + queue +
			"WorkQueue Minimum >= 1, 12 x 300 s, missing ignore",
		"WorkTooOldAlarm": "(age / 3600 - 1 > 24) AND (age / 3600 - 1 > 48) of AppStreamAmiExporter OldestWorkAge " + function +
			" Maximum >= 1, 1 x 3600 s, missing notBreaching",
		"NightMissedAlarm": "FILL(sweeps, 0) of AppStreamAmiExporter Sweeps " + function + " Sum < 1, 26 x 3600 s, missing breaching",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alarms (-want +got):\n%s", diff)
	}
}

// watches writes an alarm in one line.
func watches(alarm map[string]any) string {
	metric, statistic, period, expression := alarm, alarm["Statistic"], alarm["Period"], ""
	if queries, ok := alarm["Metrics"].([]any); ok {
		expression = fmt.Sprint(queries[0].(map[string]any)["Expression"], " of ")
		query := queries[1].(map[string]any)["MetricStat"].(map[string]any)
		metric, statistic, period = query["Metric"].(map[string]any), query["Stat"], query["Period"]
	}
	dimension := metric["Dimensions"].([]any)[0].(map[string]any)
	operator := map[any]string{"GreaterThanOrEqualToThreshold": ">=", "LessThanThreshold": "<"}[alarm["ComparisonOperator"]]
	return fmt.Sprintf("%s%v %v %v=%v %v %s %v, %v x %v s, missing %v", expression, metric["Namespace"], metric["MetricName"],
		dimension["Name"], dimension["Value"], statistic, operator, alarm["Threshold"], alarm["EvaluationPeriods"], period,
		alarm["TreatMissingData"])
}

func TestProjectAlarmsCanBeOff(t *testing.T) {
	if alarms := projectAlarms(t, map[string]string{"Alarms": "DISABLED"}); len(alarms) > 0 {
		t.Errorf("there are alarms: %v", slices.Sorted(maps.Keys(alarms)))
	}
	for _, parameters := range []map[string]string{{"Schedule": "DISABLED"}, {"HoursWithoutRun": "0"}} {
		alarms := projectAlarms(t, parameters)
		if _, ok := alarms["NightMissedAlarm"]; ok || len(alarms) != 12 {
			t.Errorf("with %v the alarms are %v", parameters, slices.Sorted(maps.Keys(alarms)))
		}
	}
	if got := projectAlarms(t, map[string]string{"HoursWithoutRun": "168"})["NightMissedAlarm"]["EvaluationPeriods"]; got != "168" {
		t.Errorf("a week without a run is watched in %v hours", got)
	}
}

func TestProjectAlarmsTellTheTopic(t *testing.T) {
	states := []string{"ThrottlesAlarm", "FailedEventsQueueAlarm", "DeadLetterQueueAlarm", "WorkTooOldAlarm", "WorkQueueUnreadAlarm",
		"NightMissedAlarm"}
	for topic, want := range map[string]any{
		"":                      []any{ownTopic},
		existingTopic:           []any{existingTopic},
		existingTopic + ".fifo": nil,
	} {
		for id, alarm := range projectAlarms(t, map[string]string{"TopicArn": topic}) {
			wantOK := want
			if !slices.Contains(states, id) {
				wantOK = nil // what happened is not over
			}
			if diff := cmp.Diff([]any{want, wantOK}, []any{alarm["AlarmActions"], alarm["OKActions"]}); diff != "" {
				t.Errorf("%s with the topic %q: actions for ALARM and OK (-want +got):\n%s", id, topic, diff)
			}
		}
	}
}

// TestProjectAlarmDescriptions looks at the text that arrives in the e-mail: it has to fit, and to lead to a section of the docs.
func TestProjectAlarmDescriptions(t *testing.T) {
	operations, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	reference := regexp.MustCompile(` See docs/OPERATIONS\.md, section "([^"]+)"\.$`)
	for id, alarm := range projectAlarms(t, nil) {
		text, _ := alarm["AlarmDescription"].(string)
		found := reference.FindStringSubmatch(text)
		if len(text) > 1024 || found == nil {
			t.Errorf("%s: %d characters, or no section: %s", id, len(text), text)
		} else if !regexp.MustCompile(`(?m)^#+ ` + regexp.QuoteMeta(found[1]) + `$`).Match(operations) {
			t.Errorf("%s: docs/OPERATIONS.md has no section %q", id, found[1])
		}
	}
}

type dashboard struct {
	Start, PeriodOverride string
	Widgets               []struct {
		Type                string
		X, Y, Width, Height int
		Properties          struct {
			Title, Markdown, Query, Region string
			Alarms                         []string
			Metrics                        [][]any
		}
	}
}

func projectDashboard(t *testing.T, parameters map[string]string) (d dashboard) {
	t.Helper()
	dashboards := projectResources(t, "AWS::CloudWatch::Dashboard", parameters)
	if len(dashboards) != 1 {
		t.Fatalf("%d dashboards, want 1", len(dashboards))
	}
	for _, properties := range dashboards {
		body, _ := properties["DashboardBody"].(string)
		if err := json.Unmarshal([]byte(body), &d); err != nil {
			t.Fatalf("the dashboard with %v is no JSON: %v\n%s", parameters, err, body)
		}
		if name, ok := properties["DashboardName"]; ok {
			t.Errorf("the dashboard is named %v, a second stack could not have one", name)
		}
	}
	return d
}

func TestProjectDashboard(t *testing.T) {
	if dashboards := projectResources(t, "AWS::CloudWatch::Dashboard", map[string]string{"Dashboard": "DISABLED"}); len(dashboards) > 0 {
		t.Error("there is a dashboard although it is off")
	}
	for _, test := range []struct {
		parameters map[string]string
		alarms     int
	}{
		{nil, 13},
		{map[string]string{"Schedule": "DISABLED"}, 12},
		{map[string]string{"Alarms": "DISABLED"}, 0},
	} {
		d := projectDashboard(t, test.parameters)
		alarms := 0
		for i, widget := range d.Widgets {
			alarms += len(widget.Properties.Alarms)
			if widget.Width < 1 || widget.Height < 1 || widget.X+widget.Width > 24 {
				t.Errorf("%q does not fit the 24 columns", widget.Properties.Title)
			}
			if widget.Type != "text" && widget.Type != "alarm" && widget.Properties.Region != "eu-west-1" {
				t.Errorf("%q is about the Region %q", widget.Properties.Title, widget.Properties.Region)
			}
			for _, other := range d.Widgets[:i] {
				if widget.X < other.X+other.Width && other.X < widget.X+widget.Width &&
					widget.Y < other.Y+other.Height && other.Y < widget.Y+widget.Height {
					t.Errorf("%q covers %q", widget.Properties.Title, other.Properties.Title)
				}
			}
		}
		if alarms != test.alarms {
			t.Errorf("with %v the dashboard has %d alarms, want %d", test.parameters, alarms, test.alarms)
		}
	}
}

// TestProjectDashboardShowsEveryMetric compares the dashboard with what the function measures, both ways. A metric that nobody
// sends would show as an empty graph, which looks like good news.
func TestProjectDashboardShowsEveryMetric(t *testing.T) {
	shown := map[string]bool{}
	for _, widget := range projectDashboard(t, nil).Widgets {
		var previous []any
		for _, metric := range widget.Properties.Metrics {
			if _, ok := metric[0].(string); !ok {
				continue // an expression
			}
			previous = completed(t, metric, previous)
			switch namespace, name := previous[0], previous[1].(string); namespace {
			case metrics.Namespace:
				shown[name] = true
				if diff := cmp.Diff([]any{metrics.Dimension, "appstream-ami-exporter-ExportFunction"}, previous[2:]); diff != "" {
					t.Errorf("dimension of %s (-want +got):\n%s", name, diff)
				}
			case "AWS/SQS", "AWS/Lambda":
			default:
				t.Errorf("the namespace %v of %s is unknown", namespace, name)
			}
		}
	}
	exporter, _ := metricNames(t)
	if diff := cmp.Diff(exporter, slices.Sorted(maps.Keys(shown))); diff != "" {
		t.Errorf("metrics that the function sends and that the dashboard shows (-want +got):\n%s", diff)
	}
}

// completed writes a metric of a dashboard out: "." is what the one before has there, "..." all that is not given.
func completed(t *testing.T, metric, previous []any) (full []any) {
	t.Helper()
	if _, ok := metric[len(metric)-1].(map[string]any); ok {
		metric = metric[:len(metric)-1]
	}
	if metric[0] == "..." {
		metric = append(slices.Clone(previous[:len(previous)-len(metric)+1]), metric[1:]...)
	}
	for i, part := range metric {
		if part == "." {
			part = previous[i]
		}
		full = append(full, part)
	}
	if len(full) != 4 {
		t.Fatalf("%v is not a namespace, a metric and a dimension", full)
	}
	return full
}

// metricNames reads the constants of package metrics: the exporter's and the keeper's.
func metricNames(t *testing.T) (exporter, keeper []string) {
	t.Helper()
	for file, names := range map[string]*[]string{"metrics.go": &exporter, "keeper.go": &keeper} {
		source, err := os.ReadFile("../metrics/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?m)^\t\w+ +Name = "(\w+)"`).FindAllSubmatch(source, -1) {
			*names = append(*names, string(match[1]))
		}
		if slices.Sort(*names); len(*names) == 0 {
			t.Fatalf("%s has no metrics", file)
		}
	}
	return exporter, keeper
}

// TestProjectDashboardReadsTheLog checks that the log lines that the dashboard's queries ask for are ones that the code writes.
func TestProjectDashboardReadsTheLog(t *testing.T) {
	var source strings.Builder
	for _, directory := range []string{"../handler", "../export"} {
		if err := fs.WalkDir(os.DirFS(directory), ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(directory + "/" + path)
			source.Write(text)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	list := regexp.MustCompile(`message in \[([^\]]*)\]|message = ('[^']*')|message like /\^([^/]*)/`)
	queries := 0
	for _, widget := range projectDashboard(t, nil).Widgets {
		if widget.Type != "log" {
			continue
		}
		queries++
		if !strings.HasPrefix(widget.Properties.Query, "SOURCE 'appstream-ami-exporter-FunctionLogGroup' | ") {
			t.Errorf("%q reads another log: %s", widget.Properties.Title, widget.Properties.Query)
		}
		for _, match := range list.FindAllStringSubmatch(widget.Properties.Query, -1) {
			for message := range strings.SplitSeq(match[1]+match[2]+match[3], ",") {
				message = strings.Trim(message, " '")
				if !regexp.MustCompile(`(ctx, |= )"` + regexp.QuoteMeta(message) + `"`).MatchString(source.String()) {
					t.Errorf("%q asks for the message %q, which no code writes", widget.Properties.Title, message)
				}
			}
		}
	}
	if queries != 4 {
		t.Errorf("%d queries of the log, want 4", queries)
	}
}

func TestProjectRules(t *testing.T) {
	tests := []struct {
		name       string
		parameters map[string]string
		want       string // "" where it is allowed
	}{
		{"own topic with an address", map[string]string{"NotificationEmail": "a@example.com"}, ""},
		{"existing topic", map[string]string{"TopicArn": existingTopic}, ""},
		{"existing topic with an address", map[string]string{"TopicArn": existingTopic, "NotificationEmail": "a@example.com"},
			"rule EmailNeedsOwnTopic: NotificationEmail is for the topic that the stack makes."},
		{"nights taken for missed", map[string]string{"HoursWithoutRun": "24"},
			"rule NightsAreADayApart: The nightly run comes once a day"},
		{"a night of 25 hours taken for missed", map[string]string{"HoursWithoutRun": "25"},
			"rule NightsAreADayApart: The nightly run comes once a day, and 25 hours after the last where clocks go back"},
		{"just enough", map[string]string{"HoursWithoutRun": "26"}, ""},
		{"no alarm", map[string]string{"HoursWithoutRun": "0"}, ""},
		{"more runs a day", map[string]string{"HoursWithoutRun": "6", "ScheduleExpression": "rate(4 hours)"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := load(test.parameters)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got error %v, want %q", err, test.want)
			}
		})
	}
}

// TestProjectParametersForPeople checks that the console shows every parameter once, in a group and under a label.
func TestProjectParametersForPeople(t *testing.T) {
	text, err := os.ReadFile(projectTemplate)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Metadata struct {
			Interface struct {
				ParameterGroups []struct {
					Parameters []string `yaml:"Parameters"`
				} `yaml:"ParameterGroups"`
				ParameterLabels map[string]map[string]string `yaml:"ParameterLabels"`
			} `yaml:"AWS::CloudFormation::Interface"`
		} `yaml:"Metadata"`
		Parameters map[string]struct {
			Description string `yaml:"Description"`
		} `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	var grouped, labelled []string
	for _, group := range document.Metadata.Interface.ParameterGroups {
		grouped = append(grouped, group.Parameters...)
	}
	for name, label := range document.Metadata.Interface.ParameterLabels {
		if label["default"] != "" {
			labelled = append(labelled, name)
		}
	}
	slices.Sort(grouped)
	slices.Sort(labelled)
	all := slices.Sorted(maps.Keys(document.Parameters))
	if diff := cmp.Diff(all, grouped); diff != "" {
		t.Errorf("parameters in groups (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(all, labelled); diff != "" {
		t.Errorf("parameters with labels (-want +got):\n%s", diff)
	}
	for name, parameter := range document.Parameters {
		if parameter.Description == "" {
			t.Errorf("parameter %s has no description", name)
		}
	}
	if strings.Contains(string(text), "Policy: Retain") {
		t.Error("something is left behind when the stack is deleted")
	}
	// A template on S3 may have 1 MB. SAM puts it there.
	if len(text) > 1_000_000 {
		t.Errorf("the template has %d bytes", len(text))
	}
}

// TestProjectEncryption checks that one key reaches everything that can be encrypted, and those who use it.
func TestProjectEncryption(t *testing.T) {
	const key = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	parameters := map[string]string{"KmsKeyArn": key}
	got := map[string]any{}
	for kind, property := range map[string]string{"AWS::SQS::Queue": "KmsMasterKeyId", "AWS::SNS::Topic": "KmsMasterKeyId",
		"AWS::Logs::LogGroup": "KmsKeyId"} {
		for id, resource := range projectResources(t, kind, parameters) {
			got[id] = resource[property]
			if _, both := resource["SqsManagedSseEnabled"]; both {
				t.Errorf("%s has two kinds of encryption", id)
			}
		}
		for id, resource := range projectResources(t, kind, nil) {
			if _, ok := resource[property]; ok {
				t.Errorf("%s has a key although none is given", id)
			}
			if kind == "AWS::SQS::Queue" && resource["SqsManagedSseEnabled"] != true {
				t.Errorf("%s is not encrypted", id)
			}
		}
	}
	want := map[string]any{"Topic": key, "FunctionLogGroup": key, "WorkQueue": key, "DeadLetterQueue": key, "FailedEventsQueue": key}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}

	users := map[string]any{}
	for id, role := range projectResources(t, "AWS::IAM::Role", parameters) {
		for _, policy := range role["Policies"].([]any) {
			if policy := policy.(map[string]any); policy["PolicyName"] == "UseKey" {
				users[id] = policy["PolicyDocument"].(map[string]any)["Statement"].([]any)[0]
			}
		}
	}
	statement := func(services any) any {
		return map[string]any{
			"Effect": "Allow", "Action": []any{"kms:Decrypt", "kms:GenerateDataKey"}, "Resource": key,
			"Condition": map[string]any{"StringEquals": map[string]any{"kms:ViaService": services}},
		}
	}
	wantUsers := map[string]any{
		"FunctionRole": statement([]any{"sns.eu-west-1.amazonaws.com", "sqs.eu-west-1.amazonaws.com"}),
		"ScheduleRole": statement("sqs.eu-west-1.amazonaws.com"),
	}
	if diff := cmp.Diff(wantUsers, users); diff != "" {
		t.Errorf("who may use the key (-want +got):\n%s", diff)
	}
}

func TestProjectOptionalProperties(t *testing.T) {
	const boundary = "arn:aws:iam::123456789012:policy/boundary"
	for value, want := range map[string]any{"": nil, boundary: boundary} {
		roles := projectResources(t, "AWS::IAM::Role", map[string]string{"PermissionsBoundaryArn": value})
		if len(roles) != 3 {
			t.Errorf("%d roles, want 3", len(roles))
		}
		for id, role := range roles {
			if role["PermissionsBoundary"] != want {
				t.Errorf("the boundary of %s is %v, want %v", id, role["PermissionsBoundary"], want)
			}
		}
	}
	for value, want := range map[string]any{"": nil, "3": "3"} {
		function := projectResources(t, "AWS::Serverless::Function", map[string]string{"ReservedConcurrency": value})["ExportFunction"]
		if function["ReservedConcurrentExecutions"] != want {
			t.Errorf("the reserved concurrency is %v, want %v", function["ReservedConcurrentExecutions"], want)
		}
	}
}
