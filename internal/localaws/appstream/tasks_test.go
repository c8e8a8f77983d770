package appstream_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"appstream-ami-exporter/internal/localaws/appstream"
)

func (s *scene) task(t *testing.T, id string) *types.ExportImageTask {
	t.Helper()
	output, err := s.client.GetExportImageTask(t.Context(), &sdk.GetExportImageTaskInput{TaskId: &id})
	if err != nil {
		t.Fatalf("get task %s: %v", id, err)
	}
	return output.ExportImageTask
}

func TestTaskOverTime(t *testing.T) {
	const exporting = types.ExportImageTaskStateExporting
	type moment struct {
		after time.Duration
		state types.ExportImageTaskState
	}
	tests := []struct {
		name    string
		outcome appstream.Outcome
		want    []moment
	}{
		{
			"completes when ExportDuration says",
			appstream.Outcome{},
			[]moment{{0, exporting}, {time.Hour - 1, exporting}, {time.Hour, "COMPLETED"}, {1000 * time.Hour, "COMPLETED"}},
		},
		{
			"fails early",
			appstream.Outcome{End: types.ExportImageTaskStateFailed, After: time.Minute},
			[]moment{{0, exporting}, {time.Minute, "FAILED"}},
		},
		{
			"times out",
			appstream.Outcome{End: types.ExportImageTaskStateTimedOut},
			[]moment{{time.Hour - 1, exporting}, {time.Hour, "TIMED_OUT"}},
		},
		{
			"never ends",
			appstream.Outcome{End: exporting},
			[]moment{{time.Hour, exporting}, {10000 * time.Hour, exporting}},
		},
		{
			"begins in states the model does not have",
			appstream.Outcome{Begins: []appstream.Phase{
				{State: "", For: time.Minute}, {State: "PENDING", For: time.Minute}, {State: "RUNNING", For: time.Minute},
			}},
			[]moment{{0, ""}, {time.Minute, "PENDING"}, {2 * time.Minute, "RUNNING"}, {3 * time.Minute, exporting},
				{time.Hour, "COMPLETED"}},
		},
		{
			"ends before its beginning is over",
			appstream.Outcome{Begins: []appstream.Phase{{State: "PENDING", For: 2 * time.Hour}}},
			[]moment{{time.Hour - 1, "PENDING"}, {time.Hour, "COMPLETED"}},
		},
		{
			"ends in a state of the future",
			appstream.Outcome{End: "EVAPORATED"},
			[]moment{{time.Hour, "EVAPORATED"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			scene := newScene(t, appstream.Options{
				ExportDuration: func(image, ami string) time.Duration {
					if image != "win" || ami != "win-1" {
						t.Errorf("ExportDuration of %q and %q", image, ami)
					}
					return time.Hour
				},
			})
			scene.PutImage(appstream.Image{Name: "win"})
			scene.SetOutcome("win", test.outcome)
			id := scene.mustExport(t, "win", "win-1")
			for _, moment := range test.want {
				scene.pass(start.Add(moment.after).Sub(scene.clock()))
				task := scene.task(t, id)
				if task.State != moment.state {
					t.Errorf("after %s: %q, want %q", moment.after, task.State, moment.state)
				}
				completed := moment.state == types.ExportImageTaskStateCompleted
				if (task.AmiId != nil) != completed || (len(scene.AMIs()) == 1) != completed {
					t.Errorf("after %s: %q with AmiId %v and AMIs %v", moment.after, task.State, task.AmiId, scene.AMIs())
				}
			}
		})
	}
}

func TestCompletedTask(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "win"})
	tags := map[string]string{"a": "b"}
	id, err := scene.export(t, "win", "win-1", func(in *sdk.CreateExportImageTaskInput) {
		in.AmiDescription, in.TagSpecifications = aws.String("nightly"), tags
	})
	if err != nil {
		t.Fatal(err)
	}
	scene.pass(40 * time.Minute)

	got := scene.task(t, id)
	if got.AmiId == nil || !regexp.MustCompile(`^ami-[0-9a-f]{17}$`).MatchString(*got.AmiId) {
		t.Fatalf("AmiId %v", got.AmiId)
	}
	want := &types.ExportImageTask{
		TaskId:            &id,
		ImageArn:          aws.String(scene.ImageARN("win")),
		AmiName:           aws.String("win-1"),
		CreatedDate:       &start,
		AmiDescription:    aws.String("nightly"),
		State:             types.ExportImageTaskStateCompleted,
		AmiId:             got.AmiId,
		TagSpecifications: tags,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(types.ExportImageTask{})); diff != "" {
		t.Errorf("task (-want +got):\n%s", diff)
	}
	wantTasks := []appstream.Task{{
		TaskID: id, ImageName: "win", ImageARN: scene.ImageARN("win"), AMIName: "win-1", Description: "nightly", RoleARN: exportRole,
		Tags: tags, Created: start, State: types.ExportImageTaskStateCompleted, Ended: start.Add(40 * time.Minute), AMIID: *got.AmiId,
	}}
	if diff := cmp.Diff(wantTasks, scene.Tasks()); diff != "" {
		t.Errorf("Tasks (-want +got):\n%s", diff)
	}
	wantAMIs := []appstream.AMI{{
		ID: *got.AmiId, Name: "win-1", Description: "nightly", Tags: tags, Made: start.Add(40 * time.Minute),
		TaskID: id, ImageName: "win", ImageARN: scene.ImageARN("win"),
	}}
	if diff := cmp.Diff(wantAMIs, scene.AMIs()); diff != "" {
		t.Errorf("AMIs (-want +got):\n%s", diff)
	}
}

func TestFailedTaskShowsErrorsAtItsEnd(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "win"})
	scene.SetOutcome("win", appstream.Outcome{
		End:    types.ExportImageTaskStateFailed,
		Errors: []appstream.TaskError{{Code: "UnauthorizedOperation", Message: "no"}, {Message: "and no code"}},
	})
	id := scene.mustExport(t, "win", "win-1")
	if details := scene.task(t, id).ErrorDetails; details != nil {
		t.Errorf("a running task shows %+v", details)
	}
	scene.pass(time.Hour)
	want := []types.ErrorDetails{
		{ErrorCode: aws.String("UnauthorizedOperation"), ErrorMessage: aws.String("no")},
		{ErrorMessage: aws.String("and no code")},
	}
	if diff := cmp.Diff(want, scene.task(t, id).ErrorDetails, cmpopts.IgnoreUnexported(types.ErrorDetails{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOutcomesInTurn(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "win"})
	scene.PutImage(appstream.Image{Name: "other"})
	scene.SetOutcome("win",
		appstream.Outcome{End: types.ExportImageTaskStateFailed},
		appstream.Outcome{End: types.ExportImageTaskStateTimedOut},
	)
	for _, image := range []string{"win", "other", "win", "win"} {
		scene.mustExport(t, image, image+"-1")
		scene.pass(time.Hour)
	}
	var got []types.ExportImageTaskState
	for _, task := range scene.Tasks() {
		got = append(got, task.State)
	}
	want := []types.ExportImageTaskState{"FAILED", "COMPLETED", "TIMED_OUT", "TIMED_OUT"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Removing an image ends nothing that has begun.
func TestExportOutlivesImage(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "win"})
	id := scene.mustExport(t, "win", "win-1")
	scene.RemoveImage("win")
	scene.pass(time.Hour)
	if state := scene.task(t, id).State; state != types.ExportImageTaskStateCompleted {
		t.Errorf("the task is %s", state)
	}
}

func TestForgetsTasks(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "win"})
	old := scene.mustExport(t, "win", "win-1")
	scene.pass(time.Hour)
	running := scene.mustExport(t, "win", "win-2")
	scene.ForgetTasks()

	_, err := scene.client.GetExportImageTask(t.Context(), &sdk.GetExportImageTaskInput{TaskId: &old})
	wantError(t, err, "ResourceNotFoundException", old)
	list, err := scene.client.ListExportImageTasks(t.Context(), &sdk.ListExportImageTasksInput{})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.ExportImageTasks) != 1 || *list.ExportImageTasks[0].TaskId != running {
		t.Errorf("the API remembers %+v", list.ExportImageTasks)
	}

	tasks := scene.Tasks()
	if len(tasks) != 2 || !tasks[0].Forgotten || tasks[1].Forgotten {
		t.Errorf("Tasks is not the whole history: %+v", tasks)
	}
	if amis := scene.AMIs(); len(amis) != 1 || amis[0].Name != "win-1" {
		t.Errorf("AMIs %+v", amis)
	}
}

func TestAMIsOldestFirst(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "win"})
	scene.SetOutcome("win", appstream.Outcome{After: 3 * time.Hour}, appstream.Outcome{After: time.Hour})
	scene.mustExport(t, "win", "slow")
	scene.mustExport(t, "win", "fast")
	scene.pass(3 * time.Hour)
	var got []string
	for _, ami := range scene.AMIs() {
		got = append(got, ami.Name)
	}
	if diff := cmp.Diff([]string{"fast", "slow"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
