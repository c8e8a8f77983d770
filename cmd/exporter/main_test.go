package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/terminal"
)

var update = flag.Bool("update", false, "write the screens in testdata anew")

// morning is the time at which the screens are looked at.
var morning = time.Date(2026, 11, 24, 9, 12, 0, 0, time.UTC)

var stack = terminal.Stack{Name: "appstream-ami-exporter", Region: "eu-west-1", Account: "123456789012"}

// compare holds what a report shows against testdata.
func compare(t *testing.T, name string, r report) {
	t.Helper()
	var out bytes.Buffer
	r.show(terminal.NewScreen(&out))
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("the screen is not that of %s; go test ./cmd/exporter -update writes it anew (-want +got):\n%s", file, diff)
	}
}

// attentive holds what needs a person in a report against what is wanted, "" for nothing.
func attentive(t *testing.T, r report, want string) {
	t.Helper()
	got := ""
	if err := r.attention(); err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("what needs a person is %q, want %q", got, want)
	}
}

func TestPlanScreen(t *testing.T) {
	p := planned{Stack: stack, Images: []string{"win*", "!win-test"}, reply: deployed.Reply{
		WouldStart: []deployed.Entry{
			{
				ImageName: "win2022-base-7", AMIName: "win2022-base-7-20261120T101500Z",
			}, {ImageName: "win2022-cad-3", AMIName: "win2022-cad-3-20261122T101500Z"},
		},
		Waiting: []deployed.Entry{{ImageName: "win2025-lab-1", AMIName: "win2025-lab-1-20261123T101500Z", Reason: "the image is CREATING"}},
		Skipped: []deployed.Entry{
			{ImageName: "rocky8-dev", Reason: "platform ROCKY_LINUX8 cannot be exported"},
			{ImageName: "win2022-base-6", AMIName: "win2022-base-6-20261002T101500Z", Reason: "already exported"},
		},
		Rejected:    []deployed.Entry{{ImageName: "win2022-old", Reason: "the image was not found", Hint: "Check the name."}},
		SkippedMore: 3,
	}}
	compare(t, "plan.txt", p)
	attentive(t, p, "1 image would be rejected")
	attentive(t, planned{}, "")
	var out bytes.Buffer
	planned{Stack: stack}.show(terminal.NewScreen(&out))
	if !strings.Contains(out.String(), "no image matches") || !strings.Contains(out.String(), "the images that the stack selects") {
		t.Errorf("a plan of nothing:\n%s", out.String())
	}
}

func TestKeepScreen(t *testing.T) {
	at := func(day int) time.Time { return time.Date(2026, 11, day, 2, 0, 0, 0, time.UTC) }
	k := keeping{Stack: stack, reply: deployed.Keeping{
		Mode: "ON", Keep: "last=2,monthly=12",
		Regions: []deployed.KeepingRegion{
			{Region: "eu-west-1", AMIs: []deployed.AMI{
				{ID: "ami-5", Name: "base-20261124", Family: "base", ExportedAt: at(24), GiB: 200, Fate: "keep",
					Reason: "last=2: one of the newest"},
				{ID: "ami-4", Name: "base-20261123", Family: "base", ExportedAt: at(23), GiB: 200, Fate: "retire",
					Reason: "no rule keeps it", RetireAt: at(30)},
				{ID: "ami-3", Name: "base-20261122", Family: "base", ExportedAt: at(22), GiB: 200, Fate: "retiring",
					Reason: "no rule keeps it; it is marked", RetireAt: at(26)},
				{ID: "ami-2", Name: "base-20261121", Family: "base", ExportedAt: at(21), GiB: 200, Fate: "due",
					Reason: "no rule keeps it, and its time has come", RetireAt: at(24)},
				{
					ID: "ami-6", Name: "office-20261124", Family: "office", ExportedAt: at(24), GiB: 501, Fate: "keep",
					Reason:    "last=2: one of the newest",
					Obstacles: []string{"it is encrypted", "its volume has 501 GiB, and at most 500 can be imported"},
				},
				{ID: "ami-1", Name: "old", GiB: 100, Fate: "left",
					Reason: "nothing proves that it is a finished export: it has no tag appstream-ami-exporter:complete"},
			}},
			{Region: "us-east-1", Unread: []string{"its AMIs could not be read: DescribeImages: UnauthorizedOperation: no"}},
		},
	}}
	compare(t, "keep.txt", k)
	attentive(t, k, "in us-east-1 nothing is retired now")
	var out bytes.Buffer
	keeping{Stack: stack, reply: deployed.Keeping{Mode: "PLAN",
		Regions: []deployed.KeepingRegion{{Region: "eu-west-1"}}}}.show(terminal.NewScreen(&out))
	for _, part := range []string{"Keep rules: none, so all stay. KeepMode: PLAN.", "Nothing is marked", "No AMI in eu-west-1.",
		"at most $0 a month"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("without rules and AMIs %q is not said:\n%s", part, out.String())
		}
	}
	attentive(t, keeping{}, "")
}

func TestExportScreen(t *testing.T) {
	tests := map[string]struct {
		e            exported
		says, person string
	}{
		"started": {exported{reply: deployed.Reply{Started: []deployed.Entry{{ImageName: "a1", AMIName: "a1-x", TaskID: "1"}}}}, "Started.",
			""},
		"waits": {
			exported{
				reply: deployed.Reply{Waiting: []deployed.Entry{{ImageName: "a1", Reason: "the image is PENDING"}}},
			}, "as soon as it can be", "",
		},
		"exported": {
			exported{
				reply: deployed.Reply{Skipped: []deployed.Entry{{ImageName: "a1", AMIName: "a1-x", Reason: "already exported"}}},
			}, "AMI_NAME=", "",
		},
		"rejected": {
			exported{
				reply: deployed.Reply{Rejected: []deployed.Entry{{ImageName: "a1", Reason: "the image was not found",
					Hint: "Check the name."}}},
			},
			"Check the name.", "nothing was started",
		},
		"completed": {
			exported{reply: deployed.Reply{Started: []deployed.Entry{{ImageName: "a1"}}}, Task: &task{State: "COMPLETED"}}, "Started.", "",
		},
		"running": {
			exported{reply: deployed.Reply{Started: []deployed.Entry{{ImageName: "a1"}}}, Task: &task{State: "EXPORTING"}}, "Started.", "",
		},
		"failed": {
			exported{reply: deployed.Reply{Started: []deployed.Entry{{ImageName: "a1"}}}, Task: &task{State: "TIMED_OUT"}},
			"Started.", `the export failed; docs/OPERATIONS.md, section "An export failed", says what to do`,
		},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			var out bytes.Buffer
			test.e.show(terminal.NewScreen(&out))
			if !strings.Contains(out.String(), test.says) {
				t.Errorf("it does not say %q:\n%s", test.says, out.String())
			}
			attentive(t, test.e, test.person)
		})
	}
}

func TestStatusScreen(t *testing.T) {
	at := func(text string) time.Time {
		parsed, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	running, ended := split([]task{
		{ImageName: "win2022-cad-3", AMIName: "win2022-cad-3-20261122T101500Z", State: "EXPORTING", Created: at("2026-11-24 08:31")},
		{
			ImageName: "win2025-office-12", AMIName: "win2025-office-12-20261121T101500Z", State: "FAILED", Created: at("2026-11-24 02:00"),
			Problem: "InternalError: The copy failed.",
		},
		{
			ImageName: "win2022-base-7", AMIName: "win2022-base-7-20261120T101500Z", State: "COMPLETED", Created: at("2026-11-24 02:00"),
			AMIID: "ami-0123456789abcdef0",
		},
		{ImageName: "win2022-hr-1", AMIName: "win2022-hr-1-20261122T101500Z", Created: at("2026-11-21 08:31")},
		{ImageName: "win2022-old", AMIName: "win2022-old-20260101T101500Z", State: "COMPLETED", Created: at("2026-10-24 08:31"),
			AMIID: "ami-1"},
	}, morning)
	s := state{
		Stack: stack, Time: morning, Running: running, Ended: ended,
		LastNight: &deployed.Line{At: at("2026-11-24 02:00"), Images: 8, Started: 3, Waiting: 1, Skipped: 4},
		ToExport: toExport(deployed.Reply{
			Waiting: []deployed.Entry{{ImageName: "win2025-lab-1", AMIName: "win2025-lab-1-20261123T101500Z",
				Reason: "the image is CREATING"}},
			WouldStart: []deployed.Entry{{ImageName: "win2022-cad-4", AMIName: "win2022-cad-4-20261123T111500Z"}},
		}),
		Queues: []queue{
			{Name: "work", Messages: 3, busy: "unfinished: running exports, waiting images, notifications"},
			{Name: "dead letters", Messages: 3, busy: "work that could not be read or finished: see docs/OPERATIONS.md", trouble: true},
			{Name: "failed events", Messages: 3, busy: "triggers that came to nothing: see docs/OPERATIONS.md", trouble: true},
		},
		Alarms: alarms{Count: 2, Ringing: []alarm{{Name: "exporter-FailedAlarm-1", What: "Exports failed", Since: at("2026-11-24 02:26")}}},
		Keeper: "exporter-KeeperFunction-1",
	}
	compare(t, "status.txt", s)
	attentive(t, s, "this needs somebody: 1 ringing alarm, 3 in dead letters, 3 in failed events")

	calm := state{Stack: stack, Time: morning, Queues: []queue{
		{Name: "work", calm: "nothing is unfinished"}, {Name: "dead letters", trouble: true}, {Name: "failed events", trouble: true},
	}}
	compare(t, "status-calm.txt", calm)
	attentive(t, calm, "")

	calm.Unknown = unknowns{"alarms": errors.New("CloudWatch DescribeAlarms: AccessDenied\nAsk for it.")}
	compare(t, "status-unknown.txt", calm)
	attentive(t, calm, "")
	encoded, err := json.Marshal(calm)
	if err != nil || !strings.Contains(string(encoded), `"unknown":{"alarms":"CloudWatch DescribeAlarms: AccessDenied\nAsk for it."}`) {
		t.Errorf("the JSON is %s (%v)", encoded, err)
	}
}

func TestReplayScreen(t *testing.T) {
	r := replayed{Stack: stack, Events: []outcome{
		{true, "CreateImage 2026-11-23T10:15:00Z", "nothing was started: AccessDenied"},
		{false, `{"imagse":["a"]}`, "nothing was started: no field"},
		{true, "Scheduled Event 2026-11-23T02:00:00Z", "it was not delivered"},
	}}
	compare(t, "replay.txt", r)
	attentive(t, r, "1 trigger left in the failed-events queue: the function cannot use it. docs/OPERATIONS.md says how to throw it away")
	var out bytes.Buffer
	replayed{Stack: stack}.show(terminal.NewScreen(&out))
	if !strings.Contains(out.String(), "is empty") {
		t.Errorf("a replay of nothing:\n%s", out.String())
	}
	attentive(t, replayed{}, "")
}

func TestGist(t *testing.T) {
	tests := map[string]string{
		`{"detail-type":"AWS API Call via CloudTrail","time":"10:15","detail":{"eventName":"CopyImage"}}`: "CopyImage 10:15",

		`{"detail-type":"Scheduled Event","time":"2026-11-23T02:00:00Z","detail":"{}"}`: "Scheduled Event 2026-11-23T02:00:00Z",

		"{\n  \"images\": [\"a\"]\n}": `{ "images": ["a"] }`,
		strings.Repeat("x", 61):       strings.Repeat("x", 57) + "...",
	}
	for payload, want := range tests {
		if got := gist([]byte(payload)); got != want {
			t.Errorf("the gist of %s is %q, want %q", payload, got, want)
		}
	}
}

func TestUsualTime(t *testing.T) {
	tests := map[string]struct {
		usual usualTime
		says  string
		left  map[time.Duration]string
	}{
		"none yet": {
			usualTime{}, "What an export takes is not known yet: none has ended here in the last 30d.",
			map[time.Duration]string{time.Hour: ""},
		},
		"one": {
			usualTime{count: 1, shortest: 40 * time.Minute, longest: 40 * time.Minute, average: 40 * time.Minute},
			"The one export that ended here in the last 30d took 40m.", map[time.Duration]string{
				10 * time.Minute: ", about 30m to go", time.Hour: ", longer than any before",
			},
		},
		"many": {
			usualTime{count: 14, shortest: 38 * time.Minute, longest: 52 * time.Minute, average: 44 * time.Minute},
			"The 14 exports that ended here in the last 30d took 38m to 52m, on average 44m.",
			map[time.Duration]string{45 * time.Minute: ", soon to end"},
		},
		"not allowed": {
			usualTime{
				err: errors.New("CloudWatch GetMetricStatistics: AccessDenied"),
			}, "What an export takes cannot be told: CloudWatch GetMetricStatistics: AccessDenied.", nil,
		},
	}
	for title, test := range tests {
		if got := test.usual.String(); got != test.says {
			t.Errorf("%s: it says %q, want %q", title, got, test.says)
		}
		for age, want := range test.left {
			if got := test.usual.left(age); got != want {
				t.Errorf("%s: after %s it says %q, want %q", title, age, got, want)
			}
		}
	}
}

func TestParse(t *testing.T) {
	for _, args := range [][]string{{}, {"fly"}, {"plan", "more"}, {"-nonsense"}, {"plan", "-nonsense"}} {
		if _, _, err := parse(args); err != flag.ErrHelp {
			t.Errorf("%q: the error is %v", args, err)
		}
	}
	if _, _, err := parse([]string{"export"}); err == nil || !strings.Contains(err.Error(), "IMAGE=") {
		t.Errorf("export without an image: %v", err)
	}
	command, o, err := parse([]string{"-stack", "mine", "-region", "eu-west-3", "export", "-image", "a1", "--json"})
	want := options{target: terminal.Target{Stack: "mine", Region: "eu-west-3"}, image: "a1", json: true}
	if diff := cmp.Diff(want, o, cmp.AllowUnexported(options{})); diff != "" || command != "export" || err != nil {
		t.Errorf("the command is %q, %v (-want +got):\n%s", command, err, diff)
	}
}
