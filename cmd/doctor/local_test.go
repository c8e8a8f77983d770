package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/doctor"
	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/localaws/template"
	"appstream-ami-exporter/internal/terminal"
)

func TestMain(m *testing.M) { os.Exit(localtest.Main(m)) }

// local starts an account with the function in it and has the doctor find it, as whoever has started `make local` does.
func local(t *testing.T) *localaws.Account {
	t.Helper()
	account := localtest.Start(t, localaws.Options{})
	for _, image := range []appstream.Image{
		{Name: "win2022-base-7"}, {Name: "win2022-new-1", State: types.ImageStateCreating},
		{Name: "win2019-legacy", Platform: types.PlatformTypeWindowsServer2019},
	} {
		account.AppStream.PutImage(image)
	}
	endpoint, err := account.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": endpoint.URL(), "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_EC2_METADATA_DISABLED": "true",
		"AWS_PROFILE":               "", "AWS_ACCESS_KEY_ID": "", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "",
	} {
		t.Setenv(name, value)
	}
	return account
}

// The doctor finds in a local account, as `make local` starts one, what there is to find, and says unknown of the rest.
func TestLocal(t *testing.T) {
	local(t)
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-json"}, strings.NewReader(""), &out, time.Now); err != nil {
		t.Errorf("something needs a person, or it failed: %v", err)
	}
	var found struct{ Checks []doctor.Line }
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		t.Fatal(err)
	}
	want := map[string]doctor.Verdict{
		"stack": doctor.OK, "version": doctor.OK, "function": doctor.OK, "AppStream": doctor.OK, "dry run": doctor.OK,
		"stack's key": doctor.OK, "topic": doctor.OK, "subscriptions": doctor.OK, "topic's key": doctor.OK, "schedule": doctor.OK,
		"keeper":                doctor.OK,
		"keeper's role: rights": doctor.OK, "keeper's role: fence": doctor.OK, // there is none
		"work queue": doctor.OK, "dead letters": doctor.OK, "failed events": doctor.OK,
		"last night": doctor.Warn, "alarms": doctor.Warn, // of a new stack
	}
	for _, line := range found.Checks {
		wanted, ok := want[line.Name]
		if !ok {
			wanted = doctor.Unknown
		}
		if line.Verdict != wanted || wanted == doctor.Unknown && !strings.Contains(line.Seen, "this AWS does not know ") {
			t.Errorf("%+v, want %s", line, wanted)
		}
	}
	out.Reset()
	if err := run(t.Context(), nil, strings.NewReader(""), &out, time.Now); err != nil {
		t.Error(err)
	}
	has(t, out.String(), "3 images selected, 1 to be exported by the next run, 1 waiting (the image is CREATING), 1 that cannot be",
		"16 ok, 2 warn, 0 FAIL, 12 unknown.")
}

// An export through the real function.
func TestLocalExport(t *testing.T) {
	account := local(t)
	target := terminal.Target{Stack: "appstream-ami-exporter"}
	cfg, err := target.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := newClients(cfg)
	d, err := c.deployment(t.Context(), target.Stack, cfg.Region)
	if err != nil {
		t.Fatal(err)
	}
	var out, questions bytes.Buffer
	quickly := func(ctx context.Context, _ time.Duration) error { return sleep(ctx, 20*time.Millisecond) }
	doc := tester{c, d, terminal.NewScreen(&out), bufio.NewReader(strings.NewReader("y\ny\n")), &questions, time.Now, quickly}
	if err := doc.try(t.Context(), "win2022-base-7", true); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	tasks := account.AppStream.Tasks()
	if len(tasks) == 0 || !strings.HasPrefix(tasks[0].AMIName, "win2022-base-7-doctor-") {
		t.Errorf("the tasks are %+v", tasks)
	}
	t.Log(out.String())
	has(t, out.String(), "until it was seen COMPLETED", "Does the list of tasks show one at once?** Yes.",
		"Is the AMI available when its task is COMPLETED?** Yes.", "this AWS does not know cloudtrail:LookupEvents")
}

// What is found by its logical id has that id in the template, and what is found by an output has that output.
func TestNamesOfTheTemplate(t *testing.T) {
	loaded, err := template.Load(filepath.Join(localtest.Root(t), "template.yaml"), map[string]string{"Keep": "last=3"})
	if err != nil {
		t.Fatal(err)
	}
	summary, err := loaded.Summary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for id, kind := range map[string]string{
		scheduleRole: "AWS::IAM::Role", nightly: "AWS::Scheduler::Schedule", imageEvents: "AWS::Events::Rule",
		keeperFunction: "AWS::Lambda::Function", keeperHourly: "AWS::Scheduler::Schedule", keeperRole: "AWS::IAM::Role",
	} {
		if got := summary.Resources[id].Type; got != kind {
			t.Errorf("the template's %s is of the type %q, want %s", id, got, kind)
		}
	}
	for name := range outputs {
		if summary.Outputs[name] == "" {
			t.Errorf("the template has no output %s", name)
		}
	}
}
