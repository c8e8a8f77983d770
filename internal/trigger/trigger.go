// Package trigger turns the bytes of an invocation into what is asked for: a trigger with the images it means, or a batch of
// work from the queue. It decides by content, does no I/O and knows no AWS client.
//
// Decode tries the kinds of payload one after another. Each kind has a file of its own: schedule.go, cloudtrail.go,
// imageready.go, request.go and queue.go.
package trigger

import "time"

// Type says what asked. It is stored in work messages, tags and notifications: a type can be added, never renamed.
type Type string

// The three types of trigger.
const (
	Schedule   Type = "schedule"    // the time came
	ImageReady Type = "image-ready" // an event told of a new image
	Request    Type = "request"     // a person or program called the function
)

// Trigger identifies what asked. ID is the same for every redelivery of the same trigger and fits the value of an AWS tag;
// Time is when it was due or happened, in UTC, never the time of a redelivery where the trigger carries its own.
type Trigger struct {
	Type Type      `json:"type"`
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
}

// Scheduled tells whether it is one of the runs that come by themselves, again and again.
func (t Trigger) Scheduled() bool { return t.Type == Schedule }

// AnnouncesImage tells whether it told of an image when the making of it began. Such an image need not be visible yet, and
// who makes it may still tag it.
func (t Trigger) AnnouncesImage() bool { return t.Type == ImageReady }

// ChoosesImages tells whether it may mean images outside the stack's selection, unless the stack forbids that.
func (t Trigger) ChoosesImages() bool { return t.Type == Request }

// Spec is what a trigger asks for: which images, and what the AMIs are to be like. Empty fields leave the choice to the stack.
type Spec struct {
	Images          []string          `json:"images,omitempty"` // names, glob patterns, and with a leading ! exclusions
	ImageName       string            `json:"imageName,omitempty"`
	Tag             map[string]string `json:"tag,omitempty"` // every one of these tags must be on the image
	AMIName         string            `json:"amiName,omitempty"`
	AMINameTemplate string            `json:"amiNameTemplate,omitempty"`
	AMIDescription  string            `json:"amiDescription,omitempty"` // a template like the name's
	Tags            map[string]string `json:"tags,omitempty"`
	DryRun          bool              `json:"dryRun,omitempty"`
}

// CustomAMIName tells whether the spec itself says what AMIs are called: then no run of the stack's own makes the same AMI.
func (s Spec) CustomAMIName() bool { return s.AMIName != "" || s.AMINameTemplate != "" }
