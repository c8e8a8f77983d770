package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/terminal"
)

func TestMain(m *testing.M) { os.Exit(localtest.Main(m)) }

// local starts an account with the function in it and has the commands find it, as whoever has started `make local` does.
func local(t *testing.T) *localaws.Account {
	t.Helper()
	account := localtest.Start(t, localaws.Options{AppStream: appstream.Options{
		ExportDuration: func(image, _ string) time.Duration {
			if image == "win2022-long-1" {
				return time.Hour
			}
			return localtest.ExportDuration
		},
	}})
	for _, image := range []appstream.Image{
		{Name: "win2022-base-7"}, {Name: "win2022-long-1"}, {Name: "win2022-new-1", State: types.ImageStateCreating},
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
		"AWS_PROFILE":               "", "AWS_ACCESS_KEY_ID": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
	} {
		t.Setenv(name, value)
	}
	return account
}

func show(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return showUntil(t, t.Context(), args...)
}

func showUntil(t *testing.T, ctx context.Context, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(ctx, args, strings.NewReader(""), &out, time.Now)
	return out.String(), err
}

func mustShow(t *testing.T, args ...string) string {
	t.Helper()
	screen, err := show(t, args...)
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, screen)
	}
	return screen
}

func has(t *testing.T, screen string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(screen, part) {
			t.Errorf("the screen lacks %q:\n%s", part, screen)
		}
	}
}

// needsPerson tells whether the command has done its work and found something for a person, who is told so.
func needsPerson(t *testing.T, err error, says string) {
	t.Helper()
	if _, ok := errors.AsType[terminal.Attention](err); !ok || !strings.Contains(err.Error(), says) {
		t.Errorf("it is not said that %q needs a person: %v", says, err)
	}
}

// await waits until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come about that %s", what)
		}
	}
}

func TestPlanExportAndStatus(t *testing.T) {
	account := local(t)
	screen := mustShow(t, "plan")
	has(t, screen, "What a run of appstream-ami-exporter in eu-west-1 (account 123456789012)", "export  win2022-base-7",
		"wait    win2022-new-1",
		"the image is CREATING", "skip    win2019-legacy", "2 would be exported, 1 would wait, 1 would be skipped")
	if tasks := account.AppStream.Tasks(); len(tasks) != 0 {
		t.Fatalf("the plan has started %d exports", len(tasks))
	}

	// A new stack's alarm rings until its first night.
	screen, err := show(t, "status")
	needsPerson(t, err, "1 ringing alarm")
	has(t, screen, "none in the last 8d", "appstream-ami-exporter-NightMissedAlarm  No scheduled run")

	has(t, mustShow(t, "-image", "win2022-long-1", "-ami-name", "golden", "export"), "started  win2022-long-1  golden")
	if _, err := account.FireSchedule(time.Now()); err != nil {
		t.Fatal(err)
	}
	await(t, "the image is marked",
		func() bool { return account.AppStream.TagsOf("win2022-base-7")["appstream-ami-exporter:ami-id"] != "" })
	await(t, "the status shows the night", func() bool {
		screen, err = show(t, "status")
		return err == nil
	})
	has(t, screen, "ago: 4 images, 2 started, 1 waiting, 1 skipped, 0 rejected", "win2022-long-1  golden ", "EXPORTING  ",
		"win2022-base-7  COMPLETED", "ami-",
		"win2022-new-1  win2022-new-1-", "the image is CREATING", "work           3", "failed events  0", "  none of 1")

	var read struct {
		Stack     struct{ Name, Region, Account string }
		LastNight struct{ Started int }
		Running   []task
		Ended     []task
		Alarms    struct{ Count int }
		Unknown   map[string]string
	}
	if err := json.Unmarshal([]byte(mustShow(t, "status", "-json")), &read); err != nil {
		t.Fatal(err)
	}
	if read.Stack.Account != "123456789012" || read.LastNight.Started != 2 || len(read.Running) != 2 || len(read.Ended) != 1 ||
		read.Ended[0].AMIID == "" || read.Alarms.Count < 10 || len(read.Unknown) != 0 {
		t.Errorf("the JSON says %+v", read)
	}
}

func TestWhatIsRefused(t *testing.T) {
	local(t)
	if _, err := show(t, "-image", "no*", "export"); err == nil || !strings.Contains(err.Error(), "is not an image name") {
		t.Errorf("a pattern for a name: %v", err)
	}
	_, err := show(t, "-image", "win2019-legacy", "export")
	needsPerson(t, err, "nothing was started")
	if _, err := show(t, "-stack", "other", "plan"); err == nil || !strings.Contains(err.Error(), "there is no stack other in us-east-1") {
		t.Errorf("a stack that is not there: %v", err)
	}
}

// What the caller may not see is not known, and the rest is shown; what cannot be read for another reason is a failure.
func TestStatusWithoutAPart(t *testing.T) {
	account := local(t)
	if _, err := account.FireSchedule(time.Now()); err != nil {
		t.Fatal(err)
	}
	await(t, "the night has run", func() bool { return len(account.AppStream.Tasks()) == 2 && account.Function.Idle() })
	for _, test := range []struct {
		code   string
		status int
		fails  bool
	}{
		{
			"AccessDeniedException", http.StatusForbidden, false,
		}, {"ThrottlingException", http.StatusBadRequest, true}, {"ServiceUnavailable", http.StatusServiceUnavailable, true},
	} {
		account.People.SetFault(func(call gateway.Call) gateway.Effect {
			if call.Service == "logs" {
				return gateway.Effect{Kind: gateway.Refuse, Code: test.code, Status: test.status, Message: "not now"}
			}
			return gateway.Effect{}
		})
		screen, err := show(t, "status")
		if test.fails != (err != nil) {
			t.Errorf("%s: the error is %v", test.code, err)
		}
		has(t, screen, "cannot be told: CloudWatch Logs FilterLogEvents: "+test.code+": not now", "failed events  0")
		if !test.fails {
			has(t, screen, "docs/PERMISSIONS.md")
		}
	}
}

// A second attempt at an invocation would be a second request.
func TestInvokesOnce(t *testing.T) {
	account := local(t)
	invocations := 0
	account.People.SetFault(func(call gateway.Call) gateway.Effect {
		if call.Service != "lambda" {
			return gateway.Effect{}
		}
		invocations++
		return gateway.Effect{Kind: gateway.Refuse, Code: "ServiceException", Status: http.StatusInternalServerError, Message: "not now"}
	})
	if _, err := show(t, "export", "-image", "win2022-base-7"); err == nil ||
		!strings.Contains(err.Error(), "Lambda Invoke: ServiceException: not now") || invocations != 1 {
		t.Errorf("the function is invoked %d times, %v", invocations, err)
	}
}

// Somebody waits for these lines with a hand on the keyboard.
func TestStatusIsQuick(t *testing.T) {
	account := local(t)
	account.People.SetFault(func(gateway.Call) gateway.Effect { return gateway.Effect{Delay: 20 * time.Millisecond} })
	began := time.Now()
	if _, err := show(t, "status"); err != nil {
		needsPerson(t, err, "ringing alarm")
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("with 20 ms for each call the status takes %s", took)
	} else {
		t.Logf("with 20 ms for each call the status takes %s", took)
	}
}

func TestFollow(t *testing.T) {
	account := local(t)
	t.Run("to its end", func(t *testing.T) {
		screen := mustShow(t, "export", "-image", "win2022-base-7", "-follow")
		has(t, screen, "started  win2022-base-7", "What an export takes is not known yet", "Ctrl-C stops following", "  EXPORTING for 0s",
			"  COMPLETED after ", ": ami-",
			"https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#ImageDetails:imageId=ami-")
	})
	t.Run("what has ended", func(t *testing.T) {
		screen := mustShow(t, "export", "-image", "win2022-base-7", "-follow")
		has(t, screen, "already exported", "The one export that ended here in the last 30d took ", "  COMPLETED: ami-")
	})
	t.Run("to its failure", func(t *testing.T) {
		account.AppStream.PutImage(appstream.Image{Name: "win2022-bad-1"})
		account.AppStream.SetOutcome("win2022-bad-1", appstream.Outcome{
			End: types.ExportImageTaskStateFailed, After: localtest.ExportDuration, Errors: []appstream.TaskError{
				{Code: "InternalError", Message: "The copy failed."},
			},
		})
		screen, err := show(t, "export", "-image", "win2022-bad-1", "-follow")
		needsPerson(t, err, `section "An export failed"`)
		has(t, screen, "  FAILED after ", ": InternalError: The copy failed.")
	})
	t.Run("from before its start", func(t *testing.T) {
		account.AppStream.PutImage(appstream.Image{
			Name: "win2022-soon-1", State: types.ImageStateCreating, Becomes: []appstream.StateChange{
				{After: time.Second, State: types.ImageStateAvailable},
			},
		})
		requests := 0
		account.People.SetFault(func(call gateway.Call) gateway.Effect {
			if call.Service == "lambda" && !strings.Contains(string(call.Body), `"dryRun":true`) {
				requests++
			}
			return gateway.Effect{}
		})
		screen := mustShow(t, "export", "-image", "win2022-soon-1", "-follow", "-json")
		if requests != 1 {
			t.Errorf("the export is requested %d times", requests)
		}
		var read exported
		if err := json.Unmarshal([]byte(screen), &read); err != nil {
			t.Fatalf("%v:\n%s", err, screen)
		}
		if read.Task == nil || read.Task.State != "COMPLETED" || !strings.Contains(string(read.Reply), "the image is CREATING") {
			t.Errorf("the JSON is\n%s", screen)
		}
	})
	t.Run("until the image fails", func(t *testing.T) {
		account.AppStream.PutImage(appstream.Image{
			Name: "win2022-never-1", State: types.ImageStateCreating, Becomes: []appstream.StateChange{
				{After: time.Second, State: types.ImageStateFailed},
			},
		})
		_, err := show(t, "export", "-image", "win2022-never-1", "-follow")
		needsPerson(t, err, "win2022-never-1 will not be exported: the image failed")
	})
	t.Run("until Ctrl-C", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		account.People.SetFault(func(call gateway.Call) gateway.Effect {
			if call.Service == "appstream" { // it is looked at
				time.AfterFunc(100*time.Millisecond, cancel)
			}
			return gateway.Effect{}
		})
		screen, err := showUntil(t, ctx, "export", "-image", "win2022-long-1", "-ami-name", "golden", "-follow")
		if err != nil {
			t.Errorf("the error is %v", err)
		}
		has(t, screen, "No longer followed. What was asked for goes on")
		tasks := account.AppStream.Tasks()
		if last := tasks[len(tasks)-1]; last.State != types.ExportImageTaskStateExporting {
			t.Errorf("the export is %s", last.State)
		}
	})
}

// Whatever the failed-events queue holds: what can be sent again is, and the rest is shown and stays.
func TestReplay(t *testing.T) {
	account := local(t)
	has(t, mustShow(t, "replay"), "The failed-events queue of appstream-ami-exporter is empty.")

	cfg, err := terminal.Target{}.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := sqs.NewFromConfig(cfg)
	put := func(body string, attributes map[string]string) {
		input := &sqs.SendMessageInput{
			QueueUrl: &account.FailedEventsQueue.URL, MessageBody: &body, MessageAttributes: map[string]sqstypes.MessageAttributeValue{},
		}
		for name, value := range attributes {
			input.MessageAttributes[name] = sqstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		}
		if _, err := client.SendMessage(t.Context(), input); err != nil {
			t.Fatal(err)
		}
	}
	payload, err := account.Stack.Schedule.Payload(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	request, err := json.Marshal(
		map[string]string{"FunctionName": account.Function.ARN(), "InvocationType": "EVENT", "Payload": string(payload)},
	)
	if err != nil {
		t.Fatal(err)
	}
	put(string(request), map[string]string{"ERROR_CODE": "AccessDenied", "ERROR_MESSAGE": "the role may not invoke the function"})
	put("tonight, please", nil)
	account.Function.InvokeAsync([]byte(`{"detail-type":"AppStream Image Ready","detail":{}}`)) // which the function refuses
	if err := account.Function.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(string(localtest.Event(t, "image-ready.json")), map[string]string{"ERROR_CODE": "NO_PERMISSIONS"})

	shownAgain := 0
	account.People.SetFault(func(call gateway.Call) gateway.Effect {
		if call.Action == "ChangeMessageVisibility" && call.Param("VisibilityTimeout") == "0" {
			shownAgain++
		}
		return gateway.Effect{}
	})
	screen, err := show(t, "replay")
	needsPerson(t, err, "2 triggers left")
	if shownAgain != 2 {
		t.Errorf("%d of the two that were left can be seen again at once", shownAgain)
	}
	has(t, screen, "sent again  Scheduled Event", "AccessDenied: the role may not invoke the function", "left there  tonight, please",
		"it is no JSON",
		"left there  AppStream Image Ready", "names no image", "sent again  AppStream Image Ready", "NO_PERMISSIONS")
	await(t, "the schedule runs", func() bool { return len(account.AppStream.Tasks()) >= 2 })

	// What was left can be seen again at once.
	screen, err = show(t, "replay", "-json")
	needsPerson(t, err, "2 triggers left")
	var read replayed
	if err := json.Unmarshal([]byte(screen), &read); err != nil || len(read.Events) != 2 || read.Events[0].SentAgain ||
		read.Events[1].SentAgain {
		t.Errorf("%v:\n%s", err, screen)
	}
}

// A night is started only if somebody has seen what it would do, and agrees.
func TestNight(t *testing.T) {
	for title, test := range map[string]struct {
		answer string
		args   []string
		says   []string
		starts bool
	}{
		"nobody is there": {"", nil, []string{"2 would be exported", "Not started."}, false},
		"no":              {"n\n", nil, []string{"2 would be exported", "Not started."}, false},
		"yes":             {"Y\n", nil, []string{"2 would be exported", "Started. `make status`"}, true},
		"not asked":       {"", []string{"-yes", "-json"}, []string{`"started": true`, `"reply": {`}, true},
	} {
		t.Run(title, func(t *testing.T) {
			account := local(t)
			var out bytes.Buffer
			if err := run(t.Context(), append([]string{"night"}, test.args...), strings.NewReader(test.answer), &out,
				time.Now); err != nil {
				t.Fatal(err)
			}
			has(t, out.String(), test.says...)
			if err := account.Function.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if started := len(account.AppStream.Tasks()) > 0; started != test.starts {
				t.Errorf("it is started: %t", started)
			}
			if test.starts {
				has(t, mustShow(t, "status"), "ago: 4 images, 2 started")
			}
		})
	}
}

func TestWatch(t *testing.T) {
	local(t)
	ctx, cancel := context.WithTimeout(t.Context(), watchPause+2*time.Second)
	defer cancel()
	screen, err := showUntil(t, ctx, "status", "-watch")
	if err != nil || strings.Count(screen, "Last nightly run") < 2 || !strings.Contains(screen, "Shown again every 5s; Ctrl-C stops.") {
		t.Errorf("%v:\n%s", err, screen)
	}
}
