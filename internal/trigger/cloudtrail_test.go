package trigger_test

import (
	"strings"
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
		"a call that was refused, told by a message alone": {record("CopyImage", nil, "errorMessage", "not today"),
			ignored("CopyImage was refused by AppStream (not today), so no image is made")},
		"a long message": {record("CopyImage", nil, "errorMessage", strings.Repeat("a", 1000)),
			ignored("CopyImage was refused by AppStream (" + strings.Repeat("a", 128) + "), so no image is made")},
		"a build that failed": {event(t, map[string]any{"detail-type": "AWS Service Event via CloudTrail",
			"detail": call("CreateImage", nil, "serviceEventDetails", map[string]any{"ImageName": "win-8", "ImageState": "FAILED"})}),
			ignored("CreateImage was refused by AppStream (ImageState FAILED), so no image is made")},
		"a dry run": {record("CreateImportedImage", map[string]any{"name": "win-8", "dryRun": true}),
			ignored("CreateImportedImage was a dry run, so no image is made")},
		"a dry run that is none": {record("CreateImportedImage", map[string]any{"name": "win-8", "dryRun": false}),
			image("win-8", recordID)},
		"unknown fields": {event(t, map[string]any{"new": 1,
			"detail": call("CreateImportedImage", map[string]any{"name": "win-8", "new": []int{1}}, "new", true)}),
			image("win-8", recordID)},
		"a service event of an image builder": {event(t, map[string]any{"detail-type": "AWS Service Event via CloudTrail",
			"detail": call("CreateImage", nil, "serviceEventDetails", map[string]any{"ImageName": "win-8", "ImageState": "PENDING"})}),
			image("win-8", recordID)},
		"without an event id of CloudTrail's": {event(t, map[string]any{"id": "e1",
			"detail": call("CreateImportedImage", map[string]any{"name": "win-8"}, "eventID", "")}), image("win-8", "e1")},
	}.run(t)

	answered := func(answer any) string {
		return record("CreateUpdatedImage", map[string]any{"newImageName": "win-8"}, "responseElements", answer)
	}
	refusedWith := func(said string) trigger.Input {
		return ignored("CreateUpdatedImage was refused by AppStream (" + said + "), so no image is made")
	}
	accepted{
		"an error code": {answered(map[string]any{"errorCode": "ThrottlingException", "errorMessage": "slow down"}),
			refusedWith(`errorCode "ThrottlingException"`)},
		"an error in another form": {answered(map[string]any{"Error": map[string]any{"Code": 5}}), refusedWith(`Error {"Code":5}`)},
		"an exception":             {answered(map[string]any{"exception": "x"}), refusedWith(`exception "x"`)},
		"an update that cannot be": {answered(map[string]any{"canUpdateImage": false}), refusedWith("canUpdateImage false")},
		"no error": {answered(map[string]any{"canUpdateImage": true, "errorCode": "", "error": nil, "imageErrors": []int{},
			"exceptions": map[string]any{}, "image": map[string]any{"name": "win-8", "state": "PENDING"}}), image("win-8", recordID)},
		"no object": {answered("error"), image("win-8", recordID)},
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
