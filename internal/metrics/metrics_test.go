package metrics_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/metrics"
)

func recorder(out *bytes.Buffer) *metrics.Recorder {
	now := time.Date(2026, 11, 23, 2, 0, 3, 0, time.UTC)
	return &metrics.Recorder{Out: out, Function: "stack-ExportFunction-1", Now: func() time.Time { return now }}
}

// The exact JSON that CloudWatch reads.
func TestFlushWritesTheEmbeddedMetricFormat(t *testing.T) {
	var out bytes.Buffer
	r := recorder(&out)
	r.Count(metrics.ExportsStarted, 2)
	r.Count(metrics.ExportsStarted, 1)
	r.Count(metrics.ExportsRejected, 0)
	r.Measure(metrics.ExportDuration, 41*time.Minute)
	r.Measure(metrics.ExportDuration, 1500*time.Millisecond)
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	want := `{"ExportDuration":[2460,1.5],"ExportsRejected":0,"ExportsStarted":3,"FunctionName":"stack-ExportFunction-1",` +
		`"_aws":{"CloudWatchMetrics":[{"Dimensions":[["FunctionName"]],"Metrics":[` +
		`{"Name":"ExportDuration","Unit":"Seconds"},{"Name":"ExportsRejected","Unit":"Count"},{"Name":"ExportsStarted","Unit":"Count"}],` +
		`"Namespace":"AppStreamAmiExporter"}],"Timestamp":1795399203000},"level":"INFO","timestamp":"2026-11-23T02:00:03Z"}` + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
}

func TestFlushStartsAnew(t *testing.T) {
	var out bytes.Buffer
	r := recorder(&out)
	r.Count(metrics.Sweeps, 1)
	for range 2 {
		if err := r.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if lines := bytes.Count(out.Bytes(), []byte("\n")); lines != 1 {
		t.Errorf("%d lines, want 1: an invocation that counts nothing writes none\n%s", lines, out.Bytes())
	}
}

// CloudWatch drops the whole line where a metric has more than 100 values.
func TestFlushKeepsToAHundredValues(t *testing.T) {
	var out bytes.Buffer
	r := recorder(&out)
	for range 101 {
		r.Measure(metrics.OldestWorkAge, time.Second)
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	if values := bytes.Count(out.Bytes(), []byte("1,")) + 1; values != 100 {
		t.Errorf("%d values, want 100", values)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestFlushReportsWhatItCannotWrite(t *testing.T) {
	r := &metrics.Recorder{Out: broken{}, Now: time.Now}
	r.Count(metrics.Sweeps, 1)
	if err := r.Flush(); err == nil || err.Error() != "write metrics: disk full" {
		t.Errorf("error %v", err)
	}
}
