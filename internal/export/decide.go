package export

import (
	"cmp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	imagetags "appstream-ami-exporter/internal/tags"
)

// Action is what is to be done about one image.
type Action string

// The decisions of a plan. Announce is for a task that this very trigger started before; see the crash protocol.
const (
	Export   Action = "export"
	Wait     Action = "wait"
	Skip     Action = "skip"
	Reject   Action = "reject"
	Announce Action = "announce"
)

// Reasons that are given in several places.
const (
	NotSelected     = "not selected" // begins the reason where the image is not meant, see IsNotSelected
	InProgress      = "in progress"
	AlreadyExported = "already exported"
	FailedTooOften  = "failed 3 times" // that is, maxFailures
)

const wrongName = NotSelected + ": its name does not fit"

// IsNotSelected tells whether this is the reason that the image is not meant, by name or tag.
func IsNotSelected(reason string) bool { return strings.HasPrefix(reason, NotSelected) }

// Decision is the plan for one image, or what became of it.
type Decision struct {
	Action    Action
	ImageName string
	AMIName   string
	Reason    string
	Awaits    Awaited // with Wait
	Unread    bool    // with Wait: the image was not looked at in this run
	Repeated  bool    // with Reject by a sweep: the same was told within a week
	Hint      string  // with Reject: what an administrator can do
	Code      string  // with Reject: AppStream's error code, where it refused
	Message   string  // with Reject: AppStream's own words, where it refused
	TaskID    string  // the task it is about, where there is one
	Task      *Task   // with Announce, and with Export once it is started

	// ImageCreated is, with AvailableImage, when the making of the image began; zero where AppStream does not tell.
	ImageCreated time.Time
}

// Awaited is what an image that waits is waiting for. It sets the pace at which work is looked at again.
type Awaited string

// What is awaited. Room can be had when a running export ends, which a listing of the tasks shows.
const (
	Room           Awaited = "room"
	AvailableImage Awaited = "an image that is available"
	Calm           Awaited = "the end of trouble"
)

// maxFailures is after how many failed exports sweeps leave an image alone: a fault that three nights
// did not mend needs a person, who is told each time.
const maxFailures = 3

// candidate is an image that is being decided about, with all that the decision is made of.
type candidate struct {
	order    *Order
	place    Place
	history  *history
	image    Image
	imageARN string
	now      time.Time
	tags     map[string]string // the image's own; nil: not read yet
	Decision                   // as far as it is made
}

func newCandidate(order *Order, place Place, history *history, image Image, tags map[string]string, now time.Time) *candidate {
	return &candidate{
		order: order, place: place, history: history, image: image, imageARN: place.ImageARN(image.Name), tags: tags, now: now,
	}
}

// outcome is what one step of a decision comes to.
type outcome int

const (
	passOn    outcome = iota // the next step decides
	decided                  // the decision is made
	needsTags                // it hangs on the image's tags, which are not read yet
)

// decide makes the plan for one image: a pure function of what AppStream said. The first step that has something to say decides;
// where none has, the image is exported. It returns false where the image's tags have to be read first.
func (c *candidate) decide() bool {
	c.Decision = Decision{ImageName: c.image.Name}
	for _, step := range []func(*candidate) outcome{
		(*candidate).ownStart,
		(*candidate).selectedByName,
		(*candidate).fitness,
		(*candidate).amiName,
		(*candidate).nameTaken,
		(*candidate).selectedByTags,
		(*candidate).marked,
		(*candidate).availability,
		(*candidate).failures,
	} {
		if outcome := step(c); outcome != passOn {
			return outcome == decided
		}
	}
	c.Action = Export
	return true
}

func (c *candidate) because(action Action, reason string) outcome {
	c.Action, c.Reason = action, reason
	return decided
}

// wait is for an image that has to become available first.
func (c *candidate) wait(reason string) outcome {
	c.Awaits, c.ImageCreated = AvailableImage, c.image.Created
	return c.because(Wait, reason)
}

// unfit is what cannot be exported: of a named image that is worth a notification, of one that a sweep passes it is not.
func (c *candidate) unfit(reason, hint string) outcome {
	if !c.order.named(c.image.Name) {
		return c.because(Skip, reason)
	}
	c.Hint = hint
	return c.because(Reject, reason)
}

// ownStart has what this trigger started announced, whatever has become of the image or of the selection since.
func (c *candidate) ownStart() outcome {
	own := c.history.own[c.imageARN]
	if own == nil {
		return passOn
	}
	c.AMIName = own.AMIName
	if own.Completed() && c.tags == nil {
		return needsTags
	}
	mark := imagetags.Marker(own.AMIName)
	if own.Completed() && c.tags[imagetags.AMIName] == mark && c.tags[imagetags.Healed] != mark {
		c.TaskID = own.ID
		return c.because(Skip, AlreadyExported) // marked by its watch, which tells the end as well
	}
	c.Decision = announceOwn(c.image.Name, own)
	return decided
}

func announceOwn(imageName string, own *Task) Decision {
	return Decision{
		Action: Announce, ImageName: imageName, AMIName: own.AMIName, TaskID: own.ID, Task: own, Reason: "started by this trigger before",
	}
}

func (c *candidate) selectedByName() outcome {
	if !c.order.Bounds.MatchesName(c.image.Name) || !c.order.Selection.MatchesName(c.image.Name) {
		return c.because(Skip, wrongName)
	}
	return passOn
}

// stateDeprecated is in no list of AppStream's states, but in its answers.
// https://github.com/hashicorp/terraform-provider-aws/issues/32958
const stateDeprecated = "DEPRECATED"

const deprecatedHint = "AppStream has taken the image out of use: build a new one on a current base image."

// fitness is about what no waiting mends.
func (c *candidate) fitness() outcome {
	switch types.ImageState(c.image.State) {
	case types.ImageStateFailed:
		return c.unfit("the image failed"+c.image.Trouble, "Build the image again; AppStream exports only images that are AVAILABLE.")
	case types.ImageStateDeleting:
		return c.unfit("the image is being deleted",
			"Nothing can be done any more: AppStream exports only images that are AVAILABLE.")
	case stateDeprecated:
		return c.unfit("the image is DEPRECATED", deprecatedHint)
	}
	switch types.PlatformType(c.image.Platform) {
	case "", types.PlatformTypeWindowsServer2022, types.PlatformTypeWindowsServer2025:
		return passOn
	}
	return c.unfit("platform "+c.image.Platform+" cannot be exported", "AppStream exports images of Windows Server 2022 and 2025 only.")
}

// amiName names the AMI. Without the time of creation the name would not tell this image from a later one that has its name.
func (c *candidate) amiName() outcome {
	if c.image.Created.IsZero() && c.order.tellsCreation() {
		return c.wait("AppStream reports no creation time yet")
	}
	c.AMIName = c.order.amiNameFor(c.image, c.place)
	return passOn
}

// nameTaken finds a task under the AMI's name that runs or has completed.
func (c *candidate) nameTaken() outcome {
	live := c.history.byAMIName[c.AMIName].live
	if live == nil {
		return passOn
	}
	c.TaskID = live.id
	if live.imageARN != c.imageARN {
		return c.unfit("the AMI name belongs to the export of image "+imageNameOf(live.imageARN),
			"Choose another AMI name: AMI names are unique in an account and Region.")
	}
	if live.completed {
		return c.because(Skip, AlreadyExported)
	}
	return c.because(Skip, InProgress)
}

func (c *candidate) selectedByTags() outcome {
	if c.tags == nil {
		return needsTags
	}
	missing := cmp.Or(c.order.Bounds.missingTag(c.tags), c.order.Selection.missingTag(c.tags))
	if missing == "" {
		return passOn
	}
	if c.order.Trigger.AnnouncesImage() && c.inTheMaking() { // who makes an image may tag it until it is there
		return c.wait("the image is " + orUnknown(c.image.State))
	}
	return c.because(Skip, NotSelected+": "+missing)
}

func (c *candidate) marked() outcome {
	if c.tags[imagetags.AMIName] == imagetags.Marker(c.AMIName) {
		return c.because(Skip, AlreadyExported)
	}
	return passOn
}

func (c *candidate) available() bool {
	return types.ImageState(c.image.State) == types.ImageStateAvailable
}

// longestUnknown is how old an image may be whose state this version does not know and which may yet become available: to make one
// takes hours.
const longestUnknown = 24 * time.Hour

// inTheMaking tells whether the image may become available by itself.
func (c *candidate) inTheMaking() bool {
	switch types.ImageState(c.image.State) {
	case types.ImageStateAvailable:
		return false
	case types.ImageStatePending, types.ImageStateCreating, types.ImageStateCopying, types.ImageStateImporting, types.ImageStateValidating:
		return true
	}
	return c.image.Created.IsZero() || c.now.Sub(c.image.Created) < longestUnknown
}

func (c *candidate) availability() outcome {
	switch {
	case c.available():
		return passOn
	case c.inTheMaking():
		return c.wait("the image is " + orUnknown(c.image.State))
	}
	return c.unfit("the image is "+orUnknown(c.image.State)+", more than a day after it was made and no state that this version knows",
		"AppStream exports only images that are AVAILABLE: see the image in the AppStream console, and request it again when it is.")
}

// failures counts the tasks that had the description that would be sent now: what was refused for its description gets another
// chance when that is corrected. A description that AppStream does not tell counts.
func (c *candidate) failures() outcome {
	if c.order.named(c.image.Name) {
		return passOn
	}
	failures := 0
	for _, description := range c.history.byAMIName[c.AMIName].failed {
		if description == "" || c.order.Description.describes(description, c.order.values(c.image, c.place)) {
			failures++
		}
	}
	if failures >= maxFailures {
		return c.because(Skip, FailedTooOften)
	}
	return passOn
}

func orUnknown(state string) string {
	if state == "" {
		return "in a state that AppStream does not tell"
	}
	return state
}
