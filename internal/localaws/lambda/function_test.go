package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/lambda"
	"appstream-ami-exporter/internal/localaws/queues"
)

// results collects the attempts of a function.
type results struct {
	mu  sync.Mutex
	all []lambda.Result
}

func (r *results) add(result lambda.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, result)
}

func (r *results) list() []lambda.Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]lambda.Result(nil), r.all...)
}

func TestInvokeAsyncRetriesThenTellsTheDestination(t *testing.T) {
	t.Parallel()
	const scale = 600 // a minute is 100 ms
	q := newQueues(t, scale)
	failed := createQueue(t, q, "failed", queues.QueueOptions{})
	var attempts results
	f := newFunction(t, lambda.FunctionOptions{Scale: scale, OnFailure: sendTo(q, failed), OnResult: attempts.add})

	id := f.InvokeAsync([]byte(`{"do":"fail","text":"no luck"}`))
	if f.Idle() {
		t.Error("idle with an invocation pending")
	}
	if err := f.Wait(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}

	var got []string
	for _, a := range attempts.list() {
		got = append(got, fmt.Sprint(a.Attempt, a.RequestID, a.ErrorMessage))
	}
	want := []string{fmt.Sprint(1, id, "no luck"), fmt.Sprint(2, id, "no luck"), fmt.Sprint(3, id, "no luck")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("attempts (-want +got):\n%s", diff)
	}
	for i, least := range []time.Duration{100 * time.Millisecond, 200 * time.Millisecond} {
		if wait := attempts.list()[i+1].Started.Sub(attempts.list()[i].Started); wait < least {
			t.Errorf("attempt %d came %v after the one before, want at least %v", i+2, wait, least)
		}
	}

	records := q.Messages(failed)
	if len(records) != 1 {
		t.Fatalf("%d records, want one", len(records))
	}
	var record map[string]any
	if err := json.Unmarshal([]byte(records[0].Body), &record); err != nil {
		t.Fatal(err)
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000Z", fmt.Sprint(record["timestamp"])); err != nil {
		t.Error(err)
	}
	delete(record, "timestamp")
	rest, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	if diff := jsonEqual(t, `{
		"version": "1.0",
		"requestContext": {
			"requestId": "`+id+`", "functionArn": "`+f.ARN()+`:$LATEST",
			"condition": "RetriesExhausted", "approximateInvokeCount": 3},
		"requestPayload": {"do": "fail", "text": "no luck"},
		"responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
		"responsePayload": {"errorMessage": "no luck", "errorType": "errorString"}
	}`, string(rest)); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestInvokeAsyncStopsAtSuccess(t *testing.T) {
	t.Parallel()
	q := newQueues(t, 1)
	failed := createQueue(t, q, "failed", queues.QueueOptions{})
	var attempts results
	f := newFunction(t, lambda.FunctionOptions{OnFailure: sendTo(q, failed), OnResult: attempts.add})
	f.InvokeAsync([]byte(`{"do":"echo"}`))
	if err := f.Wait(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	if got := len(attempts.list()); got != 1 {
		t.Errorf("%d attempts, want one", got)
	}
	if got := q.Messages(failed); got != nil {
		t.Errorf("the destination has %+v", got)
	}
}

func TestInvokeAsyncWithoutRetries(t *testing.T) {
	t.Parallel()
	q := newQueues(t, 1)
	failed := createQueue(t, q, "failed", queues.QueueOptions{})
	f := newFunction(t, lambda.FunctionOptions{MaximumRetryAttempts: new(0), OnFailure: sendTo(q, failed)})
	f.InvokeAsync([]byte(`not JSON`))
	if err := f.Wait(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	records := q.Messages(failed)
	if len(records) != 1 {
		t.Fatalf("%d records, want one", len(records))
	}
	for _, want := range []string{`"requestPayload":"not JSON"`, `"approximateInvokeCount":1`} {
		if !strings.Contains(records[0].Body, want) {
			t.Errorf("the record has no %s: %s", want, records[0].Body)
		}
	}
}

func TestFunctionLimitsConcurrency(t *testing.T) {
	t.Parallel()
	var attempts results
	f := newFunction(t, lambda.FunctionOptions{MaximumConcurrency: 2, OnResult: attempts.add})
	for range 4 {
		f.InvokeAsync([]byte(`{"do":"sleep","millis":100}`))
	}
	if err := f.Wait(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	all := attempts.list()
	most := 0
	for _, a := range all {
		overlapping := 0
		for _, b := range all {
			if !b.Started.After(a.Started) && b.Started.Add(b.Duration).After(a.Started) {
				overlapping++
			}
		}
		most = max(most, overlapping)
	}
	if len(all) != 4 || most != 2 {
		t.Errorf("%d invocations ran, at most %d at once; want 4, and 2 at once", len(all), most)
	}
}

func TestFunctionClose(t *testing.T) {
	t.Parallel()
	f := newFunction(t, lambda.FunctionOptions{})
	if err := f.Warm(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	f.InvokeAsync([]byte(`{"do":"sleep","millis":60000}`)) // running
	f.InvokeAsync([]byte(`{"do":"fail"}`))                 // waits a minute for its second attempt
	time.Sleep(100 * time.Millisecond)
	start := time.Now()
	f.Close()
	if got := time.Since(start); got > 5*time.Second {
		t.Errorf("took %v", got)
	}
	if _, err := f.Invoke(t.Context(), []byte(`{}`)); err == nil {
		t.Error("a closed function can be invoked")
	}
}

// TestKillHitsTheCaller has two environments call AWS, of which one is killed.
func TestKillHitsTheCaller(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind        gateway.EffectKind
		wantReached int32
	}{{gateway.KillBefore, 1}, {gateway.KillAfter, 2}} {
		t.Run(fmt.Sprint(tt.kind), func(t *testing.T) {
			t.Parallel()
			backend := new(countingAppStream)
			options := probeEnvironment(t)
			options.Gateway = newGateway(t, gateway.Service{SigningName: "appstream", Handler: backend})
			// The first call waits until the second has died.
			died := make(chan struct{})
			options.Gateway.SetFault(func(c gateway.Call) gateway.Effect {
				if c.Number == 2 {
					return gateway.Effect{Kind: tt.kind}
				}
				select {
				case <-died:
				case <-time.After(20 * time.Second):
				}
				return gateway.Effect{}
			})
			f := newFunction(t, lambda.FunctionOptions{Environment: options, MaximumConcurrency: 2})
			survivor := make(chan lambda.Result)
			go func() {
				result, _ := f.Invoke(t.Context(), []byte(`{"do":"describe"}`))
				survivor <- result
			}()
			eventually(t, "the first call has arrived", func() bool { return len(options.Gateway.Calls()) == 1 })
			victim := invoke(t, f, `{"do":"describe"}`)
			close(died)

			if victim.ErrorType != "Runtime.ExitError" || !strings.Contains(victim.ErrorMessage, "signal: killed") {
				t.Errorf("the victim ended with %q: %q", victim.ErrorType, victim.ErrorMessage)
			}
			if got := <-survivor; string(got.Payload) != "null" {
				t.Errorf("the other ended with %s", got.Payload)
			}
			if got := backend.calls.Load(); got != tt.wantReached {
				t.Errorf("%d calls reached the service, want %d", got, tt.wantReached)
			}
			calls := options.Gateway.Calls()
			if calls[0].Environment == "" || calls[0].Environment == calls[1].Environment || calls[0].PID == calls[1].PID {
				t.Errorf("the callers are %s (%d) and %s (%d)",
					calls[0].Environment, calls[0].PID, calls[1].Environment, calls[1].PID)
			}
		})
	}
}

func TestFaultsAsTheFunctionSeesThem(t *testing.T) {
	t.Parallel()
	q := newQueues(t, 1)
	queue, topic := createQueue(t, q, "work", queues.QueueOptions{}), createTopic(t, q, "news")
	options := probeEnvironment(t)
	options.Gateway = newGateway(t, services(q)...)
	f := newFunction(t, lambda.FunctionOptions{Environment: options, MaximumConcurrency: 1})
	events := map[string]string{
		"appstream": `{"do":"describe","millis":1000}`,
		"sns":       fmt.Sprintf(`{"do":"publish","topic":%q,"text":"hello","millis":1000}`, topic.ARN),
		"sqs":       fmt.Sprintf(`{"do":"send","queue":%q,"text":"hello","millis":1000}`, queue.URL),
	}
	for service, event := range events {
		for _, tt := range []struct {
			effect gateway.Effect
			want   string
		}{
			{gateway.Effect{}, "null"},
			{gateway.Effect{Kind: gateway.Refuse, Status: 400, Code: "AccessDeniedException", Message: "no"}, "AccessDeniedException: no"},
			{gateway.Effect{Kind: gateway.ResetAfter}, "connection reset by peer"},
			{gateway.Effect{Kind: gateway.HangBefore}, "deadline exceeded"},
		} {
			options.Gateway.SetFault(func(gateway.Call) gateway.Effect { return tt.effect })
			if got := string(invoke(t, f, event).Payload); !strings.Contains(got, tt.want) {
				t.Errorf("%s, %+v: got %s, want %q", service, tt.effect, got, tt.want)
			}
		}
	}
	if got := len(q.Messages(queue)); got != 2 {
		t.Errorf("%d messages were sent, want two: one passed and one lost its reply", got)
	}
	for _, call := range options.Gateway.Calls() {
		if !strings.Contains(call.TraceID, "Root=1-") {
			t.Errorf("%s carries no trace id: %q", call.Action, call.TraceID)
		}
	}
}

func TestInvokeWaitsForAFreeEnvironment(t *testing.T) {
	t.Parallel()
	f := newFunction(t, lambda.FunctionOptions{MaximumConcurrency: 1})
	f.InvokeAsync([]byte(`{"do":"sleep","millis":60000}`))
	eventually(t, "the only environment is busy", func() bool {
		_, err := f.Invoke(within(t, 50*time.Millisecond), []byte(`{"do":"echo"}`))
		return errors.Is(err, context.DeadlineExceeded)
	})
}

// jsonEqual compares JSON documents whatever their layout.
func jsonEqual(t *testing.T, want, got string) string {
	t.Helper()
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("want: %v", err)
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("got: %v\n%s", err, got)
	}
	return cmp.Diff(w, g)
}
