package notify

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
)

// TaskOf copies every field of AppStream's task; the SDK's own type has no JSON names.
func TaskOf(task types.ExportImageTask) Task {
	told := Task{
		TaskID:            aws.ToString(task.TaskId),
		ImageARN:          aws.ToString(task.ImageArn),
		AMIName:           aws.ToString(task.AmiName),
		AMIDescription:    aws.ToString(task.AmiDescription),
		State:             string(task.State),
		AMIID:             aws.ToString(task.AmiId),
		TagSpecifications: task.TagSpecifications,
	}
	if task.CreatedDate != nil {
		created := task.CreatedDate.UTC()
		told.CreatedDate = &created
	}
	for _, detail := range task.ErrorDetails {
		told.ErrorDetails = append(told.ErrorDetails, ErrorDetail{ErrorCode: aws.ToString(detail.ErrorCode), ErrorMessage: aws.ToString(detail.ErrorMessage)})
	}
	return told
}
