package main

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	domain "appstream-ami-exporter/internal/export"
)

// task is an ExportImageTask as the aws command writes it.
type task struct {
	TaskID       string `json:"TaskId"`
	ImageARN     string `json:"ImageArn"`
	AMIName      string `json:"AmiName"`
	CreatedDate  moment
	State        string
	AMIID        string `json:"AmiId"`
	ErrorDetails []struct{ ErrorCode, ErrorMessage string }
}

// tasks lists all export tasks that AppStream remembers, the newest first. The aws command does not turn these pages itself.
func (c cli) tasks(ctx context.Context) (tasks []task, err error) {
	token := ""
	for {
		var page struct {
			ExportImageTasks []task
			NextToken        string
		}
		args := []string{"--max-results", "500"}
		if token != "" {
			args = append(args, "--next-token", token)
		}
		if err := c.call(ctx, &page, "appstream", "list-export-image-tasks", args...); err != nil {
			return nil, err
		}
		tasks = append(tasks, page.ExportImageTasks...)
		if page.NextToken == "" || page.NextToken == token {
			break
		}
		token = page.NextToken
	}
	slices.SortStableFunc(tasks, func(a, b task) int {
		return cmp.Or(time.Time(b.CreatedDate).Compare(time.Time(a.CreatedDate)), cmp.Compare(a.ImageARN, b.ImageARN))
	})
	return tasks, nil
}

func (t task) ended() bool { return domain.Ended(types.ExportImageTaskState(t.State)) }

func (t task) image() string { return domain.ImageNameOf(t.ImageARN) }

func (t task) state() string { return cmp.Or(t.State, "not told") }

// result is the AMI, or what went wrong.
func (t task) result() string {
	var problems []string
	for _, detail := range t.ErrorDetails {
		problems = append(problems, strings.Trim(detail.ErrorCode+": "+detail.ErrorMessage, ": "))
	}
	return cmp.Or(t.AMIID, strings.Join(problems, "; "), "AppStream gives no reason")
}

// moment reads a time as either version of the aws command writes it: version 1 as seconds since 1970, version 2 as text.
type moment time.Time

func (m *moment) UnmarshalJSON(data []byte) error {
	var seconds float64
	if json.Unmarshal(data, &seconds) == nil {
		*m = moment(time.UnixMilli(int64(seconds * 1000)))
		return nil
	}
	var t time.Time
	if err := json.Unmarshal(data, &t); err != nil {
		return err
	}
	*m = moment(t)
	return nil
}
