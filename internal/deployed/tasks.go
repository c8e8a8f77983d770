package deployed

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
)

// ListTasks lists all export tasks that AppStream remembers of the account and Region, in AppStream's own order.
func ListTasks(ctx context.Context, client *appstream.Client) (tasks []types.ExportImageTask, err error) {
	const most = 500 // tasks in a page
	for input := (&appstream.ListExportImageTasksInput{MaxResults: aws.Int32(most)}); ; {
		page, err := client.ListExportImageTasks(ctx, input)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, page.ExportImageTasks...)
		if next := aws.ToString(page.NextToken); next == "" || next == aws.ToString(input.NextToken) {
			return tasks, nil
		}
		input.NextToken = page.NextToken
	}
}

// GetTask asks how one task stands. Where AppStream answers with nothing, only its id is known.
func GetTask(ctx context.Context, client *appstream.Client, id string) (types.ExportImageTask, error) {
	answer, err := client.GetExportImageTask(ctx, &appstream.GetExportImageTaskInput{TaskId: &id})
	switch {
	case err != nil:
		return types.ExportImageTask{}, err
	case answer.ExportImageTask == nil:
		return types.ExportImageTask{TaskId: &id}, nil
	}
	return *answer.ExportImageTask, nil
}
