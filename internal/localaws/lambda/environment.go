package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"appstream-ami-exporter/internal/localaws/gateway"
)

// initTimeout is how long Lambda lets a process start before it gives up.
const initTimeout = 10 * time.Second

// EnvironmentOptions describe the process that runs a function.
type EnvironmentOptions struct {
	Binary       string // path of the compiled bootstrap
	FunctionName string
	Region       string
	AccountID    string
	AccessKeyID  string // of the function's role; one for all by default
	MemorySize   int    // in MB, only told to the process; zero means 128

	// Variables are set besides those that Lambda sets. Nothing is inherited from this process.
	Variables map[string]string

	// Gateway is where the process finds AWS; nil leaves it without.
	Gateway *gateway.Gateway

	// OnLog, if set, is given each line that the process writes, before the invocation that wrote it
	// returns. It must not block.
	OnLog func(LogLine)
}

// FunctionARN is the ARN by which the function is invoked.
func (o EnvironmentOptions) FunctionARN() string {
	return fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", o.Region, o.AccountID, o.FunctionName)
}

// LogLine is one line of a function's log.
type LogLine struct {
	Time        time.Time
	Environment string
	RequestID   string // the invocation that it belongs to; empty outside of one
	Stream      string // "stdout", "stderr", or "platform" for what Lambda itself has to say
	Text        string
}

// InitError says that a process ended, or did not ask for work in time, before its first invocation.
type InitError struct {
	Reason string   // in Lambda's words
	Output []string // what the process wrote
}

func (e *InitError) Error() string {
	return fmt.Sprintf("the function did not start: %s\n%s", e.Reason, strings.Join(e.Output, "\n"))
}

// Environment is one Lambda execution environment: a process that takes one invocation at a time. It is
// not used again after its process has ended.
type Environment struct {
	options  EnvironmentOptions
	name     string
	api      *runtimeAPI
	endpoint *gateway.Endpoint
	command  *exec.Cmd
	pipes    []*logPipe
	launched chan struct{} // closed when the process runs
	exited   chan struct{} // closed when the process is gone and its log is read
	exitErr  error         // how it ended; valid after exited is closed

	mu         sync.Mutex // guards the following, and serialises OnLog
	requestID  string
	started    bool
	initOutput []string
}

// StartEnvironment starts a process and waits until it asks for work. The error is an *InitError if it
// never does.
func StartEnvironment(ctx context.Context, options EnvironmentOptions) (*Environment, error) {
	e := &Environment{
		options:  options,
		name:     uuid.NewString()[:8],
		launched: make(chan struct{}),
		exited:   make(chan struct{}),
	}
	if err := e.open(); err != nil {
		return nil, fmt.Errorf("start environment: %w", err)
	}
	timer := time.NewTimer(initTimeout)
	defer timer.Stop()
	reason := ""
	select {
	case <-e.api.polls:
		e.mu.Lock()
		e.started, e.initOutput = true, nil
		e.mu.Unlock()
		return e, nil
	case <-ctx.Done():
		e.Kill()
		return nil, fmt.Errorf("start environment: %w", ctx.Err())
	case <-e.exited:
		reason = e.exitReason()
	case <-timer.C:
		e.Kill()
		reason = fmt.Sprintf("Init timed out after %.2f seconds", initTimeout.Seconds())
	}
	select {
	case report := <-e.api.initErrs:
		reason = string(report.payload)
	default:
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return nil, &InitError{Reason: reason, Output: e.initOutput}
}

// open starts the process with all that it needs around it.
func (e *Environment) open() (err error) {
	defer func() {
		if err != nil {
			e.tearDown()
		}
	}()
	if e.api, err = startRuntimeAPI(); err != nil {
		return err
	}
	if e.options.Gateway != nil {
		if e.endpoint, err = e.options.Gateway.Listen(e); err != nil {
			return err
		}
	}
	// The path must hold although the process has its own working directory.
	binary, err := filepath.Abs(e.options.Binary)
	if err != nil {
		return fmt.Errorf("locate the binary: %w", err)
	}
	e.command = exec.Command(binary)
	e.command.Dir = filepath.Dir(binary)
	e.command.Env = e.variables()
	for _, stream := range []string{"stdout", "stderr"} {
		pipe, err := openLogPipe(func(line string) { e.log(stream, line) })
		if err != nil {
			return err
		}
		e.pipes = append(e.pipes, pipe)
	}
	e.command.Stdout, e.command.Stderr = e.pipes[0].write, e.pipes[1].write
	if err := e.command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", binary, err)
	}
	close(e.launched)
	go func() {
		e.exitErr = e.command.Wait()
		e.tearDown()
		close(e.exited)
	}()
	return nil
}

// tearDown closes whatever open has opened.
func (e *Environment) tearDown() {
	for _, pipe := range e.pipes {
		pipe.close()
	}
	if e.endpoint != nil {
		_ = e.endpoint.Close() // nobody is left who could use it
	}
	if e.api != nil {
		e.api.close()
	}
}

// variables is the whole environment of the process, in a fixed order.
func (e *Environment) variables() []string {
	o := e.options
	memory := o.MemorySize
	if memory == 0 {
		memory = 128
	}
	all := map[string]string{
		"AWS_LAMBDA_RUNTIME_API":          e.api.address,
		"AWS_LAMBDA_FUNCTION_NAME":        o.FunctionName,
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(memory),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_FORMAT":           "JSON",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + o.FunctionName,
		"AWS_LAMBDA_LOG_STREAM_NAME":      "local/[$LATEST]" + e.name,
		"AWS_REGION":                      o.Region,
		"AWS_DEFAULT_REGION":              o.Region,
		"AWS_ACCESS_KEY_ID":               cmp.Or(o.AccessKeyID, "ASIALOCALLOCALLOCAL0"),
		"AWS_SECRET_ACCESS_KEY":           "local",
		"AWS_SESSION_TOKEN":               "local",
		"LAMBDA_TASK_ROOT":                e.command.Dir,
		"LANG":                            "en_US.UTF-8",
		"PATH":                            "/usr/local/bin:/usr/bin:/bin",
		"TZ":                              ":UTC",
		"_HANDLER":                        "bootstrap",
		"_X_AMZN_TRACE_ID":                "",
		// Lambda has none of these; the developer's machine may.
		"AWS_CONFIG_FILE":             "/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
		"AWS_EC2_METADATA_DISABLED":   "true",
	}
	if e.endpoint != nil {
		all["AWS_ENDPOINT_URL"] = e.endpoint.URL()
	}
	maps.Copy(all, o.Variables)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, name+"="+all[name])
	}
	return list
}

// Name identifies the environment among all others.
func (e *Environment) Name() string { return e.name }

// PID returns the id of the process.
func (e *Environment) PID() int {
	<-e.launched
	return e.command.Process.Pid
}

// Kill ends the process with SIGKILL and returns when it is gone.
func (e *Environment) Kill() {
	<-e.launched
	_ = e.command.Process.Kill() // fails only if it is gone already
	<-e.exited
}

// Alive says whether the process can still take invocations.
func (e *Environment) Alive() bool {
	select {
	case <-e.exited:
		return false
	default:
		return true
	}
}

// invoke gives the process one invocation and waits for the outcome, the timeout, or the end of the process.
func (e *Environment) invoke(inv invocation, timeout time.Duration) outcome {
	e.setRequestID(inv.requestID)
	defer e.setRequestID("")
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	inv.deadline = time.Now().Add(timeout)
	select {
	case e.api.work <- inv:
	case <-e.exited:
		return e.exitOutcome(inv)
	case <-timer.C:
		e.Kill()
		return timedOut(inv, timeout)
	}

	// An invocation is over when the process asks for the next one. One that panicked reports that first
	// and then ends instead.
	var result *outcome
	for {
		select {
		case posted := <-e.api.outcomes:
			result = &posted
		case <-e.api.polls:
			if result = e.posted(result); result == nil {
				continue // it had asked twice before it got this one
			}
			e.syncLogs()
			return *result
		case <-e.exited:
			if result = e.posted(result); result == nil {
				return e.exitOutcome(inv)
			}
			return *result
		case <-timer.C:
			e.Kill()
			if result != nil {
				return *result
			}
			return timedOut(inv, timeout)
		}
	}
}

// posted returns the outcome, if there is one yet. It is in the channel before the process can do anything else.
func (e *Environment) posted(result *outcome) *outcome {
	select {
	case posted := <-e.api.outcomes:
		return &posted
	default:
		return result
	}
}

func (e *Environment) exitOutcome(inv invocation) outcome {
	return outcome{failed: true, payload: functionError{
		ErrorType:    "Runtime.ExitError",
		ErrorMessage: fmt.Sprintf("RequestId: %s Error: %s", inv.requestID, e.exitReason()),
	}.payload()}
}

func timedOut(inv invocation, timeout time.Duration) outcome {
	return outcome{failed: true, payload: functionError{
		ErrorType:    "Sandbox.Timedout",
		ErrorMessage: fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", inv.requestID, timeout.Seconds()),
	}.payload()}
}

// exitReason says in Lambda's words how the process ended.
func (e *Environment) exitReason() string {
	if exit, ok := errors.AsType[*exec.ExitError](e.exitErr); ok {
		return "Runtime exited with error: " + exit.String()
	}
	return "Runtime exited without providing a reason"
}

func (e *Environment) setRequestID(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requestID = id
}

func (e *Environment) syncLogs() {
	for _, pipe := range e.pipes {
		pipe.sync()
	}
}

// log passes on one line.
func (e *Environment) log(stream, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.started {
		e.initOutput = append(e.initOutput, text)
	}
	if e.options.OnLog != nil {
		e.options.OnLog(LogLine{
			Time: time.Now(), Environment: e.name, RequestID: e.requestID, Stream: stream, Text: text,
		})
	}
}
