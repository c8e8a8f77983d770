package export

import (
	"cmp"
	"time"

	"appstream-ami-exporter/internal/trigger"
)

// Order is one trigger's intention, complete: which images, and what their AMIs are to be like.
type Order struct {
	Trigger       trigger.Trigger
	Selection     Selection
	Bounds        Selection // images outside are skipped; the zero Selection bounds nothing
	Only          []string  // of those selected only these, where they are known already
	Limit         int       // with Only: how many exports AppStream was seen to run at a time; 0 is not known
	LastLook      bool      // with Only: what waits after this look is given up
	Sweep         bool      // nobody asked for an image by its name, also where the selection is a name
	AMIName       string    // in full, for a single image; else Name makes it
	Name          Template
	CustomAMIName bool // AMIName or Name is the request's own, not the stack's
	Description   Template
	Zone          *time.Location // of the dates in names; nil is UTC
	StackTags     map[string]string
	RequestTags   map[string]string
	CopyTags      bool // the image's own tags go to the AMI
	DryRun        bool
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
	return values{image: image.Name, created: image.Created, trigger: o.Trigger.Time, zone: cmp.Or(o.Zone, time.UTC), place: place}
}

// tellsCreation tells whether the AMI's name or description says when the image was made.
func (o Order) tellsCreation() bool {
	return o.AMIName == "" && o.Name.uses("{created}") || o.Description.uses("{created}")
}

// Recurs tells whether later runs of the schedule mean the same AMIs, so that what is left of this one is theirs as well. It is
// not so where each run gives its AMIs names of its own.
func (o Order) Recurs() bool {
	return o.Sweep && o.Trigger.Scheduled() && !o.Name.uses("{date}") && !o.Name.uses("{time}")
}
