package ec2

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// State is that of an AMI. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html
type State string

const (
	Pending      State = "pending"
	Available    State = "available"
	Failed       State = "failed"
	Disabled     State = "disabled"
	Deregistered State = "deregistered"
)

// Image is an AMI.
type Image struct {
	ID          string
	Name        string
	Description string
	Region      string
	Owner       string // the account by default
	Created     time.Time
	Tags        map[string]string

	// Until Ready the AMI is pending. Then it is available, or failed where there is a FailReason.
	Ready      time.Time
	FailReason string
	Disabled   bool

	Deregistered time.Time // zero while it is registered
	BroughtBack  time.Time // when it last came back from Recycle Bin

	DeprecationTime time.Time
	LastLaunched    time.Time // when an instance was launched; EC2 shows it a day later
	Protection      string    // deregistration protection, "disabled" by default
	BackupManaged   bool      // by AWS Backup: EC2 deregisters it for nobody else
	Permissions     []Permission

	SourceImageID     string
	SourceImageRegion string

	Architecture    string
	BootMode        string
	Platform        string
	PlatformDetails string
	TPMSupport      string
	NoENA           bool
	RootDeviceName  string
	Virtualization  string
	Volumes         []Volume
	SnapshotTags    map[string]string // of the snapshots that come with a new AMI

	// State is filled in where an AMI is returned.
	State State

	binUntil time.Time // in Recycle Bin until then
}

// Volume is an entry of an AMI's block device mapping.
type Volume struct {
	Device     string
	SnapshotID string
	SizeGiB    int
	Type       string
	Encrypted  bool
	KMSKeyID   string
}

// Permission lets another account, organization or everybody use an AMI or a snapshot: one of its fields is set.
type Permission struct {
	UserID, Group, OrganizationARN, OrganizationalUnitARN string
}

// Snapshot is an EBS snapshot.
type Snapshot struct {
	ID          string
	Owner       string
	Created     time.Time
	SizeGiB     int
	Encrypted   bool
	KMSKeyID    string
	Tags        map[string]string
	Permissions []Permission

	// DeleteCode is what DeregisterImage tells of it instead of deleting it: internal-error or client-error.
	DeleteCode string
	Deleted    time.Time // zero while it is there

	binUntil time.Time
}

// lastLaunchedDelay is how late EC2 shows that an AMI was launched.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-last-launched-time.html
const lastLaunchedDelay = 24 * time.Hour

// put stores an AMI with its snapshots, and fills in what is left zero.
func (r *region) put(image Image) *Image {
	now := r.ec2.options.Now()
	if image.ID == "" {
		image.ID = r.ec2.newID("ami")
	}
	image.Region = r.name
	image.Owner = cmp.Or(image.Owner, r.ec2.options.Account)
	if image.Created.IsZero() {
		image.Created = now
	}
	if image.Ready.IsZero() {
		image.Ready = image.Created
	}
	image.Protection = cmp.Or(image.Protection, "disabled")
	image.Architecture = cmp.Or(image.Architecture, "x86_64")
	image.BootMode = cmp.Or(image.BootMode, "uefi")
	image.Platform = cmp.Or(image.Platform, "windows")
	image.PlatformDetails = cmp.Or(image.PlatformDetails, "Windows")
	image.TPMSupport = cmp.Or(image.TPMSupport, "v2.0")
	image.RootDeviceName = cmp.Or(image.RootDeviceName, "/dev/sda1")
	image.Virtualization = cmp.Or(image.Virtualization, "hvm")
	if image.Volumes == nil {
		image.Volumes = []Volume{{Device: image.RootDeviceName, SizeGiB: 200, Type: "gp3"}}
	}
	image.Tags = maps.Clone(image.Tags)
	image.Volumes = slices.Clone(image.Volumes)
	for i, v := range image.Volumes {
		if v.SnapshotID == "" {
			image.Volumes[i].SnapshotID = r.ec2.newID("snap")
		}
		if id := image.Volumes[i].SnapshotID; r.snapshots[id] == nil {
			r.snapshots[id] = &Snapshot{
				ID: id, Owner: image.Owner, Created: image.Created, SizeGiB: v.SizeGiB, Encrypted: v.Encrypted, KMSKeyID: v.KMSKeyID,
				Tags: maps.Clone(image.SnapshotTags),
			}
		}
	}
	stored := &image
	if i := slices.IndexFunc(r.images, func(other *Image) bool { return other.ID == image.ID }); i >= 0 {
		r.images[i] = stored
	} else {
		r.images = append(r.images, stored)
	}
	return stored
}

func (i *Image) stateAt(now time.Time) State {
	switch {
	case !i.Deregistered.IsZero():
		return Deregistered
	case now.Before(i.Ready):
		return Pending
	case i.FailReason != "":
		return Failed
	case i.Disabled:
		return Disabled
	}
	return Available
}

// at returns the AMI as it stands, sharing nothing with what is stored.
func (i *Image) at(now time.Time) Image {
	image := *i
	image.State = i.stateAt(now)
	image.Tags = maps.Clone(i.Tags)
	image.Permissions = slices.Clone(i.Permissions)
	image.Volumes = slices.Clone(i.Volumes)
	return image
}

func (i *Image) public() bool {
	return slices.ContainsFunc(i.Permissions, func(p Permission) bool { return p.Group == "all" })
}

// visible tells whether the account sees the AMI: its own, what is shared with it, what is public.
func (r *region) visible(image *Image) bool {
	account := r.ec2.options.Account
	return image.Owner == account || image.public() ||
		slices.ContainsFunc(image.Permissions, func(p Permission) bool { return p.UserID == account })
}

// image finds a registered AMI that the account sees.
func (r *region) image(id string) *Image {
	for _, image := range r.images {
		if image.ID == id && image.Deregistered.IsZero() && r.visible(image) {
			return image
		}
	}
	return nil
}

// ownImage finds an AMI for a call that only its owner may make.
func (r *region) ownImage(id string) (*Image, error) {
	if id == "" {
		return nil, refuse("MissingParameter", "The request must contain the parameter ImageId")
	}
	image := r.image(id)
	if image == nil {
		return nil, r.notFound(id)
	}
	return image, nil
}

// notFound is the answer for an id that names no AMI: another one for those that were there a while ago.
func (r *region) notFound(id string) error {
	if slices.ContainsFunc(r.images, func(i *Image) bool { return i.ID == id && !i.Deregistered.IsZero() }) {
		return refuse("InvalidAMIID.Unavailable", "The image ID '%s' is no longer available", id)
	}
	return refuse("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", id)
}

// snapshot finds a snapshot that is not deleted and belongs to the account or is shared with it.
func (r *region) snapshot(id string) (*Snapshot, error) {
	s := r.snapshots[id]
	account := r.ec2.options.Account
	if s == nil || !s.Deleted.IsZero() || s.Owner != account &&
		!slices.ContainsFunc(s.Permissions, func(p Permission) bool { return p.UserID == account || p.Group == "all" }) {
		return nil, refuse("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", id)
	}
	return s, nil
}
