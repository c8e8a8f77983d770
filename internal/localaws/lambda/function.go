// Package lambda runs a compiled function as AWS Lambda does: behind the Runtime API, in execution environments that are
// processes, invoked directly, asynchronously with retries, and by an event source mapping.
package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"appstream-ami-exporter/internal/localaws/wait"
)

// errClosed says that a function takes no more invocations.
var errClosed = errors.New("the function is closed")

// Function is a deployed Lambda function with its pool of execution environments.
type Function struct {
	options  FunctionOptions
	deployed time.Time
	slots    chan struct{} // one token for each invocation that may run
	ctx      context.Context
	cancel   context.CancelFunc
	closing  sync.Once
	work     sync.WaitGroup // the asynchronous invocations
	logLock  sync.Mutex     // serialises OnLog over all environments

	mu      sync.Mutex // guards the following
	idle    []*Environment
	busy    map[*Environment]bool
	pending int // asynchronous invocations that are not finished
	running int
	begun   int // all invocations ever
}

// FunctionOptions describe a function. The zero values are those of AWS, except MaximumConcurrency.
type FunctionOptions struct {
	Environment EnvironmentOptions

	// Timeout ends an invocation; zero means 3 seconds. It is real time: the function's own work is not compressed.
	Timeout time.Duration

	// MaximumConcurrency is how many invocations run at once; zero means 2. Others wait.
	MaximumConcurrency int

	// MaximumRetryAttempts is how often a failed asynchronous invocation is tried again; nil means 2.
	MaximumRetryAttempts *int

	// OnFailure, if set, is the destination of the record of an asynchronous invocation that failed for good.
	OnFailure func(record []byte) error

	// Scale compresses the waits before retries; zero means 1, real time.
	Scale float64

	// OnResult, if set, is told of every attempt. It must not block.
	OnResult func(Result)
}

// Result is the outcome of one attempt at an invocation.
type Result struct {
	RequestID string
	Attempt   int    // counts from 1; an asynchronous invocation may have several
	Event     []byte // what the function was given
	Payload   []byte // what it returned, or the error as JSON
	Started   time.Time
	Duration  time.Duration

	// FunctionError is "Unhandled" if the attempt failed, as in the X-Amz-Function-Error header.
	FunctionError string
	ErrorType     string
	ErrorMessage  string

	// InitError is set if the attempt failed because no process could be started.
	InitError *InitError
}

// Failed says whether the attempt failed.
func (r Result) Failed() bool { return r.FunctionError != "" }

// NewFunction deploys a function; its first process is started by the first invocation.
func NewFunction(options FunctionOptions) *Function {
	if options.Timeout == 0 {
		options.Timeout = 3 * time.Second
	}
	if options.MaximumConcurrency == 0 {
		options.MaximumConcurrency = 2
	}
	if options.MaximumRetryAttempts == nil {
		options.MaximumRetryAttempts = new(2)
	}
	if options.Scale == 0 {
		options.Scale = 1
	}
	f := &Function{
		options:  options,
		deployed: time.Now(),
		slots:    make(chan struct{}, options.MaximumConcurrency),
		busy:     map[*Environment]bool{},
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	onLog := options.Environment.OnLog
	f.options.Environment.OnLog = func(line LogLine) {
		if onLog == nil {
			return
		}
		f.logLock.Lock()
		defer f.logLock.Unlock()
		onLog(line)
	}
	return f
}

// ARN is the ARN by which the function is invoked.
func (f *Function) ARN() string { return f.options.Environment.FunctionARN() }

// Warm starts a process if none is idle, and returns an *InitError if it does not start.
func (f *Function) Warm(ctx context.Context) error {
	if err := f.acquire(ctx); err != nil {
		return err
	}
	defer f.release()
	environment, err := f.checkOut(ctx)
	if err != nil {
		return err
	}
	f.checkIn(environment)
	return nil
}

// Invoke runs the function once and waits for the result. The context bounds the wait for a free
// environment; a running invocation ends by itself or by its timeout. An error means that the function was not run.
func (f *Function) Invoke(ctx context.Context, payload []byte) (Result, error) {
	if err := f.acquire(ctx); err != nil {
		return Result{}, err
	}
	defer f.release()
	return f.run(uuid.NewString(), 1, payload), nil
}

// Idle says whether nothing is running and no asynchronous invocation is pending.
func (f *Function) Idle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pending == 0 && f.running == 0
}

// Wait waits until the function is idle.
func (f *Function) Wait(ctx context.Context) error {
	if err := wait.Until(ctx, f.Idle); err != nil {
		return fmt.Errorf("wait for the function: %w", err)
	}
	return nil
}

// Close kills all processes, also in the middle of an invocation, and drops what is pending.
func (f *Function) Close() {
	f.closing.Do(func() {
		f.cancel()
		f.killAll()
		f.work.Wait()
		for range cap(f.slots) { // whoever holds a slot finishes first
			f.slots <- struct{}{}
		}
		f.killAll() // those that were just starting
	})
}

func (f *Function) killAll() {
	f.mu.Lock()
	environments := slices.Concat(f.idle, slices.Collect(maps.Keys(f.busy)))
	f.mu.Unlock()
	for _, environment := range environments {
		environment.Kill()
	}
}

// acquire waits for the right to run one invocation.
func (f *Function) acquire(ctx context.Context) error {
	if f.ctx.Err() != nil {
		return errClosed
	}
	select {
	case f.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a free environment: %w", ctx.Err())
	case <-f.ctx.Done():
		return errClosed
	}
}

func (f *Function) release() { <-f.slots }

// run makes one attempt. The caller has acquired a slot.
func (f *Function) run(requestID string, attempt int, payload []byte) Result {
	f.count(1)
	defer f.count(-1)
	result := Result{RequestID: requestID, Attempt: attempt, Event: payload, Started: time.Now()}
	inv := invocation{
		requestID: requestID, payload: payload, functionARN: f.ARN(), traceID: traceID(result.Started),
	}
	environment, err := f.checkOut(f.ctx)
	if err != nil {
		result.fail(startFailure(inv, err))
		result.InitError, _ = errors.AsType[*InitError](err)
	} else {
		posted := environment.invoke(inv, f.options.Timeout)
		f.checkIn(environment)
		result.Payload = posted.payload
		if posted.failed {
			result.fail(posted)
		}
	}
	result.Duration = time.Since(result.Started)
	if f.options.OnResult != nil {
		f.options.OnResult(result)
	}
	return result
}

// fail fills in the fields that describe an error.
func (r *Result) fail(failure outcome) {
	var e functionError
	// A runtime may report an error in any form; then there is only the payload.
	_ = json.Unmarshal(failure.payload, &e)
	r.FunctionError = "Unhandled"
	r.Payload, r.ErrorType, r.ErrorMessage = failure.payload, e.ErrorType, e.ErrorMessage
}

// startFailure is the outcome of an invocation for which no process could be started.
func startFailure(inv invocation, err error) outcome {
	reason := err.Error()
	if initError, ok := errors.AsType[*InitError](err); ok {
		reason = initError.Reason
	}
	return outcome{failed: true, payload: functionError{
		ErrorType:    "Runtime.ExitError",
		ErrorMessage: fmt.Sprintf("RequestId: %s Error: %s", inv.requestID, reason),
	}.payload()}
}

// checkOut takes an idle environment, or starts one.
func (f *Function) checkOut(ctx context.Context) (*Environment, error) {
	if environment := f.takeIdle(); environment != nil {
		return environment, nil
	}
	environment, err := StartEnvironment(ctx, f.options.Environment)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy[environment] = true
	return environment, nil
}

// takeIdle returns an idle environment, or nil. Those whose process has ended are dropped.
func (f *Function) takeIdle() *Environment {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.idle) > 0 {
		last := len(f.idle) - 1
		environment := f.idle[last]
		f.idle = f.idle[:last]
		if environment.Alive() {
			f.busy[environment] = true
			return environment
		}
	}
	return nil
}

// checkIn gives an environment back.
func (f *Function) checkIn(environment *Environment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.busy, environment)
	f.idle = append(f.idle, environment)
}

// count keeps track of running invocations.
func (f *Function) count(change int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running += change
	if change > 0 {
		f.begun += change
	}
}

// progress returns how many invocations have ever been started.
func (f *Function) progress() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.begun
}

// traceID makes a new X-Ray trace header.
func traceID(now time.Time) string {
	random := strings.ReplaceAll(uuid.NewString(), "-", "")
	return fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", now.Unix(), random[:24], random[16:])
}
