package triggertest_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/trigger"
	"appstream-ami-exporter/internal/trigger/triggertest"
)

const events = "../../../events"

func TestSamples(t *testing.T) {
	for _, sample := range triggertest.Samples {
		t.Run(sample.File, func(t *testing.T) {
			payload, err := os.ReadFile(filepath.Join(events, sample.File))
			if err != nil {
				t.Fatal(err)
			}
			got, err := trigger.Decode(payload, triggertest.Invocation)
			if err != nil {
				t.Fatalf("refused: %v", err)
			}
			if diff := cmp.Diff(sample.Input, got); diff != "" {
				t.Errorf("Decode (-want +got):\n%s", diff)
			}
		})
	}
}

// A file of events/ that no test reads could be wrong for years, and one that nobody explains is no help.
func TestEverySampleIsReadAndExplained(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(events, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var there, known []string
	for _, file := range files {
		there = append(there, filepath.Base(file))
	}
	for _, sample := range triggertest.Samples {
		known = append(known, sample.File)
	}
	slices.Sort(known)
	if diff := cmp.Diff(there, known); diff != "" {
		t.Errorf("-files in events/ +samples of triggertest:\n%s", diff)
	}
	readme, err := os.ReadFile(filepath.Join(events, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range there {
		if !strings.Contains(string(readme), "| `"+name+"` |") {
			t.Errorf("events/README.md does not explain %s", name)
		}
	}
}
