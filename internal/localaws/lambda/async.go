package lambda

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"appstream-ami-exporter/internal/localaws/wait"
)

// failureRecord is what an on-failure destination is sent.
// See https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html.
type failureRecord struct {
	Version         string          `json:"version"`
	Timestamp       string          `json:"timestamp"`
	RequestContext  requestContext  `json:"requestContext"`
	RequestPayload  json.RawMessage `json:"requestPayload"`
	ResponseContext responseContext `json:"responseContext"`
	ResponsePayload json.RawMessage `json:"responsePayload"`
}

type requestContext struct {
	RequestID              string `json:"requestId"`
	FunctionARN            string `json:"functionArn"`
	Condition              string `json:"condition"`
	ApproximateInvokeCount int    `json:"approximateInvokeCount"`
}

type responseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError"`
}

// InvokeAsync takes an event to be processed later and returns its request id. As in Lambda, a failed
// attempt is followed by others with the same request id, and then by the on-failure destination.
func (f *Function) InvokeAsync(payload []byte) (requestID string) {
	requestID = uuid.NewString()
	f.mu.Lock()
	f.pending++
	f.mu.Unlock()
	f.work.Go(func() {
		f.deliver(requestID, payload)
		f.mu.Lock()
		f.pending--
		f.mu.Unlock()
	})
	return requestID
}

// deliver makes all attempts at one asynchronous invocation.
func (f *Function) deliver(requestID string, payload []byte) {
	for attempt := 1; ; attempt++ {
		if f.acquire(f.ctx) != nil {
			return // closed
		}
		result := f.run(requestID, attempt, payload)
		f.release()
		if !result.Failed() {
			return
		}
		if attempt > *f.options.MaximumRetryAttempts {
			f.sendFailure(result)
			return
		}
		// Lambda waits one minute before the second attempt, and two before the third.
		pause := time.Duration(float64(attempt) * float64(time.Minute) / f.options.Scale)
		if wait.For(f.ctx, pause) != nil {
			return // closed
		}
	}
}

// sendFailure tells the on-failure destination, if there is one.
func (f *Function) sendFailure(result Result) {
	if f.options.OnFailure == nil || f.ctx.Err() != nil {
		return
	}
	record := failureRecord{
		Version:   "1.0",
		Timestamp: time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		RequestContext: requestContext{
			RequestID: result.RequestID, FunctionARN: f.ARN() + ":$LATEST",
			Condition: "RetriesExhausted", ApproximateInvokeCount: result.Attempt,
		},
		RequestPayload:  jsonOrString(result.Event),
		ResponseContext: responseContext{StatusCode: 200, ExecutedVersion: "$LATEST", FunctionError: result.FunctionError},
		ResponsePayload: jsonOrString(result.Payload),
	}
	body, err := json.Marshal(record)
	if err == nil {
		err = f.options.OnFailure(body)
	}
	if err != nil {
		// Lambda counts DestinationDeliveryFailures and drops the record.
		f.options.Environment.OnLog(LogLine{
			Time: time.Now(), RequestID: result.RequestID, Stream: "platform",
			Text: fmt.Sprintf("the on-failure destination was not reached: %v", err),
		})
	}
}

// jsonOrString makes a payload fit to be part of a JSON document.
func jsonOrString(payload []byte) json.RawMessage {
	if json.Valid(payload) {
		return payload
	}
	quoted, err := json.Marshal(string(payload))
	if err != nil {
		panic(err) // a string can always be encoded
	}
	return quoted
}
