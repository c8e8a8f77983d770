package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"appstream-ami-exporter/internal/tags"
)

// accepted is said in every refusal: whoever reads it sees what would have worked.
const accepted = "accepted are: an EventBridge schedule (Scheduler, scheduled rule, or {}), the CloudTrail events " +
	"CreateImage, CreateUpdatedImage, CreateImportedImage and CopyImage of aws.appstream, the event \"AppStream Image Ready\", " +
	"a request such as {\"images\":[\"prod-*\"]}, and batches of this stack's work queue"

// Invocation is what is known about an invocation apart from its payload.
type Invocation struct {
	RequestID string // Lambda's request id, the same for every attempt of one asynchronous invocation
	Now       time.Time
	Account   string // the account that the function runs in
	Region    string
}

// Input is what one invocation asks for. Exactly one of these holds: Batch is set (work from the queue),
// Ignored is set (a valid event that asks for nothing, and why), or Trigger is set.
type Input struct {
	Trigger Trigger
	Ask     Ask
	Ignored string
	Batch   []Record
}

// Ask is what a trigger means: which images, and what the AMIs are to be like. Empty fields leave the
// choice to the stack.
type Ask struct {
	Images          []string          `json:"images,omitempty"` // names, glob patterns, and with a leading ! exclusions
	ImageName       string            `json:"imageName,omitempty"`
	Tag             map[string]string `json:"tag,omitempty"` // every one of these tags must be on the image
	AMIName         string            `json:"amiName,omitempty"`
	AMINameTemplate string            `json:"amiNameTemplate,omitempty"`
	AMIDescription  string            `json:"amiDescription,omitempty"` // a template like the name's
	Tags            map[string]string `json:"tags,omitempty"`
	DryRun          bool              `json:"dryRun,omitempty"`
}

// NamesAMI tells whether the ask itself says what AMIs are called: then no run of the stack's own makes the same AMI.
func (a Ask) NamesAMI() bool { return a.AMIName != "" || a.AMINameTemplate != "" }

// Record is one message of the work queue.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
type Record struct {
	MessageID     string
	ReceiptHandle string
	Body          string
	Receives      int // how often it has been received, this time included
}

// Decode reads the payload of an invocation. Its errors are sentences for people: what was wrong, where, and what
// is accepted. AWS events are read leniently, since AWS adds fields without notice; requests are ours
// and read strictly, since a misspelt field would silently ask for something else.
func Decode(payload []byte, inv Invocation) (Input, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(payload, &fields); err != nil {
		return Input{}, fmt.Errorf("the payload is not a JSON object (%s); %s", plain(err), accepted)
	}
	if fields == nil {
		return Input{}, fmt.Errorf("the payload is null; %s", accepted)
	}
	if _, ok := fields["Records"]; ok {
		return decodeBatch(payload)
	}
	for _, name := range []string{"source", "detail-type", "detail"} {
		if _, ok := fields[name]; ok {
			return decodeEvent(payload, inv)
		}
	}
	if len(fields) == 0 {
		return Input{Trigger: Trigger{Type: Schedule, ID: tags.Value(inv.RequestID), Time: inv.Now.UTC().Truncate(time.Second)}}, nil
	}
	return decodeRequest(payload, fields, inv)
}

// requestFields are the fields of a request, in the order of Ask.
var requestFields = []string{"images", "imageName", "tag", "amiName", "amiNameTemplate", "amiDescription", "tags", "dryRun"}

func decodeRequest(payload []byte, fields map[string]json.RawMessage, inv Invocation) (Input, error) {
	// Checked here, since encoding/json takes a field in any case of letters: an empty "Images" would pass for none.
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(requestFields, name) {
			return Input{}, fmt.Errorf("the request cannot be read: it has no field %.64q; its fields are %s; %s", name, strings.Join(requestFields, ", "), accepted)
		}
	}
	var ask Ask
	if err := json.Unmarshal(payload, &ask); err != nil {
		return Input{}, fmt.Errorf("the request cannot be read: %s; its fields are %s; %s", plain(err), strings.Join(requestFields, ", "), accepted)
	}
	if err := ask.check(fields); err != nil {
		return Input{}, fmt.Errorf("the request cannot be used: %w", err)
	}
	return Input{
		Trigger: Trigger{Type: Request, ID: tags.Value(inv.RequestID), Time: inv.Now.UTC().Truncate(time.Second)},
		Ask:     ask,
	}, nil
}

// check finds what contradicts itself. What names, patterns, templates and tags may look like is the
// domain's to say.
func (a Ask) check(fields map[string]json.RawMessage) error {
	has := func(name string) bool { _, ok := fields[name]; return ok }
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }

	switch {
	case has("images") && has("imageName"):
		add("images and imageName are both there; use one")
	case has("images") && len(a.Images) == 0:
		add("images is empty, so nothing is selected; leave it out to mean the stack's own selection")
	case has("images") && slices.Contains(a.Images, ""):
		add("images holds an empty name")
	case has("imageName") && a.ImageName == "":
		add("imageName is empty")
	}
	if has("tag") && len(a.Tag) == 0 {
		add("tag is empty, so it selects nothing; leave it out to select by name only")
	}
	if has("amiName") && a.AMIName == "" {
		add("amiName is empty")
	}
	if a.AMIName != "" && a.AMINameTemplate != "" {
		add("amiName and amiNameTemplate are both there; use one")
	}
	if string(fields["dryRun"]) == "null" {
		add("dryRun is null; say true or false, or leave it out") // encoding/json would take it for false
	}
	if has("amiNameTemplate") && a.AMINameTemplate == "" {
		add("amiNameTemplate is empty")
	}
	return errors.Join(problems...)
}

// plain makes encoding/json's message fit for a sentence, and short whatever was sent.
func plain(err error) string {
	text := err.Error()
	if typed, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if typed.Field == "" {
			return "it is a JSON " + typed.Value
		}
		text = fmt.Sprintf("field %q is a JSON %s, not %s", typed.Field, typed.Value, describe(typed.Type.String()))
	}
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "..."
	}
	return text
}

func describe(goType string) string {
	switch goType {
	case "string":
		return "a string"
	case "bool":
		return "true or false"
	case "[]string":
		return "a list of strings"
	case "map[string]string":
		return "an object of strings"
	}
	return "what belongs there"
}
