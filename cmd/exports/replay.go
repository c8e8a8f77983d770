package main

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
)

// failedEvent is a message of the failed-events queue: Lambda's record of a failed trigger with the trigger in it, or the
// trigger itself, where EventBridge could not hand it over.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
type failedEvent struct {
	RequestPayload  json.RawMessage `json:"requestPayload"`
	ResponsePayload struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	} `json:"responsePayload"`
}

// replay sends every trigger in the failed-events queue to the function again and takes it out of the queue. One that the
// function cannot use would only fail again and stays. A trigger has the same id each time, so nothing is exported twice.
func replay(ctx context.Context, d desk) error {
	queue := d.stack.outputs["FailedEventsQueueUrl"]
	rows := [][]string{{"", "TRIGGER", "WHY IT FAILED"}}
	seen := map[string]bool{}
	for {
		var answer struct {
			Messages []struct {
				MessageID     string `json:"MessageId"`
				ReceiptHandle string
				Body          string
			}
		}
		// Long enough that none comes twice while this goes on.
		err := d.aws.call(ctx, &answer, "sqs", "receive-message", "--queue-url", queue, "--max-number-of-messages", "10",
			"--wait-time-seconds", "2", "--visibility-timeout", "300")
		if err != nil {
			return err
		}
		news := false
		for _, message := range answer.Messages {
			if seen[message.MessageID] {
				continue
			}
			seen[message.MessageID], news = true, true
			var event failedEvent
			// What is no record is the trigger itself, whatever it may be.
			if json.Unmarshal([]byte(message.Body), &event) != nil || event.RequestPayload == nil {
				event = failedEvent{RequestPayload: json.RawMessage(message.Body)}
			}
			said := "sent again"
			if event.ResponsePayload.ErrorType == "InvalidInput" {
				said = "left there"
			} else if _, err := d.invoke(ctx, event.RequestPayload, "Event"); err != nil {
				return err
			} else if err := d.aws.run(ctx, "sqs", "delete-message", "--queue-url", queue, "--receipt-handle", message.ReceiptHandle); err != nil {
				return err
			}
			rows = append(rows, []string{said, gist(event.RequestPayload), cmp.Or(event.ResponsePayload.ErrorMessage, "it was not delivered")})
		}
		if !news {
			break
		}
	}
	if len(rows) == 1 {
		d.screen.line("The failed-events queue of %s is empty.", d.stack.name)
		return nil
	}
	d.screen.table(rows)
	d.screen.line("What is sent again comes back to the queue if it fails again. `make status` shows what becomes of it.")
	return nil
}

// gist is enough of a trigger to tell it from others.
func gist(payload []byte) string {
	var event struct {
		DetailType string `json:"detail-type"`
		Time       string `json:"time"`
		Detail     struct {
			EventName string `json:"eventName"`
		} `json:"detail"`
	}
	text := string(payload)
	if json.Unmarshal(payload, &event) == nil && event.DetailType != "" {
		text = strings.TrimSpace(cmp.Or(event.Detail.EventName, event.DetailType) + " " + event.Time)
	}
	if runes := []rune(text); len(runes) > 60 {
		text = string(runes[:57]) + "..."
	}
	return text
}
