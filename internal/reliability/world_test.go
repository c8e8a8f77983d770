package reliability

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"appstream-ami-exporter/internal/awsclient"
	"appstream-ami-exporter/internal/config"
	"appstream-ami-exporter/internal/handler"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/lambda"
	"appstream-ami-exporter/internal/localaws/template"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/safelog"
)

// worldOptions say what kind of world it is. Fields left zero mean what a default stack in a quiet account has.
type worldOptions struct {
	parameters map[string]string // of the template
	variables  map[string]string // of the function's environment, over the template's
	appStream  appstream.Options
	timeout    time.Duration // of the function, where not the template's
	seed       uint64        // of every choice that the world makes
	skew       func() time.Duration
	trace      io.Writer // is told of all that happens
	log        io.Writer // the function's own log

	fault   gateway.Fault     // is asked before every call, in the one order in which they happen
	observe func(*awaited)    // is told of every call that a service has seen
	told    func(publication) // is told of every notification
	done    func(lambda.Result)
}

// world is an account with the stack in it, in virtual time. Everything happens in the goroutine that calls run; the function's
// own goroutines only run between two steps of it, until each of them waits for a call, for time, or is done. It has to be
// used in a synctest bubble.
type world struct {
	t         testing.TB
	options   worldOptions
	stack     *template.Stack
	appStream *appstream.Server
	config    config.Config
	clients   awsclient.Clients
	random    *rand.Rand

	mailbox   []publication
	told      []notify.Document // all that was ever told, also what a test has taken out of the mailbox
	work      *queue
	dead      *queue
	failed    *queue
	calls     []gateway.Call // all that were made
	agenda    []appointment
	planned   int
	processes int
	batches   int // how many invocations from the queue are running
	requests  int

	mutex   sync.Mutex // guards what the function's goroutines touch
	parked  []*awaited
	ended   []*process
	running int
	wake    chan struct{}
	closed  chan struct{}
}

// appointment is something that happens at its time.
type appointment struct {
	at     time.Time
	number int
	do     func()
}

// stacks keeps the templates that were read: worlds are many and templates few.
var stacks sync.Map

func stackOf(t testing.TB, parameters map[string]string) *template.Stack {
	t.Helper()
	key := fmt.Sprint(parameters) // fmt prints maps in the order of their keys
	if stack, ok := stacks.Load(key); ok {
		return stack.(*template.Stack)
	}
	loaded, err := template.Load(filepath.Join("..", "..", "template.yaml"), parameters)
	if err != nil {
		t.Fatal(err)
	}
	stack, err := loaded.Stack(nil)
	if err != nil {
		t.Fatal(err)
	}
	stacks.Store(key, stack)
	return stack
}

// inWorld runs a test in a world of its own, beside the others.
func inWorld(t *testing.T, options worldOptions, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options)
		defer w.close()
		test(t, w)
	})
}

func newWorld(t testing.TB, options worldOptions) *world {
	t.Helper()
	w := &world{
		t: t, options: options, stack: stackOf(t, options.parameters),
		random: rand.New(rand.NewPCG(options.seed, 0)),
		wake:   make(chan struct{}, 1), closed: make(chan struct{}),
	}
	if options.appStream.NewID == nil {
		ids := 0
		options.appStream.NewID = func() string { ids++; return fmt.Sprintf("00000000-0000-4000-8000-%012x", ids) }
	}
	w.appStream = appstream.New(options.appStream)
	queues := w.stack.Queues
	w.dead, w.failed = newQueue(queues["DeadLetterQueue"], nil), newQueue(queues["FailedEventsQueue"], nil)
	w.work = newQueue(queues["WorkQueue"], w.dead)

	c, err := config.FromEnvironment(func(name string) (string, bool) {
		if name == "AWS_REGION" {
			return "eu-west-1", true
		}
		if value, ok := options.variables[name]; ok {
			return value, true
		}
		value, ok := w.stack.Function.Environment[name]
		return value, ok
	})
	if err != nil {
		t.Fatal(err)
	}
	w.config, w.clients = c, w.newClients()
	return w
}

// newHandler is what a process builds when it starts, as cmd/handler does.
func (w *world) newHandler() *handler.Handler {
	out := w.options.log
	if out == nil {
		out = io.Discard
	}
	log := safelog.New(slog.New(slog.NewJSONHandler(out, nil)))
	now := time.Now
	if w.options.skew != nil {
		now = func() time.Time { return time.Now().Add(w.options.skew()) }
	}
	h, err := handler.New(handler.Dependencies{
		Config: w.config, AppStream: w.clients.AppStream, SNS: w.clients.SNS, SQS: w.clients.SQS,
		Now: now, Log: log, Metrics: out, Function: w.stack.Function.Name,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

// close lets everything that is still held come to its end.
func (w *world) close() { close(w.closed) }

// tracef tells what happens, for whoever follows a seed.
func (w *world) tracef(format string, args ...any) {
	if w.options.trace != nil {
		fmt.Fprintf(w.options.trace, time.Now().Format("02 15:04:05")+"  "+format+"\n", args...)
	}
}

// at has something happen at a time.
func (w *world) at(t time.Time, do func()) {
	w.planned++
	entry := appointment{at: t, number: w.planned, do: do}
	place, _ := slices.BinarySearchFunc(w.agenda, entry, func(a, b appointment) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.number, b.number))
	})
	w.agenda = slices.Insert(w.agenda, place, entry)
}

// after has something happen some time from now.
func (w *world) after(d time.Duration, do func()) { w.at(time.Now().Add(d), do) }

// run lets the world go on until nothing is left to do, or until the given time.
func (w *world) run(until time.Time) {
	w.t.Helper()
	for {
		synctest.Wait()
		if w.conclude() || w.serveOne() {
			continue
		}
		if len(w.agenda) > 0 && !w.agenda[0].at.After(time.Now()) {
			next := w.agenda[0]
			w.agenda = w.agenda[1:]
			next.do()
			continue
		}
		if !w.wait(until) {
			return
		}
	}
}

// settle runs the world until nothing is left to do, and fails the test where that takes longer than limit.
func (w *world) settle(limit time.Duration) {
	w.t.Helper()
	end := time.Now().Add(limit)
	w.run(end)
	if left := len(w.work.messages); left > 0 || w.busy() {
		w.t.Fatalf("after %s there is still work: %d messages, the first of which is %s", limit, left, w.work.oldest())
	}
}

func (w *world) busy() bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.running > 0
}

// wait lets time pass until something can happen. It returns false where nothing ever will, or not before the given time.
func (w *world) wait(until time.Time) bool {
	next, any := until, w.busy()
	if len(w.agenda) > 0 {
		next, any = earlier(until, w.agenda[0].at), true
	}
	if !any || !time.Now().Before(until) {
		return false
	}
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	select {
	case <-w.wake:
	case <-timer.C:
	}
	return true
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// serveOne decides which of the calls that wait is next, and what becomes of it.
func (w *world) serveOne() bool {
	w.mutex.Lock()
	// They came in any order; the order of what they are is the same every time.
	slices.SortStableFunc(w.parked, func(a, b *awaited) int {
		return cmp.Or(cmp.Compare(a.process.number, b.process.number), strings.Compare(a.call.Action, b.call.Action),
			bytes.Compare(a.body, b.body))
	})
	if len(w.parked) == 0 {
		w.mutex.Unlock()
		return false
	}
	i := 0
	if len(w.parked) > 1 {
		i = w.random.IntN(len(w.parked))
	}
	// Calls that are alike in everything cannot be told apart, so the same becomes of all of them.
	chosen := w.parked[i]
	alike := func(a *awaited) bool {
		return a.process == chosen.process && a.call.Action == chosen.call.Action && bytes.Equal(a.body, chosen.body)
	}
	var next []*awaited
	for _, a := range w.parked {
		if alike(a) {
			next = append(next, a)
		}
	}
	w.parked = slices.DeleteFunc(w.parked, alike)
	w.mutex.Unlock()
	for i, a := range next {
		if i == 0 {
			w.serve(a, nil)
		} else if !a.process.over {
			w.serve(a, &next[0].effect)
		}
	}
	return true
}

// conclude takes the results of invocations that have ended.
func (w *world) conclude() bool {
	w.mutex.Lock()
	ended := w.ended
	w.ended = nil
	w.mutex.Unlock()
	slices.SortFunc(ended, func(a, b *process) int { return cmp.Compare(a.number, b.number) })
	for _, p := range ended {
		p.conclude(p.outcome)
	}
	return len(ended) > 0
}

func (w *world) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// documents are all notifications so far.
func (w *world) documents() (documents []notify.Document) {
	for _, p := range w.mailbox {
		documents = append(documents, p.document)
	}
	return documents
}

// deadline of one invocation.
func (w *world) timeout() time.Duration { return cmp.Or(w.options.timeout, w.stack.Function.Timeout) }
