// Package metrics counts what the function does, for CloudWatch: one line of the log in the embedded metric format for each
// invocation that has something to count.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
package metrics

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Namespace and Dimension are where the metrics are found. The dimension is the function's name, so that several stacks in
// one Region do not disturb each other.
const (
	Namespace = "AppStreamAmiExporter"
	Dimension = "FunctionName"
)

// Name is the name of a metric.
type Name string

// What is counted.
const (
	ExportsStarted   Name = "ExportsStarted"
	ExportsCompleted Name = "ExportsCompleted"
	ExportsFailed    Name = "ExportsFailed"
	ExportsRejected  Name = "ExportsRejected"
	ExportsGivenUp   Name = "ExportsGivenUp"
	ImagesSelected   Name = "ImagesSelected"
	ImagesSkipped    Name = "ImagesSkipped"
	ImagesWaiting    Name = "ImagesWaiting"
	Sweeps           Name = "Sweeps"          // schedules whose plan was made
	SweepsCarriedOn  Name = "SweepsCarriedOn" // of which a later one carries what is left
	DuplicateAMIs    Name = "DuplicateAmis"   // completed exports that made a second AMI of a name
)

// What is measured, in seconds.
const (
	ExportDuration Name = "ExportDuration" // of an export, at its end
	OldestWorkAge  Name = "OldestWorkAge"  // of the oldest unfinished work in a batch
)

// mostValues is how many values one line may hold of a metric.
const mostValues = 100

// Recorder gathers what one invocation counts and measures; Flush writes it. All fields are required.
type Recorder struct {
	Out      io.Writer
	Function string // the name of the Lambda function
	Now      func() time.Time

	mutex  sync.Mutex
	counts map[Name]int
	values map[Name][]float64
}

// Count adds n, which may be 0: then CloudWatch is told that there was none.
func (r *Recorder) Count(name Name, n int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.counts == nil {
		r.counts = map[Name]int{}
	}
	r.counts[name] += n
}

// Measure adds one value, in seconds.
func (r *Recorder) Measure(name Name, d time.Duration) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.values == nil {
		r.values = map[Name][]float64{}
	}
	r.values[name] = append(r.values[name], d.Seconds())
}

type definition struct {
	Name Name   `json:"Name"`
	Unit string `json:"Unit"`
}

// Flush writes one line with everything since the last one, or none where there is nothing.
func (r *Recorder) Flush() error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if len(r.counts)+len(r.values) == 0 {
		return nil
	}
	now := r.Now()
	line := map[string]any{
		Dimension: r.Function,
		// As in each other line of the log: Lambda sorts and filters those in JSON by these two, and guesses where they are missing.
		// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
		"timestamp": now.UTC().Format(time.RFC3339Nano), "level": "INFO",
	}
	var definitions []definition
	for name, count := range r.counts {
		line[string(name)] = count
		definitions = append(definitions, definition{name, "Count"})
	}
	for name, values := range r.values {
		line[string(name)] = values[:min(len(values), mostValues)]
		definitions = append(definitions, definition{name, "Seconds"})
	}
	slices.SortFunc(definitions, func(a, b definition) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	line["_aws"] = map[string]any{
		"Timestamp": now.UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{
			"Namespace":  Namespace,
			"Dimensions": [][]string{{Dimension}},
			"Metrics":    definitions,
		}},
	}
	r.counts, r.values = nil, nil
	encoded, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("encode metrics: %w", err)
	}
	// One write, so that no other line of the log comes between.
	if _, err := r.Out.Write(append(encoded, '\n')); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}
