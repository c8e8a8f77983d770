package export

import (
	"fmt"
	"strings"
	"time"
	"unique"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
)

// Task is AppStream's ExportImageTask. A field is empty where AppStream does not tell it.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_ExportImageTask.html
type Task struct {
	ID          string
	ImageARN    string
	AMIName     string
	State       string
	AMIID       string
	Created     time.Time
	Description string
	Tags        map[string]string
	Errors      []TaskError
}

// TaskError is one of AppStream's reasons why a task failed.
type TaskError struct {
	Code    string
	Message string
}

// StateExporting is the state in which a task begins.
const StateExporting = string(types.ExportImageTaskStateExporting)

func toTask(reported types.ExportImageTask) Task {
	task := Task{
		ID:          aws.ToString(reported.TaskId),
		ImageARN:    aws.ToString(reported.ImageArn),
		AMIName:     aws.ToString(reported.AmiName),
		State:       intern(reported.State),
		AMIID:       aws.ToString(reported.AmiId),
		Created:     aws.ToTime(reported.CreatedDate),
		Description: aws.ToString(reported.AmiDescription),
		Tags:        reported.TagSpecifications,
	}
	for _, detail := range reported.ErrorDetails {
		task.Errors = append(task.Errors, TaskError{Code: aws.ToString(detail.ErrorCode), Message: aws.ToString(detail.ErrorMessage)})
	}
	return task
}

// intern keeps one copy of the few words that ten thousand images or tasks have in common.
func intern[T ~string](word T) string { return unique.Make(string(word)).Value() }

// Ended tells whether the task has come to its end. Any state but three, one not known yet and none at all included, is still
// running: AppStream's documentation and its models name different ones.
func (t Task) Ended() bool {
	switch types.ExportImageTaskState(t.State) {
	case types.ExportImageTaskStateCompleted, types.ExportImageTaskStateFailed, types.ExportImageTaskStateTimedOut:
		return true
	}
	return false
}

// Completed tells whether the task has ended with an AMI.
func (t Task) Completed() bool { return t.State == string(types.ExportImageTaskStateCompleted) }

// live tells whether the AMI is there or may still come.
func (t Task) live() bool { return !t.Ended() || t.Completed() }

// ImageName is the name in the image's ARN: tasks name their image by ARN only.
func (t Task) ImageName() string { return imageNameOf(t.ImageARN) }

func imageNameOf(imageARN string) string {
	_, name, _ := strings.Cut(imageARN, ":image/")
	return name
}

// Age is how long ago the task was created, never negative: AppStream's clock and ours may differ.
func (t Task) Age(now time.Time) time.Duration {
	if t.Created.IsZero() {
		return 0
	}
	return max(0, now.Sub(t.Created))
}

// hasTwin tells whether the other is a second task for the same image under the same AMI name that is running or completed.
func (t Task) hasTwin(other Task) bool {
	return t.ID != other.ID && t.AMIName == other.AMIName && t.ImageARN == other.ImageARN && other.live()
}

// nameTaken is EC2's code for an AMI name that is taken, as AppStream passes it on in a task's errors.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
const nameTaken = "InvalidAMIName.Duplicate"

// Failure is why a task did not complete: AppStream's reasons put into one sentence. Their codes are not documented but for EC2's
// own. Hint says what to do where the code tells, and is empty where it does not.
func (t Task) Failure() (code, message, hint string) {
	code, message = t.State, "AppStream gives no reason"
	for i, reason := range t.Errors {
		if i == 0 {
			code, message = reason.Code, reason.Message
			continue
		}
		message += "; " + reason.Code + ": " + reason.Message
	}
	if code == "" {
		code = t.State
	}
	if code == nameTaken {
		hint = "An AMI of that name exists already. If it is not the export of this image, deregister it or choose another AMI name " +
			"template."
	}
	if !isDescription(t.Description) {
		hint = fmt.Sprintf("EC2 takes at most %d characters in the description of an AMI, and of these only ASCII: change the stack's "+
			"AmiDescriptionTemplate or the request's amiDescription.", maxDescription)
	}
	return code, message, hint
}
