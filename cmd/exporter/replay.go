package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/terminal"
)

// replayed is what became of the messages of the failed-events queue.
type replayed struct {
	Stack  terminal.Stack `json:"stack"`
	Events []outcome      `json:"events"`
}

type outcome struct {
	SentAgain bool   `json:"sentAgain"` // otherwise it was left there
	Trigger   string `json:"trigger"`   // enough of it to tell it from others
	Why       string `json:"why"`       // it failed
}

// replay sends every trigger in the failed-events queue to the function again and takes it out of the queue. One that the
// function cannot use would only fail again and stays. A trigger has the same id each time, so nothing is exported twice.
func (d desk) replay(ctx context.Context) (report, error) {
	r := replayed{Stack: d.stack, Events: []outcome{}}
	seen := map[string]bool{}
	var left []string // the receipts of those that stay
	defer func() {
		for _, receipt := range left {
			d.showAgain(ctx, receipt)
		}
	}()
	for {
		answer, err := d.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: d.failedEvents(), MaxNumberOfMessages: 10, WaitTimeSeconds: 2, MessageAttributeNames: []string{"All"},
			// Long enough that none comes twice while this goes on.
			VisibilityTimeout: 300,
		})
		if err != nil {
			return r, terminal.Explain(err)
		}
		news := false
		for _, message := range answer.Messages {
			if seen[aws.ToString(message.MessageId)] {
				continue
			}
			seen[aws.ToString(message.MessageId)], news = true, true
			event := deployed.ReadFailedEvent(message)
			if event.Usable {
				if err := d.sendAgain(ctx, event.Payload, message); err != nil {
					return r, err
				}
			} else {
				left = append(left, aws.ToString(message.ReceiptHandle))
			}
			r.Events = append(r.Events, outcome{SentAgain: event.Usable, Trigger: gist(event.Payload), Why: event.Why})
		}
		if !news {
			return r, nil
		}
	}
}

func (d desk) failedEvents() *string { return aws.String(d.stack.Outputs["FailedEventsQueueUrl"]) }

// sendAgain hands a trigger to Lambda, and then takes it out of the queue.
func (d desk) sendAgain(ctx context.Context, payload []byte, message types.Message) error {
	if err := d.send(ctx, payload); err != nil {
		return err
	}
	_, err := d.queues.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: d.failedEvents(), ReceiptHandle: message.ReceiptHandle})
	return terminal.Explain(err)
}

// showAgain lets whoever looks next see a message that stays. If it cannot, they see it five minutes later.
func (d desk) showAgain(ctx context.Context, receipt string) {
	_, _ = d.queues.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: d.failedEvents(), ReceiptHandle: &receipt, VisibilityTimeout: 0,
	})
}

func (r replayed) show(s terminal.Screen) {
	if len(r.Events) == 0 {
		s.Line("The failed-events queue of %s is empty.", r.Stack.Name)
		return
	}
	rows := [][]string{{"", "TRIGGER", "WHY IT FAILED"}}
	for _, event := range r.Events {
		said := s.Paint(terminal.Green, "sent again")
		if !event.SentAgain {
			said = s.Paint(terminal.Red, "left there")
		}
		rows = append(rows, []string{said, event.Trigger, event.Why})
	}
	s.Table(rows)
	s.Line("What is sent again comes back to the queue if it fails again. `make status` shows what becomes of it.")
}

func (r replayed) attention() error {
	left := 0
	for _, event := range r.Events {
		if !event.SentAgain {
			left++
		}
	}
	if left == 0 {
		return nil
	}
	return terminal.Attention(counted(left, "trigger") +
		" left in the failed-events queue: the function cannot use it. docs/OPERATIONS.md says how to throw it away")
}
