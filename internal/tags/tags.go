// Package tags knows the tags that this function puts on images and AMIs, and what AWS takes as a tag. It knows no SDK, so that
// everything that reads or writes tags can share it.
package tags

// Prefix begins every key of ours. No key that begins with it is copied from an image to its AMI or taken from a person.
const Prefix = "appstream-ami-exporter:"

// The keys of ours, in full, as one searches for them. They are stored in accounts: a key can be added, never changed.
const (
	// On the task and its AMI: which trigger started the export, and of which image it is.
	TriggerID = "appstream-ami-exporter:trigger-id"
	Trigger   = "appstream-ami-exporter:trigger"
	ImageARN  = "appstream-ami-exporter:image-arn"

	// On the image, once its export has completed: the Marker of the AMI's name, and the AMI.
	AMIName = "appstream-ami-exporter:ami-name"
	AMIID   = "appstream-ami-exporter:ami-id"

	// On the image: what a sweep last told about it that cannot be exported.
	Rejected = "appstream-ami-exporter:rejected"

	// On the image, beside AMIName: that a sweep set the mark, and not whoever followed the export. The same Marker.
	Healed = "appstream-ami-exporter:healed"
)

// On the AMI, for whoever manages it later: the stack that made it, as <stack name>@<Region>, when its image was made, and when
// its export was asked for, both in RFC 3339. Its AMIName is there as well.
const (
	Stack        = "appstream-ami-exporter:stack"
	ImageCreated = "appstream-ami-exporter:image-created"
	ExportedAt   = "appstream-ami-exporter:exported-at"
)

// On the AMI, by the keeper. The exporter leaves room for these and for Keep.
const (
	Complete     = "appstream-ami-exporter:complete"      // the AMI's own id, once it is known to be a finished export or copy
	RetireAt     = "appstream-ami-exporter:retire-at"     // the mark: <when>/<the AMI's own id>/<print of what decided>
	Retired      = "appstream-ami-exporter:retired"       // when its deregistration began
	Told         = "appstream-ami-exporter:told"          // what was told of this AMI
	SourceAMI    = "appstream-ami-exporter:source-ami"    // of a copy: what it is a copy of
	SourceRegion = "appstream-ami-exporter:source-region" // of a copy: where that is
	Copies       = "appstream-ami-exporter:copies"        // attempts to copy it, for each Region
)

// Keep is what a person puts on an AMI, with any value, so that it is never retired.
const Keep = "appstream-ami-exporter:keep"

// Marker is the value of AMIName that stands for the name of an AMI: AMI names may hold parentheses, tag values may not.
func Marker(amiName string) string { return Value(amiName) }
