package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/terminal"
)

const (
	dryRun   = `{"dryRun":true,"wouldStart":[{"imageName":"win-1","amiName":"win-1-doctor-20261124T091200Z"}]}`
	begun    = `{"started":[{"imageName":"win-1","amiName":"win-1-doctor-20261124T091200Z","taskId":"t1"}]}`
	taskTags = `"TagSpecifications":{"appstream-ami-exporter-doctor":"x","Team":"desktop"}`
)

// taskOf is GetExportImageTask's answer.
func taskOf(id, state, more string) string {
	return `{"ExportImageTask":{"TaskId":"` + id +
		`","ImageArn":"arn:aws:appstream:eu-west-1:123456789012:image/win-1","AmiName":"x","CreatedDate":1795511520,"State":"` + state +
		`"` +
		more + `}}`
}

const oldTasks = `{"TaskId":"o1","State":"COMPLETED","CreatedDate":1794511520},{"TaskId":"o2","State":"FAILED","CreatedDate":1792511520,
			"ErrorDetails":[{"ErrorCode":"InternalError","ErrorMessage":"no"}]}`

// exported are the answers about an export that completes, but for the first.
func exported() map[string]string {
	answers := maps.Clone(healthy)
	maps.Copy(answers, map[string]string{
		"appstream:GetExportImageTask": taskOf("t1", "COMPLETED", `,"AmiId":"ami-0123456789abcdef0",`+taskTags),
		"appstream:ListExportImageTasks": `{"ExportImageTasks":[{"TaskId":"t1","State":"EXPORTING",
			"CreatedDate":1795511520},` + oldTasks + `]}`,
		"appstream:DescribeImages": `{"Images":[{"Name":"win-1","State":"AVAILABLE","Platform":"WINDOWS_SERVER_2022","ImageType":"NATIVE",
			"ImageSharedWithOthers":"TRUE"},
			{"Name":"old","State":"FAILED","Platform":"WINDOWS_SERVER_2019"}]}`,
		"ec2:DescribeImages": amiIn("available"),
		"ec2:DescribeSnapshots": `<snapshotSet><item><snapshotId>snap-1</snapshotId><encrypted>true</encrypted>
			<kmsKeyId>arn:aws:kms:eu-west-1:123456789012:key/k</kmsKeyId><volumeSize>200</volumeSize></item></snapshotSet>`,
		"kms:DescribeKey":  ill()["kms:DescribeKey"],
		"kms:GetKeyPolicy": ill()["kms:GetKeyPolicy"],
		"servicequotas:ListServiceQuotas": `{"Quotas":[{"QuotaCode":"L-60244546",
			"QuotaName":"Concurrent image copies per destination Region",
			"Value":2}]}`,
		"cloudtrail:LookupEvents": `{"Events":[{"EventSource":"appstream.amazonaws.com",
			"CloudTrailEvent":"{\"eventSource\":\"appstream.amazonaws.com\",\"serviceEventDetails\":{\"ImageState\":\"PENDING\"}}"},
			{"EventSource":"ec2.amazonaws.com","CloudTrailEvent":"{}"}]}`,
	})
	return answers
}

func amiIn(state string) string {
	return `<imagesSet><item><imageId>ami-0123456789abcdef0</imageId><imageState>` + state + `</imageState>
			<sourceImageId>ami-0fedcba9876543210</sourceImageId><sourceImageRegion>eu-west-1</sourceImageRegion>
		<tagSet><item><key>appstream-ami-exporter-doctor</key><value>x</value></item>
			<item><key>Team</key><value>desktop</value></item></tagSet>
		<blockDeviceMapping><item><deviceName>/dev/sda1</deviceName><ebs>
		<snapshotId>snap-1</snapshotId></ebs></item></blockDeviceMapping></item></imagesSet>`
}

// trial is a doctor that exports, in time that passes only while it pauses.
type trial struct {
	fake      *fakeAWS
	questions bytes.Buffer
	pauses    int // after so many, nobody wants to wait any longer; 0: for ever
	attempts  int // that the SDK makes at a call, where that is not 1
}

func (tr *trial) run(t *testing.T, answers map[string]string, first map[string][]string, said string, twice bool) (string, error) {
	t.Helper()
	fake, cfg := start(t, answers)
	tr.fake = fake
	cfg.RetryMaxAttempts = max(1, tr.attempts)
	maps.Copy(fake.first, first)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	now, pauses := morning(), 0
	c := newClients(cfg)
	d, err := c.deployment(ctx, "exporter", cfg.Region)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	doc := tester{c, d, terminal.NewScreen(&out), bufio.NewReader(strings.NewReader(said)), &tr.questions, func() time.Time { return now },
		func(ctx context.Context, d time.Duration) error {
			if pauses++; pauses == tr.pauses {
				cancel()
			}
			now = now.Add(d)
			return ctx.Err()
		}}
	err = doc.try(ctx, "win-1", twice)
	return out.String(), err
}

// slowly is an export that takes two looks, is listed only at the second, and whose AMI is available later.
func slowly() map[string][]string {
	return map[string][]string{
		"lambda:InvokeFunction":          {dryRun, begun},
		"appstream:ListExportImageTasks": {`{"ExportImageTasks":[` + oldTasks + `]}`},
		"appstream:GetExportImageTask": {taskOf("t1", "EXPORTING", ","+taskTags), "refuse: ThrottlingException",
			taskOf("t1", "EXPORTING", ","+taskTags)},
		"ec2:DescribeImages": {amiIn("pending")},
	}
}

func TestExport(t *testing.T) {
	var tr trial
	screen, err := tr.run(t, exported(), slowly(), "y\n", false)
	if err != nil {
		t.Error(err)
	}
	compare(t, "export.txt", tr.questions.String()+screen)
	const request = `{"imageName":"win-1","amiName":"win-1-doctor-20261124T091200Z",` +
		`"tags":{"appstream-ami-exporter-doctor":"2026-11-24T09:12:00Z"}`
	want := request + `,"dryRun":true}` + "\n" + request + "}"
	if got := tr.fake.body("lambda:InvokeFunction"); got != want {
		t.Errorf("the function is asked:\n%s\nwant\n%s", got, want)
	}
	// What is pasted into an issue tells nobody whose it is.
	_, block, _ := strings.Cut(screen, "###")
	block, _, _ = strings.Cut(block, "The AMI costs")
	for _, secret := range []string{"123456789012", "win-1", "ami-0123456789abcdef0", "ami-0fedcba9876543210", "key/k"} {
		if strings.Contains(block, secret) {
			t.Errorf("the block tells %s", secret)
		}
	}
}

// Without a yes nothing is started.
func TestExportNotAgreed(t *testing.T) {
	for _, said := range []string{"", "\n", "n\n", "yesterday\n"} {
		var tr trial
		_, err := tr.run(t, exported(), slowly(), said, true)
		if !errors.Is(err, errNothingDone) || strings.Count(tr.fake.body("lambda:InvokeFunction"), "\n") != 0 {
			t.Errorf("%q: %v; the function is asked %s", said, err, tr.fake.body("lambda:InvokeFunction"))
		}
		if !strings.Contains(tr.questions.String(), "$0.05 per GB and month") {
			t.Errorf("the question names no price: %s", tr.questions.String())
		}
	}
}

func TestExportThatCannotBegin(t *testing.T) {
	for name, test := range map[string]struct {
		replies []string
		says    string
	}{
		"no such image": {[]string{`{"rejected":[{"imageName":"win-1","reason":"the image was not found","hint":"Check the name."}]}`},
			"nothing was started: the image was not found. Check the name."},
		"not selected": {[]string{`{"skipped":[{"imageName":"win-1","reason":"not selected"}]}`}, "not selected"},
		"fails": {[]string{`function error: {"errorMessage":"nothing was started: no","errorType":"x"}`},
			"the function says: nothing was started: no"},
		"limit": {[]string{dryRun, `{"waiting":[{"imageName":"win-1","reason":"LimitExceededException"}]}`},
			"it waits (LimitExceededException.)"},
		"refused": {[]string{dryRun, `{"rejected":[{"imageName":"win-1","reason":"InvalidRoleException","hint":"Trust."}]}`},
			"InvalidRoleException. Trust."},
		"silent": {[]string{`{}`}, "says nothing of the image"},
		"denied": {[]string{"refuse: AccessDeniedException"}, "docs/PERMISSIONS.md"},
	} {
		t.Run(name, func(t *testing.T) {
			var tr trial
			_, err := tr.run(t, exported(), map[string][]string{"lambda:InvokeFunction": test.replies}, "y\n", false)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestExportFails(t *testing.T) {
	answers := exported()
	answers["appstream:GetExportImageTask"] = taskOf("t1", "FAILED",
		`,"ErrorDetails":[{"ErrorCode":"AccessDenied","ErrorMessage":"arn:aws:iam::123456789012:role/r may not"}]`)
	var tr trial
	screen, err := tr.run(t, answers, slowly(), "y\n", true)
	if _, ok := errors.AsType[terminal.Attention](err); !ok {
		t.Errorf("the error is %v", err)
	}
	has(t, screen, "This one: AccessDenied: arn:aws:iam::<account>:role/r may not.",
		"Is the AMI available when its task is COMPLETED?** Not known: the task has not completed.", "until it was seen FAILED")
	if strings.Contains(tr.questions.String(), "second start") || strings.Contains(screen, "deregister-image") {
		t.Errorf("a second start is asked about, or an AMI is there:\n%s", screen)
	}
}

// Who breaks it off still sees what there was to see.
func TestExportBrokenOff(t *testing.T) {
	answers := exported()
	answers["appstream:GetExportImageTask"] = taskOf("t1", "EXPORTING", "")
	tr := trial{pauses: 3}
	screen, err := tr.run(t, answers, slowly(), "y\n", true)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	has(t, screen, "The export goes on", "Longer than 30s: nobody looked any longer, the task was EXPORTING.",
		"In which order is the list of tasks?** The newest first")
}

func TestExportWithFewRights(t *testing.T) {
	var tr trial
	answers := exported()
	for _, action := range []string{"ec2:DescribeSnapshots", "appstream:DescribeImages", "cloudtrail:LookupEvents",
		"servicequotas:ListServiceQuotas", "iam:GetRole"} {
		answers[action] = "refuse: " + denied
	}
	screen, err := tr.run(t, answers, slowly(), "y\n", false)
	if err != nil {
		t.Error(err)
	}
	has(t, screen, "your rights do not allow ec2:DescribeSnapshots.", "your rights do not allow appstream:DescribeImages.",
		"your rights do not allow cloudtrail:LookupEvents.",
		"your rights do not allow servicequotas:ListServiceQuotas.", "your rights do not allow iam:GetRole.")
}

func TestSecondStart(t *testing.T) {
	for name, test := range map[string]struct {
		create, task, says string
	}{
		"refused": {"refuse: ResourceAlreadyExistsException", "",
			"Refused at once: AppStream CreateExportImageTask: ResourceAlreadyExistsException: You shall not."},
		"not allowed": {"refuse: " + denied, "", "Not known: your rights do not allow appstream:CreateExportImageTask with iam:PassRole."},
		"not answered": {"refuse: InternalFailure", "",
			"Not known: it was not answered, and may have been started: AppStream CreateExportImageTask: InternalFailure"},
		"the same task": {taskOf("t1", "COMPLETED", ""), "", "It answers with the task of the first."},
		"fails later": {taskOf("t2", "EXPORTING", ""),
			taskOf("t2", "FAILED", `,"ErrorDetails":[{"ErrorCode":"InvalidAMIName.Duplicate","ErrorMessage":"taken"}]`),
			"a task of its own, last seen FAILED (InvalidAMIName.Duplicate: taken) and made no AMI."},
		"a second AMI": {taskOf("t2", "EXPORTING", ""), taskOf("t2", "COMPLETED", `,"AmiId":"ami-0000000000000002"`),
			"last seen COMPLETED and made a second AMI of the same name."},
	} {
		t.Run(name, func(t *testing.T) {
			tr := trial{attempts: 3} // of which the start must make no use
			answers, first := exported(), slowly()
			first["appstream:GetExportImageTask"] = first["appstream:GetExportImageTask"][:1]
			answers["appstream:CreateExportImageTask"] = test.create
			if test.task != "" {
				answers["appstream:GetExportImageTask"] = test.task
				done := taskOf("t1", "COMPLETED", `,"AmiId":"ami-0123456789abcdef0",`+taskTags)
				first["appstream:GetExportImageTask"] = []string{done, done}
			}
			screen, err := tr.run(t, answers, first, "y\ny\n", true)
			if err != nil {
				t.Error(err)
			}
			has(t, screen, test.says)
			if strings.Count(tr.questions.String(), "$0.05 per GB and month") != 2 {
				t.Errorf("it is not asked about by itself:\n%s", tr.questions.String())
			}
			if got := tr.fake.body("appstream:CreateExportImageTask"); strings.Contains(got, "\n") || !strings.Contains(got,
				"win-1-doctor-20261124T091200Z") {
				t.Errorf("AppStream is asked %q", got)
			}
		})
	}
	t.Run("not agreed", func(t *testing.T) {
		var tr trial
		screen, err := tr.run(t, exported(), slowly(), "y\nn\n", true)
		if err != nil || slices.Contains(tr.fake.called(), "appstream:CreateExportImageTask") {
			t.Errorf("%v; called is %v", err, tr.fake.called())
		}
		has(t, screen, "Not tried: `TWICE=1` tries it.")
	})
}

// docs/doctor-export-policy.json allows what an export needs besides what docs/doctor-policy.json allows.
func TestExportPolicy(t *testing.T) {
	var tr trial
	answers := exported()
	answers["appstream:CreateExportImageTask"] = "refuse: ResourceAlreadyExistsException"
	if _, err := tr.run(t, answers, slowly(), "y\ny\n", true); err != nil {
		t.Fatal(err)
	}
	others := append(policyActions(t, "doctor-policy.json"), withoutPermission...)
	needed := slices.DeleteFunc(tr.fake.called(), func(action string) bool { return slices.Contains(others, action) })
	needed = append(needed, "iam:PassRole") // which CreateExportImageTask asks for
	slices.Sort(needed)
	if diff := cmp.Diff(needed, policyActions(t, "doctor-export-policy.json")); diff != "" {
		t.Errorf("docs/doctor-export-policy.json is not what is called (-called +allowed):\n%s", diff)
	}
}

func has(t *testing.T, screen string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(screen, part) {
			t.Errorf("the screen lacks %q:\n%s", part, screen)
		}
	}
}

// Waiting for the AMI, and for the second task, can be broken off as well.
func TestWaitingBrokenOff(t *testing.T) {
	t.Run("for the AMI", func(t *testing.T) {
		answers := exported()
		answers["ec2:DescribeImages"] = amiIn("pending")
		tr := trial{pauses: 6}
		screen, err := tr.run(t, answers, slowly(), "y\n", false)
		if err != nil {
			t.Error(err)
		}
		has(t, screen, "No: it was pending, and not available as long as anybody looked.", "Encrypted with a customer's key",
			"deregister-image")
	})
	t.Run("for the second task", func(t *testing.T) {
		answers, first := exported(), slowly()
		answers["appstream:CreateExportImageTask"] = taskOf("t2", "EXPORTING", "")
		answers["appstream:GetExportImageTask"] = taskOf("t2", "EXPORTING", "")
		done := taskOf("t1", "COMPLETED", `,"AmiId":"ami-0123456789abcdef0"`)
		first["appstream:GetExportImageTask"] = []string{done, done}
		tr := trial{pauses: 3}
		screen, err := tr.run(t, answers, first, "y\ny\n", true)
		if err != nil {
			t.Error(err)
		}
		has(t, screen, "last seen EXPORTING (nobody looked any longer")
	})
	t.Run("without the right to see it", func(t *testing.T) {
		answers, first := exported(), slowly()
		answers["ec2:DescribeImages"] = "refuse: " + denied
		delete(first, "ec2:DescribeImages")
		var tr trial
		screen, err := tr.run(t, answers, first, "y\n", false)
		if err != nil {
			t.Error(err)
		}
		has(t, screen, "Is the AMI available when its task is COMPLETED?** Not known: your rights do not allow ec2:DescribeImages.",
			"Do the AMI's snapshots have them?** Not known: your rights do not allow ec2:DescribeImages.")
	})
}

// A network that is away for a while ends no trial; a permission that is missing does.
func TestLookingFails(t *testing.T) {
	for name, test := range map[string]struct {
		code     string
		times    int
		survives bool
	}{
		"for minutes": {"InternalFailure", patience, true}, "for longer": {"InternalFailure", patience + 1, false},
		"denied": {denied, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			var tr trial
			first := slowly()
			first["appstream:GetExportImageTask"] = slices.Repeat([]string{"refuse: " + test.code}, test.times)
			screen, err := tr.run(t, exported(), first, "y\n", false)
			if (err == nil) != test.survives {
				t.Errorf("%v\n%s", err, screen)
			}
		})
	}
}
