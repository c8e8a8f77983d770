package localtest

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"appstream-ami-exporter/internal/localaws/lambda"
)

// Log collects what a function writes; its Add is an OnLog of localaws.Options.
type Log struct {
	mutex sync.Mutex
	lines []lambda.LogLine
}

// Add keeps one line.
func (l *Log) Add(line lambda.LogLine) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.lines = append(l.lines, line)
}

// before returns an OnLog that keeps each line, and then tells another, if there is one.
func (l *Log) before(next func(lambda.LogLine)) func(lambda.LogLine) {
	return func(line lambda.LogLine) {
		l.Add(line)
		if next != nil {
			next(line)
		}
	}
}

// Lines returns the lines so far.
func (l *Log) Lines() []lambda.LogLine {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return append([]lambda.LogLine(nil), l.lines...)
}

// String is the log as a person reads it.
func (l *Log) String() string {
	var text strings.Builder
	for _, line := range l.Lines() {
		fmt.Fprintf(&text, "%s %s %s %s\n", line.Time.Format("05.000"), line.Environment, line.Stream, line.Text)
	}
	return text.String()
}

// Entry is one JSON log line of the function, by its fields.
type Entry map[string]any

// Entries returns the function's log lines with this message, all of them if it is empty. A line that is not JSON fails the
// test: nobody could search for it. Lines that are only metrics have no message and are left out.
func (l *Log) Entries(t testing.TB, message string) (entries []Entry) {
	t.Helper()
	for _, line := range l.Lines() {
		if line.Stream == "platform" {
			continue
		}
		var entry Entry
		if err := json.Unmarshal([]byte(line.Text), &entry); err != nil {
			t.Errorf("the log line %q is not JSON: %v", line.Text, err)
			continue
		}
		if got, ok := entry["message"]; ok && (message == "" || got == message) {
			entries = append(entries, entry)
		}
	}
	return entries
}

// Await waits until the function has logged the message, and returns that line.
func (l *Log) Await(t testing.TB, message string) Entry {
	t.Helper()
	for deadline := time.Now().Add(settleLimit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if entries := l.Entries(t, message); len(entries) > 0 {
			return entries[0]
		}
	}
	t.Fatalf("the function does not log %q", message)
	return nil
}
