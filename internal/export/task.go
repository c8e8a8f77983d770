package export

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/tags"
)

// Ended tells whether a task in this state has come to its end. Any other state, one not known yet and
// none at all included, is still running: AppStream's documentation and its models name different ones.
func Ended(state types.ExportImageTaskState) bool {
	switch state {
	case types.ExportImageTaskStateCompleted, types.ExportImageTaskStateFailed, types.ExportImageTaskStateTimedOut:
		return true
	}
	return false
}

func completed(state types.ExportImageTaskState) bool {
	return state == types.ExportImageTaskStateCompleted
}

// ImageNameOf takes the name out of an image's ARN: tasks name their image by ARN only.
func ImageNameOf(imageARN string) string {
	_, name, _ := strings.Cut(imageARN, ":image/")
	return name
}

// history is what AppStream remembers of earlier exports: the database of this function. It keeps the
// little that the plan asks for, and a whole task only where it is the trigger's own.
type history struct {
	triggerID string
	byAMIName map[string]record
	// own is what this very trigger started, by the image's ARN: should the name template have been changed between two
	// deliveries, the AMI's name is another.
	own map[string]*types.ExportImageTask
}

// record is what is remembered of all the tasks with one AMI name.
type record struct {
	live     *found // running or completed; completed wins, an AMI is there
	failures int
}

type found struct {
	taskID   string
	imageARN string
	state    types.ExportImageTaskState
}

func newHistory(triggerID string) *history {
	return &history{triggerID: triggerID, byAMIName: map[string]record{}, own: map[string]*types.ExportImageTask{}}
}

func (h *history) add(task types.ExportImageTask) {
	name := aws.ToString(task.AmiName)
	r := h.byAMIName[name]
	live := !Ended(task.State) || completed(task.State)
	if live && (r.live == nil || completed(task.State)) {
		r.live = &found{taskID: aws.ToString(task.TaskId), imageARN: aws.ToString(task.ImageArn), state: types.ExportImageTaskState(same(task.State))}
	}
	if !live {
		r.failures++
	}
	if task.TagSpecifications[tags.TriggerID] == h.triggerID {
		// Of two twins of one trigger the live one counts; the other is no failure.
		if arn := aws.ToString(task.ImageArn); h.own[arn] == nil || live {
			h.own[arn] = &task
		}
	}
	h.byAMIName[name] = r
}

// twins tells whether b is another task for the same image under the same AMI name that is running or completed.
func twins(a, b types.ExportImageTask) bool {
	return aws.ToString(a.TaskId) != aws.ToString(b.TaskId) &&
		aws.ToString(a.AmiName) == aws.ToString(b.AmiName) &&
		aws.ToString(a.ImageArn) == aws.ToString(b.ImageArn) &&
		(!Ended(b.State) || completed(b.State))
}

// Age is how long ago the task was created, never negative: AppStream's clock and ours may differ.
func Age(task types.ExportImageTask, now time.Time) time.Duration {
	if task.CreatedDate == nil {
		return 0
	}
	return max(0, now.Sub(*task.CreatedDate))
}
