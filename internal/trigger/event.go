package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"appstream-ami-exporter/internal/tags"
)

// envelope is EventBridge's, as far as it matters here. Detail stays raw: EventBridge Scheduler's own
// payload has the *string* "{}" there.
// https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
type envelope struct {
	ID         string          `json:"id"`
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Account    string          `json:"account"`
	Region     string          `json:"region"`
	Time       string          `json:"time"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

// detail is an empty object where there is none, so that what is missing in it is named.
func (e envelope) detail() []byte {
	if len(e.Detail) == 0 {
		return []byte("{}")
	}
	return e.Detail
}

func decodeEvent(payload []byte, inv Invocation) (Input, error) {
	var event envelope
	if err := json.Unmarshal(payload, &event); err != nil {
		return Input{}, fmt.Errorf("the event cannot be read: %s; %s", plain(err), accepted)
	}
	// An event of another account or Region names an image there; here the same name is another image.
	if event.Account != "" && event.Account != inv.Account {
		return Input{}, fmt.Errorf("the event is of account %.32q, this function exports images of account %s only", event.Account, inv.Account)
	}
	if event.Region != "" && event.Region != inv.Region {
		return Input{}, fmt.Errorf("the event is of Region %.32q, this function exports images of Region %s only", event.Region, inv.Region)
	}
	switch {
	case event.Source == "aws.scheduler", event.Source == "aws.events":
		return decodeSchedule(event, inv), nil
	case event.Source == "aws.appstream" && event.DetailType == "AWS Service Event via CloudTrail",
		event.Source == "aws.appstream" && event.DetailType == "AWS API Call via CloudTrail":
		return decodeCloudTrail(event, inv)
	case event.DetailType == "AppStream Image Ready":
		return decodeImageReady(event, inv)
	}
	return Input{}, fmt.Errorf("an event with source %.64q and detail-type %.128q is not for this function; %s", event.Source, event.DetailType, accepted)
}

func decodeSchedule(event envelope, inv Invocation) Input {
	t, ok := parseTime(event.Time)
	if !ok || len(event.Resources) == 0 {
		// A hand-made event: nothing in it tells this run from another, Lambda's request id does.
		return Input{Trigger: Trigger{Type: Schedule, ID: tags.Value(inv.RequestID), Time: eventTime(event, inv)}}
	}
	id := event.Resources[0] + "@" + t.Format(time.RFC3339)
	return Input{Trigger: Trigger{Type: Schedule, ID: tags.Value(id), Time: t}}
}

// cloudTrail is the detail of an event that CloudTrail delivers. CreateImage by an image builder is a
// service event with serviceEventDetails; the others are API calls with requestParameters, whose keys
// are in lower camel case (encoding/json matches them in any case).
// https://docs.aws.amazon.com/appstream2/latest/developerguide/understanding-service-name-entries.html
type cloudTrail struct {
	EventID             string `json:"eventID"`
	EventName           string `json:"eventName"`
	ErrorCode           string `json:"errorCode"`
	ServiceEventDetails struct {
		ImageName string `json:"ImageName"`
	} `json:"serviceEventDetails"`
	RequestParameters struct {
		Name                 string `json:"name"`                 // CreateImportedImage
		NewImageName         string `json:"newImageName"`         // CreateUpdatedImage
		DestinationImageName string `json:"destinationImageName"` // CopyImage
		DestinationRegion    string `json:"destinationRegion"`    // CopyImage
		DryRun               bool   `json:"dryRun"`
	} `json:"requestParameters"`
}

func decodeCloudTrail(event envelope, inv Invocation) (Input, error) {
	var detail cloudTrail
	if err := json.Unmarshal(event.detail(), &detail); err != nil {
		return Input{}, fmt.Errorf("the detail of the CloudTrail event cannot be read: %s", plain(err))
	}
	var name, field string
	parameters := detail.RequestParameters
	switch detail.EventName {
	case "CreateImage":
		name, field = detail.ServiceEventDetails.ImageName, "serviceEventDetails.ImageName"
	case "CreateUpdatedImage":
		name, field = parameters.NewImageName, "requestParameters.newImageName"
	case "CreateImportedImage":
		name, field = parameters.Name, "requestParameters.name"
	case "CopyImage":
		name, field = parameters.DestinationImageName, "requestParameters.destinationImageName"
	default:
		return Input{}, fmt.Errorf("the CloudTrail event %.64q makes no image; %s", detail.EventName, accepted)
	}
	switch {
	case detail.ErrorCode != "":
		return Input{Ignored: fmt.Sprintf("%s was refused by AppStream (%.64s), so no image is made", detail.EventName, detail.ErrorCode)}, nil
	case parameters.DryRun:
		return Input{Ignored: detail.EventName + " was a dry run, so no image is made"}, nil
	case detail.EventName == "CopyImage" && parameters.DestinationRegion != inv.Region:
		return Input{Ignored: fmt.Sprintf("the image is copied to Region %.32q, this function exports images of %s", parameters.DestinationRegion, inv.Region)}, nil
	case name == "":
		return Input{}, fmt.Errorf("the CloudTrail event %s names no image: detail.%s is missing", detail.EventName, field)
	}
	id := detail.EventID
	if id == "" {
		id = event.ID
	}
	return imageReady(name, id, eventTime(event, inv), inv), nil
}

func decodeImageReady(event envelope, inv Invocation) (Input, error) {
	var detail struct {
		ImageName string `json:"imageName"`
	}
	if err := json.Unmarshal(event.detail(), &detail); err != nil {
		return Input{}, fmt.Errorf("the detail of the event \"AppStream Image Ready\" cannot be read: %s", plain(err))
	}
	if detail.ImageName == "" {
		return Input{}, errors.New("the event \"AppStream Image Ready\" names no image: detail.imageName is missing")
	}
	return imageReady(detail.ImageName, event.ID, eventTime(event, inv), inv), nil
}

func imageReady(name, id string, t time.Time, inv Invocation) Input {
	if id == "" {
		id = inv.RequestID
	}
	return Input{
		Trigger: Trigger{Type: ImageReady, ID: tags.Value(id), Time: t},
		Ask:     Ask{ImageName: name},
	}
}

func eventTime(event envelope, inv Invocation) time.Time {
	if t, ok := parseTime(event.Time); ok {
		return t
	}
	return inv.Now.UTC().Truncate(time.Second)
}

// parseTime reads the time of an event. A year that JSON has no form for, which a time zone can make of one that it has,
// would let the trigger start exports that could not be announced.
func parseTime(text string) (t time.Time, ok bool) {
	t, err := time.Parse(time.RFC3339, text)
	t = t.UTC()
	return t, err == nil && t.Year() >= 1 && t.Year() <= 9999
}
