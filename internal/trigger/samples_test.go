package trigger_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/trigger"
)

// here is the invocation that the samples are for.
var here = trigger.Invocation{
	RequestID: "8f5b7a3e-1c2d-4e5f-8a9b-0c1d2e3f4a5b",
	Now:       time.Date(2026, 11, 23, 15, 4, 5, 678, time.FixedZone("CET", 3600)),
	Account:   "123456789012",
	Region:    "eu-west-1",
}

// invoked is here.Now as a trigger tells it: in UTC and whole seconds.
var invoked = time.Date(2026, 11, 23, 14, 4, 5, 0, time.UTC)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

// samples is what each file of events/ asks for.
var samples = map[string]trigger.Input{
	"schedule.json": {Trigger: trigger.Trigger{
		Type: trigger.Schedule,
		ID:   "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/appstream-ami-exporter-ExportFunctionNightly@2026-11-23T02:00:00Z",
		Time: at("2026-11-23T02:00:00Z"),
	}},
	"scheduler-default.json": {Trigger: trigger.Trigger{
		Type: trigger.Schedule,
		ID:   "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/appstream-ami-exporter-ExportFunctionNightly@2026-11-23T02:00:00Z",
		Time: at("2026-11-23T02:00:00Z"),
	}},
	"scheduled-rule.json": {Trigger: trigger.Trigger{
		Type: trigger.Schedule,
		ID:   "arn:aws:events:eu-west-1:123456789012:rule/nightly-image-export@2026-11-23T02:00:00Z",
		Time: at("2026-11-23T02:00:00Z"),
	}},
	"empty.json": {Trigger: trigger.Trigger{Type: trigger.Schedule, ID: here.RequestID, Time: invoked}},

	"create-image.json": {
		Trigger: trigger.Trigger{Type: trigger.ImageReady, ID: "c41c1d9e-31a3-4f5e-bb6c-2f9f3c6a7d10", Time: at("2026-11-23T10:15:00Z")},
		Spec:    trigger.Spec{ImageName: "win2022-base-7"},
	},
	"create-updated-image.json": {
		Trigger: trigger.Trigger{Type: trigger.ImageReady, ID: "7f1b5c1c-49a5-4a63-9c53-6d4b93f3de02", Time: at("2026-11-23T11:30:12Z")},
		Spec:    trigger.Spec{ImageName: "win2022-base-8"},
	},
	"create-imported-image.json": {
		Trigger: trigger.Trigger{Type: trigger.ImageReady, ID: "1e3d5c7b-9a8f-4e6d-8c4b-2a1f0e9d8c7b", Time: at("2026-11-23T12:05:31Z")},
		Spec:    trigger.Spec{ImageName: "win2025-imported-1"},
	},
	"copy-image.json": {
		Trigger: trigger.Trigger{Type: trigger.ImageReady, ID: "3c5b7a99-8e7d-4c6b-9a5f-4e3d2c1b0a9f", Time: at("2026-11-23T13:45:09Z")},
		Spec:    trigger.Spec{ImageName: "win2022-base-7-copy"},
	},
	"image-ready.json": {
		Trigger: trigger.Trigger{Type: trigger.ImageReady, ID: "d3e5f709-1b2c-4d3e-9f40-5162738495a6", Time: at("2026-11-23T14:20:00Z")},
		Spec:    trigger.Spec{ImageName: "win2025-dev-3"},
	},

	"request.json": {
		Trigger: trigger.Trigger{Type: trigger.Request, ID: here.RequestID, Time: invoked},
		Spec: trigger.Spec{
			Images:          []string{"prod-*", "!prod-test"},
			Tag:             map[string]string{"Backup": "yes"},
			AMINameTemplate: "{image}-before-migration-{date}",
			AMIDescription:  "Image {image} of {created}, before the migration",
			Tags:            map[string]string{"Ticket": "CHG-4711", "Keep until": "2027-06-30"},
		},
	},
	"request-image.json": {
		Trigger: trigger.Trigger{Type: trigger.Request, ID: here.RequestID, Time: invoked},
		Spec:    trigger.Spec{ImageName: "win2022-base-7", AMIName: "win2022-base-7-golden"},
	},
	"request-dry-run.json": {
		Trigger: trigger.Trigger{Type: trigger.Request, ID: here.RequestID, Time: invoked},
		Spec:    trigger.Spec{Images: []string{"*"}, DryRun: true},
	},

	"create-updated-image-dry-run.json": {Ignored: "CreateUpdatedImage was a dry run, so no image is made"},
	"create-updated-image-denied.json":  {Ignored: "CreateUpdatedImage was refused by AppStream (AccessDenied), so no image is made"},
	"copy-image-other-region.json":      {Ignored: `the image is copied to Region "us-east-1", this function exports images of eu-west-1`},
}

// Every file of events/ has its expectation here and the other way round, so that no sample can go stale.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob("../../events/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples in events/ (%v)", err)
	}
	left := map[string]bool{}
	for name := range samples {
		left[name] = true
	}
	for _, file := range files {
		name := filepath.Base(file)
		payload, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		delete(left, name)
		t.Run(name, func(t *testing.T) {
			var fields map[string]json.RawMessage
			if err := json.Unmarshal(payload, &fields); err != nil {
				t.Fatalf("not a JSON object: %v", err)
			}
			got, err := trigger.Decode(payload, here)
			if err != nil {
				t.Fatalf("refused: %v", err)
			}
			if _, batch := fields["Records"]; batch {
				if len(got.Batch) == 0 {
					t.Errorf("Decode made no batch of it: %+v", got)
				}
				return
			}
			want, known := samples[name]
			if !known {
				t.Fatalf("no test says what this sample asks for; Decode says %+v", got)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Decode (-want +got):\n%s", diff)
			}
		})
	}
	for name := range left {
		t.Errorf("events/%s is missing", name)
	}
}
