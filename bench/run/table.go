//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// table writes what the starts have shown: a row for each figure, a column for each program.
func (b *bench) table(w io.Writer) {
	var titles []string
	for _, p := range b.programs {
		titles = append(titles, p.title)
	}
	fmt.Fprintf(w, "\n| | %s | function : empty | function : two calls, Go | Python : function |\n|---|%s\n", strings.Join(titles, " | "),
		strings.Repeat("---|", len(titles)+3))
	for _, c := range b.conditions() {
		where := "no latency"
		if c.latency > 0 {
			where = fmt.Sprintf("%d ms a call", c.latency.Milliseconds())
		}
		if c.memory > 0 {
			where += fmt.Sprintf(", %d MB", c.memory)
		}
		each := func(of func(sample) float64) func(string) []float64 {
			return func(name string) (all []float64) {
				for _, s := range b.samples[name][c] {
					all = append(all, of(s))
				}
				return all
			}
		}
		if c.memory == 0 {
			b.row(w, where+": INIT ms", each(func(s sample) float64 { return s.init }))
		}
		b.row(w, where+": first ms", each(func(s sample) float64 { return s.first }))
		b.row(w, where+": INIT + first ms", each(func(s sample) float64 { return s.init + s.first }))
		if warmInvocations(c) > 0 {
			b.row(w, where+": warm p50 ms", each(func(s sample) float64 { return quantile(s.warm, 0.5) }))
		}
		if c.memory == 0 {
			b.pooled(w, where+": warm p99 ms", c, 0.99)
		}
		if c == (condition{}) {
			b.row(w, "CPU of INIT ms", each(func(s sample) float64 { return s.initCPU }))
			b.row(w, "CPU of the first ms", each(func(s sample) float64 { return s.firstCPU }))
			b.row(w, "CPU of a warm one ms", each(func(s sample) float64 { return s.warmCPU }))
			b.row(w, "peak memory MB", each(func(s sample) float64 { return s.peak }))
		}
	}
	fmt.Fprint(w, "| zipped MB, arm64 |")
	for _, p := range b.programs {
		fmt.Fprintf(w, " %s |", p.zipped)
	}
	fmt.Fprintln(w, " | | |")
	b.connections(w)
}

func (b *bench) conditions() (list []condition) {
	for _, latency := range latencies {
		for _, memory := range append([]int{0}, memories...) {
			if c := (condition{latency, memory}); len(b.samples[function][c]) > 0 {
				list = append(list, c)
			}
		}
	}
	return list
}

// row writes the medians of one figure, and the medians of the ratios within the rounds.
func (b *bench) row(w io.Writer, title string, of func(program string) []float64) {
	fmt.Fprintf(w, "| %s |", title)
	for _, p := range b.programs {
		fmt.Fprintf(w, " %s |", figure(quantile(of(p.name), 0.5)))
	}
	for _, pair := range [][2]string{{function, floor}, {function, twoCalls}, {python, function}} {
		over, under := of(pair[0]), of(pair[1])
		var ratios []float64
		for i := range min(len(over), len(under)) {
			ratios = append(ratios, over[i]/under[i])
		}
		fmt.Fprintf(w, " %s |", figure(quantile(ratios, 0.5)))
	}
	fmt.Fprintln(w)
}

// pooled writes a quantile over the warm invocations of all rounds together: one round has too few of them.
func (b *bench) pooled(w io.Writer, title string, c condition, q float64) {
	of := func(name string) []float64 {
		var all []float64
		for _, s := range b.samples[name][c] {
			all = append(all, s.warm...)
		}
		return []float64{quantile(all, q)}
	}
	b.row(w, title, of)
}

// connections tells how many connections the function opened, and that no call was made twice.
func (b *bench) connections(w io.Writer) {
	during, after, invocations := 0, 0, 0
	for _, samples := range b.samples[function] {
		for _, s := range samples {
			during, after, invocations = during+s.initConnections, after+s.connections, invocations+1+len(s.warm)
		}
	}
	fmt.Fprintf(w, "\nIn %d invocations of the function every call was made once, %d in all; %d connections were opened during INIT and "+
		"%d later.\n", invocations, b.calls, during, after)
}

func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low+1 == len(sorted) {
		return sorted[low]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

func figure(value float64) string {
	switch {
	case value == 0:
		return "-"
	case value < 10:
		return fmt.Sprintf("%.2f", value)
	case value < 100:
		return fmt.Sprintf("%.1f", value)
	}
	return fmt.Sprintf("%.0f", value)
}

const (
	beginMarker = "<!-- Written by make bench: begin -->"
	endMarker   = "<!-- Written by make bench: end -->"
)

func writeBetweenMarkers(path, text string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begun := bytes.Cut(page, []byte(beginMarker))
	_, after, ended := bytes.Cut(rest, []byte(endMarker))
	if !begun || !ended {
		return fmt.Errorf("%s has no place for the tables: %s and %s", path, beginMarker, endMarker)
	}
	return os.WriteFile(path, slices.Concat(before, []byte(beginMarker+"\n"+text+endMarker), after), 0o644)
}
