package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// failedEvent is a message of the failed-events queue.
type failedEvent struct {
	payload []byte // the trigger, as the function is to get it
	why     string // it failed
	usable  bool   // the function may make something of it
}

// read finds the trigger in a message. There are three forms:
//   - Lambda's record of an invocation that failed, with the trigger in it:
//     https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
//   - EventBridge Scheduler's request to Lambda, with the trigger as a text in it, which could not be sent:
//     https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
//   - the event itself, which a rule of EventBridge could not hand over:
//     https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
//
// The last two have the reason in attributes of the message.
func read(message types.Message) failedEvent {
	body := []byte(aws.ToString(message.Body))
	var record struct {
		RequestPayload  json.RawMessage `json:"requestPayload"`
		ResponsePayload struct {
			ErrorType    string `json:"errorType"`
			ErrorMessage string `json:"errorMessage"`
		} `json:"responsePayload"`
	}
	if json.Unmarshal(body, &record) == nil && record.RequestPayload != nil {
		return failedEvent{
			payload: record.RequestPayload, why: cmp.Or(record.ResponsePayload.ErrorMessage, "Lambda gives no reason"),
			// The function's own word that no attempt can succeed.
			usable: record.ResponsePayload.ErrorType != "InvalidInput",
		}
	}
	event := failedEvent{payload: undelivered(body), why: undeliveredWhy(message)}
	if event.usable = json.Valid(event.payload); !event.usable {
		event.why = "it is no JSON, so it is no trigger; " + event.why
	}
	return event
}

// undelivered is the trigger of a message that holds no record: what Scheduler would have sent to Lambda, or the message.
func undelivered(body []byte) []byte {
	var request map[string]json.RawMessage
	if json.Unmarshal(body, &request) != nil || request["FunctionName"] == nil || request["Payload"] == nil {
		return body
	}
	var payload string
	if json.Unmarshal(request["Payload"], &payload) != nil {
		return request["Payload"]
	}
	return []byte(payload)
}

func undeliveredWhy(message types.Message) string {
	attribute := func(name string) string { return aws.ToString(message.MessageAttributes[name].StringValue) }
	why := strings.Trim(attribute("ERROR_CODE")+": "+attribute("ERROR_MESSAGE"), ": ")
	return cmp.Or(why, "it was not delivered")
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
	text := string(bytes.Join(bytes.Fields(payload), []byte(" ")))
	// A field of another form, such as Scheduler's detail, a text, does not spoil the others.
	if _ = json.Unmarshal(payload, &event); event.DetailType != "" {
		text = strings.TrimSpace(cmp.Or(event.Detail.EventName, event.DetailType) + " " + event.Time)
	}
	if runes := []rune(text); len(runes) > 60 {
		text = string(runes[:57]) + "..."
	}
	return text
}
