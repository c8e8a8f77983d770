package trigger_test

import (
	"testing"

	"appstream-ami-exporter/internal/trigger"
)

const recordID = "7f1b5c1c-49a5-4a63-9c53-6d4b93f3de02"

// call is the detail of an API call as CloudTrail tells it.
func call(name string, parameters map[string]any, more ...any) map[string]any {
	detail := map[string]any{"eventID": recordID, "eventName": name, "requestParameters": parameters}
	for i := 0; i+1 < len(more); i += 2 {
		detail[more[i].(string)] = more[i+1]
	}
	return detail
}

func TestCloudTrail(t *testing.T) {
	record := func(name string, parameters map[string]any, more ...any) string {
		return event(t, map[string]any{"detail": call(name, parameters, more...)})
	}
	ignored := func(why string) trigger.Input { return trigger.Input{Ignored: why} }
	accepted{
		"an update": {record("CreateUpdatedImage", map[string]any{"newImageName": "win-8"}), image("win-8", recordID)},
		"an import": {record("CreateImportedImage", map[string]any{"name": "win-8"}), image("win-8", recordID)},
		"a copy here": {record("CopyImage", map[string]any{
			"sourceImageName": "win-7", "destinationImageName": "win-8", "destinationRegion": "eu-west-1"}), image("win-8", recordID)},
		"a copy elsewhere": {record("CopyImage", map[string]any{"destinationImageName": "win-8", "destinationRegion": "us-east-1"}),
			ignored(`the image is copied to Region "us-east-1", this function exports images of eu-west-1`)},
		"a call that was refused": {record("CopyImage", nil, "errorCode", "ResourceNotFoundException"),
			ignored("CopyImage was refused by AppStream (ResourceNotFoundException), so no image is made")},
		"a dry run": {record("CreateImportedImage", map[string]any{"name": "win-8", "dryRun": true}),
			ignored("CreateImportedImage was a dry run, so no image is made")},
		"a dry run that is none": {record("CreateImportedImage", map[string]any{"name": "win-8", "dryRun": false}),
			image("win-8", recordID)},
		"unknown fields": {event(t, map[string]any{"new": 1,
			"detail": call("CreateImportedImage", map[string]any{"name": "win-8", "new": []int{1}}, "new", true)}), image("win-8", recordID)},
		"a service event of an image builder": {event(t, map[string]any{"detail-type": "AWS Service Event via CloudTrail",
			"detail": call("CreateImage", nil, "serviceEventDetails", map[string]any{"ImageName": "win-8", "ImageState": "PENDING"})}),
			image("win-8", recordID)},
		"without an event id of CloudTrail's": {event(t, map[string]any{"id": "e1",
			"detail": call("CreateImportedImage", map[string]any{"name": "win-8"}, "eventID", "")}), image("win-8", "e1")},
	}.run(t)

	refused{
		"a call that makes no image": {record("DeleteImage", map[string]any{"name": "x"}),
			`the CloudTrail event "DeleteImage" makes no image` + everyKind},
		"no detail": {event(t, map[string]any{"detail": nil}),
			`the CloudTrail event "" makes no image` + everyKind},
		"the detail is a string": {event(t, map[string]any{"detail": "{}"}),
			"the detail of the CloudTrail event cannot be read: it is a JSON string"},
		"the parameters are a string": {record("CopyImage", nil, "requestParameters", "x"),
			`cannot be read: field "requestParameters" is a JSON string`},
		"CreateImage without its name": {record("CreateImage", map[string]any{"name": "x"}),
			"the CloudTrail event CreateImage names no image: detail.serviceEventDetails.ImageName is missing"},
		"an update without its name": {record("CreateUpdatedImage", map[string]any{"name": "x"}),
			"detail.requestParameters.newImageName is missing"},
		"an import without its name": {record("CreateImportedImage", nil), "detail.requestParameters.name is missing"},
		"a copy without its name": {record("CopyImage", map[string]any{"destinationRegion": "eu-west-1"}),
			"detail.requestParameters.destinationImageName is missing"},
	}.run(t)
}
