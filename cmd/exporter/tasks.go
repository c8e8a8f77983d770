package main

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	domain "appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/terminal"
)

// task is an export task, in the words of AppStream.
type task struct {
	TaskID    string    `json:"taskId"`
	ImageName string    `json:"imageName"`
	AMIName   string    `json:"amiName"`
	State     string    `json:"state"`
	Created   time.Time `json:"createdDate"`
	AMIID     string    `json:"amiId,omitempty"`
	Problem   string    `json:"problem,omitempty"` // why it failed
}

func taskOf(t types.ExportImageTask) task {
	var problems []string
	for _, detail := range t.ErrorDetails {
		problems = append(problems, strings.Trim(aws.ToString(detail.ErrorCode)+": "+aws.ToString(detail.ErrorMessage), ": "))
	}
	return task{
		TaskID: aws.ToString(t.TaskId), ImageName: domain.Task{ImageARN: aws.ToString(t.ImageArn)}.ImageName(), AMIName: aws.ToString(t.AmiName),
		State: string(t.State), Created: aws.ToTime(t.CreatedDate), AMIID: aws.ToString(t.AmiId), Problem: strings.Join(problems, "; "),
	}
}

func (t task) ended() bool { return (domain.Task{State: t.State}).Ended() }

func (t task) completed() bool { return t.State == string(types.ExportImageTaskStateCompleted) }

func (t task) state(s terminal.Screen) string {
	switch {
	case t.completed():
		return s.Paint(terminal.Green, t.State)
	case t.ended():
		return s.Paint(terminal.Red, t.State)
	}
	return s.Paint(terminal.Cyan, cmp.Or(t.State, "not told"))
}

// result is the AMI, or what went wrong.
func (t task) result() string { return cmp.Or(t.AMIID, t.Problem, "AppStream gives no reason") }

// tasks lists all export tasks that AppStream remembers, the newest first.
func (d desk) tasks(ctx context.Context) (tasks []task, err error) {
	const most = 500 // tasks in a page
	for input := (&appstream.ListExportImageTasksInput{MaxResults: aws.Int32(most)}); ; {
		page, err := d.appStream.ListExportImageTasks(ctx, input)
		if err != nil {
			return nil, terminal.Explain(err)
		}
		for _, t := range page.ExportImageTasks {
			tasks = append(tasks, taskOf(t))
		}
		if next := aws.ToString(page.NextToken); next == "" || next == aws.ToString(input.NextToken) {
			break
		}
		input.NextToken = page.NextToken
	}
	slices.SortStableFunc(tasks, func(a, b task) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ImageName, b.ImageName))
	})
	return tasks, nil
}

// task asks how one task stands.
func (d desk) task(ctx context.Context, id string) (task, error) {
	answer, err := d.appStream.GetExportImageTask(ctx, &appstream.GetExportImageTaskInput{TaskId: &id})
	if err != nil {
		return task{}, terminal.Explain(err)
	}
	if answer.ExportImageTask == nil {
		return task{TaskID: id}, nil
	}
	return taskOf(*answer.ExportImageTask), nil
}
