package localaws_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws"
)

func TestAppStreamRefusesExports(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/other"
	tests := []struct {
		name    string
		options localaws.AppStreamOptions
		image   localaws.Image
		role    string
		code    string
		part    string
	}{
		{name: "unknown image", image: localaws.Image{Name: "another"}, code: "ResourceNotFoundException", part: "win"},
		{name: "gone image", image: localaws.Image{State: localaws.ImageGone}, code: "ResourceNotFoundException", part: "win"},
		{name: "image of AWS", image: localaws.Image{Visibility: types.VisibilityTypePublic}, code: "OperationNotPermittedException", part: "another account"},
		{name: "shared image", image: localaws.Image{Visibility: types.VisibilityTypeShared, Owner: otherAccount}, code: "OperationNotPermittedException", part: "another account"},
		{name: "pending", image: localaws.Image{State: types.ImageStatePending}, code: "ResourceNotAvailableException", part: "PENDING"},
		{name: "failed", image: localaws.Image{State: types.ImageStateFailed}, code: "ResourceNotAvailableException", part: "FAILED"},
		{name: "unknown state", image: localaws.Image{State: "DREAMING"}, code: "ResourceNotAvailableException", part: "DREAMING"},
		{name: "old Windows", image: localaws.Image{Platform: types.PlatformTypeWindowsServer2019}, code: "OperationNotPermittedException", part: "WINDOWS_SERVER_2019"},
		{name: "Linux", image: localaws.Image{Platform: types.PlatformTypeRockyLinux8}, code: "OperationNotPermittedException", part: "ROCKY_LINUX8"},
		{name: "role of another account", role: "arn:aws:iam::999999999999:role/export", code: "InvalidRoleException", part: "999999999999"},
		{name: "role of another partition", role: "arn:aws-cn:iam::123456789012:role/export", code: "InvalidRoleException", part: "aws-cn"},
		{name: "not a role", role: "arn:aws:iam::123456789012:user/export", code: "InvalidRoleException", part: "user/export"},
		{name: "role that does not trust AppStream", role: role, options: localaws.AppStreamOptions{ExportRoles: []string{asTestRole}}, code: "InvalidRoleException", part: role},
		{name: "account suspended before all else", image: localaws.Image{Name: "another"}, options: localaws.AppStreamOptions{AccountSuspended: true}, code: "InvalidAccountStatusException"},
		{name: "state before platform", image: localaws.Image{State: types.ImageStateCreating, Platform: types.PlatformTypeRhel8}, code: "ResourceNotAvailableException"},
		{name: "platform before role", image: localaws.Image{Platform: types.PlatformTypeRhel8}, role: "arn:aws:iam::999999999999:role/export", code: "OperationNotPermittedException", part: "RHEL8"},
		{name: "allowed role", role: role, options: localaws.AppStreamOptions{ExportRoles: []string{asTestRole, role}}},
		{name: "role with a path", role: "arn:aws:iam::123456789012:role/backup/export"},
		{name: "newest Windows", image: localaws.Image{Platform: types.PlatformTypeWindowsServer2025}},
		{name: "own image shared with others", image: localaws.Image{SharedWithOthers: true}},
		{name: "other partition", options: localaws.AppStreamOptions{Partition: "aws-us-gov"}, role: "arn:aws-us-gov:iam::123456789012:role/export"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			scene := newAppStreamScene(t, test.options)
			if test.image.Name == "" {
				test.image.Name = "win"
			}
			scene.PutImage(test.image)
			_, err := scene.export(t, "win", "win-1", func(in *appstream.CreateExportImageTaskInput) {
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
			wantAppStreamError(t, err, test.code, test.part)
		})
	}
}

// An own image hides another's of the same name, whichever was put first.
func TestAppStreamPrefersOwnImage(t *testing.T) {
	scene := newAppStreamScene(t, localaws.AppStreamOptions{})
	scene.PutImage(localaws.Image{Name: "win", Visibility: types.VisibilityTypeShared, Owner: otherAccount})
	scene.PutImage(localaws.Image{Name: "win"})
	scene.mustExport(t, "win", "win-1")
}

func TestAppStreamLimitsExports(t *testing.T) {
	scene := newAppStreamScene(t, localaws.AppStreamOptions{MaxConcurrentExports: 2})
	scene.PutImage(localaws.Image{Name: "win"})
	scene.mustExport(t, "win", "win-1")
	scene.pass(10 * time.Minute)
	scene.mustExport(t, "win", "win-2")
	_, err := scene.export(t, "win", "win-3")
	wantAppStreamError(t, err, "LimitExceededException", "2")
	_, err = scene.export(t, "win", "win-1")
	wantAppStreamError(t, err, "OperationNotPermittedException", "win-1")
	scene.pass(30 * time.Minute) // the first ends
	scene.mustExport(t, "win", "win-3")
}

func TestAppStreamRefusesTwins(t *testing.T) {
	scene := newAppStreamScene(t, localaws.AppStreamOptions{TwinException: "ResourceNotAvailableException"})
	scene.PutImage(localaws.Image{Name: "win"})
	scene.PutAMI(localaws.AMI{ID: "ami-0123456789abcdef0", Name: "by-hand"})
	scene.mustExport(t, "win", "win-1")

	_, err := scene.export(t, "win", "by-hand")
	wantAppStreamError(t, err, "ResourceNotAvailableException", "by-hand")
	for _, state := range []string{"EXPORTING", "COMPLETED", "forgotten"} {
		t.Run(state, func(t *testing.T) {
			_, err := scene.export(t, "win", "win-1")
			wantAppStreamError(t, err, "ResourceNotAvailableException", "win-1")
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

func TestAppStreamFailsTwinsLater(t *testing.T) {
	scene := newAppStreamScene(t, localaws.AppStreamOptions{Twins: localaws.FailTwinLater})
	scene.PutImage(localaws.Image{Name: "win"})
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

func TestAppStreamFailedTaskGivesItsNameBack(t *testing.T) {
	scene := newAppStreamScene(t, localaws.AppStreamOptions{})
	scene.PutImage(localaws.Image{Name: "win"})
	for _, end := range []types.ExportImageTaskState{types.ExportImageTaskStateFailed, types.ExportImageTaskStateTimedOut} {
		scene.SetOutcome("win", localaws.ExportOutcome{End: end})
		scene.mustExport(t, "win", "win-1")
		_, err := scene.export(t, "win", "win-1")
		wantAppStreamError(t, err, "OperationNotPermittedException", "win-1")
		scene.pass(time.Hour)
	}
	scene.SetOutcome("win")
	scene.mustExport(t, "win", "win-1")
}
