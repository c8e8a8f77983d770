package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"appstream-ami-exporter/internal/handler"
	"appstream-ami-exporter/internal/trigger"
)

// recent is how far back ended exports are shown.
const recent = 7 * 24 * time.Hour

// status shows how the stack is doing: what runs, what has ended, what waits, and what needs a person. A part that cannot be
// read says why, and the others are shown all the same.
func status(ctx context.Context, d desk) error {
	now := d.now()
	var (
		wait                                                sync.WaitGroup
		tasks                                               []task
		waiting                                             handler.Reply
		queues                                              [][]string
		last                                                *nightly
		alarms                                              alarmStates
		tasksErr, waitingErr, queuesErr, lastErr, alarmsErr error
	)
	// Each starts a process of the aws command, which takes a second.
	wait.Go(func() { tasks, tasksErr = d.aws.tasks(ctx) })
	wait.Go(func() { waiting, waitingErr = d.ask(ctx, trigger.Spec{DryRun: true}) })
	wait.Go(func() { queues, queuesErr = d.queues(ctx) })
	wait.Go(func() { last, lastErr = d.lastNight(ctx, now) })
	wait.Go(func() { alarms, alarmsErr = d.alarmStates(ctx) })
	wait.Wait()

	d.screen.line("%s in %s (account %s), %s UTC\n", d.stack.name, d.stack.region, d.stack.account, stamp(now))
	d.screen.section("Last nightly run", last.rows(now), "none in the last "+span(nightsBack), lastErr)
	d.screen.section("Running exports of this account and Region", running(tasks, now), "none", tasksErr)
	d.screen.section("Exports that ended, of those started in the last "+span(recent), ended(tasks, now), "none", tasksErr)
	d.screen.section("Images still to be exported", without(waiting), "none", waitingErr)
	d.screen.section("Queues", queues, "", queuesErr)
	d.screen.section("Alarms", alarms.rows(), alarms.none(), alarmsErr)
	if errors.Join(tasksErr, waitingErr, queuesErr, lastErr, alarmsErr) != nil {
		return errors.New("not everything could be read")
	}
	return nil
}

func running(tasks []task, now time.Time) (rows [][]string) {
	for _, t := range tasks {
		if !t.ended() {
			rows = append(rows, []string{t.image(), t.AMIName, t.state(), span(now.Sub(time.Time(t.CreatedDate)))})
		}
	}
	return headed(rows, "IMAGE", "AMI NAME", "STATE", "FOR")
}

// ended shows when exports were started: AppStream does not tell when they ended.
func ended(tasks []task, now time.Time) (rows [][]string) {
	for _, t := range tasks {
		if t.ended() && now.Sub(time.Time(t.CreatedDate)) < recent {
			rows = append(rows, []string{stamp(time.Time(t.CreatedDate)), t.image(), t.state(), t.AMIName, t.result()})
		}
	}
	return headed(rows, "STARTED (UTC)", "IMAGE", "END", "AMI NAME", "RESULT")
}

// due is why an image has no AMI that a dry run would start.
const due = "to be started by the next nightly run, or earlier if it waits for AppStream's limit"

// without shows the selected images that are to be exported and are not: what a dry run finds.
func without(plan handler.Reply) (rows [][]string) {
	for _, entry := range plan.Waiting {
		rows = append(rows, []string{entry.ImageName, entry.AMIName, entry.Reason})
	}
	for _, entry := range plan.WouldStart {
		rows = append(rows, []string{entry.ImageName, entry.AMIName, due})
	}
	return headed(rows, "IMAGE", "AMI NAME", "WHY")
}

// headed puts a heading over rows, if there are any.
func headed(rows [][]string, heading ...string) [][]string {
	if len(rows) == 0 {
		return nil
	}
	return slices.Insert(rows, 0, heading)
}

// queues tells how much is in each queue, and what that means.
func (d desk) queues(ctx context.Context) ([][]string, error) {
	rows := [][]string{{"QUEUE", "MESSAGES", ""}}
	for _, queue := range []struct{ name, output, calm, alarm string }{
		{"work", "WorkQueueUrl", "nothing is unfinished", "unfinished: running exports, waiting images, notifications"},
		{"dead letters", "DeadLetterQueueUrl", "", "work that could not be read or finished: see docs/OPERATIONS.md"},
		{"failed events", "FailedEventsQueueUrl", "", "triggers that came to nothing: see docs/OPERATIONS.md"},
	} {
		count, err := d.aws.messages(ctx, d.stack.outputs[queue.output])
		if err != nil {
			return nil, err
		}
		meaning := queue.alarm
		if count == 0 {
			meaning = queue.calm
		}
		rows = append(rows, []string{queue.name, strconv.Itoa(count), meaning})
	}
	return rows, nil
}

// messages counts all messages of a queue: those to be had, those being worked on, and those that wait.
func (c cli) messages(ctx context.Context, url string) (count int, err error) {
	var answer struct{ Attributes map[string]string }
	parts := []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"}
	args := append([]string{"--queue-url", url, "--attribute-names"}, parts...)
	if err := c.call(ctx, &answer, "sqs", "get-queue-attributes", args...); err != nil {
		return 0, err
	}
	for _, part := range parts {
		n, err := strconv.Atoi(answer.Attributes[part])
		if err != nil {
			return 0, err
		}
		count += n
	}
	return count, nil
}
