// Package regional puts the services together in which an AMI lives after its export: EC2, Systems Manager and Recycle Bin in several
// Regions, with AppStream in one of them, whose exports become AMIs there.
package regional

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/iam"
	"appstream-ami-exporter/internal/localaws/rbin"
	"appstream-ami-exporter/internal/localaws/ssm"
)

// Options describe an account. Every field but Regions may be left zero.
type Options struct {
	Regions []string // those that the account has enabled, AppStream's first

	// AppStream describes the account's AppStream, but for what the services here say themselves.
	AppStream appstream.Options

	// Now is the only clock of all of them.
	Now func() time.Time
	// CopyDuration is how long a copy of an AMI is pending, 20 minutes by default.
	CopyDuration func(ec2.Image) time.Duration
	// GhostsFor is how long listings go on showing an AMI that was deregistered.
	GhostsFor time.Duration
	// MaxPage is the most that a page of EC2's listings has.
	MaxPage int
	// TagsSnapshots tells whether the snapshots of an export get the tags of its AMI; exports count from 0. None tags none.
	TagsSnapshots func(number int) bool
	// Authorize is asked about each call. None allows everything.
	Authorize func(iam.Request) bool
}

// Services are those of one account.
type Services struct {
	AppStream  *appstream.Server
	EC2        *ec2.EC2
	SSM        *ssm.SSM
	RecycleBin *rbin.RecycleBin

	home          string
	tagsSnapshots func(number int) bool
}

// New returns an account without images and AMIs.
func New(options Options) *Services {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.TagsSnapshots == nil {
		options.TagsSnapshots = func(int) bool { return false }
	}
	s := &Services{home: options.Regions[0], tagsSnapshots: options.TagsSnapshots}
	inAppStream := options.AppStream
	inAppStream.Region, inAppStream.Now, inAppStream.Authorize = s.home, options.Now, options.Authorize
	inAppStream.Importable = s.importable
	s.AppStream = appstream.New(inAppStream)
	s.RecycleBin = rbin.New(rbin.Options{Now: options.Now, Authorize: options.Authorize})
	s.EC2 = ec2.New(ec2.Options{
		Regions: options.Regions, Now: options.Now, Authorize: options.Authorize,
		CopyDuration: options.CopyDuration, GhostsFor: options.GhostsFor, MaxPage: options.MaxPage,
		Retention:           s.RecycleBin.Retention,
		Exported:            s.exported,
		Gone:                func(image ec2.Image, gone bool) { s.AppStream.ForgetAMI(image.ID, gone) },
		ParameterReferences: func(region, id string) []string { return s.SSM.References(region, id) },
	})
	s.SSM = ssm.New(ssm.Options{
		Regions: options.Regions, Now: options.Now, Authorize: options.Authorize,
		ImageExists: func(region, id string) bool {
			image, found := s.EC2.Image(region, id)
			return found && image.State == ec2.Available
		},
	})
	return s
}

// Behind returns the services as a gateway has them, without AppStream.
func (s *Services) Behind() []gateway.Service {
	return []gateway.Service{
		{SigningName: "ec2", Handler: s.EC2},
		{SigningName: "ssm", Handler: s.SSM},
		{SigningName: "rbin", Handler: s.RecycleBin, Operation: rbin.OperationOf},
	}
}

// exported are the AMIs of AppStream's exports.
func (s *Services) exported(after int) []ec2.Image {
	var images []ec2.Image
	for i, made := range s.AppStream.Made(after) {
		image := ec2.Image{
			ID: made.ID, Name: made.Name, Description: made.Description, Region: made.Region, Tags: made.Tags, Created: made.Started,
			Ready: made.Ready,
			// Of an image that AppStream keeps in an account of its own.
			SourceImageID: "ami-0aaaaaaaaaaaaaaaa", SourceImageRegion: made.Region,
		}
		if made.Failed {
			image.FailReason = "The export failed."
		}
		if s.tagsSnapshots(after + i) {
			image.SnapshotTags = made.Tags
		}
		images = append(images, image)
	}
	return images
}

// importable tells whether there is an AMI that AppStream would import.
func (s *Services) importable(id string) (found bool, obstacle string) {
	image, found := s.EC2.Image(s.home, id)
	switch {
	case !found || image.State == ec2.Deregistered:
		return false, ""
	case image.State != ec2.Available:
		return true, "it is " + string(image.State)
	case len(image.Volumes) != 1:
		return true, "it has more than one volume"
	case image.Volumes[0].Encrypted:
		return true, "its volume is encrypted"
	}
	return true, ""
}

// StateChange is EC2's event that an AMI has become available or failed. Its bus is that of the AMI's Region.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitor-ami-events.html
type StateChange struct {
	ImageID string
	State   ec2.State
	At      time.Time
	Event   []byte
}

// Changes returns the AMIs of a Region that have become available or failed after one time and not after another.
func (s *Services) Changes(region string, after, until time.Time) ([]StateChange, error) {
	var changes []StateChange
	for _, image := range s.EC2.Images(region) {
		if !image.Ready.After(after) || image.Ready.After(until) {
			continue
		}
		state := ec2.Available
		if image.FailReason != "" {
			state = ec2.Failed
		}
		event, err := json.Marshal(map[string]any{
			"version": "0", "id": uuid.NewString(), "source": "aws.ec2", "detail-type": "EC2 AMI State Change",
			"account": image.Owner, "region": region, "time": image.Ready.UTC().Format(time.RFC3339),
			"resources": []string{fmt.Sprintf("arn:aws:ec2:%s::image/%s", region, image.ID)},
			"detail": map[string]any{
				"RequestId": uuid.NewString(), "ImageId": image.ID, "State": state, "ErrorMessage": image.FailReason,
			},
		})
		if err != nil {
			return nil, fmt.Errorf("the event of %s: %w", image.ID, err)
		}
		changes = append(changes, StateChange{ImageID: image.ID, State: state, At: image.Ready, Event: event})
	}
	return changes, nil
}
