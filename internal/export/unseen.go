package export

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// visibleAfter is how long an image that an event announced may be missing from DescribeImages before
// the event is taken to be wrong: CloudTrail reports the call, not that the image can be seen.
const visibleAfter = 15 * time.Minute

// unseenImages are the images that this order has to do with and that AppStream does not show: those asked for by name, and
// those whose export this very trigger started before they were deleted.
func (o Order) unseenImages(read snapshot, place Place) []string {
	if len(read.history.own) == 0 {
		return read.notFound
	}
	names := slices.Clone(read.notFound)
	known := setOf(names)
	for _, image := range read.images {
		known[image.Name] = true
	}
	for _, arn := range slices.Sorted(maps.Keys(read.history.own)) {
		if name := imageNameOf(arn); !known[name] && arn == place.ImageARN(name) {
			names = append(names, name)
		}
	}
	return names
}

// decideUnseen is the plan for an image that AppStream does not show. What this trigger started is told also when the image is gone.
func (o Order) decideUnseen(name string, history *history, place Place, now time.Time) Decision {
	if own := history.own[place.ImageARN(name)]; own != nil {
		return announceOwn(name, own)
	}
	return o.decideNotFound(name, place, now)
}

// decideNotFound is the plan for a named image that AppStream does not show.
func (o Order) decideNotFound(name string, place Place, now time.Time) Decision {
	d := Decision{ImageName: name}
	switch {
	case !o.Bounds.MatchesName(name):
		d.Action, d.Reason = Skip, wrongName
	case !o.named(name):
		d.Action, d.Reason = Skip, "the image was not found"
	case o.Trigger.AnnouncesImage() && now.Sub(o.Trigger.Time) < visibleAfter:
		d.Action, d.Reason, d.Awaits = Wait, "the image cannot be seen yet", AvailableImage
	default:
		d.Action, d.Reason = Reject, "the image was not found"
		d.Hint = fmt.Sprintf("Check the name: account %s has no AppStream image of that name of its own in %s. "+
			"Images shared by others and AWS's own cannot be exported.", place.Account, place.Region)
	}
	return d
}
