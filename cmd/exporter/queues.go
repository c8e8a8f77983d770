package main

import (
	"context"
	"strconv"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/terminal"
)

// queue is how much is in one of the stack's queues, and what that means.
type queue struct {
	Name     string `json:"name"`
	Messages int    `json:"messages"`

	output  string // of the stack, with the queue's URL
	calm    string // if it is empty
	busy    string // if it is not
	trouble bool   // what is in it needs a person
}

func (d desk) queueStates(ctx context.Context) (queues []queue, err error) {
	const see = ": see docs/OPERATIONS.md"
	for _, q := range []queue{
		{Name: "work", output: "WorkQueueUrl", calm: "nothing is unfinished",
			busy: "unfinished: running exports, waiting images, notifications"},
		{Name: "dead letters", output: "DeadLetterQueueUrl", busy: "work that could not be read or finished" + see, trouble: true},
		{Name: "failed events", output: "FailedEventsQueueUrl", busy: "triggers that came to nothing" + see, trouble: true},
	} {
		if q.Messages, err = d.messages(ctx, d.stack.Outputs[q.output]); err != nil {
			return nil, err
		}
		queues = append(queues, q)
	}
	return queues, nil
}

// messages counts all messages of a queue.
func (d desk) messages(ctx context.Context, url string) (int, error) {
	depth, err := deployed.Count(ctx, d.queues, url)
	return depth.Messages(), terminal.Explain(err)
}

func queueRows(s terminal.Screen, queues []queue) (rows [][]string) {
	for _, q := range queues {
		count, meaning := strconv.Itoa(q.Messages), q.calm
		if q.Messages > 0 {
			meaning = q.busy
			if q.trouble {
				count = s.Paint(terminal.Red, count)
			}
		}
		rows = append(rows, []string{q.Name, count, meaning})
	}
	return headed(rows, "QUEUE", "MESSAGES", "")
}
