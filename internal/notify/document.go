// Package notify tells an SNS topic what became of exports and of their AMIs: one JSON document for one change.
package notify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"appstream-ami-exporter/internal/console"
)

// SchemaVersion is the version of the document's form; its schema is docs/notification.schema.json.
const SchemaVersion = "1.0"

// Type says what happened.
type Type string

// The five changes that are worth telling.
const (
	ExportStarted   Type = "ExportStarted"
	ExportCompleted Type = "ExportCompleted"
	ExportFailed    Type = "ExportFailed"   // the task ended FAILED or TIMED_OUT
	ExportRejected  Type = "ExportRejected" // it never started
	ExportGivenUp   Type = "ExportGivenUp"  // a deadline passed
)

// Document is one notification. ID is the same each time the same change is told, so that a reader can
// pass over what was delivered twice.
type Document struct {
	Summary         string    `json:"summary"`
	SchemaVersion   string    `json:"schemaVersion"`
	ID              string    `json:"id"`
	Type            Type      `json:"type"`
	Time            time.Time `json:"time"`
	Account         string    `json:"account"`
	Region          string    `json:"region"`
	ImageName       string    `json:"imageName"`
	AMIName         string    `json:"amiName,omitempty"` // where there is no task to name it
	Trigger         Trigger   `json:"trigger,omitzero"`  // documents of the keeper have none
	Task            *Task     `json:"task,omitempty"`
	DurationSeconds *int64    `json:"durationSeconds,omitempty"`
	Error           *Error    `json:"error,omitempty"`
	Links           *Links    `json:"links,omitempty"`
	AMIs            []AMI     `json:"amis,omitempty"` // documents of the keeper have at least one
}

// Trigger is what asked for the export.
type Trigger struct {
	Type string    `json:"type"`
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
}

// Task is AppStream's ExportImageTask under its own field names.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_ExportImageTask.html
type Task struct {
	TaskID            string            `json:"TaskId"`
	ImageARN          string            `json:"ImageArn"`
	AMIName           string            `json:"AmiName"`
	CreatedDate       *time.Time        `json:"CreatedDate,omitempty"`
	AMIDescription    string            `json:"AmiDescription,omitempty"`
	State             string            `json:"State,omitempty"`
	AMIID             string            `json:"AmiId,omitempty"`
	TagSpecifications map[string]string `json:"TagSpecifications,omitempty"`
	ErrorDetails      []ErrorDetail     `json:"ErrorDetails,omitempty"`
}

// ErrorDetail is one of AppStream's reasons why a task failed.
type ErrorDetail struct {
	ErrorCode    string `json:"ErrorCode,omitempty"`
	ErrorMessage string `json:"ErrorMessage,omitempty"`
}

// Error says what went wrong and what an administrator can do about it.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Links lead into the AWS console.
type Links struct {
	AMI string `json:"ami,omitempty"`
}

// Body is the document as it is published: indented, since people read it in e-mails, and with < and &
// as they are.
func (d Document) Body() (string, error) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d); err != nil {
		return "", fmt.Errorf("encode notification %s: %w", d.ID, err)
	}
	return escaped(strings.TrimSuffix(body.String(), "\n")), nil
}

// escaped writes the control characters that encoding/json leaves as they are as JSON may also have them: some mail programs
// and terminals act on them.
func escaped(document string) string {
	control := func(r rune) bool { return r >= 0x7f && r <= 0x9f }
	if strings.IndexFunc(document, control) < 0 {
		return document
	}
	var safe strings.Builder
	for _, r := range document {
		if control(r) {
			fmt.Fprintf(&safe, `\u%04x`, r)
			continue
		}
		safe.WriteRune(r)
	}
	return safe.String()
}

// state is the last part of an export's ID and a message attribute of its own, so that subscriptions can filter by it.
func (d Document) state() string {
	if d.Trigger == (Trigger{}) {
		return ""
	}
	return d.ID[strings.LastIndexByte(d.ID, ':')+1:]
}

// longestSubject is what SNS takes: less than 100 characters.
// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
const longestSubject = 99

// Subject is one line of printable ASCII, which is all that every version of SNS has ever taken.
func (d Document) Subject() string {
	before, after := "AppStream export of ", " "+said[d.Type]
	if len(d.AMIs) > 0 {
		before = "AMIs of AppStream image "
	}
	name := d.ImageName
	if len(d.AMIs) > 0 && name == SeveralImages {
		before, name = "AMIs of several AppStream images", ""
	}
	room := longestSubject - len(before) - len(after)
	return before + shorten(ascii(name), room) + after
}

// said is what the subject says has happened.
var said = map[Type]string{
	ExportStarted:   "started",
	ExportCompleted: "completed",
	ExportFailed:    "FAILED",
	ExportRejected:  "REJECTED",
	ExportGivenUp:   "GIVEN UP",

	AMICopied:         "copied",
	AMICopyFailed:     "NOT COPIED",
	AMIsRetiring:      "will be retired",
	AMIsRetired:       "retired",
	AMINotRetired:     "NOT RETIRED",
	AMIPointerFailed:  "NOT POINTED TO",
	AMINotImportable:  "cannot be imported",
	AMIsKeptByHand:    "kept by hand",
	RetirementStopped: "NOT RETIRED: stopped",
}

func ascii(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}

func shorten(text string, room int) string {
	if len(text) <= room {
		return text
	}
	return text[:room-3] + "..."
}

// idBytes makes such an ID as long as a task's: 128 bits, of which a UUID has no more.
const idBytes = 16

// IDWithoutTask is the ID of a notification about an image that no task was made for: the same for the same trigger,
// image and state, and short enough for a FIFO topic.
func IDWithoutTask(triggerID, imageName, state string) string {
	sum := sha256.Sum256([]byte(triggerID + "\n" + imageName))
	return hex.EncodeToString(sum[:idBytes]) + ":" + state
}

// ConsoleLinks lead to an AMI in the console of the partition; nil where its address is not known.
func ConsoleLinks(partition, region, amiID string) *Links {
	if address := console.AMI(partition, region, amiID); address != "" {
		return &Links{AMI: address}
	}
	return nil
}
