package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"

	"appstream-ami-exporter/internal/tags"
	"appstream-ami-exporter/internal/trigger"
)

const (
	// tasksPage is the most that ListExportImageTasks returns; its default of 50 costs ten times the waits.
	tasksPage = 500

	// clockSkew is how far AppStream's clock and EventBridge's may be apart.
	clockSkew = time.Hour
)

// ReadTask asks AppStream how a task stands. One call, whatever the answer.
func (e *Exporter) ReadTask(ctx context.Context, taskID string) (Task, error) {
	reply, err := e.AppStream.GetExportImageTask(ctx, &appstream.GetExportImageTaskInput{TaskId: aws.String(taskID)})
	if err != nil {
		return Task{}, fmt.Errorf("GetExportImageTask: %w", classify(err, e.RoleARN))
	}
	if reply.ExportImageTask == nil {
		return Task{}, errors.New("GetExportImageTask: AppStream's answer holds no task")
	}
	return toTask(*reply.ExportImageTask), nil
}

// FindTwin looks for a running or completed task for the same image under the same AMI name, and prefers a completed one. Where
// there is one, the failure of the other means only that it came second: the AMI exists or is being made.
func (e *Exporter) FindTwin(ctx context.Context, of Task) (twin Task, found bool, err error) {
	err = e.eachTask(ctx, func(task Task) {
		if of.hasTwin(task) && (!found || task.Completed()) {
			twin, found = task, true
		}
	})
	if err == nil && found && len(twin.Tags) == 0 { // which a list need not tell
		twin, err = e.ReadTask(ctx, twin.ID)
	}
	return twin, found, err
}

// FindDuplicate looks for another AMI that was made of the same image under the same name: AppStream promises that there is none,
// but EC2 lets the call with which it copies make one.
func (e *Exporter) FindDuplicate(ctx context.Context, of Task) (duplicate Task, found bool, err error) {
	err = e.eachTask(ctx, func(task Task) {
		if of.hasTwin(task) && task.Completed() {
			duplicate, found = task, true
		}
	})
	if err == nil && found && duplicate.AMIID == "" { // which a list need not tell
		duplicate, err = e.ReadTask(ctx, duplicate.ID)
	}
	return duplicate, found && duplicate.AMIID != of.AMIID, err
}

// Started tells whether the task is one that this very trigger started. Several stacks may be sent one event, so the stack has to
// agree as well; tasks of earlier versions do not name theirs.
func (e *Exporter) Started(task Task, by trigger.Trigger) bool { return startedBy(task, by, e.Stack) }

func startedBy(task Task, by trigger.Trigger, stack string) bool {
	return task.Tags[tags.TriggerID] == by.ID && task.of(stack)
}

// of tells whether the task may be one of the stack's.
func (t Task) of(stack string) bool {
	return stack == "" || t.Tags[tags.Stack] == "" || t.Tags[tags.Stack] == stack
}

// readHistory reads all export tasks. They are not filtered: AppStream documents no names of filters. A list need not tell a task's
// tags, by which a trigger knows what it has started: such a task is read again, but for one of an image that is not among names,
// where there are any.
func (e *Exporter) readHistory(ctx context.Context, t trigger.Trigger, names []string) (*history, error) {
	read := newHistory(t, e.Stack)
	wanted := setOf(names)
	var unclear []Task
	err := e.eachTask(ctx, func(task Task) {
		// What the trigger started is younger than the trigger.
		young := task.Created.IsZero() || task.Created.After(t.Time.Add(-clockSkew))
		if len(task.Tags) == 0 && young && (names == nil || wanted[task.ImageName()]) {
			unclear = append(unclear, task)
			return
		}
		if len(task.Tags) == 0 && young {
			read.untold = append(read.untold, task)
		}
		read.add(task)
	})
	if err != nil {
		return nil, err
	}
	clear, err := e.readTasks(ctx, unclear)
	if err != nil {
		return nil, err
	}
	for _, task := range clear { // in their order: of two the latter counts
		read.add(task)
	}
	return read, nil
}

// laterNightIsUntold asks for the tags of the youngest tasks of which the list told none, whether one is of a later run. What
// cannot be read says nothing.
func (e *Exporter) laterNightIsUntold(ctx context.Context, read *history) bool {
	const most = 25 // a run starts some at the least, and the youngest tasks are the latest run's
	youngest := slices.SortedFunc(slices.Values(read.untold), func(a, b Task) int { return b.Created.Compare(a.Created) })
	told, _ := e.readTasks(ctx, youngest[:min(most, len(youngest))])
	for _, task := range told {
		read.noteNight(task)
	}
	return read.laterNight
}

// readTasks reads each of the tasks again, in their order.
func (e *Exporter) readTasks(ctx context.Context, listed []Task) ([]Task, error) {
	var mutex sync.Mutex
	var errs []error
	whole := map[string]Task{}
	inParallel(listed, func(task Task) {
		full, err := e.ReadTask(ctx, task.ID)
		if isNotFound(err) {
			full, err = task, nil // ended and forgotten in between
		}
		mutex.Lock()
		defer mutex.Unlock()
		whole[task.ID] = full
		errs = append(errs, err)
	})
	read := make([]Task, len(listed))
	for i, task := range listed {
		read[i] = whole[task.ID]
	}
	return read, cmp.Or(errs...)
}

func (e *Exporter) eachTask(ctx context.Context, do func(Task)) error {
	input := &appstream.ListExportImageTasksInput{MaxResults: aws.Int32(tasksPage)}
	for {
		page, err := e.AppStream.ListExportImageTasks(ctx, input)
		if err != nil {
			return fmt.Errorf("ListExportImageTasks: %w", classify(err, e.RoleARN))
		}
		for _, task := range page.ExportImageTasks {
			do(toTask(task))
		}
		more, err := nextPage(&input.NextToken, page.NextToken)
		if err != nil || !more {
			return err
		}
	}
}
