package trigger

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// cloudTrail is an event that CloudTrail sends when an image begins to be made. CreateImage by an image builder is a service
// event with serviceEventDetails; the others are API calls with requestParameters.
// https://docs.aws.amazon.com/appstream2/latest/developerguide/understanding-service-name-entries.html
type cloudTrail struct{}

func (cloudTrail) accepts() string {
	return "the CloudTrail events CreateImage, CreateUpdatedImage, CreateImportedImage and CopyImage of aws.appstream"
}

func (cloudTrail) matches(p payload) bool {
	return p.isEvent && p.event.Source == "aws.appstream" &&
		(p.event.DetailType == "AWS Service Event via CloudTrail" || p.event.DetailType == "AWS API Call via CloudTrail")
}

// cloudTrailRecord is the detail of such an event. Its keys are in lower camel case; encoding/json matches them in any case.
type cloudTrailRecord struct {
	EventID             string `json:"eventID"`
	EventName           string `json:"eventName"`
	ErrorCode           string `json:"errorCode"`
	ErrorMessage        string `json:"errorMessage"`
	ServiceEventDetails struct {
		ImageName  string `json:"ImageName"`
		ImageState string `json:"ImageState"`
	} `json:"serviceEventDetails"`
	ResponseElements  json.RawMessage `json:"responseElements"`
	RequestParameters struct {
		Name                 string `json:"name"`                 // CreateImportedImage
		NewImageName         string `json:"newImageName"`         // CreateUpdatedImage
		DestinationImageName string `json:"destinationImageName"` // CopyImage
		DestinationRegion    string `json:"destinationRegion"`    // CopyImage
		DryRun               bool   `json:"dryRun"`
	} `json:"requestParameters"`
}

// imageName returns the name of the image that is made and the field where it stands; the field is empty if the record tells
// of something that makes no image.
func (r cloudTrailRecord) imageName() (name, field string) {
	switch r.EventName {
	case "CreateImage":
		return r.ServiceEventDetails.ImageName, "serviceEventDetails.ImageName"
	case "CreateUpdatedImage":
		return r.RequestParameters.NewImageName, "requestParameters.newImageName"
	case "CreateImportedImage":
		return r.RequestParameters.Name, "requestParameters.name"
	case "CopyImage":
		return r.RequestParameters.DestinationImageName, "requestParameters.destinationImageName"
	}
	return "", ""
}

// failure is how the record says that the call came to nothing, or empty. Some services tell errors in fields of their own,
// others in responseElements. CreateUpdatedImage answers canUpdateImage, and a service event the state of the image.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
func (r cloudTrailRecord) failure() string {
	if said := cmp.Or(r.ErrorCode, r.ErrorMessage); said != "" {
		return said
	}
	if r.ServiceEventDetails.ImageState == "FAILED" {
		return "ImageState FAILED"
	}
	var answer map[string]json.RawMessage
	_ = json.Unmarshal(r.ResponseElements, &answer) // what is no object says nothing of errors
	for _, field := range slices.Sorted(maps.Keys(answer)) {
		name, value := strings.ToLower(field), string(answer[field])
		nothing := value == "null" || value == `""` || value == "[]" || value == "{}"
		if name == "canupdateimage" && value == "false" ||
			(strings.Contains(name, "error") || strings.Contains(name, "exception")) && !nothing {
			return field + " " + value
		}
	}
	return ""
}

func (cloudTrail) decode(p payload, inv Invocation) (Input, error) {
	var record cloudTrailRecord
	if err := p.event.decodeDetail(&record); err != nil {
		return Input{}, fmt.Errorf("the detail of the CloudTrail event cannot be read: %s", explain(err))
	}
	name, field := record.imageName()
	if field == "" {
		return Input{}, refuse("the CloudTrail event %s makes no image", quote(record.EventName))
	}
	parameters := record.RequestParameters
	if failure := record.failure(); failure != "" {
		return Input{Ignored: fmt.Sprintf("%s was refused by AppStream (%.128s), so no image is made", record.EventName, failure)}, nil
	}
	if parameters.DryRun {
		return Input{Ignored: record.EventName + " was a dry run, so no image is made"}, nil
	}
	if record.EventName == "CopyImage" && parameters.DestinationRegion != inv.Region {
		return Input{Ignored: fmt.Sprintf("the image is copied to Region %s, this function exports images of %s",
			quote(parameters.DestinationRegion), inv.Region)}, nil
	}
	if name == "" {
		return Input{}, fmt.Errorf("the CloudTrail event %s names no image: detail.%s is missing", record.EventName, field)
	}
	return imageInput(name, cmp.Or(record.EventID, p.event.ID), p.event.time(inv), inv), nil
}
