package appstream_test

import (
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/appstream"
)

func TestRefusesExports(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/other"
	tests := []struct {
		name    string
		options appstream.Options
		image   appstream.Image
		role    string
		code    string
		part    string
	}{
		{name: "unknown image", image: appstream.Image{Name: "another"}, code: "ResourceNotFoundException", part: "win"},
		{name: "gone image", image: appstream.Image{State: appstream.Absent}, code: "ResourceNotFoundException", part: "win"},
		{name: "image of AWS", image: appstream.Image{Visibility: types.VisibilityTypePublic}, code: "OperationNotPermittedException",
			part: "another account"},
		{name: "shared image", image: appstream.Image{Visibility: types.VisibilityTypeShared, Owner: otherAccount},
			code: "OperationNotPermittedException", part: "another account"},
		{name: "pending", image: appstream.Image{State: types.ImageStatePending}, code: "ResourceNotAvailableException", part: "PENDING"},
		{name: "failed", image: appstream.Image{State: types.ImageStateFailed}, code: "ResourceNotAvailableException", part: "FAILED"},
		{name: "unknown state", image: appstream.Image{State: "DREAMING"}, code: "ResourceNotAvailableException", part: "DREAMING"},
		{name: "old Windows", image: appstream.Image{Platform: types.PlatformTypeWindowsServer2019}, code: "OperationNotPermittedException",
			part: "WINDOWS_SERVER_2019"},
		{name: "Linux", image: appstream.Image{Platform: types.PlatformTypeRockyLinux8}, code: "OperationNotPermittedException",
			part: "ROCKY_LINUX8"},
		{name: "role of another account", role: "arn:aws:iam::999999999999:role/export", code: "InvalidRoleException",
			part: "999999999999"},
		{name: "role of another partition", role: "arn:aws-cn:iam::123456789012:role/export", code: "InvalidRoleException", part: "aws-cn"},
		{name: "not a role", role: "arn:aws:iam::123456789012:user/export", code: "InvalidRoleException", part: "user/export"},
		{name: "role that does not trust AppStream", role: role, options: appstream.Options{ExportRoles: []string{exportRole}},
			code: "InvalidRoleException", part: role},
		{name: "state before platform", image: appstream.Image{State: types.ImageStateCreating, Platform: types.PlatformTypeRhel8},
			code: "ResourceNotAvailableException"},
		{name: "platform before role", image: appstream.Image{Platform: types.PlatformTypeRhel8},
			role: "arn:aws:iam::999999999999:role/export",
			code: "OperationNotPermittedException", part: "RHEL8"},
		{name: "allowed role", role: role, options: appstream.Options{ExportRoles: []string{exportRole, role}}},
		{name: "role with a path", role: "arn:aws:iam::123456789012:role/backup/export"},
		{name: "newest Windows", image: appstream.Image{Platform: types.PlatformTypeWindowsServer2025}},
		{name: "own image shared with others", image: appstream.Image{SharedWithOthers: true}},
		{name: "other partition", options: appstream.Options{Partition: "aws-us-gov"},
			role: "arn:aws-us-gov:iam::123456789012:role/export"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			scene := newScene(t, test.options)
			if test.image.Name == "" {
				test.image.Name = "win"
			}
			scene.PutImage(test.image)
			_, err := scene.export(t, "win", "win-1", func(in *sdk.CreateExportImageTaskInput) {
				if test.role != "" {
					in.IamRoleArn = &test.role
				}
			})
			if test.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, test.code, test.part)
		})
	}
}

// An own image hides another's of the same name, whichever was put first.
func TestPrefersOwnImage(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "win", Visibility: types.VisibilityTypeShared, Owner: otherAccount})
	scene.PutImage(appstream.Image{Name: "win"})
	scene.mustExport(t, "win", "win-1")
}

func TestLimitsExports(t *testing.T) {
	scene := newScene(t, appstream.Options{MaxConcurrentExports: 2})
	scene.PutImage(appstream.Image{Name: "win"})
	scene.mustExport(t, "win", "win-1")
	scene.pass(10 * time.Minute)
	scene.mustExport(t, "win", "win-2")
	_, err := scene.export(t, "win", "win-3")
	wantError(t, err, "LimitExceededException", "2")
	_, err = scene.export(t, "win", "win-1")
	wantError(t, err, "OperationNotPermittedException", "win-1")
	scene.pass(30 * time.Minute) // the first ends
	scene.mustExport(t, "win", "win-3")
}

func TestRefusesTwins(t *testing.T) {
	scene := newScene(t, appstream.Options{TwinException: "ResourceNotAvailableException"})
	scene.PutImage(appstream.Image{Name: "win"})
	scene.mustExport(t, "win", "win-1")

	for _, state := range []string{"EXPORTING", "COMPLETED", "forgotten"} {
		t.Run(state, func(t *testing.T) {
			_, err := scene.export(t, "win", "win-1")
			wantError(t, err, "ResourceNotAvailableException", "win-1")
		})
		scene.pass(time.Hour)
		if state == "COMPLETED" {
			scene.ForgetTasks()
		}
	}
	if tasks := scene.Tasks(); len(tasks) != 1 {
		t.Errorf("%d tasks", len(tasks))
	}
}

func TestFailsTwinsLater(t *testing.T) {
	scene := newScene(t, appstream.Options{Twins: appstream.FailTwinLater})
	scene.PutImage(appstream.Image{Name: "win"})
	first := scene.mustExport(t, "win", "win-1")
	twin := scene.mustExport(t, "win", "win-1")
	if state := scene.task(t, twin).State; state != types.ExportImageTaskStateExporting {
		t.Errorf("the twin starts as %s", state)
	}
	scene.pass(time.Hour)
	if state := scene.task(t, first).State; state != types.ExportImageTaskStateCompleted {
		t.Errorf("the first is %s", state)
	}
	task := scene.task(t, twin)
	if task.State != types.ExportImageTaskStateFailed || len(task.ErrorDetails) != 1 ||
		*task.ErrorDetails[0].ErrorCode != "InvalidAMIName.Duplicate" || task.AmiId != nil {
		t.Errorf("the twin is %+v", task)
	}
	if amis := scene.AMIs(); len(amis) != 1 || amis[0].TaskID != first {
		t.Errorf("AMIs %+v", amis)
	}
}

func TestFailedTaskGivesItsNameBack(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "win"})
	for _, end := range []types.ExportImageTaskState{types.ExportImageTaskStateFailed, types.ExportImageTaskStateTimedOut} {
		scene.SetOutcome("win", appstream.Outcome{End: end})
		scene.mustExport(t, "win", "win-1")
		_, err := scene.export(t, "win", "win-1")
		wantError(t, err, "OperationNotPermittedException", "win-1")
		scene.pass(time.Hour)
	}
	scene.SetOutcome("win")
	scene.mustExport(t, "win", "win-1")
}
