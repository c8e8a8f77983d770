package deployed

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// FailedEvent is a message of the failed-events queue.
type FailedEvent struct {
	Payload []byte // the trigger, as the function is to get it
	Why     string // it failed
	Usable  bool   // the function may make something of it
}

// ReadFailedEvent finds the trigger in a message. There are three forms:
//   - Lambda's record of an invocation that failed, with the trigger in it:
//     https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
//   - EventBridge Scheduler's request to Lambda, with the trigger as a text in it, which could not be sent:
//     https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
//   - the event itself, which a rule of EventBridge could not hand over:
//     https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
//
// The last two have the reason in attributes of the message.
func ReadFailedEvent(message types.Message) FailedEvent {
	body := []byte(aws.ToString(message.Body))
	var record struct {
		RequestPayload  json.RawMessage `json:"requestPayload"`
		ResponsePayload struct {
			ErrorType    string `json:"errorType"`
			ErrorMessage string `json:"errorMessage"`
		} `json:"responsePayload"`
	}
	if json.Unmarshal(body, &record) == nil && record.RequestPayload != nil {
		return FailedEvent{
			Payload: record.RequestPayload, Why: cmp.Or(record.ResponsePayload.ErrorMessage, "Lambda gives no reason"),
			// The function's own word that no attempt can succeed.
			Usable: record.ResponsePayload.ErrorType != "InvalidInput",
		}
	}
	event := FailedEvent{Payload: undelivered(body), Why: undeliveredWhy(message)}
	if event.Usable = json.Valid(event.Payload); !event.Usable {
		event.Why = "it is no JSON, so it is no trigger; " + event.Why
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
