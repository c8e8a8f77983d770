package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/doctor"
	"appstream-ami-exporter/internal/terminal"
)

var update = flag.Bool("update", false, "write the screens in testdata anew")

// compare holds a screen against testdata.
func compare(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the screen is not that of %s; go test ./cmd/doctor -update writes it anew (-want +got):\n%s", file, diff)
	}
}

func look(t *testing.T, cfg aws.Config, asJSON bool) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := newClients(cfg)
	d, err := c.deployment(t.Context(), "exporter", cfg.Region)
	if err == nil {
		err = c.examine(t.Context(), d, &out, asJSON, morning)
	}
	return out.String(), err
}

func TestAllIsWell(t *testing.T) {
	aws, cfg := start(t, healthy)
	screen, err := look(t, cfg, false)
	if err != nil {
		t.Error(err)
	}
	compare(t, "well.txt", screen)
	if got := aws.body("lambda:InvokeFunction"); got != `{"dryRun":true}` {
		t.Errorf("the function is asked %s", got)
	}
	// The conditions of the policies must hold in the simulation, or it denies what works.
	simulated, _ := url.QueryUnescape(aws.body("iam:SimulatePrincipalPolicy"))
	for _, want := range []string{
		"ContextEntries.member.1.ContextKeyName=iam:PassedToService&ContextEntries.member.1.ContextKeyType=string&" +
			"ContextEntries.member.1.ContextKeyValues.member.1=appstream.amazonaws.com",
		"ContextEntries.member.1.ContextKeyName=aws:TagKeys&ContextEntries.member.1.ContextKeyType=stringList",
		"PolicySourceArn=arn:aws:iam::123456789012:role/exporter-ScheduleRole-1",
		"ResourceArns.member.1=arn:aws:sqs:eu-west-1:123456789012:exporter-WorkQueue-1",
	} {
		if !strings.Contains(simulated, want) {
			t.Errorf("the simulation is not asked with %s:\n%s", want, simulated)
		}
	}
}

func TestMuchIsWrong(t *testing.T) {
	_, cfg := start(t, ill())
	screen, err := look(t, cfg, false)
	if _, ok := errors.AsType[terminal.Attention](err); !ok {
		t.Errorf("the error is %v", err)
	}
	compare(t, "ill.txt", screen)
}

// Each service refuses in its own protocol; each line then names the action that is missing, and the exit code is that of success.
func TestNothingIsAllowed(t *testing.T) {
	aws, cfg := start(t, healthy)
	aws.refuse("*", denied)
	screen, err := look(t, cfg, false)
	if err != nil {
		t.Error(err)
	}
	compare(t, "denied.txt", screen)
}

func TestJSON(t *testing.T) {
	_, cfg := start(t, ill())
	text, err := look(t, cfg, true)
	if _, ok := errors.AsType[terminal.Attention](err); !ok {
		t.Errorf("the error is %v", err)
	}
	var got struct {
		Stack, Region, Account, Caller, Summary string
		Checks                                  []doctor.Line
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if got.Stack != "exporter" || got.Region != "eu-west-1" || got.Account != "123456789012" || got.Caller == "" || got.Summary == "" ||
		len(got.Checks) != len(doctor.Checks()) {
		t.Errorf("%s", text)
	}
}

// What is gone is known from what may not be seen.
func TestGone(t *testing.T) {
	for action, gone := range map[string]struct{ code, line, seen string }{
		"lambda:GetFunctionConfiguration": {"ResourceNotFoundException", "function", "is gone"},
		"lambda:ListEventSourceMappings":  {"ResourceNotFoundException", "work queue is read", "feeds no function"},
		"iam:GetRole":                     {"NoSuchEntity", "export role", "there is no role"},
		"iam:SimulatePrincipalPolicy":     {"NoSuchEntity", "function's role: rights", "no such role"},
		"sns:GetTopicAttributes":          {"NotFound", "topic", "there is no topic"},
		"sns:ListSubscriptionsByTopic":    {"NotFound", "subscriptions", "there is no topic"},
		"events:DescribeRule":             {"ResourceNotFoundException", "image events", "gone"},
		"scheduler:GetSchedule":           {"ResourceNotFoundException", "schedule", "gone"},
		"sqs:GetQueueAttributes":          {"QueueDoesNotExist", "work queue", "gone"},
		"kms:DescribeKey":                 {"NotFoundException", "stack's key", "does not exist"},
	} {
		t.Run(action, func(t *testing.T) {
			aws, cfg := start(t, ill())
			aws.refuse(action, gone.code)
			c := newClients(cfg)
			d, err := c.deployment(t.Context(), "exporter", "eu-west-1")
			if err != nil {
				t.Fatal(err)
			}
			lines := doctor.Examine(c.facts(t.Context(), d, morning()))
			i := slices.IndexFunc(lines, func(line doctor.Line) bool { return line.Name == gone.line })
			if i < 0 || lines[i].Verdict != doctor.Fail || !strings.Contains(lines[i].Seen, gone.seen) {
				t.Errorf("%+v", lines[max(i, 0)])
			}
		})
	}
}

// A stack whose first deployment failed has no outputs, and the doctor still says what it is.
func TestStackWithoutOutputs(t *testing.T) {
	answers := map[string]string{"sts:GetCallerIdentity": healthy["sts:GetCallerIdentity"],
		"cloudformation:DescribeStacks": strings.Replace(
			stackOf("ROLLBACK_COMPLETE", nil), "<OutputKey>FunctionName", "<OutputKey>Other", 1)}
	_, cfg := start(t, answers)
	screen, err := look(t, cfg, false)
	if _, ok := errors.AsType[terminal.Attention](err); !ok || !strings.Contains(screen, "ROLLBACK_COMPLETE since 2026-11-01 10:15 UTC") {
		t.Errorf("%v\n%s", err, screen)
	}
	answers["cloudformation:DescribeStacks"] = strings.Replace(stackOf("CREATE_COMPLETE", nil), "<OutputKey>FunctionName",
		"<OutputKey>Other", 1)
	_, cfg = start(t, answers)
	if _, err := look(t, cfg, false); err == nil || !strings.Contains(err.Error(), "it is not one of the AppStream AMI Exporter") {
		t.Errorf("of a stack of something else it says: %v", err)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-nonsense"}, {"more"}} {
		if err := run(t.Context(), args, strings.NewReader(""), &bytes.Buffer{}, morning); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%q: %v", args, err)
		}
	}
	for says, args := range map[string][]string{"EXPORT=": {"-twice"}, "leave out -json": {"-json", "-export", "win-1"}} {
		if err := run(t.Context(), args, strings.NewReader(""), &bytes.Buffer{}, morning); err == nil ||
			!strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
