package keep

import (
	"context"
	"time"

	"appstream-ami-exporter/internal/notify"
)

// Region is one Region of the account as the keeper uses it: its EC2, and of Systems Manager and Recycle Bin what belongs to
// AMIs. Every read returns all there is or an error, never a part. Errors hold a *Failure that says what the error means.
type Region interface {
	Reader
	Writer
}

// Reader is what the keeper reads in a Region.
type Reader interface {
	// AMIs lists the account's own AMIs with the tag :stack = stack, deprecated and disabled ones included, each once.
	AMIs(ctx context.Context, stack string) (Listing, error)

	// AMIsByID reads these AMIs anew; those that are gone are left out.
	AMIsByID(ctx context.Context, ids []string) ([]AMI, error)

	// ForeignAMI returns the id of any of the account's own AMIs whose tag :stack is not stack, or "" where there is none.
	ForeignAMI(ctx context.Context, stack string) (string, error)

	// References returns, by AMI id, what refers to the AMIs: instances, every version of launch templates, parameters and
	// recipes of Image Builder, as "<resource type> <ARN>".
	// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-ami-references.html
	References(ctx context.Context, ids []string) (map[string][]string, error)

	// SharedWith returns with whom the AMI or one of its snapshots is shared: accounts, organizations, or "all".
	SharedWith(ctx context.Context, ami AMI) ([]string, error)

	// SnapshotTags returns the tags of the snapshots by id; those that are not seen are left out.
	SnapshotTags(ctx context.Context, ids []string) (map[string]map[string]string, error)

	// UndoRules returns for how long Recycle Bin keeps what has the tag :stack = stack, by rules that are in force.
	UndoRules(ctx context.Context, stack string) (UndoRules, error)

	// Pointer reads the parameter of this name, which need not exist.
	Pointer(ctx context.Context, name string) (Pointer, error)
}

// Writer is what the keeper changes in a Region.
type Writer interface {
	TagAMI(ctx context.Context, id string, tags map[string]string) error

	// UntagAMI removes the tags with these keys, whatever their values. Without keys it does nothing: EC2 would remove all tags.
	UntagAMI(ctx context.Context, id string, keys ...string) error

	TagSnapshots(ctx context.Context, ids []string, tags map[string]string) error

	// Deprecate sets the AMI's DeprecationTime, which EC2 rounds to the minute; CancelDeprecation removes it.
	Deprecate(ctx context.Context, id string, at time.Time) error
	CancelDeprecation(ctx context.Context, id string) error

	// TryDeregister asks whether the AMI could be deregistered, and deregisters nothing: nil means that it could.
	TryDeregister(ctx context.Context, id string) error

	// Deregister deregisters the AMI and deletes its snapshots, into the Recycle Bin where a rule says so. It returns the
	// snapshots that were not deleted.
	Deregister(ctx context.Context, id string) ([]Snapshot, error)

	// Copy begins to copy an AMI into this Region and returns the id of the copy.
	Copy(ctx context.Context, order Copy) (string, error)

	// CreatePointer makes a parameter of the type aws:ec2:image with the tag :stack = stack, if none has this name. MovePointer
	// gives it another value. Systems Manager checks the value later: only a read shows whether it was taken.
	CreatePointer(ctx context.Context, name, amiID, stack string) error
	MovePointer(ctx context.Context, name, amiID string) error
}

// AppStream is what the keeper needs of it at home.
type AppStream interface {
	// Tasks lists all export tasks.
	Tasks(ctx context.Context) ([]Task, error)

	// ImageTags returns the tags of an image; an image that is gone has none.
	ImageTags(ctx context.Context, imageARN string) (map[string]string, error)

	// TagImage puts tags on an image.
	TagImage(ctx context.Context, imageARN string, tags map[string]string) error
}

// Topic is where the keeper tells what it does.
type Topic interface {
	Publish(ctx context.Context, document notify.Document) error

	// Subscriptions is the number of the topic's confirmed subscriptions.
	Subscriptions(ctx context.Context) (int, error)
}

// Listing is all that one Region shows, and when it was shown by AWS's clock.
type Listing struct {
	AMIs       []AMI
	ServerTime time.Time // zero where the answer told none
}

// AMI is what EC2 shows of an AMI, under the API's names. Times are zero where EC2 shows none.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html
type AMI struct {
	ID                       string
	Name                     string
	OwnerID                  string
	State                    string
	StateReason              string
	CreationDate             time.Time
	DeprecationTime          time.Time
	LastLaunchedTime         time.Time // a day late
	DeregistrationProtection string
	Public                   bool
	SourceImageID            string
	SourceImageRegion        string
	Tags                     map[string]string

	BlockDevices       []BlockDevice
	Architecture       string
	VirtualizationType string
	BootMode           string
	TPMSupport         string
	ENASupport         bool
	PlatformDetails    string
}

// BlockDevice is one device of an AMI.
type BlockDevice struct {
	DeviceName string
	SnapshotID string // empty where the device is no volume
	VolumeType string
	VolumeSize int // GiB
	Encrypted  bool
}

// SnapshotIDs are the snapshots that the AMI is made of.
func (a AMI) SnapshotIDs() []string {
	var ids []string
	for _, device := range a.BlockDevices {
		if device.SnapshotID != "" {
			ids = append(ids, device.SnapshotID)
		}
	}
	return ids
}

// The states of an AMI.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html
const (
	StatePending      = "pending"
	StateAvailable    = "available"
	StateInvalid      = "invalid"
	StateDeregistered = "deregistered"
	StateTransient    = "transient"
	StateFailed       = "failed"
	StateError        = "error"
	StateDisabled     = "disabled"
)

// The values of an AMI's DeregistrationProtection.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-deregistration-protection.html
const (
	ProtectionDisabled        = "disabled"
	ProtectionWithoutCooldown = "enabled-without-cooldown"
	ProtectionWithCooldown    = "enabled-with-cooldown"
)

// Task is an export task of AppStream's, under the API's names.
type Task struct {
	ImageARN string
	AMIID    string
	State    string
}

// TaskCompleted is the State of a task whose AMI is finished.
const TaskCompleted = "COMPLETED"

// UndoRules say for how long Recycle Bin keeps AMIs and snapshots; zero where no rule does.
type UndoRules struct {
	AMIs      time.Duration
	Snapshots time.Duration
}

// Pointer is a parameter of Systems Manager that names the newest AMI of a family.
type Pointer struct {
	Exists   bool
	Value    string
	DataType string
	Stack    string // of its tag :stack
	Written  string // the AMI that its description names: what the keeper wrote last
}

// PointerDataType is the DataType of a parameter that holds the id of an AMI.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html
const PointerDataType = "aws:ec2:image"

// Snapshot is a snapshot of a deregistered AMI that was not deleted, and why, in EC2's words: skipped (another AMI uses it),
// missing-permissions, internal-error or client-error.
type Snapshot struct {
	ID         string
	ReturnCode string
}

// Copy is an order to copy an AMI from another Region.
type Copy struct {
	Name         string
	SourceID     string
	SourceRegion string
	ClientToken  string
	KMSKeyID     string            // empty: encrypted only if the source is
	Tags         map[string]string // of the AMI and its snapshots
}
