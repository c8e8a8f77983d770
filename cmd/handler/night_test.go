package main_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/notify"
)

// The main job, whole: a night that meets every kind of image, and an image builder that finishes during it.
func TestNight(t *testing.T) {
	t.Parallel()
	log := &localtest.Log{}
	a := localtest.Start(t, localaws.Options{
		Parameters: map[string]string{"Images": "*,!test-*"},
		AppStream: appstream.Options{
			MaxConcurrentExports: 2,
			// Long enough for the limit to be met for certain, on a busy machine too.
			ExportDuration: func(string, string) time.Duration { return 400 * time.Millisecond },
		},
		OnLog: log.Add,
	})
	put(a, "base", "office", "cad", "test-1")
	a.AppStream.SetOutcome("office", appstream.Outcome{End: types.ExportImageTaskStateFailed, Errors: []appstream.TaskError{
		{Code: "InternalError", Message: "The snapshot could not be copied."}, {Code: "Client.Second", Message: "Nor could this."},
	}})
	for _, image := range []appstream.Image{
		{Name: "building", State: types.ImageStateCreating},
		{Name: "imported", State: types.ImageStateImporting, Platform: types.PlatformTypeWindowsServer2025},
		{Name: "shared", SharedWithOthers: true, Visibility: types.VisibilityTypeShared},
		{Name: "marked", Tags: map[string]string{"appstream-ami-exporter:ami-name": amiOf("marked")}},
		{Name: "broken", State: types.ImageStateFailed, StateChangeReason: appstream.StateChangeReason{Message: "No disk."}},
		{Name: "leaving", State: types.ImageStateDeleting},
		{Name: "legacy", Platform: types.PlatformTypeWindowsServer2019},
		{Name: "linux", Platform: types.PlatformTypeRockyLinux8},
		// Seen by DescribeImages in some way, owned by others: no line in the log, no tag, no export.
		{Name: "AppStream-Base", Visibility: types.VisibilityTypePublic},
		{Name: "theirs", Visibility: types.VisibilityTypeShared, Owner: "210987654321"},
	} {
		image.CreatedTime = made
		a.AppStream.PutImage(image)
	}

	if _, err := a.FireSchedule(scheduled); err != nil {
		t.Fatal(err)
	}
	log.Await(t, "run finished")
	// An image builder begins while the night's work goes on; its event comes at PENDING.
	a.AppStream.PutImage(appstream.Image{Name: "win2022-base-7", CreatedTime: made, State: types.ImageStatePending})
	matched, err := a.PutEvent(localtest.Event(t, "create-image.json"))
	if err != nil || !matched {
		t.Fatalf("the rules take the event: %v, %v", matched, err)
	}
	awaitWaiting(t, log, "building", "imported", "win2022-base-7")
	put(a, "building", "imported", "win2022-base-7")
	localtest.Settle(t, a)

	want := map[string][]notify.Type{"office": {notify.ExportStarted, notify.ExportFailed}}
	wantTasks := map[string][]types.ExportImageTaskState{amiOf("office"): {types.ExportImageTaskStateFailed}}
	for _, image := range []string{"base", "cad", "building", "imported", "shared", "win2022-base-7"} {
		want[image] = startedAndCompleted
		wantTasks[amiOf(image)] = []types.ExportImageTaskState{types.ExportImageTaskStateCompleted}
	}
	check(t, "notifications of each image", want, told(t, a))
	check(t, "tasks of each AMI name", wantTasks, tasksOf(a))
	checkQueues(t, a, 0, 0, 0)

	skipped := map[any]any{}
	for _, line := range log.Entries(t, "skip") {
		skipped[line["imageName"]] = line["reason"]
	}
	check(t, "reasons for skipping", map[any]any{
		"marked": "already exported", "broken": "the image failed: No disk.", "leaving": "the image is being deleted",
		"legacy": "platform WINDOWS_SERVER_2019 cannot be exported", "linux": "platform ROCKY_LINUX8 cannot be exported",
		"test-1": "not selected: its name does not fit",
	}, skipped)
	waited := map[string]bool{}
	for _, line := range log.Entries(t, "wait") {
		waited[fmt.Sprint(line["reason"])] = true
	}
	// Once the limit is known, an image waits with this reason, and a line, only where it was read and the room was taken meanwhile.
	delete(waited, "as many exports run as AppStream allows at a time (2)")
	check(t, "reasons for waiting", []string{
		"LimitExceededException: The account can run 2 exports at a time.",
		"the image is CREATING", "the image is IMPORTING", "the image is PENDING",
	}, slices.Sorted(maps.Keys(waited)))

	checkMarks(t, a)
	for _, d := range localtest.Documents(t, a) {
		trigger := notify.Trigger{Type: "schedule", ID: scheduleID(a, scheduled), Time: scheduled}
		if d.ImageName == "win2022-base-7" {
			trigger = notify.Trigger{Type: "image-ready", ID: "c41c1d9e-31a3-4f5e-bb6c-2f9f3c6a7d10",
				Time: time.Date(2026, 11, 23, 10, 15, 0, 0, time.UTC)}
		}
		check(t, d.ImageName+": trigger", trigger, d.Trigger)
		if d.Type == notify.ExportFailed {
			wantError := &notify.Error{
				Code: "InternalError", Message: "The snapshot could not be copied.; Client.Second: Nor could this.",
				Hint: "A nightly run that selects the image tries again; after three failures it leaves the image alone until somebody " +
					"requests it by name.",
			}
			check(t, "error of the failed export", wantError, d.Error)
			check(t, "AppStream's own details of it", []notify.ErrorDetail{
				{ErrorCode: "InternalError", ErrorMessage: "The snapshot could not be copied."},
				{ErrorCode: "Client.Second", ErrorMessage: "Nor could this."},
			}, d.Task.ErrorDetails)
		}
	}
}

// awaitWaiting waits until the function has seen that each of the images has to wait.
func awaitWaiting(t *testing.T, log *localtest.Log, images ...string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); len(images) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the function never saw that %v have to wait", images)
		}
		for _, line := range log.Entries(t, "wait") {
			images = slices.DeleteFunc(images, func(image string) bool { return line["imageName"] == image })
		}
	}
}

func scheduleID(a *localaws.Account, due time.Time) string {
	return a.Stack.Schedule.ARN + "@" + due.Format(time.RFC3339)
}

// checkMarks checks that each image that has an AMI names it in its tags, and that no other image was tagged.
func checkMarks(t *testing.T, a *localaws.Account) {
	t.Helper()
	want, got := map[string]map[string]string{}, map[string]map[string]string{}
	for _, ami := range a.AppStream.AMIs() {
		want[ami.ImageName] = map[string]string{"appstream-ami-exporter:ami-name": ami.Name, "appstream-ami-exporter:ami-id": ami.ID}
	}
	for _, image := range a.AppStream.Images() {
		for key, value := range image.Tags {
			if strings.HasPrefix(key, "appstream-ami-exporter:") && image.Name != "marked" {
				if got[image.Name] == nil {
					got[image.Name] = map[string]string{}
				}
				got[image.Name][key] = value
			}
		}
	}
	check(t, "marker tags", want, got)
}

// Both documents of an export, field by field as JSON: what subscribers' programs depend on.
func TestDocumentsOfAnExport(t *testing.T) {
	t.Parallel()
	a := localtest.Start(t, localaws.Options{
		AppStream:  appstream.Options{NewID: counted()},
		Parameters: map[string]string{"AmiTags": "Team=Desktop,Stage=stack"},
	})
	a.AppStream.PutImage(appstream.Image{Name: "base", CreatedTime: made, Tags: map[string]string{
		"Owner": "image", "Team": "image", "Stage": "image", "appstream-ami-exporter:ami-name": "an older AMI",
	}})
	// Truncated as the documents are.
	began := time.Now().Truncate(time.Second)
	fire(t, a, scheduled)

	task := a.AppStream.Tasks()[0]
	tags := fmt.Sprintf(`{"Owner": "image", "Team": "Desktop", "Stage": "stack", "appstream-ami-exporter:image-arn": %q,
		"appstream-ami-exporter:trigger": "schedule", "appstream-ami-exporter:trigger-id": %q,
		"appstream-ami-exporter:stack": "appstream-ami-exporter@eu-west-1", "appstream-ami-exporter:image-created": %q,
		"appstream-ami-exporter:exported-at": "2026-11-23T02:00:00Z", "appstream-ami-exporter:ami-name": %q}`,
		imagePrefix+"base", scheduleID(a, scheduled), made.Format(time.RFC3339), amiOf("base"))
	// What both have in common; AppStream tells times to the millisecond.
	common := func(d notify.Document) string {
		if d.Time.Before(began) || d.Time.After(time.Now()) || d.Time.Location() != time.UTC {
			t.Errorf("%s: time %v", d.ID, d.Time)
		}
		return fmt.Sprintf(`"schemaVersion": "1.0", "time": %q, "account": "123456789012", "region": "eu-west-1", "imageName": "base",
			"trigger": {"type": "schedule", "id": %q, "time": "2026-11-23T02:00:00Z"}`,
			d.Time.Format(time.RFC3339), scheduleID(a, scheduled))
	}
	commonTask := fmt.Sprintf(`"TaskId": %q, "ImageArn": %q, "AmiName": "base-20261120T101500Z", "CreatedDate": %q,
		"AmiDescription": "AppStream image base, made 20261120T101500Z", "TagSpecifications": %s`,
		taskID(1), imagePrefix+"base", task.Created.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano), tags)

	documents := localtest.Documents(t, a)
	notifications, err := a.Notifications()
	if err != nil || len(documents) != 2 {
		t.Fatalf("%d documents, %v", len(documents), err)
	}
	// The emulator's exports are short; how long they take is a matter of this machine.
	duration := *documents[1].DurationSeconds
	if duration < 0 || duration > 20 {
		t.Errorf("duration of %d s", duration)
	}
	checkJSON(t, "started", fmt.Sprintf(`{%s, "id": "%s:EXPORTING", "type": "ExportStarted",
		"summary": "Export of base to the AMI base-20261120T101500Z has started", "task": {%s, "State": "EXPORTING"}}`,
		common(documents[0]), taskID(1), commonTask), []byte(notifications[0].Message))
	checkJSON(t, "completed", fmt.Sprintf(`{%[1]s, "id": "%[2]s:COMPLETED", "type": "ExportCompleted",
		"summary": "Export of base completed: %[3]s (base-20261120T101500Z) after %[5]ds",
		"task": {%[4]s, "State": "COMPLETED", "AmiId": %[3]q},
		"durationSeconds": %[5]d,
		"links": {"ami": "https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#ImageDetails:imageId=%[3]s"}}`,
		common(documents[1]), taskID(1), task.AMIID, commonTask, duration), []byte(notifications[1].Message))
	check(t, "subjects", []string{"AppStream export of base started", "AppStream export of base completed"},
		[]string{notifications[0].Subject, notifications[1].Subject})
}

// What the AMI has is what the documents say of it.
func TestAMITagsAndDescription(t *testing.T) {
	t.Parallel()
	payload := `{"imageName":"base","amiDescription":"Before {date} in {region}, of {account}","tags":{"Stage":"request",` +
		`"Ticket":"CHG-4711"}}`
	for _, test := range []struct {
		name      string
		copyTags  string
		imageTags map[string]string
	}{
		{"with the image's tags", "true", map[string]string{"Owner": "image"}},
		{"without", "false", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := localtest.Start(t, localaws.Options{Parameters: map[string]string{"AmiTags": "Team=Desktop,Stage=stack",
				"CopyImageTags": test.copyTags}})
			a.AppStream.PutImage(appstream.Image{Name: "base", CreatedTime: made,
				Tags: map[string]string{"Owner": "image", "Team": "image"}})
			result := localtest.Invoke(t, a, []byte(payload))
			localtest.Settle(t, a)
			want := map[string]string{
				"Team": "Desktop", "Stage": "request", "Ticket": "CHG-4711",
				"appstream-ami-exporter:trigger-id": result.RequestID,
				"appstream-ami-exporter:trigger":    "request",
				"appstream-ami-exporter:image-arn":  imagePrefix + "base",

				"appstream-ami-exporter:stack":         "appstream-ami-exporter@eu-west-1",
				"appstream-ami-exporter:image-created": made.Format(time.RFC3339),
			}
			maps.Copy(want, test.imageTags)
			amis := a.AppStream.AMIs()
			if len(amis) != 1 {
				t.Fatalf("%d AMIs", len(amis))
			}
			// The two that are of the time of the test.
			want["appstream-ami-exporter:ami-name"] = amis[0].Name
			exportedAt := amis[0].Tags["appstream-ami-exporter:exported-at"]
			if at, err := time.Parse(time.RFC3339, exportedAt); err != nil || time.Since(at) > time.Hour || time.Since(at) < 0 {
				t.Errorf("the AMI was exported at %q", exportedAt)
			}
			want["appstream-ami-exporter:exported-at"] = exportedAt
			check(t, "tags of the AMI", want, amis[0].Tags)
			check(t, "its description", "Before "+time.Now().UTC().Format("20060102")+" in eu-west-1, of 123456789012", amis[0].Description)
			check(t, "the role that AppStream was told to use", a.Stack.Function.Environment["EXPORT_ROLE_ARN"],
				a.AppStream.Tasks()[0].RoleARN)
		})
	}
}
