//go:build linux

// Command run measures the function beside the empty program and what somebody would write instead, and writes the tables of
// docs/PERFORMANCE.md. `make bench` builds the programs and runs it, in the repository's root.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

func main() {
	var (
		dir    = flag.String("dir", "build/bench", "where the programs were built, and where to put files")
		rounds = flag.Int("rounds", 15, "starts of each program under each condition")
		page   = flag.String("page", "", "the page to write the tables to; none only prints them")
		sweeps = flag.Int("sweeps", 3, "runs of each sweep")
		fast   = flag.Bool("fast", false, "leave out other languages, all but the smallest function, and the sweeps")
		also   list
	)
	flag.Var(&also, "also", "another build of the function to measure, with variables before its path; may be repeated")
	flag.Parse()
	if err := run(*dir, *page, *rounds, *sweeps, *fast, also); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type list []string

func (l *list) String() string         { return strings.Join(*l, ", ") }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

func run(dir, page string, rounds, sweeps int, fast bool, also []string) error {
	began := time.Now()
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	roots, err := newAuthority(dir)
	if err != nil {
		return fmt.Errorf("certificates: %w", err)
	}
	aws, err := newCloud(roots.server)
	if err != nil {
		return err
	}
	programs, missing, err := programs(dir, roots, fast, also)
	if err != nil {
		return err
	}
	if fast {
		memories, sweeps = memories[:1], 0
	}
	b := &bench{aws: aws, environment: environment(aws), programs: programs, limits: map[int]limit{}}
	defer b.close()
	for _, memory := range memories {
		if b.limits[memory], err = newLimit(memory); err != nil {
			delete(b.limits, memory)
			missing = append(missing, fmt.Sprintf("no figures for %d MB: the CPU cannot be limited here: %v", memory, err))
		}
	}
	for _, what := range missing {
		fmt.Println("LEFT OUT:", what)
	}
	if err := b.starts(rounds); err != nil {
		return err
	}
	if err := b.sweeps(sweeps); err != nil {
		return err
	}

	var text strings.Builder
	fmt.Fprintf(&text, "%s, %s/%s, %d CPUs; %d starts of each program under each condition, medians.\n\n", runtime.Version(), runtime.GOOS,
		runtime.GOARCH, runtime.NumCPU(), rounds)
	for _, what := range missing {
		fmt.Fprintf(&text, "- Left out: %s\n", what)
	}
	b.table(&text)
	b.sweepTable(&text)
	fmt.Printf("\n%s\nIt took %s.\n", text.String(), time.Since(began).Round(time.Second))
	if page == "" {
		return nil
	}
	return writeBetweenMarkers(page, text.String())
}
