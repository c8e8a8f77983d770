//go:build linux

// Command keeper measures the compiled keeper in the local AWS: its start, its passes and its memory, with as many AMIs as are asked
// for. `make bench-keeper` builds it and runs this. The exporter's own figures are those of `make bench`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/template"
	"appstream-ami-exporter/internal/tags"
)

func main() {
	keeper := flag.String("keeper", "build/bootstrap-keeper", "the compiled keeper")
	counts := flag.String("amis", "0,100,1000,5000", "with how many AMIs")
	flag.Parse()
	fmt.Println("| AMIs | start ms | CPU of it ms | CPU of a first pass ms | calls | CPU of a later one ms | calls | peak memory MB |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	for text := range strings.SplitSeq(*counts, ",") {
		count, err := strconv.Atoi(text)
		if err == nil {
			err = measure(context.Background(), *keeper, count)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "keeper:", err)
			os.Exit(1)
		}
	}
}

// perFamily is how many AMIs a family has: what last=3,daily=7,weekly=5,monthly=12 keeps of a year of nights, and a grace of nights.
const perFamily = 35

// starts is how many starts are measured; the figures are their medians.
const starts = 9

func measure(ctx context.Context, keeper string, count int) (err error) {
	var calls atomic.Int64
	account, err := localaws.Start(ctx, localaws.Options{
		Template: "template.yaml", Keeper: keeper, Forgetful: true,
		Parameters: map[string]string{
			"Keep": "last=3,daily=7,weekly=5,monthly=12", "KeepMode": "ON", "CopyRegions": "us-east-1", "LatestAmiParameter": "/amis",
		},
		OnCall: func(gateway.Call) { calls.Add(1) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, account.Close()) }()
	for i := range count {
		put(account.Regional.EC2, fmt.Sprintf("image-%03d", i/perFamily), i%perFamily)
	}
	var took, used []time.Duration
	pid := child()
	for range starts {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return err
		}
		began := time.Now()
		for pid = 0; pid == 0; pid = child() { // until the end of the process before has been noticed
			time.Sleep(20 * time.Millisecond)
			began = time.Now()
			if err := account.Keeper.Warm(ctx); err != nil {
				return err
			}
		}
		took = append(took, time.Since(began))
		used = append(used, cpuOf(pid))
	}
	pass := func() (cpu time.Duration, made int64, err error) {
		before, callsBefore := cpuOf(pid), calls.Load()
		result, err := account.Keeper.Invoke(ctx, []byte(`{}`))
		if err == nil && result.Failed() {
			err = errors.New(result.ErrorMessage)
		}
		return cpuOf(pid) - before, calls.Load() - callsBefore, err
	}
	first, firstCalls, err := pass()
	if err != nil {
		return err
	}
	later, laterCalls, err := pass()
	if err != nil {
		return err
	}
	fmt.Printf("| %d | %.1f | %.1f | %.0f | %d | %.0f | %d | %.1f |\n", count, milliseconds(median(took)), milliseconds(median(used)),
		milliseconds(first), firstCalls, milliseconds(later), laterCalls, peak(pid))
	return nil
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// child is this program's only child process, 0 if there is none.
func child() int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) > 1 && fields[0] != "Z" && fields[1] == strconv.Itoa(os.Getpid()) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			return pid
		}
	}
	return 0
}

// cpuOf is what all threads of a process have used.
func cpuOf(pid int) (used time.Duration) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		nanoseconds, _ := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		used += time.Duration(nanoseconds)
	}
	return used
}

// put adds an AMI that was exported some nights ago.
func put(amis *ec2.EC2, image string, nights int) {
	at := time.Now().AddDate(0, 0, -nights).UTC().Truncate(time.Second)
	name := image + "-" + at.Format("20060102")
	id := amis.PutImage(ec2.Image{Region: template.Region, Name: name, Created: at, Tags: map[string]string{
		tags.Stack: "appstream-ami-exporter@" + template.Region, tags.AMIName: tags.Marker(name),
		tags.ImageARN:     "arn:aws:appstream:" + template.Region + ":" + template.AccountID + ":image/" + image,
		tags.ImageCreated: "2026-01-02T03:04:05Z", tags.ExportedAt: at.Format(time.RFC3339), "Team": "Desktop",
	}})
	amis.EditImage(template.Region, id, func(i *ec2.Image) { i.Tags[tags.Complete] = id })
}

// peak is the most memory that a process had, in MB.
func peak(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.Atoi(strings.Fields(value)[0])
			return float64(kb) / 1024
		}
	}
	return 0
}
