package handler_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/handler"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/work"
)

// numbers are what one line of metrics tells: a number is counted, a list is measured in seconds. nil is no line at all.
type numbers map[string]any

// checkMetrics compares the whole of what the invocation told CloudWatch, since an alarm or a graph may hang on any of it.
func (n *night) checkMetrics(want numbers, invocation func()) {
	n.t.Helper()
	before := len(n.metrics.String())
	invocation()
	var got []any
	for line := range strings.Lines(n.metrics.String()[before:]) {
		var decoded map[string]any
		n.must(json.Unmarshal([]byte(line), &decoded))
		if aws, ok := decoded["_aws"].(map[string]any); ok {
			delete(aws, "Timestamp")
		}
		delete(decoded, "timestamp")
		got = append(got, decoded)
	}
	if want == nil {
		check(n.t, "metrics", nil, got)
		return
	}
	var definitions []any
	for _, name := range slices.Sorted(maps.Keys(want)) {
		unit := "Count"
		if _, measured := want[name].([]any); measured {
			unit = "Seconds"
		}
		definitions = append(definitions, map[string]any{"Name": name, "Unit": unit})
	}
	line := map[string]any{"FunctionName": "exporter", "level": "INFO", "_aws": map[string]any{"CloudWatchMetrics": []any{map[string]any{
		"Namespace": "AppStreamAmiExporter", "Dimensions": []any{[]any{"FunctionName"}}, "Metrics": definitions,
	}}}}
	maps.Copy(line, want)
	check(n.t, "metrics", []any{line}, got)
}

// newSelection is a night in which the stack selects prod-*: of these one can be started, one waits and one is exported already.
func newSelection(t *testing.T) *night {
	t.Helper()
	n := newNight(t)
	selection, err := export.ParseSelection([]string{"prod-*"}, nil)
	n.must(err)
	n.with(func(d *handler.Dependencies) { d.Config.Selection = selection })
	n.put("prod-base", "other")
	n.build("prod-building")
	n.stream.PutImage(appstream.Image{Name: "prod-done", CreatedTime: made, Tags: map[string]string{markName: amiOf("prod-done")}})
	return n
}

// What a trigger counts. Only a schedule is counted as a sweep, or a night that is missing would not be seen where somebody asks by
// hand. A zero is told,
// since a graph with gaps looks like a function that does not run.
func TestMetricsOfATrigger(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, payload string
		want          numbers
	}{
		{"a schedule", schedule, numbers{
			"Sweeps": 1.0, "ImagesSelected": 3.0, "ImagesSkipped": 1.0, "ImagesWaiting": 1.0, "ExportsStarted": 1.0,
			"ExportsRejected": 0.0}},
		{"a request for the same", `{"tags":{"Ticket":"7"}}`, numbers{
			"ImagesSelected": 3.0, "ImagesSkipped": 1.0, "ImagesWaiting": 1.0, "ExportsStarted": 1.0, "ExportsRejected": 0.0}},
		{"a request that names an image that is not there", `{"images":["prod-*","missing"]}`, numbers{
			"ImagesSelected": 4.0, "ImagesSkipped": 1.0, "ImagesWaiting": 1.0, "ExportsStarted": 1.0, "ExportsRejected": 1.0}},
		{"a request for nothing there is", `{"images":["nothing-*"]}`, numbers{
			"ImagesSelected": 0.0, "ImagesSkipped": 0.0, "ImagesWaiting": 0.0, "ExportsStarted": 0.0, "ExportsRejected": 0.0}},
		{"a dry run", `{"dryRun":true}`, nil},
		{"an event to ignore", `{"source":"aws.ec2","detail-type":"Something","detail":{}}`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newSelection(t)
			n.checkMetrics(test.want, func() { _, _ = n.invoke(test.payload) }) // an error has its own tests
		})
	}
}

// The rest of a request was counted with it and is not counted again, however often it comes.
func TestMetricsOfTheRest(t *testing.T) {
	t.Parallel()
	n := newSelection(t)
	_, err := n.invoke(schedule)
	n.must(err)
	rest := n.queued()[1]
	n.pass(10 * time.Minute)
	n.checkMetrics(numbers{"OldestWorkAge": []any{600.0}}, func() { check(t, "kept", []int{0}, n.batch(1, rest)) })
	n.put("prod-building")
	n.checkMetrics(numbers{"ExportsStarted": 1.0, "OldestWorkAge": []any{0.0}}, func() { check(t, "kept", nil, n.batch(2, rest)) })
}

// What the looks at a task count. A duration is that of an export that ended; one that is given up has none.
func TestMetricsOfAWatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		end   types.ExportImageTaskState
		after time.Duration
		want  numbers
	}{
		{"it runs", types.ExportImageTaskStateExporting, 40 * time.Minute, numbers{"OldestWorkAge": []any{2400.0}}},
		{"it completed", types.ExportImageTaskStateCompleted, 42 * time.Minute,
			numbers{"ExportsCompleted": 1.0, "ExportDuration": []any{2520.0}, "OldestWorkAge": []any{0.0}}},
		{"it failed", types.ExportImageTaskStateFailed, 42 * time.Minute,
			numbers{"ExportsFailed": 1.0, "ExportDuration": []any{2520.0}, "OldestWorkAge": []any{0.0}}},
		{"it timed out", types.ExportImageTaskStateTimedOut, 42 * time.Minute,
			numbers{"ExportsFailed": 1.0, "ExportDuration": []any{2520.0}, "OldestWorkAge": []any{0.0}}},
		{"it is given up", types.ExportImageTaskStateExporting, exportDeadline,
			numbers{"ExportsGivenUp": 1.0, "OldestWorkAge": []any{0.0}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			n.stream.SetOutcome("base", appstream.Outcome{End: test.end})
			watch := n.begin("base")
			n.pass(test.after)
			n.checkMetrics(test.want, func() { n.batch(1, watch) })
		})
	}
}

// The alarm for work that is too old rings by the oldest that is left, wherever it is in the batch, and not by what is finished.
func TestOldestWorkAge(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	since := func(image string, ago time.Duration, end types.ExportImageTaskState) work.Item {
		n.stream.SetOutcome(image, appstream.Outcome{End: end, After: time.Minute})
		watch := n.begin(image)
		watch.Since = two.Add(-ago)
		return watch
	}
	old := since("old", 3*time.Hour, types.ExportImageTaskStateExporting)
	young := since("young", time.Hour, types.ExportImageTaskStateExporting)
	finished := since("finished", 5*time.Hour, types.ExportImageTaskStateCompleted)
	n.pass(time.Hour)
	n.checkMetrics(numbers{"ExportsCompleted": 1.0, "ExportDuration": []any{3600.0}, "OldestWorkAge": []any{14400.0}}, func() {
		check(t, "kept", []int{0, 1}, n.batch(1, old, young, finished))
	})
}
