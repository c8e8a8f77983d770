//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"
)

// sweep is a night: how many images an account has, and how many of them are new.
type sweep struct {
	images, fresh int
	condition
}

// nightly is what the template's schedule sends.
const nightly = `{"source":"aws.scheduler","detail-type":"Scheduled Event",` +
	`"resources":["arn:aws:scheduler:eu-west-1:123456789012:schedule/default/nightly"],"time":"2026-11-23T02:00:00Z","detail":{}}`

func (b *bench) sweeps(runs int) error {
	if runs == 0 {
		return nil
	}
	latency := 20 * time.Millisecond
	nights := []sweep{
		{1, 1, condition{latency, 0}}, {100, 0, condition{latency, 0}}, {1_000, 0, condition{latency, 0}},
		{10_000, 0, condition{latency, 0}}, {10_000, 50, condition{latency, 0}}, {20_000, 0, condition{0, 0}},
		{100, 0, condition{latency, 128}}, {10_000, 0, condition{latency, 128}}, {10_000, 50, condition{latency, 128}},
	}
	for _, night := range nights {
		if !b.possible(night.condition) {
			continue
		}
		fmt.Printf("\rsweep of %d images ", night.images)
		var walls, cpus, peaks, logs []float64
		var calls, most map[string]int
		if night.images > 1_000 && night.memory > 0 {
			runs = 1 // long, and steady for that
		}
		for range runs {
			b.aws.account.Store(newAccount(night.images, night.fresh))
			b.aws.delay.Store(int64(night.latency))
			wall, cpu, peak, log, err := b.sweep(night)
			if err != nil {
				return fmt.Errorf("sweep of %d images: %w", night.images, err)
			}
			walls, cpus, peaks, logs = append(walls, wall), append(cpus, cpu), append(peaks, peak), append(logs, log)
			calls, most, _ = b.aws.seen()
		}
		b.sweepRow(night, quantile(walls, 0.5), quantile(cpus, 0.5), quantile(peaks, 0.5), quantile(logs, 0.5), calls, most)
	}
	fmt.Println()
	return nil
}

func (b *bench) sweep(night sweep) (wall, cpu, peak, log float64, err error) {
	p := b.programs[1]
	process, _, err := start(p.command, b.environmentOf(p, night.condition))
	if process != nil {
		defer process.stop()
	}
	if err != nil {
		return 0, 0, 0, 0, err
	}
	if night.memory > 0 {
		if err := b.limits[night.memory].hold(process.command.Process.Pid); err != nil {
			return 0, 0, 0, 0, err
		}
	}
	before, err := process.cpu()
	if err != nil {
		return 0, 0, 0, 0, err
	}
	b.aws.reset()
	took, reply, err := process.invoke(nightly)
	if err != nil {
		return 0, 0, 0, 0, err
	}
	var did struct{ Started, Rejected, Waiting []json.RawMessage }
	if err := json.Unmarshal(reply, &did); err != nil || len(did.Started) != night.fresh || len(did.Rejected)+len(did.Waiting) > 0 {
		return 0, 0, 0, 0, fmt.Errorf("it started %d of %d: %.500s", len(did.Started), night.fresh, reply)
	}
	after, err := process.cpu()
	if err != nil {
		return 0, 0, 0, 0, err
	}
	peak, err = process.peak()
	return took.Seconds(), (after - before).Seconds(), peak, float64(process.logged.Load()) / 1e6, err
}

func (b *bench) sweepRow(night sweep, wall, cpu, peak, log float64, calls, most map[string]int) {
	pages := math.Max(1, math.Ceil(float64(night.images)/25))
	paging, ratio := pages*night.latency.Seconds(), "-"
	if paging > 0 {
		ratio = figure(wall / paging)
	}
	memory := "no limit"
	if night.memory > 0 {
		memory = fmt.Sprintf("%d MB", night.memory)
	}
	others := 0
	for action, count := range calls {
		if action != "DescribeImages" && action != "ListExportImageTasks" {
			others += count
		}
	}
	b.sweepRows = append(b.sweepRows, fmt.Sprintf("| %d | %d | %s | %d ms | %d + %d | %d | %d | %s | %s | %s | %.1f | %.3f |", night.images,
		night.fresh, memory, night.latency.Milliseconds(),
		calls["DescribeImages"], calls["ListExportImageTasks"], others, most["CreateExportImageTask"], figure(wall), ratio, figure(cpu),
		peak, log))
}

func (b *bench) sweepTable(w io.Writer) {
	fmt.Fprint(w, "\n| images | new | CPU share of | a call takes | pages of images + tasks | other calls | most starts at a time | "+
		"wall s | wall : pages of images | CPU s | peak memory MB | log MB |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, row := range b.sweepRows {
		fmt.Fprintln(w, row)
	}
}
