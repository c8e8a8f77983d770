package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// screen writes for people. What it cannot write, nobody is there to read.
type screen struct{ w io.Writer }

func (s screen) line(format string, args ...any) { fmt.Fprintf(s.w, format+"\n", args...) }

// table writes rows in columns, with an empty line before and after.
func (s screen) table(rows [][]string) {
	var text strings.Builder
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(columns, "  "+strings.Join(row, "\t"))
	}
	_ = columns.Flush() // writing to memory does not fail
	s.line("")
	for line := range strings.SplitSeq(strings.TrimSuffix(text.String(), "\n"), "\n") {
		s.line("%s", strings.TrimRight(line, " "))
	}
	s.line("")
}

// section writes a heading and what there is under it, or why that cannot be told.
func (s screen) section(title string, rows [][]string, none string, err error) {
	s.line("%s", title)
	switch {
	case err != nil:
		s.line("\n  cannot be told: %s\n", strings.ReplaceAll(err.Error(), "\n", "\n  "))
	case len(rows) == 0:
		s.line("\n  %s\n", none)
	default:
		s.table(rows)
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// span writes how long something has taken: 25s, 41m, 3h12m, 4d.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(max(0, d).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
