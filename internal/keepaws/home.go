package keepaws

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"appstream-ami-exporter/internal/keep"
	"appstream-ami-exporter/internal/notify"
)

// AppStream is a keep.AppStream.
type AppStream struct{ Client *appstream.Client }

var _ keep.AppStream = AppStream{}

// tasksPage is the most that ListExportImageTasks returns.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_ListExportImageTasks.html
const tasksPage = 500

// Tasks implements keep.AppStream.
func (s AppStream) Tasks(ctx context.Context) ([]keep.Task, error) {
	var tasks []keep.Task
	err := pages(func(token *string) (*string, error) {
		page, err := s.Client.ListExportImageTasks(ctx, &appstream.ListExportImageTasksInput{MaxResults: aws.Int32(tasksPage),
			NextToken: token})
		if err != nil {
			return nil, classify("ListExportImageTasks", err)
		}
		for _, task := range page.ExportImageTasks {
			tasks = append(tasks, keep.Task{ImageARN: aws.ToString(task.ImageArn), AMIID: aws.ToString(task.AmiId),
				State: string(task.State)})
		}
		return page.NextToken, nil
	})
	if err != nil {
		return nil, err
	}
	return tasks, nil
}

// ImageTags implements keep.AppStream.
func (s AppStream) ImageTags(ctx context.Context, imageARN string) (map[string]string, error) {
	reply, err := s.Client.ListTagsForResource(ctx, &appstream.ListTagsForResourceInput{ResourceArn: aws.String(imageARN)})
	if err := classify("ListTagsForResource", err); err != nil {
		if isMissing(err) {
			return nil, nil
		}
		return nil, err
	}
	return reply.Tags, nil
}

// TagImage implements keep.AppStream.
func (s AppStream) TagImage(ctx context.Context, imageARN string, set map[string]string) error {
	_, err := s.Client.TagResource(ctx, &appstream.TagResourceInput{ResourceArn: aws.String(imageARN), Tags: set})
	return classify("TagResource", err)
}

// Topic is a keep.Topic.
type Topic struct {
	notify.Topic
	Client *sns.Client
}

var _ keep.Topic = Topic{}

// Subscriptions implements keep.Topic.
// https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html
func (t Topic) Subscriptions(ctx context.Context) (int, error) {
	reply, err := t.Client.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: aws.String(t.ARN)})
	if err != nil {
		return 0, classify("GetTopicAttributes", err)
	}
	confirmed, err := strconv.Atoi(reply.Attributes["SubscriptionsConfirmed"])
	if err != nil {
		return 0, fmt.Errorf("GetTopicAttributes: the number of confirmed subscriptions cannot be read: %w", err)
	}
	return confirmed, nil
}
