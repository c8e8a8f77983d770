package stack

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"appstream-ami-exporter/internal/localaws/template"
	"appstream-ami-exporter/internal/metrics"
)

// everythingKept has every parameter of the keeper set, so that it may do all that it ever may.
var everythingKept = map[string]string{
	"Keep": "last=3,daily=7", "KeepMode": "ON", "Families": "base=win2022-base-*", "CopyRegions": "us-east-1,eu-central-1",
	"CopyKmsKeys":        "arn:aws:kms:us-east-1:123456789012:key/1,arn:aws:kms:eu-west-1:123456789012:key/2",
	"LatestAmiParameter": "/appstream-amis",
}

// TestNoKeeperByDefault has a stack whose parameters for the keeper are left alone be the one that a template makes that knows
// nothing of a keeper: with everything of the keeper's cut out of the template, all that it deploys stays the same.
func TestNoKeeperByDefault(t *testing.T) {
	if keeper := projectStack(t, nil).Keeper; keeper != nil {
		t.Errorf("there is a keeper: %+v", keeper.Function)
	}
	cut := withoutKeeper(t)
	for _, parameters := range []map[string]string{
		nil,
		chosenParameters,
		{"TopicArn": existingTopic, "Alarms": "DISABLED", "KmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1"},
		{"KeepMode": "PLAN", "Families": "base=win2022-base-*", "GraceDays": "1", "UndoDays": "0"}, // of which none makes a keeper
	} {
		without := maps.Clone(parameters)
		maps.DeleteFunc(without, func(name, _ string) bool { return slices.Contains(keeperParameters, name) })
		loaded, err := template.Load(cut, without)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range projectKinds(t) {
			want, err := loaded.Resources(kind)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, projectResources(t, kind, parameters)); diff != "" {
				t.Errorf("%s with %v (-without the keeper +with it):\n%s", kind, parameters, diff)
			}
		}
	}
}

var keeperParameters = []string{
	"Keep", "KeepMode", "Families", "GraceDays", "UnusedDays", "RetireAtMost", "UndoDays", "CopyRegions", "CopyKmsKeys",
	"LatestAmiParameter",
}

// keeperConditions are those that a default stack has none of.
var keeperConditions = []string{
	"CopyAmis", "EncryptCopies", "PointToAmis", "KeepSome", "RetireAmis", "AskWhoListens", "UndoRetirement", "MakeKeeper",
	"WatchKeeper", "WatchRetirement", "WatchCopies", "WatchPointers",
}

// withoutKeeper writes the template without the keeper's parameters, rules, conditions, resources and outputs, and without its
// part of the dashboard. What still refers to any of them does not load.
func withoutKeeper(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(projectTemplate)
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	top := document.Content[0]
	keeps := func(_ string, value *yaml.Node) bool {
		condition := field(value, "Condition")
		return condition == nil || !slices.Contains(keeperConditions, condition.Value)
	}
	before := len(field(top, "Resources").Content)
	filter(field(top, "Parameters"), func(name string, _ *yaml.Node) bool { return !slices.Contains(keeperParameters, name) })
	filter(field(top, "Rules"), func(name string, _ *yaml.Node) bool {
		return !strings.HasPrefix(name, "Keep") && !strings.HasPrefix(name, "Copy")
	})
	filter(field(top, "Conditions"), func(name string, _ *yaml.Node) bool { return !slices.Contains(keeperConditions, name) })
	filter(field(top, "Resources"), keeps)
	filter(field(top, "Outputs"), keeps)
	if len(field(top, "Resources").Content) == before {
		t.Fatal("no resource depends on the keeper's conditions")
	}
	edited, err := yaml.Marshal(&document)
	if err != nil {
		t.Fatal(err)
	}
	// The dashboard's variables of the keeper: without it they are empty.
	edited = cutVariables(t, edited, "Keeper", "Copies", "Retirement", "Pointers", "KeeperWidgets")
	path := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(path, edited, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// cutVariables sets variables of Fn::Sub in the dashboard to nothing.
func cutVariables(t *testing.T, text []byte, names ...string) []byte {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	cut := 0
	var walk func(node *yaml.Node)
	walk = func(node *yaml.Node) {
		if node.Kind == yaml.MappingNode {
			for i := 0; i < len(node.Content); i += 2 {
				if slices.Contains(names, node.Content[i].Value) && node.Content[i+1].Tag == "!If" {
					*node.Content[i+1] = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.SingleQuotedStyle}
					cut++
				}
			}
		}
		for _, inner := range node.Content {
			walk(inner)
		}
	}
	walk(field(field(document.Content[0], "Resources"), "ExportDashboard"))
	if cut != len(names) {
		t.Fatalf("the dashboard has %d of the variables %v", cut, names)
	}
	edited, err := yaml.Marshal(&document)
	if err != nil {
		t.Fatal(err)
	}
	return edited
}

// field returns the value of a key, or nil.
func field(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// filter removes the keys that are not to be kept.
func filter(mapping *yaml.Node, keep func(key string, value *yaml.Node) bool) {
	var kept []*yaml.Node
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if keep(mapping.Content[i].Value, mapping.Content[i+1]) {
			kept = append(kept, mapping.Content[i], mapping.Content[i+1])
		}
	}
	mapping.Content = kept
}

// TestKeeperIsMadeWhereAsked has each of three parameters make the keeper, and nothing beside it that the parameter is not for.
func TestKeeperIsMadeWhereAsked(t *testing.T) {
	always := []string{"StayInRegions", "WriteLogs", "Notify", "ReadAmis", "ReadExports", "TagOwnAmis", "TakeMarksBack"}
	for _, test := range []struct {
		name       string
		parameters map[string]string
		policies   []string // beside those that are always there
		resources  []string // beside the function, its log group and its roles
	}{
		{"plan", map[string]string{"Keep": "last=1"}, []string{"SeeWhatIsInUse"}, nil},
		{"retire", map[string]string{"Keep": "last=1", "KeepMode": "ON"},
			[]string{"SeeWhatIsInUse", "RetireOwnAmis", "TagSnapshots", "MarkRetiredImages", "SeeWhoListens", "SeeRecycleBin"},
			[]string{"AmiNotRetiredAlarm", "RetiredAmisRule", "RetiredSnapshotsRule", "RetirementLateAlarm", "RetirementStoppedAlarm"}},
		{"retire without undo, told to an existing topic",
			map[string]string{"Keep": "last=1", "KeepMode": "ON", "UndoDays": "0", "TopicArn": existingTopic},
			[]string{"SeeWhatIsInUse", "RetireOwnAmis", "TagSnapshots", "MarkRetiredImages"},
			[]string{"AmiNotRetiredAlarm", "RetirementLateAlarm", "RetirementStoppedAlarm"}},
		{"copy", map[string]string{"CopyRegions": "us-east-1"}, []string{"CopyAmis"}, []string{"CopyFailedAlarm"}},
		{"copy with keys", map[string]string{"CopyRegions": "us-east-1", "CopyKmsKeys": "arn:aws:kms:us-east-1:123456789012:key/1"},
			[]string{"CopyAmis", "EncryptCopies"}, []string{"CopyFailedAlarm"}},
		{"point", map[string]string{"LatestAmiParameter": "/amis"}, []string{"PointToNewestAmis"}, []string{"PointerFailedAlarm"}},
		{"with a key", map[string]string{"LatestAmiParameter": "/amis", "KmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1"},
			[]string{"PointToNewestAmis", "UseKey"}, []string{"PointerFailedAlarm"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			keeper := projectStack(t, test.parameters).Keeper
			if keeper == nil {
				t.Fatal("there is no keeper")
			}
			policies := map[string]bool{}
			for _, s := range keeper.Statements {
				policies[s.Policy] = true
			}
			want := slices.Sorted(slices.Values(append(test.policies, always...)))
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(policies))); diff != "" {
				t.Errorf("policies (-want +got):\n%s", diff)
			}
			base := maps.Clone(test.parameters)
			maps.DeleteFunc(base, func(name, _ string) bool { return slices.Contains(keeperParameters, name) })
			var more []string
			for _, kind := range projectKinds(t) {
				without := projectResources(t, kind, base)
				for id := range projectResources(t, kind, test.parameters) {
					if _, there := without[id]; !there {
						more = append(more, id)
					}
				}
			}
			want = append(test.resources, "KeeperFailedAlarm", "KeeperFunction", "KeeperLogGroup", "KeeperMissedAlarm", "KeeperRole",
				"KeeperScheduleRole", "RegionUnreadAlarm")
			if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(more))); diff != "" {
				t.Errorf("resources that the keeper adds (-want +got):\n%s", diff)
			}
		})
	}
}

// TestKeeperFunction pins how the function is deployed and started.
func TestKeeperFunction(t *testing.T) {
	keeper := projectStack(t, everythingKept).Keeper
	got := keeper.Function
	want := map[string]string{
		"STACK": "appstream-ami-exporter@eu-west-1", "ACCOUNT": "123456789012", "PARTITION": "aws", "TOPIC_ARN": ownTopic,
		"OWN_TOPIC":         "true",
		"SCHEDULE_TIMEZONE": "UTC", "KEEP": "last=3,daily=7", "KEEP_MODE": "ON", "FAMILIES": "base=win2022-base-*", "GRACE_DAYS": "14",
		"UNUSED_DAYS": "30", "RETIRE_AT_MOST": "5", "UNDO_DAYS": "7", "COPY_REGIONS": "us-east-1,eu-central-1",
		"COPY_KMS_KEYS": everythingKept["CopyKmsKeys"], "LATEST_AMI_PARAMETER": "/appstream-amis",
	}
	if diff := cmp.Diff(want, got.Environment); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if got.RetryAttempts != 0 || got.OnFailure != "" || got.LogGroup != "appstream-ami-exporter-KeeperLogGroup" ||
		got.LogFormat != "JSON" ||
		got.LogLevel != "INFO" {
		t.Errorf("the function is %+v", got)
	}
	if keeper.Schedule.Expression != "rate(1 hour)" || !keeper.Schedule.Enabled {
		t.Errorf("the schedule is %+v", keeper.Schedule)
	}
	existing := map[string]string{"LatestAmiParameter": "/amis", "TopicArn": existingTopic}
	if environment := projectStack(t, existing).Keeper.Function.Environment; environment["OWN_TOPIC"] != "false" ||
		environment["TOPIC_ARN"] != existingTopic {
		t.Errorf("with an existing topic the environment is %v", environment)
	}
}

// TestKeeperIsStartedByAmis holds the rule to EC2's own sample of the event.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitor-ami-events.html
func TestKeeperIsStartedByAmis(t *testing.T) {
	rules := projectStack(t, everythingKept).Keeper.Rules
	if len(rules) != 1 {
		t.Fatalf("there are %d rules", len(rules))
	}
	const event = `{"version":"0","id":"example-9f07-51db-246b-d8b8441bcdf0","detail-type":"EC2 AMI State Change","source":"aws.ec2",` +
		`"account":"123456789012","time":"2026-11-26T08:00:00Z","region":"eu-west-1",` +
		`"resources":["arn:aws:ec2:eu-west-1::image/ami-0abcdef1234567890"],` +
		`"detail":{"RequestId":"example-9dcc-40a6-aa77-7ce457d5442b","ImageId":"ami-0abcdef1234567890","State":"available",` +
		`"ErrorMessage":""}}`
	for _, test := range []struct {
		old, new string
		want     bool
	}{
		{"", "", true},
		{`"State":"available"`, `"State":"failed"`, true},
		{`"State":"available"`, `"State":"deregistered"`, false},
		{`"State":"available"`, `"state":"available"`, false},
		{`"account":"123456789012"`, `"account":"999999999999"`, false},
		{`"source":"aws.ec2"`, `"source":"me"`, false},
	} {
		matches, err := rules[0].Matches([]byte(strings.Replace(event, test.old, test.new, 1)))
		if err != nil || matches != test.want {
			t.Errorf("with %s the event matches: %v, %v", test.new, matches, err)
		}
	}
}

// TestUndoRules has Recycle Bin keep both AMIs and snapshots by the stack's tag, for the same time.
func TestUndoRules(t *testing.T) {
	rules := projectResources(t, "AWS::Rbin::Rule", map[string]string{"Keep": "last=1", "KeepMode": "ON", "UndoDays": "9"})
	for id, kind := range map[string]string{"RetiredAmisRule": "EC2_IMAGE", "RetiredSnapshotsRule": "EBS_SNAPSHOT"} {
		got := maps.Clone(rules[id])
		delete(got, "Description")
		want := map[string]any{
			"ResourceType": kind,
			"ResourceTags": []any{map[string]any{"ResourceTagKey": "appstream-ami-exporter:stack",
				"ResourceTagValue": "appstream-ami-exporter@eu-west-1"}},
			"RetentionPeriod": map[string]any{"RetentionPeriodUnit": "DAYS", "RetentionPeriodValue": "9"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
}

// TestKeeperAlarms pins what each alarm watches.
func TestKeeperAlarms(t *testing.T) {
	exporters := projectAlarms(t, nil)
	got := map[string]string{}
	for id, alarm := range projectAlarms(t, everythingKept) {
		if _, exporter := exporters[id]; exporter {
			continue
		}
		got[id] = watches(alarm)
		if points := alarm["DatapointsToAlarm"]; points != nil {
			got[id] += ", " + strings.Trim(jsonOf(t, points), `"`) + " of them"
		}
		over := alarm["OKActions"] != nil
		if state := slices.Contains([]string{"KeeperFailedAlarm", "KeeperMissedAlarm", "RegionUnreadAlarm", "RetirementLateAlarm"},
			id); over != state {
			t.Errorf("%s tells when it is over: %v", id, over)
		}
	}
	const function = " FunctionName=appstream-ami-exporter-KeeperFunction "
	const pass = "Sum >= 1, 2 x 3600 s, missing notBreaching, 1 of them" // what lasts is counted each hour, and rings once
	want := map[string]string{
		"KeeperFailedAlarm": "AWS/Lambda Errors" + function + "Sum >= 1, 3 x 3600 s, missing notBreaching, 2 of them",
		"KeeperMissedAlarm": "FILL(made, 0) of AppStreamAmiExporter KeeperPasses" + function +
			"Sum < 1, 3 x 3600 s, missing breaching",
		"RegionUnreadAlarm":      "AppStreamAmiExporter RegionsUnread" + function + "Minimum >= 1, 6 x 3600 s, missing notBreaching",
		"CopyFailedAlarm":        "AppStreamAmiExporter CopiesFailed" + function + pass,
		"AmiNotRetiredAlarm":     "AppStreamAmiExporter AMIsNotRetired" + function + pass,
		"RetirementStoppedAlarm": "AppStreamAmiExporter RetirementsStopped" + function + pass,
		"RetirementLateAlarm":    "AppStreamAmiExporter RetirementDaysLate" + function + "Minimum >= 30, 24 x 3600 s, missing notBreaching",
		"PointerFailedAlarm":     "AppStreamAmiExporter PointersFailed" + function + pass,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alarms (-want +got):\n%s", diff)
	}
}

func jsonOf(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestKeeperDashboard has the dashboard show every metric of the keeper and all alarms, where there is a keeper.
func TestKeeperDashboard(t *testing.T) {
	_, keeper := metricNames(t)
	shown := map[string]bool{}
	alarms := 0
	for _, widget := range projectDashboard(t, everythingKept).Widgets {
		alarms += len(widget.Properties.Alarms)
		var previous []any
		for _, metric := range widget.Properties.Metrics {
			if _, ok := metric[0].(string); !ok {
				continue // an expression
			}
			previous = completed(t, metric, previous)
			if previous[0] == metrics.Namespace && previous[3] == "appstream-ami-exporter-KeeperFunction" {
				shown[previous[1].(string)] = true
			}
		}
	}
	if diff := cmp.Diff(keeper, slices.Sorted(maps.Keys(shown))); diff != "" {
		t.Errorf("metrics of the keeper that the dashboard shows (-want +got):\n%s", diff)
	}
	if all := len(projectAlarms(t, everythingKept)); alarms != all {
		t.Errorf("the dashboard has %d of %d alarms", alarms, all)
	}
}

// TestKeeperParameters tries each parameter's grammar.
func TestKeeperParameters(t *testing.T) {
	for _, test := range []struct {
		parameter         string
		accepted, refused []string
	}{
		{"Keep", []string{"", "last=1", "last=3,daily=7,weekly=5,monthly=12,yearly=2,within=30", "daily=7,last=3"},
			[]string{"daily=7", "last=0", "last=3,", "last=3,daily=7,daily=8", "daily=7,last=3,daily=7", "last=3,last=4", "last",
				"last=3, daily=7", "last=3;daily=7", "hourly=3,last=1", "last=-1", "last=99999"}},
		{"KeepMode", []string{"PLAN"}, []string{"OFF", "on", ""}},
		{"Families", []string{"", "base=win2022-base-*", "a=abc*,a=xyz-?,b.c_d-e=win"},
			[]string{"base", "base=*", "base=ab*", "=abc", "a b=abc", "a=abc,", "a=abc def"}},
		{"GraceDays", []string{"1", "365"}, []string{"0", "366", ""}},
		{"UnusedDays", []string{"0", "3650"}, []string{"-1", "3651"}},
		{"RetireAtMost", []string{"1", "1000"}, []string{"0", "1001"}},
		{"UndoDays", []string{"0", "365"}, []string{"-1", "366"}},
		{"CopyRegions", []string{"", "us-east-1", "us-gov-west-1", "us-isob-east-1",
			"us-east-1,us-east-2,us-west-1,us-west-2,ca-central-1"},
			[]string{"us-east-1,", "us-east-1, us-west-2", "Ireland", "us-east-1a",
				"us-east-1,us-east-2,us-west-1,us-west-2,ca-central-1,sa-east-1"}},
		{"LatestAmiParameter", []string{"", "/amis", "/appstream-amis", "/a", "/A/b.c/d_e-f", "/aw", "/awt", "/s", "/ssn/x", "/sz",
			"/-aws"},
			[]string{"amis", "/", "/amis/", "/aws", "/AWS/x", "/awsome", "/ssm", "/SsM1/x", "/a b", "//a", "/a//b"}},
	} {
		t.Run(test.parameter, func(t *testing.T) {
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
	for _, test := range []struct{ parameter, value, want string }{
		{"KeepMode", "ON", "rule KeepModeNeedsKeep"},
		{"CopyKmsKeys", "arn:aws:kms:us-east-1:123456789012:key/1", "rule CopyKmsKeysNeedCopyRegions"},
	} {
		_, err := load(map[string]string{test.parameter: test.value})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s alone: got error %v, want %s", test.parameter, err, test.want)
		}
	}
}
