//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// process is one started program behind a Lambda Runtime API of its own. The local Lambda of the tests keeps Lambda's rules;
// this one takes the time at the two ends of an invocation, and lets the CPU be limited between INIT and the first event.
type process struct {
	command  *exec.Cmd
	logged   logged
	output   bytes.Buffer // standard error
	server   *http.Server
	asked    chan time.Time
	work     chan string
	sent     chan time.Time
	answered chan answer
	exited   chan struct{} // closed when the process is gone
}

// logged counts the bytes of a log.
type logged struct{ atomic.Int64 }

func (l *logged) Write(line []byte) (int, error) {
	l.Add(int64(len(line)))
	return len(line), nil
}

type answer struct {
	at     time.Time
	body   []byte
	failed bool
}

// patience is how long any step may take.
const patience = 5 * time.Minute

// start starts a program and waits until it asks for work; init is how long that takes.
func start(command []string, environment []string) (p *process, init time.Duration, err error) {
	p = &process{asked: make(chan time.Time, 1), work: make(chan string), sent: make(chan time.Time, 1), answered: make(chan answer, 1),
		exited: make(chan struct{})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", p.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/{outcome}", p.outcome)
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = p.server.Serve(listener) }()

	p.command = exec.Command(command[0], command[1:]...)
	p.command.Env = append(environment, "AWS_LAMBDA_RUNTIME_API="+listener.Addr().String())
	p.command.Stderr = &p.output
	p.command.Stdout = &p.logged
	began := time.Now()
	if err := p.command.Start(); err != nil {
		_ = p.server.Close()
		return nil, 0, err
	}
	go func() { _ = p.command.Wait(); close(p.exited) }()
	at, err := receive(p, p.asked)
	return p, at.Sub(began), err
}

func (p *process) next(w http.ResponseWriter, r *http.Request) {
	p.asked <- time.Now()
	select {
	case event := <-p.work:
		header := w.Header()
		header.Set("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
		header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(patience).UnixMilli(), 10))
		header.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:"+region+":"+accountID+":function:bench")
		p.sent <- time.Now()
		_, _ = io.WriteString(w, event)
	case <-r.Context().Done():
	}
}

func (p *process) outcome(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	body, _ := io.ReadAll(r.Body)
	w.WriteHeader(http.StatusAccepted)
	p.answered <- answer{at, body, r.PathValue("outcome") != "response"}
}

// invoke gives the program an event, and returns how long it takes to answer.
func (p *process) invoke(event string) (time.Duration, []byte, error) {
	select {
	case p.work <- event:
	case <-p.exited:
		return 0, nil, p.ended()
	}
	sent := <-p.sent
	got, err := receive(p, p.answered)
	if err == nil && got.failed {
		err = fmt.Errorf("the invocation failed: %s", got.body)
	}
	if err != nil {
		return 0, nil, err
	}
	_, err = receive(p, p.asked)
	return got.at.Sub(sent), got.body, err
}

func receive[T any](p *process, from chan T) (got T, err error) {
	select {
	case got = <-from:
		return got, nil
	case <-p.exited:
		return got, p.ended()
	case <-time.After(patience):
		return got, errors.New("it takes for ever")
	}
}

func (p *process) ended() error {
	return fmt.Errorf("it ended with %s\n%s", p.command.ProcessState, p.output.String())
}

func (p *process) stop() {
	_ = p.command.Process.Kill()
	_ = p.server.Close()
	<-p.exited
}

// cpu is what all threads of the process have used so far.
func (p *process) cpu() (time.Duration, error) {
	var ts syscall.Timespec
	clock := ^p.command.Process.Pid<<3 | 2 // the kernel's number for a process's own CPU clock, see clock_getcpuclockid(3)
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0, fmt.Errorf("CPU clock: %w", errno)
	}
	return time.Duration(ts.Nano()), nil
}

// peak is the most memory that the process ever had, in MB.
func (p *process) peak() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	return kb / 1024, err
}
