package export

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/tags"
)

// Task asks AppStream how a task stands. One call, whatever the answer.
func (e *Exporter) Task(ctx context.Context, taskID string) (types.ExportImageTask, error) {
	reply, err := e.AppStream.GetExportImageTask(ctx, &appstream.GetExportImageTaskInput{TaskId: aws.String(taskID)})
	if err != nil {
		return types.ExportImageTask{}, fmt.Errorf("GetExportImageTask: %w", classify(err, e.RoleARN))
	}
	if reply.ExportImageTask == nil {
		return types.ExportImageTask{}, errors.New("GetExportImageTask: AppStream's answer holds no task")
	}
	return *reply.ExportImageTask, nil
}

// Twin looks for a running or completed task for the same image under the same AMI name, and prefers a completed one. Where
// there is one, the failure of the other means only that it came second: the AMI exists or is being made.
func (e *Exporter) Twin(ctx context.Context, of types.ExportImageTask) (twin types.ExportImageTask, found bool, err error) {
	err = e.eachTask(ctx, func(task types.ExportImageTask) {
		if twins(of, task) && (!found || completed(task.State)) {
			twin, found = task, true
		}
	})
	if err == nil && found && len(twin.TagSpecifications) == 0 { // which a list need not tell
		twin, err = e.Task(ctx, aws.ToString(twin.TaskId))
	}
	return twin, found, err
}

// Mark notes a completed export on its image, in tags that outlive AppStream's task history: the AMI's name, by which
// later sweeps know that the image is exported, and its id, for people. An image that is gone needs
// no mark, and one that was made after the export under the same name is another image: marked is false. So it is
// where somebody chose the AMI's name and the image bears the mark of another AMI: sweeps need that one.
func (e *Exporter) Mark(ctx context.Context, task types.ExportImageTask, chosen bool) (marked bool, err error) {
	name := ImageNameOf(aws.ToString(task.ImageArn))
	images, _, err := e.imagesNamed(ctx, []string{name})
	if err != nil {
		return false, err
	}
	if len(images) == 0 || task.CreatedDate != nil && images[0].Created.After(*task.CreatedDate) {
		return false, nil
	}
	mark := tags.Marker(aws.ToString(task.AmiName))
	if chosen {
		before, err := e.tags(ctx, name)
		if other := before[tags.AMIName]; err != nil || other != "" && other != mark {
			return false, err
		}
	}
	marks := map[string]string{tags.AMIName: mark}
	if id := aws.ToString(task.AmiId); id != "" {
		marks[tags.AMIID] = id
	}
	_, err = e.AppStream.TagResource(ctx, &appstream.TagResourceInput{ResourceArn: aws.String(e.Place.ImageARN(name)), Tags: marks})
	if err != nil {
		refusal := classify(err, e.RoleARN)
		if refusal.kind == gone {
			return false, nil
		}
		if refusal.Code == "LimitExceededException" {
			refusal.kind, refusal.Hint = refused, "The image has as many tags as it can have: remove one or two, so that it can be marked as exported."
		}
		return false, fmt.Errorf("TagResource: %w", refusal)
	}
	return true, nil
}
