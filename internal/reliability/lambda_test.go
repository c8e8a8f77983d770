package reliability

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"appstream-ami-exporter/internal/localaws/lambda"
)

// process is one invocation in an execution environment of its own. Once dead, none of its calls is answered any more, so that
// nothing of it goes on.
type process struct {
	number   int
	payload  string
	dead     bool // guarded by world.mutex
	over     bool
	outcome  lambda.Result
	conclude func(lambda.Result)
	looked   int // how many calls the world had served when it last began to read the tasks
}

type processKey struct{}

// start begins an invocation; conclude is called in the world's goroutine when it has ended, in whatever way.
func (w *world) start(requestID, event string, payload []byte, conclude func(lambda.Result)) {
	w.processes++
	p := &process{number: w.processes, payload: string(payload)}
	p.conclude = func(result lambda.Result) {
		p.over = true
		w.tracef("%d ended %s%s", p.number, result.ErrorType, brief(result.Payload))
		if w.options.done != nil {
			w.options.done(result)
		}
		conclude(result)
	}
	w.mutex.Lock()
	w.running++
	w.mutex.Unlock()
	timeout := w.timeout()
	w.tracef("%d invoked by %s %s", p.number, event, requestID)
	ctx, cancel := context.WithDeadline(context.WithValue(context.Background(), processKey{}, p), time.Now().Add(timeout))
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: requestID, InvokedFunctionArn: w.stack.Function.ARN})
	w.after(timeout, func() {
		if !p.over {
			w.kill(p, "Sandbox.Timedout")
		}
	})
	result := lambda.Result{RequestID: requestID, Event: payload}
	h := w.newHandler()
	go func() {
		defer cancel()
		reply, err := h.Invoke(ctx, payload)
		w.mutex.Lock()
		defer w.mutex.Unlock()
		if p.dead {
			return // it ended long ago for everybody else
		}
		w.running--
		result.Payload = reply
		if err != nil {
			result.FunctionError, result.ErrorType, result.ErrorMessage = "Unhandled", reflect.TypeOf(err).Elem().Name(), err.Error()
		}
		p.outcome = result
		w.ended = append(w.ended, p)
		w.signal()
	}()
}

// kill ends an invocation at once, with whatever it is doing.
func (w *world) kill(p *process, errorType string) {
	w.mutex.Lock()
	if p.dead || p.over {
		w.mutex.Unlock()
		return
	}
	p.dead = true
	w.running--
	parked := w.parked[:0]
	for _, call := range w.parked {
		if call.process != p {
			parked = append(parked, call)
		}
	}
	w.parked = parked
	w.mutex.Unlock()
	p.conclude(lambda.Result{FunctionError: "Unhandled", ErrorType: errorType})
}

// invoke runs the function once, as a caller does who waits for the answer.
func (w *world) invoke(payload []byte) (result lambda.Result) {
	w.t.Helper()
	ended := false
	w.start(w.requestID(), "request", payload, func(r lambda.Result) { result, ended = r, true })
	for limit := time.Now().Add(w.timeout() + time.Second); !ended && time.Now().Before(limit); {
		w.run(earlier(limit, time.Now().Add(time.Second)))
	}
	return result
}

func (w *world) requestID() string {
	w.requests++
	return fmt.Sprintf("11111111-1111-4111-8111-%012x", w.requests)
}

// invokeAsync hands the function an event as EventBridge does. Lambda tries a failed one again with the same request id, and
// then puts it aside.
func (w *world) invokeAsync(event string, payload []byte) {
	requestID := w.requestID()
	var attempt func(n int)
	attempt = func(n int) {
		w.start(requestID, event, payload, func(result lambda.Result) {
			switch {
			case !result.Failed():
			case n <= w.stack.Function.RetryAttempts:
				// Lambda waits one minute before the second attempt, and two before the third.
				w.after(time.Duration(n)*time.Minute, func() { attempt(n + 1) })
			default:
				w.tracef("put aside: %s", event)
				w.failed.add(string(payload), 0)
			}
		})
	}
	attempt(1)
}

// putEvent does with an event what EventBridge does, and tells whether a rule of the stack took it.
func (w *world) putEvent(event []byte) (matched bool) {
	w.t.Helper()
	for _, rule := range w.stack.Rules {
		matches, err := rule.Matches(event)
		if err != nil {
			w.t.Fatal(err)
		}
		if matches {
			matched = true
			w.invokeAsync("event", event)
		}
	}
	return matched
}

// fireSchedule does what EventBridge Scheduler does at the scheduled time.
func (w *world) fireSchedule(scheduled time.Time) {
	w.t.Helper()
	payload, err := w.stack.Schedule.Payload(scheduled)
	if err != nil {
		w.t.Fatal(err)
	}
	w.invokeAsync("schedule", payload)
}

// poll is the event source mapping: as many invocations as it may have at once, each with what can be received now.
func (w *world) poll() {
	for w.batches < w.stack.Mapping.MaximumConcurrency {
		batch := w.work.receive(w.stack.Mapping.BatchSize, w)
		if len(batch) == 0 {
			return
		}
		payload, err := json.Marshal(batchEvent(batch, w.stack.Mapping.QueueARN))
		if err != nil {
			w.t.Fatal(err)
		}
		w.batches++
		w.start(w.requestID(), "queue", payload, func(result lambda.Result) {
			w.batches--
			w.finish(batch, result)
			w.poll()
		})
	}
}

// finish deletes what was handled. The rest comes again in its time.
func (w *world) finish(batch []*message, result lambda.Result) {
	if result.Failed() {
		return
	}
	var reply events.SQSEventResponse
	if err := json.Unmarshal(result.Payload, &reply); err != nil {
		w.t.Errorf("the reply to a batch is %q: %v", result.Payload, err)
		return
	}
	again := map[string]bool{}
	for _, failure := range reply.BatchItemFailures {
		again[failure.ItemIdentifier] = true
	}
	for _, m := range batch {
		if !again[m.id] {
			w.work.remove(m)
		}
	}
}

func batchEvent(batch []*message, queueARN string) (event events.SQSEvent) {
	for _, m := range batch {
		event.Records = append(event.Records, events.SQSMessage{
			MessageId: m.id, ReceiptHandle: m.handle, Body: m.body, EventSource: "aws:sqs", EventSourceARN: queueARN,
			AWSRegion:  "eu-west-1",
			Attributes: map[string]string{"ApproximateReceiveCount": fmt.Sprint(m.receives)},
		})
	}
	return event
}

func brief(payload []byte) string {
	if len(payload) > 300 {
		return string(payload[:300]) + "..."
	}
	return string(payload)
}
