//go:build linux

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"
)

// memories are the sizes of a function, in MB, whose share of the CPU is tried.
var memories = []int{128, 256, 512, 1769}

// condition is under what a program is started; the zero memory limits nothing.
type condition struct {
	latency time.Duration
	memory  int
}

// latencies are how long each call takes: nothing, so that the programs' own time shows; a little, for the smallest function,
// whose share of the CPU is then part waiting, part work; and more, so that the number of calls in a row shows.
var latencies = []time.Duration{0, near, 20 * time.Millisecond}

const near = 5 * time.Millisecond

// sample is one start: INIT, the first invocation, and some more.
type sample struct {
	init, first                  float64 // milliseconds
	initCPU, firstCPU, warmCPU   float64 // milliseconds, the last for each invocation
	peak                         float64 // MB
	warm                         []float64
	initConnections, connections int
}

type bench struct {
	aws         *cloud
	environment []string
	programs    []program
	limits      map[int]limit
	samples     map[string]map[condition][]sample // by program; one for each round
	calls       int                               // of this function, to AWS
	sweepRows   []string
}

func (b *bench) close() {
	for _, limit := range b.limits {
		limit.remove()
	}
}

// event is the image-ready event of the samples.
func event() (string, error) {
	text, err := os.ReadFile("events/image-ready.json")
	return string(text), err
}

// once is what the function calls for an image that is available: everything once.
var once = map[string]int{"DescribeImages": 1, "ListExportImageTasks": 1, "ListTagsForResource": 1, "CreateExportImageTask": 1,
	"Publish": 1, "SendMessage": 1}

// starts starts every program under every condition, round by round, so that what else happens on this machine
// meets all of them. The first round is not counted: it fills the caches.
func (b *bench) starts(rounds int) error {
	payload, err := event()
	if err != nil {
		return err
	}
	b.samples = map[string]map[condition][]sample{}
	for _, p := range b.programs {
		b.samples[p.name] = map[condition][]sample{}
	}
	b.aws.account.Store(newAccount(20, 0))
	for round := range rounds + 1 {
		fmt.Printf("\rround %d of %d ", round, rounds)
		for _, latency := range latencies {
			for _, memory := range append([]int{0}, memories...) {
				if !b.possible(condition{latency, memory}) {
					continue
				}
				for i := range b.programs {
					p := b.programs[(i+round)%len(b.programs)]
					c := condition{latency, memory}
					s, err := b.start(p, c, payload)
					if err != nil {
						return fmt.Errorf("%s: %w", p.title, err)
					}
					if round > 0 {
						b.samples[p.name][c] = append(b.samples[p.name][c], s)
					}
				}
			}
		}
	}
	fmt.Println()
	return nil
}

// possible leaves out what cannot be limited here, and what would tell nothing new: with latency, the larger the share of the
// CPU, the less it matters.
func (b *bench) possible(c condition) bool {
	_, ok := b.limits[c.memory]
	if c.latency == near && c.memory != memories[0] {
		return false
	}
	return c.memory == 0 || ok && (c.latency == 0 || c.memory == memories[0])
}

// warmInvocations is how many invocations follow the first in each start.
func warmInvocations(c condition) int {
	switch {
	case c.memory == 0 && c.latency == 0:
		return 30
	case c.memory == 0 || c.memory == memories[0]:
		return 8
	}
	return 0
}

// environmentOf tells the program its memory, as Lambda does; a CPU without limit is that of a function with a whole core.
func (b *bench) environmentOf(p program, c condition) []string {
	memory := cmp.Or(c.memory, wholeCore)
	return slices.Concat(b.environment, p.environment, []string{fmt.Sprintf("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%d", memory)})
}

func (b *bench) start(p program, c condition, payload string) (s sample, err error) {
	b.aws.delay.Store(int64(c.latency))
	b.aws.reset()
	process, init, err := start(p.command, b.environmentOf(p, c))
	if process != nil {
		defer process.stop()
	}
	if err != nil {
		return s, err
	}
	s.init = milliseconds(init)
	used, err := process.cpu()
	if err != nil {
		return s, err
	}
	s.initCPU = milliseconds(used)
	_, _, s.initConnections = b.aws.seen()
	if c.memory > 0 {
		if err := b.limits[c.memory].hold(process.command.Process.Pid); err != nil {
			return s, err
		}
	}

	invoke := func() (float64, float64, error) {
		b.aws.reset()
		took, reply, err := process.invoke(payload)
		if err != nil {
			return 0, 0, err
		}
		before := used
		if used, err = process.cpu(); err != nil {
			return 0, 0, err
		}
		if err := b.check(p, reply); err != nil {
			return 0, 0, err
		}
		_, _, opened := b.aws.seen()
		s.connections += opened
		return milliseconds(took), milliseconds(used - before), nil
	}
	if s.first, s.firstCPU, err = invoke(); err != nil {
		return s, err
	}
	n := warmInvocations(c)
	for range n {
		took, cpu, err := invoke()
		if err != nil {
			return s, err
		}
		s.warm = append(s.warm, took)
		s.warmCPU += cpu / float64(n)
	}
	s.peak, err = process.peak()
	return s, err
}

// check makes sure that the function has done its job, and each call of it once.
func (b *bench) check(p program, reply []byte) error {
	if !p.ours {
		return nil
	}
	var did struct{ Started []json.RawMessage }
	if err := json.Unmarshal(reply, &did); err != nil || len(did.Started) != 1 {
		return fmt.Errorf("it started nothing: %s", reply)
	}
	calls, _, _ := b.aws.seen()
	if !maps.Equal(calls, once) {
		return fmt.Errorf("it made the calls %v, not %v", calls, once)
	}
	if p.name == function {
		b.calls += len(calls)
	}
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
