package keepconfig_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"appstream-ami-exporter/internal/keep"
	"appstream-ami-exporter/internal/keepconfig"
)

// least is what has no default.
var least = map[string]string{
	"STACK": "exports@eu-west-1", "ACCOUNT": "123456789012", "TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:news",
	"AWS_REGION": "eu-west-1",
}

func read(change map[string]string) (keepconfig.Config, error) {
	env := maps.Clone(least)
	maps.Copy(env, change)
	return keepconfig.FromEnvironment(func(name string) (string, bool) { value, ok := env[name]; return value, ok })
}

func TestFromEnvironment(t *testing.T) {
	got, err := read(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := keepconfig.Config{
		TopicARN: "arn:aws:sns:eu-west-1:123456789012:news",
		Keep: keep.Config{
			Stack: "exports@eu-west-1", Partition: "aws", Account: "123456789012", Home: "eu-west-1", Location: time.UTC,
			GraceDays: 14, UnusedDays: 30, RetireAtMost: 5, UndoDays: 7, OwnTopic: true,
		},
	}
	options := cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })}
	if diff := cmp.Diff(want, got, options); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	got, err = read(map[string]string{
		"PARTITION": "aws-cn", "OWN_TOPIC": "false", "KEEP": "last=3,daily=7", "KEEP_MODE": "ON", "FAMILIES": "base=win-*",
		"SCHEDULE_TIMEZONE": "Europe/Berlin", "GRACE_DAYS": "1", "UNUSED_DAYS": "0", "RETIRE_AT_MOST": "9", "UNDO_DAYS": "0",
		"COPY_REGIONS": "eu-central-1, us-east-1", "COPY_KMS_KEYS": "arn:aws:kms:us-east-1:123456789012:key/k",
		"LATEST_AMI_PARAMETER": "/appstream/amis",
	})
	if err != nil {
		t.Fatal(err)
	}
	want.Keep = keep.Config{
		Stack: "exports@eu-west-1", Partition: "aws-cn", Account: "123456789012", Home: "eu-west-1", Location: berlin,
		Keep: keep.Rules{Last: 3, Daily: 7}, On: true, Families: keep.Families{{Name: "base", Pattern: "win-*"}},
		GraceDays: 1, UnusedDays: 0, RetireAtMost: 9, UndoDays: 0,
		CopyRegions:   []string{"eu-central-1", "us-east-1"},
		CopyKMSKeys:   map[string]string{"us-east-1": "arn:aws:kms:us-east-1:123456789012:key/k"},
		PointerPrefix: "/appstream/amis",
	}
	if diff := cmp.Diff(want, got, options); diff != "" {
		t.Errorf("everything set (-want +got):\n%s", diff)
	}
}

// Each of these is refused with a sentence that names the variable.
func TestProblems(t *testing.T) {
	for _, test := range []struct{ name, value, says string }{
		{"STACK", "", "not set"},
		{"STACK", "exports", "another form"},
		{"ACCOUNT", "1234", "another form"},
		{"AWS_REGION", "Ireland", "another form"},
		{"TOPIC_ARN", "news", "no ARN"},
		{"TOPIC_ARN", "arn:aws:sns:us-east-1:123456789012:news", "the topic is in us-east-1"},
		{"OWN_TOPIC", "yes", "neither"},
		{"KEEP", "daily=7", "last=N is missing"},
		{"KEEP_MODE", "on", "neither"},
		{"FAMILIES", "base=*", "at least 3 characters"},
		{"SCHEDULE_TIMEZONE", "Mars/Olympus", "not known"},
		{"SCHEDULE_TIMEZONE", "Local", "not known"},
		{"GRACE_DAYS", "0", "out of range"},
		{"GRACE_DAYS", "366", "out of range"},
		{"UNUSED_DAYS", "-1", "out of range"},
		{"RETIRE_AT_MOST", "0", "out of range"},
		{"UNDO_DAYS", "366", "out of range"},
		{"COPY_REGIONS", "eu-west-1", "the stack's own Region"},
		{"COPY_REGIONS", "eu-central-1,eu-central-1", "there twice"},
		{"COPY_REGIONS", "Frankfurt", "not the name of a Region"},
		{"COPY_REGIONS", "eu-central-1,eu-north-1,eu-south-1,eu-west-2,eu-west-3,us-east-1", "too many"},
		{"COPY_KMS_KEYS", "arn:aws:kms:us-east-1:123456789012:key/k", "nothing is copied to us-east-1"},
		{"COPY_KMS_KEYS", "alias/mine", "not the ARN of a KMS key"},
		{"LATEST_AMI_PARAMETER", "amis", "not a path"},
		{"LATEST_AMI_PARAMETER", "/amis/", "not a path"},
		{"LATEST_AMI_PARAMETER", "/aws/amis", "keeps the parameters"},
		{"LATEST_AMI_PARAMETER", "/SSM-amis", "keeps the parameters"},
	} {
		_, err := read(map[string]string{test.name: test.value})
		if err == nil || !strings.Contains(err.Error(), test.name) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s=%s: %v", test.name, test.value, err)
		}
	}
	_, err := read(map[string]string{"COPY_REGIONS": "us-east-1",
		"COPY_KMS_KEYS": "arn:aws:kms:us-east-1:1:key/a,arn:aws:kms:us-east-1:1:key/b"})
	if err == nil || !strings.Contains(err.Error(), "two keys for us-east-1") {
		t.Error(err)
	}
	_, err = read(map[string]string{"KEEP": "x", "GRACE_DAYS": "x"})
	if err == nil || !strings.Contains(err.Error(), "KEEP=") || !strings.Contains(err.Error(), "GRACE_DAYS=") {
		t.Errorf("not every problem is told: %v", err)
	}
	for _, v := range keepconfig.Variables() {
		if v.Allowed == "" {
			t.Errorf("what is allowed as %s is not said", v.Name)
		}
	}
}
