// Package tags knows the tags that this function puts on images and AMIs, and what AWS takes as a tag. It knows no SDK, so that
// everything that reads or writes tags can share it.
package tags

// Prefix begins every key of ours. No key that begins with it is copied from an image to its AMI or taken from a person.
const Prefix = "appstream-ami-exporter:"

// The keys of ours. A key is part of what is stored in accounts: it can be added, never changed.
const (
	// On the task and its AMI: which trigger started the export, and of which image it is.
	TriggerID = Prefix + "trigger-id"
	Trigger   = Prefix + "trigger"
	ImageARN  = Prefix + "image-arn"

	// On the image, once its export has completed: the Marker of the AMI's name, and the AMI.
	AMIName = Prefix + "ami-name"
	AMIID   = Prefix + "ami-id"
)

// Marker is the value of AMIName that stands for the name of an AMI: AMI names may hold parentheses, tag values may not.
func Marker(amiName string) string { return Value(amiName) }
