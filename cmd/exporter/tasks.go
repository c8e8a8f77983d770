package main

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/deployed"
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
		TaskID: aws.ToString(t.TaskId), ImageName: domain.Task{ImageARN: aws.ToString(t.ImageArn)}.ImageName(),
		AMIName: aws.ToString(t.AmiName),
		State:   string(t.State), Created: aws.ToTime(t.CreatedDate), AMIID: aws.ToString(t.AmiId), Problem: strings.Join(problems, "; "),
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
	listed, err := deployed.ListTasks(ctx, d.appStream)
	for _, t := range listed {
		tasks = append(tasks, taskOf(t))
	}
	slices.SortStableFunc(tasks, func(a, b task) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ImageName, b.ImageName))
	})
	return tasks, terminal.Explain(err)
}

// task asks how one task stands.
func (d desk) task(ctx context.Context, id string) (task, error) {
	found, err := deployed.GetTask(ctx, d.appStream, id)
	return taskOf(found), terminal.Explain(err)
}
