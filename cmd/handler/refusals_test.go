package main_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/notify"
)

// What the emulator says with every exception that a test has it answer.
const said = "The CreateExportImageTask request was made to fail."

// Each of the documented exceptions that nothing but a person can mend: told in the reply and in a notification, with
// AppStream's own words and a hint, and never tried again.
func TestDefinitiveRefusals(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::123456789012:role/image-export"
	const passRole = "User: arn:aws:sts::123456789012:assumed-role/exporter/exporter is not authorized to perform: iam:PassRole on " +
		"resource: " + role
	for _, test := range []struct {
		code, message string // an empty message is the emulator's
		hint          string
	}{
		{"ResourceNotFoundException", "", "Check that the image, or the export task, still exists in this account and Region."},
		{"InvalidRoleException", "", "Check the export role " + role +
			": it must exist, its trust policy must let appstream.amazonaws.com assume it, and it must allow ec2:CopyImage, " +
			"ec2:DescribeImages and ec2:CreateTags."},
		{"InvalidAccountStatusException", "", "The AWS account is suspended for AppStream: see the account's status in the AWS Billing " +
			"console or ask AWS Support."},
		{"OperationNotPermittedException", "", "AppStream exports only images of Windows Server 2022 or 2025 that this account owns, to " +
			"an AMI name that is not taken yet. Check these three."},
		{"AccessDeniedException", "", "The function's role may not do this: deploy the stack's template again, and check permissions " +
			"boundaries and service control policies."},
		{"AccessDeniedException", passRole, "The function's role may not pass the export role " + role +
			": it needs iam:PassRole on it; check ExportRoleArn, permissions boundaries and service control policies."},
		{"ValidationException", "", "AppStream does not take one of the values: compare the AMI name, description and tags of the stack " +
			"or the request with what the message says."},
		{"BrandNewException", "", "AppStream refused for a reason that this version does not know; its message says more."},
	} {
		t.Run(test.code+" "+test.message, func(t *testing.T) {
			t.Parallel()
			log := &localtest.Log{}
			a := localtest.Start(t, localaws.Options{Parameters: map[string]string{"ExportRoleArn": role}, OnLog: log.Add})
			put(a, "base", "office")
			// base alone is refused: the others of the sweep are exported all the same.
			a.Gateway.SetFault(func(call gateway.Call) gateway.Effect {
				if call.Action != "CreateExportImageTask" || call.Param("ImageName") != "base" {
					return gateway.Effect{}
				}
				message := test.message
				if message == "" {
					message = said
				}
				return gateway.Effect{Kind: gateway.Refuse, Code: test.code, Message: message}
			})
			message := test.message
			if message == "" {
				message = said
			}
			reason := "AppStream refused: " + test.code + ": " + message

			got := request(t, a, `{}`)
			check(t, "fates", map[string]string{"base": "rejected: " + reason, "office": "started"}, got.fates())
			check(t, "rejected", []entry{{ImageName: "base", AMIName: amiOf("base"), Reason: reason, Hint: test.hint}}, got.Rejected)
			localtest.Settle(t, a)
			check(t, "notifications", map[string][]notify.Type{"base": {notify.ExportRejected}, "office": startedAndCompleted}, told(t, a))
			for _, d := range localtest.Documents(t, a) {
				if d.Type == notify.ExportRejected {
					check(t, "error", &notify.Error{Code: test.code, Message: message, Hint: test.hint}, d.Error)
					check(t, "summary", "Export of base was not started: "+reason, d.Summary)
					check(t, "AMI name", amiOf("base"), d.AMIName)
				}
			}
			lines := log.Entries(t, "reject")
			if len(lines) != 1 || lines[0]["level"] != "ERROR" || lines[0]["reason"] != reason {
				t.Errorf("the log says: %v", lines)
			}
			check(t, "starts of base", 1, startsOf(a, "base"))
			checkQueues(t, a, 0, 0, 0)
		})
	}
}

// startsOf counts the calls that were to start an export of the image, whatever became of them.
func startsOf(a *localaws.Account, image string) (count int) {
	for _, call := range a.Gateway.Calls() {
		if call.Action == "CreateExportImageTask" && call.Param("ImageName") == image {
			count++
		}
	}
	return count
}

// What passes by itself waits in the queue and is then tried again, once: the SDK, left alone, would have repeated most of
// these at once, and a lost answer would have become a second task.
func TestPassingRefusals(t *testing.T) {
	t.Parallel()
	refuse := func(status int, code string) gateway.Effect {
		return gateway.Effect{Kind: gateway.Refuse, Status: status, Code: code, Message: said}
	}
	for _, test := range []struct {
		name   string
		effect gateway.Effect
		reason string // for waiting; empty: the export is found started
		starts int
	}{
		{"LimitExceededException", refuse(400, "LimitExceededException"), "LimitExceededException: " + said, 2},
		{"ThrottlingException", refuse(400, "ThrottlingException"), "ThrottlingException: " + said, 2},
		{"ConcurrentModificationException", refuse(400, "ConcurrentModificationException"), "ConcurrentModificationException: " + said, 2},
		{"ResourceNotAvailableException", refuse(400, "ResourceNotAvailableException"), "ResourceNotAvailableException: " + said, 2},
		{"InternalFailure", refuse(500, "InternalFailure"), "InternalFailure: " + said, 2},
		{"ServiceUnavailable", refuse(503, "ServiceUnavailable"), "ServiceUnavailable: " + said, 2},
		{"an answer that is lost", gateway.Effect{Kind: gateway.ResetAfter}, "", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := localtest.Start(t, localaws.Options{})
			put(a, "base")
			var failed atomic.Bool
			a.Gateway.SetFault(func(call gateway.Call) gateway.Effect {
				if call.Action == "CreateExportImageTask" && failed.CompareAndSwap(false, true) {
					return test.effect
				}
				return gateway.Effect{}
			})
			got := request(t, a, `{"imageName":"base"}`)
			if test.reason == "" {
				check(t, "started", 1, len(got.Started))
			} else {
				check(t, "waiting", []entry{{ImageName: "base", AMIName: amiOf("base"), Reason: test.reason}}, got.Waiting)
			}
			localtest.Settle(t, a)
			check(t, "starts", test.starts, startsOf(a, "base"))
			check(t, "tasks", map[string][]types.ExportImageTaskState{amiOf("base"): completed}, tasksOf(a))
			check(t, "notifications", map[string][]notify.Type{"base": startedAndCompleted}, told(t, a))
			checkQueues(t, a, 0, 0, 0)
		})
	}
}

// A limit that is reached stops the run from trying the rest, and what waits is started as soon as there is room.
func TestExportLimit(t *testing.T) {
	t.Parallel()
	// AppStream's time stands still until the first run is over, and then jumps.
	var over atomic.Bool
	a := localtest.Start(t, localaws.Options{AppStream: appstream.Options{
		MaxConcurrentExports: 1,
		Now: func() time.Time {
			if over.Load() {
				return time.Now().Add(time.Hour)
			}
			return time.Now()
		},
		ExportDuration: func(string, string) time.Duration {
			if over.Load() {
				return localtest.ExportDuration
			}
			return time.Hour
		},
	}})
	want := map[string][]notify.Type{}
	const images = 12
	for i := range images {
		name := fmt.Sprintf("image-%02d", i)
		put(a, name)
		want[name] = startedAndCompleted
	}
	got := request(t, a, `{}`)
	check(t, "started", 1, len(got.Started))
	check(t, "waiting", images-1, len(got.Waiting))
	for _, waiting := range got.Waiting {
		check(t, "reason of "+waiting.ImageName, "LimitExceededException: The account can run 1 exports at a time.", waiting.Reason)
	}
	// Those that were under way when the first was refused, and no more.
	if starts := a.AppStream.Calls()["CreateExportImageTask"]; starts > 9 {
		t.Errorf("%d starts were tried against a limit of 1", starts)
	}
	over.Store(true)
	localtest.Settle(t, a)
	check(t, "notifications", want, told(t, a))
	checkQueues(t, a, 0, 0, 0)
}

// Images that are asked for by name and can never be exported are rejected with a hint; a sweep passes them in silence.
func TestUnfitImages(t *testing.T) {
	t.Parallel()
	const windows = "AppStream exports images of Windows Server 2022 and 2025 only."
	for _, test := range []struct {
		image        appstream.Image
		reason, hint string
	}{
		{appstream.Image{State: types.ImageStateFailed, StateChangeReason: appstream.StateChangeReason{Message: "No disk."}},
			"the image failed: No disk.", "Build the image again; AppStream exports only images that are AVAILABLE."},
		{appstream.Image{State: types.ImageStateDeleting}, "the image is being deleted",
			"Nothing can be done any more: AppStream exports only images that are AVAILABLE."},
		{appstream.Image{Platform: types.PlatformTypeAmazonLinux2}, "platform AMAZON_LINUX2 cannot be exported", windows},
		{appstream.Image{Owner: "210987654321", Visibility: types.VisibilityTypeShared}, "the image was not found",
			"Check the name: account 123456789012 has no AppStream image of that name of its own in eu-west-1. Images shared by others " +
				"and AWS's own cannot be exported."},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			a := localtest.Start(t, localaws.Options{})
			test.image.Name, test.image.CreatedTime = "base", made
			a.AppStream.PutImage(test.image)

			check(t, "started or rejected by a sweep", 0, len(request(t, a, `{}`).Started)+len(request(t, a, `{}`).Rejected))
			check(t, "notifications of a sweep", 0, len(localtest.Documents(t, a)))
			got := request(t, a, `{"imageName":"base"}`)
			check(t, "rejected", []entry{{ImageName: "base", Reason: test.reason, Hint: test.hint}}, got.Rejected)
			documents := localtest.Documents(t, a)
			if len(documents) != 1 {
				t.Fatalf("%d documents", len(documents))
			}
			check(t, "error", &notify.Error{Code: "NotExportable", Message: test.reason, Hint: test.hint}, documents[0].Error)
		})
	}
}

// States that AppStream's models do not have, or none at all, mean that the task still runs. Each is seen for an hour.
func TestStatesOfATask(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		begins []types.ExportImageTaskState
		end    appstream.Outcome
		want   notify.Type
		state  string
		err    *notify.Error
	}{
		{"unknown states, then COMPLETED", []types.ExportImageTaskState{"PENDING", "RUNNING", "", "EXPORTING"}, appstream.Outcome{},
			notify.ExportCompleted, "COMPLETED", nil},
		{"no state, then FAILED without a reason", []types.ExportImageTaskState{""},
			appstream.Outcome{End: types.ExportImageTaskStateFailed},
			notify.ExportFailed, "FAILED", failed("FAILED", "AppStream gives no reason")},
		{"TIMED_OUT without a reason", []types.ExportImageTaskState{"EXPORTING"},
			appstream.Outcome{End: types.ExportImageTaskStateTimedOut},
			notify.ExportFailed, "TIMED_OUT", failed("TIMED_OUT", "AppStream gives no reason")},
		{"TIMED_OUT with a reason", nil, appstream.Outcome{End: types.ExportImageTaskStateTimedOut,
			Errors: []appstream.TaskError{{Code: "Timeout", Message: "Too slow."}}},
			notify.ExportFailed, "TIMED_OUT", failed("Timeout", "Too slow.")},
		{"FAILED with a reason without a code", nil, appstream.Outcome{End: types.ExportImageTaskStateFailed,
			Errors: []appstream.TaskError{{Message: "Just so."}}},
			notify.ExportFailed, "FAILED", failed("FAILED", "Just so.")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var hours atomic.Int64 // that have passed for AppStream
			log := &localtest.Log{}
			a := localtest.Start(t, localaws.Options{OnLog: log.Add, AppStream: appstream.Options{
				Now: func() time.Time { return time.Now().Add(time.Duration(hours.Load()) * time.Hour) },
			}})
			put(a, "base")
			outcome := test.end
			for _, state := range test.begins {
				outcome.Begins = append(outcome.Begins, appstream.Phase{State: state, For: time.Hour})
			}
			outcome.After = max(time.Millisecond, time.Duration(len(test.begins))*time.Hour)
			a.AppStream.SetOutcome("base", outcome)
			request(t, a, `{"imageName":"base"}`)
			for i, state := range test.begins {
				awaitState(t, log, state)
				hours.Store(int64(i + 1))
			}
			localtest.Settle(t, a)

			check(t, "notifications", map[string][]notify.Type{"base": {notify.ExportStarted, test.want}}, told(t, a))
			last := localtest.Documents(t, a)[1]
			check(t, "state", test.state, last.Task.State)
			check(t, "error", test.err, last.Error)
			checkQueues(t, a, 0, 0, 0)
		})
	}
}

// awaitState waits until the function has seen the task running in this state.
func awaitState(t *testing.T, log *localtest.Log, state types.ExportImageTaskState) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		for _, line := range log.Entries(t, "still running") {
			if line["state"] == string(state) {
				return
			}
		}
	}
	t.Fatalf("the task was never seen in the state %q", state)
}

func failed(code, message string) *notify.Error {
	return &notify.Error{Code: code, Message: message, Hint: "A nightly run that selects the image tries again; after three failures it " +
		"leaves the image alone until somebody requests it by name."}
}
