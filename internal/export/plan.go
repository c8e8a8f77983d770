package export

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/tags"
	"appstream-ami-exporter/internal/trigger"
)

// Action is what is to be done about one image.
type Action string

// The decisions of a plan. Announce is for a task that this very trigger started before it was cut off:
// nobody can know whether it was announced and is watched, so both is done again.
const (
	Export   Action = "export"
	Wait     Action = "wait"
	Skip     Action = "skip"
	Reject   Action = "reject"
	Announce Action = "announce"

	needTags Action = "need tags" // not yet a decision: it hangs on the image's tags
)

// NotSelected is the reason for skipping an image that is not meant.
const NotSelected = "not selected"

// Decision is the plan for one image, or what became of it.
type Decision struct {
	Action    Action
	ImageName string
	AMIName   string
	Reason    string
	Hint      string                 // with Reject: what an administrator can do
	Code      string                 // with Reject: AppStream's error code, where it refused
	Message   string                 // with Reject: AppStream's own words, where it refused
	TaskID    string                 // the task it is about, where there is one
	Task      *types.ExportImageTask // with Announce, and with Export once it is started
}

// visibleAfter is how long an image that an event announced may be missing from DescribeImages before
// the event is taken to be wrong: CloudTrail reports the call, not that the image can be seen.
const visibleAfter = 15 * time.Minute

// maxFailures is after how many failed exports sweeps leave an image alone: a fault that three nights
// did not mend needs a person, who is told each time.
const maxFailures = 3

// Order is one trigger's intention, complete: which images, and what their AMIs are to be like.
type Order struct {
	Trigger     trigger.Trigger
	Selection   Selection
	Bounds      Selection // images outside are skipped; the zero Selection bounds nothing
	Only        []string  // of those selected only these, where they are known already
	Sweep       bool      // nobody asked for an image by its name, also where the selection is a name
	AMIName     string    // in full, for a single image; else Name makes it
	Name        Template
	Chosen      bool // AMIName or Name is the request's own, not the stack's
	Description Template
	StackTags   map[string]string
	RequestTags map[string]string
	CopyTags    bool // the image's own tags go to the AMI
	DryRun      bool
}

// named tells whether somebody asked for this very image and so wants to hear what is wrong with it.
func (o Order) named(name string) bool { return !o.Sweep && o.Selection.names[name] }

// amiNameFor is the name of the AMI of this image under this order: the idempotency key of the export.
func (o Order) amiNameFor(image Image, place Place) string {
	if o.AMIName != "" {
		return o.AMIName
	}
	return o.Name.name(o.values(image, place))
}

func (o Order) values(image Image, place Place) values {
	return values{image: image.Name, created: image.Created, trigger: o.Trigger.Time, place: place}
}

// decide is the plan for one image: a pure function of what AppStream said. tags are the image's own, nil where
// they are not known yet.
func (o Order) decide(image Image, past *history, imageTags map[string]string, place Place) Decision {
	d := Decision{ImageName: image.Name}
	decided := func(action Action, reason string) Decision {
		d.Action, d.Reason = action, reason
		return d
	}
	// A named image that cannot be exported is worth a notification, one that a sweep passes is not.
	unfit := func(reason, hint string) Decision {
		if !o.named(image.Name) {
			return decided(Skip, reason)
		}
		d.Hint = hint
		return decided(Reject, reason)
	}

	imageARN := place.ImageARN(image.Name)
	// What this trigger started is told, whatever has become of the image or of the selection since.
	if own := past.own[imageARN]; own != nil {
		d.AMIName = aws.ToString(own.AmiName)
		if completed(own.State) && imageTags == nil {
			return decided(needTags, "")
		}
		d.TaskID = aws.ToString(own.TaskId)
		if completed(own.State) && imageTags[tags.AMIName] == tags.Marker(d.AMIName) {
			return decided(Skip, "already exported") // marked by its watch, which tells the end as well
		}
		d.Task = own
		return decided(Announce, "started by this trigger before")
	}

	if !o.Bounds.MatchesName(image.Name) || !o.Selection.MatchesName(image.Name) {
		return decided(Skip, NotSelected)
	}
	switch types.ImageState(image.State) {
	case types.ImageStateFailed:
		return unfit("the image failed"+image.Trouble, "Build the image again; AppStream exports only images that are AVAILABLE.")
	case types.ImageStateDeleting:
		return unfit("the image is being deleted", "Nothing can be done any more: AppStream exports only images that are AVAILABLE.")
	}
	if image.Platform != "" && image.Platform != string(types.PlatformTypeWindowsServer2022) && image.Platform != string(types.PlatformTypeWindowsServer2025) {
		return unfit("platform "+image.Platform+" cannot be exported", "AppStream exports images of Windows Server 2022 and 2025 only.")
	}

	// Without the time of creation the name would not tell this image from a later one that has its name.
	if image.Created.IsZero() && (o.AMIName == "" && o.Name.uses("{created}") || o.Description.uses("{created}")) {
		return decided(Wait, "AppStream reports no creation time yet")
	}
	d.AMIName = o.amiNameFor(image, place)
	before := past.byAMIName[d.AMIName]
	if live := before.live; live != nil {
		d.TaskID = live.taskID
		switch {
		case live.imageARN != imageARN:
			return unfit("the AMI name belongs to the export of image "+ImageNameOf(live.imageARN), "Choose another AMI name: AMI names are unique in an account and Region.")
		case completed(live.state):
			return decided(Skip, "already exported")
		}
		return decided(Skip, "in progress")
	}

	if imageTags == nil {
		return decided(needTags, "")
	}
	available := types.ImageState(image.State) == types.ImageStateAvailable
	if !o.Bounds.MatchesTags(imageTags) || !o.Selection.MatchesTags(imageTags) {
		if !available && o.Trigger.AnnouncesImage() { // who makes an image may tag it until it is there
			return decided(Wait, "the image is "+orUnknown(image.State))
		}
		return decided(Skip, NotSelected)
	}
	if imageTags[tags.AMIName] == tags.Marker(d.AMIName) {
		return decided(Skip, "already exported")
	}
	if !available {
		return decided(Wait, "the image is "+orUnknown(image.State))
	}
	if before.failures >= maxFailures && !o.named(image.Name) {
		return decided(Skip, fmt.Sprintf("failed %d times", maxFailures))
	}
	return decided(Export, "")
}

// absentees are the images that this order has to do with and that AppStream does not show: those asked for by name, and
// those whose export this very trigger started before they were deleted.
func (o Order) absentees(seen sight, place Place) []string {
	if o.Only != nil || len(seen.past.own) == 0 {
		return seen.missing // of a request, the others were settled when those that are left were queued
	}
	names := slices.Clone(seen.missing)
	known := setOf(names)
	for _, image := range seen.images {
		known[image.Name] = true
	}
	for _, arn := range slices.Sorted(maps.Keys(seen.past.own)) {
		if name := ImageNameOf(arn); !known[name] && arn == place.ImageARN(name) {
			names = append(names, name)
		}
	}
	return names
}

// absent is the plan for an image that AppStream does not show. What this trigger started is told also when the image is gone.
func (o Order) absent(name string, past *history, place Place, now time.Time) Decision {
	own := past.own[place.ImageARN(name)]
	if own == nil {
		return o.missing(name, place, now)
	}
	return Decision{
		Action: Announce, ImageName: name, AMIName: aws.ToString(own.AmiName), TaskID: aws.ToString(own.TaskId), Task: own,
		Reason: "started by this trigger before",
	}
}

// missing is the plan for a named image that AppStream does not show.
func (o Order) missing(name string, place Place, now time.Time) Decision {
	d := Decision{ImageName: name}
	switch {
	case !o.Bounds.MatchesName(name):
		d.Action, d.Reason = Skip, NotSelected
	case !o.named(name):
		d.Action, d.Reason = Skip, "the image was not found"
	case o.Trigger.AnnouncesImage() && now.Sub(o.Trigger.Time) < visibleAfter:
		d.Action, d.Reason = Wait, "the image cannot be seen yet"
	default:
		d.Action, d.Reason = Reject, "the image was not found"
		d.Hint = fmt.Sprintf("Check the name: account %s has no AppStream image of that name of its own in %s. Images shared by others and AWS's own cannot be exported.", place.Account, place.Region)
	}
	return d
}

func orUnknown(state string) string {
	if state == "" {
		return "in a state that AppStream does not tell"
	}
	return state
}
