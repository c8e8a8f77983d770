// Package triggertest says what the files of events/ ask for, for all tests that read them.
package triggertest

import (
	"time"

	"appstream-ami-exporter/internal/trigger"
)

// Invocation is one that brings a sample.
var Invocation = trigger.Invocation{
	RequestID: "8f5b7a3e-1c2d-4e5f-8a9b-0c1d2e3f4a5b",
	Now:       time.Date(2026, 11, 23, 15, 4, 5, 678, time.FixedZone("CET", 3600)),
	Account:   "123456789012",
	Region:    "eu-west-1",
	WorkQueue: "arn:aws:sqs:eu-west-1:123456789012:work",
}

// Sample is what one file of events/ asks for when Invocation brings it.
type Sample struct {
	File       string
	Input      trigger.Input
	PassesRule bool // one of the template's rules takes it
}

// nightly is the schedule of the template.
const nightly = "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/appstream-ami-exporter-ExportFunctionNightly"

// Samples are all files of events/.
var Samples = []Sample{
	scheduled("schedule.json", nightly),
	scheduled("scheduler-default.json", nightly),
	scheduled("scheduled-rule.json", "arn:aws:events:eu-west-1:123456789012:rule/nightly-image-export"),
	{File: "empty.json", Input: trigger.Input{Trigger: byHand(trigger.Schedule)}},

	image("create-image.json", "win2022-base-7", "c41c1d9e-31a3-4f5e-bb6c-2f9f3c6a7d10", utc(10, 15, 0)),
	image("create-updated-image.json", "win2022-base-8", "7f1b5c1c-49a5-4a63-9c53-6d4b93f3de02", utc(11, 30, 12)),
	image("create-imported-image.json", "win2025-imported-1", "1e3d5c7b-9a8f-4e6d-8c4b-2a1f0e9d8c7b", utc(12, 5, 31)),
	image("copy-image.json", "win2022-base-7-copy", "3c5b7a99-8e7d-4c6b-9a5f-4e3d2c1b0a9f", utc(13, 45, 9)),
	image("image-ready.json", "win2025-dev-3", "d3e5f709-1b2c-4d3e-9f40-5162738495a6", utc(14, 20, 0)),

	ignored("create-updated-image-dry-run.json", "CreateUpdatedImage was a dry run, so no image is made"),
	ignored("create-updated-image-denied.json", "CreateUpdatedImage was refused by AppStream (AccessDenied), so no image is made"),
	ignored("copy-image-other-region.json", `the image is copied to Region "us-east-1", this function exports images of eu-west-1`),

	request("request.json", trigger.Spec{
		Images:          []string{"prod-*", "!prod-test"},
		Tag:             map[string]string{"Backup": "yes"},
		AMINameTemplate: "{image}-before-migration-{date}",
		AMIDescription:  "Image {image} of {created}, before the migration",
		Tags:            map[string]string{"Ticket": "CHG-4711", "Keep until": "2027-06-30"},
	}),
	request("request-image.json", trigger.Spec{ImageName: "win2022-base-7", AMIName: "win2022-base-7-golden"}),
	request("request-dry-run.json", trigger.Spec{Images: []string{"*"}, DryRun: true}),

	queued("sqs-request.json", "2e1424d4-f796-459a-8184-9c92662be6da",
		`"request":{"ask":{},"only":["win2022-base-7","win2022-cad-3"]}`),
	queued("sqs-watch.json", "059f36b4-87a3-44ab-83d2-661975830a7d",
		`"watch":{"taskId":"3f0c2f0e-8a55-4c1c-9f0e-0d3c5b0c7a11",`+
			`"imageArn":"arn:aws:appstream:eu-west-1:123456789012:image/win2022-base-7",`+
			`"amiName":"win2022-base-7-20261120T101500Z","imageName":"win2022-base-7","created":"2026-11-23T02:00:03Z"}`),
}

func utc(hour, minute, second int) time.Time {
	return time.Date(2026, 11, 23, hour, minute, second, 0, time.UTC)
}

func scheduled(file, arn string) Sample {
	return Sample{File: file, Input: trigger.Input{
		Trigger: trigger.Trigger{Type: trigger.Schedule, ID: arn + "@2026-11-23T02:00:00Z", Time: utc(2, 0, 0)},
	}}
}

// byHand is a trigger that has nothing of its own but the invocation's.
func byHand(t trigger.Type) trigger.Trigger {
	return trigger.Trigger{Type: t, ID: Invocation.RequestID, Time: utc(14, 4, 5)}
}

func image(file, name, id string, at time.Time) Sample {
	return Sample{File: file, PassesRule: true, Input: trigger.Input{
		Trigger: trigger.Trigger{Type: trigger.ImageReady, ID: id, Time: at}, Spec: trigger.Spec{ImageName: name},
	}}
}

func ignored(file, why string) Sample { return Sample{File: file, Input: trigger.Input{Ignored: why}} }

func request(file string, spec trigger.Spec) Sample {
	return Sample{File: file, Input: trigger.Input{Trigger: byHand(trigger.Request), Spec: spec}}
}

func queued(file, messageID, work string) Sample {
	return Sample{File: file, Input: trigger.Input{Batch: []trigger.Record{{
		MessageID: messageID, ReceiptHandle: "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a", Receives: 3,
		Body: `{"trigger":{"type":"schedule",` +
			`"id":"arn:aws:scheduler:eu-west-1:123456789012:schedule/default/nightly@2026-11-23T02:00:00Z",` +
			`"time":"2026-11-23T02:00:00Z"},"since":"2026-11-23T02:00:03Z","deadline":"2036-11-23T02:00:03Z",` + work + `}`,
	}}}}
}
