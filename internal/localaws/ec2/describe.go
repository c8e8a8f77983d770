package ec2

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"appstream-ami-exporter/internal/localaws/iam"
)

// timeLayout is EC2's: to the millisecond, in UTC.
const timeLayout = "2006-01-02T15:04:05.000Z"

func showTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeLayout)
}

// filter is one of a listing; its values are alternatives, with the same wildcards as IAM's.
type filter struct {
	name   string
	values []string
}

func (q *query) filters() []filter {
	var filters []filter
	for _, prefix := range q.items("Filter") {
		filters = append(filters, filter{name: q.text(prefix + ".Name"), values: q.list(prefix + ".Value")})
	}
	return filters
}

// page cuts a listing that the caller wants in pages. A token is bound to nothing but its position, so a listing that changes
// between two pages shows an entry twice or leaves one out, as EC2's may.
func page[T any](all []T, most int, token string, limit int) (shown []T, next string, err error) {
	from := 0
	if token != "" {
		if from, err = strconv.Atoi(strings.TrimPrefix(token, "from-")); err != nil || from < 0 {
			return nil, "", refuse("InvalidNextToken", "The token '%s' is invalid.", token)
		}
	}
	all = all[min(from, len(all)):]
	if most == 0 && token == "" {
		return all, "", nil
	}
	if most == 0 || most > limit {
		most = limit
	}
	if len(all) > most {
		return all[:most], "from-" + strconv.Itoa(from+most), nil
	}
	return all, "", nil
}

type describeImagesAnswer struct {
	head
	Images    []imageXML `xml:"imagesSet>item"`
	NextToken string     `xml:"nextToken,omitempty"`
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
func (r *region) describeImages(now time.Time, q *query) (answer, error) {
	ids, owners, filters := q.list("ImageId"), q.list("Owner"), q.filters()
	disabled := q.boolean("IncludeDisabled")
	_ = q.boolean("IncludeDeprecated") // means nothing to the owner, who always sees deprecated AMIs
	most, token := q.number("MaxResults", 1, 1000), q.text("NextToken")
	dryRun := q.boolean("DryRun")
	if err := q.done(); err != nil {
		return nil, err
	}
	if most > 0 && len(ids) > 0 {
		return nil, refuse("InvalidParameterCombination", "The parameter ImageId cannot be used with the parameter MaxResults")
	}
	if err := r.authorize(dryRun, r.asked("ec2:DescribeImages", "*", nil)); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(r.images, func(i *Image) bool { return i.ID == id && r.visible(i) }) {
			return nil, r.notFound(id)
		}
	}
	var found []imageXML
	for _, image := range r.images {
		state := image.stateAt(now)
		if len(ids) > 0 { // a look by id shows at once what listings show a while later
			if state == Deregistered || !slices.Contains(ids, image.ID) {
				continue
			}
		} else if state = r.listedAs(image, now); state == Deregistered || state == Disabled && !disabled {
			continue
		}
		if !r.visible(image) || !r.owned(image, owners) {
			continue
		}
		matches, err := image.matchesAll(filters, state)
		if err != nil {
			return nil, err
		}
		if matches {
			found = append(found, r.showImage(image, state, now))
		}
	}
	images, next, err := page(found, most, token, r.ec2.options.MaxPage)
	return &describeImagesAnswer{Images: images, NextToken: next}, err
}

// listedAs is the state in which listings show an AMI: for a while one that is gone is still there, and one that was brought
// back is not there yet.
func (r *region) listedAs(image *Image, now time.Time) State {
	late := func(since time.Time) bool { return !since.IsZero() && now.Before(since.Add(r.ec2.options.GhostsFor)) }
	switch {
	case late(image.Deregistered):
		return Available
	case late(image.BroughtBack):
		return Deregistered
	}
	return image.stateAt(now)
}

func (r *region) owned(image *Image, owners []string) bool {
	return len(owners) == 0 || slices.ContainsFunc(owners, func(owner string) bool {
		return owner == image.Owner || owner == "self" && image.Owner == r.ec2.options.Account
	})
}

func (i *Image) matchesAll(filters []filter, state State) (bool, error) {
	for _, f := range filters {
		var values []string
		key, isTag := strings.CutPrefix(f.name, "tag:")
		switch {
		case isTag:
			if value, ok := i.Tags[key]; ok {
				values = []string{value}
			}
		case f.name == "tag-key":
			values = slices.Collect(maps.Keys(i.Tags))
		case f.name == "name":
			values = []string{i.Name}
		case f.name == "state":
			values = []string{string(state)}
		case f.name == "image-id":
			values = []string{i.ID}
		case f.name == "owner-id":
			values = []string{i.Owner}
		case f.name == "source-image-id":
			values = []string{i.SourceImageID}
		case f.name == "source-image-region":
			values = []string{i.SourceImageRegion}
		case f.name == "creation-date":
			values = []string{showTime(i.Created)}
		default:
			return false, refuse("InvalidParameterValue", "The filter '%s' is invalid", f.name)
		}
		if !slices.ContainsFunc(values, func(value string) bool {
			return slices.ContainsFunc(f.values, func(pattern string) bool { return iam.Like(pattern, value) })
		}) {
			return false, nil
		}
	}
	return true, nil
}

type imageXML struct {
	ImageID                  string       `xml:"imageId"`
	Location                 string       `xml:"imageLocation"`
	State                    State        `xml:"imageState"`
	Owner                    string       `xml:"imageOwnerId"`
	Created                  string       `xml:"creationDate"`
	Public                   bool         `xml:"isPublic"`
	Architecture             string       `xml:"architecture"`
	Type                     string       `xml:"imageType"`
	Platform                 string       `xml:"platform,omitempty"`
	PlatformDetails          string       `xml:"platformDetails,omitempty"`
	EnaSupport               bool         `xml:"enaSupport"`
	Name                     string       `xml:"name"`
	Description              string       `xml:"description,omitempty"`
	RootDeviceType           string       `xml:"rootDeviceType"`
	RootDeviceName           string       `xml:"rootDeviceName"`
	Volumes                  []volumeXML  `xml:"blockDeviceMapping>item"`
	Virtualization           string       `xml:"virtualizationType"`
	Hypervisor               string       `xml:"hypervisor"`
	BootMode                 string       `xml:"bootMode,omitempty"`
	TPMSupport               string       `xml:"tpmSupport,omitempty"`
	StateReason              *stateReason `xml:"stateReason"`
	Tags                     []tagXML     `xml:"tagSet>item"`
	DeprecationTime          string       `xml:"deprecationTime,omitempty"`
	DeregistrationProtection string       `xml:"deregistrationProtection"`
	LastLaunchedTime         string       `xml:"lastLaunchedTime,omitempty"`
	SourceImageID            string       `xml:"sourceImageId,omitempty"`
	SourceImageRegion        string       `xml:"sourceImageRegion,omitempty"`
}

type volumeXML struct {
	Device              string `xml:"deviceName"`
	SnapshotID          string `xml:"ebs>snapshotId,omitempty"`
	SizeGiB             int    `xml:"ebs>volumeSize"`
	Type                string `xml:"ebs>volumeType"`
	Encrypted           bool   `xml:"ebs>encrypted"`
	KMSKeyID            string `xml:"ebs>kmsKeyId,omitempty"`
	DeleteOnTermination bool   `xml:"ebs>deleteOnTermination"`
}

type stateReason struct {
	Code    string `xml:"code"`
	Message string `xml:"message"`
}

type tagXML struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

func showTags(tags map[string]string) []tagXML {
	var shown []tagXML
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		shown = append(shown, tagXML{Key: key, Value: tags[key]})
	}
	return shown
}

func (r *region) showImage(i *Image, state State, now time.Time) imageXML {
	shown := imageXML{
		ImageID:                  i.ID,
		Location:                 i.Owner + "/" + i.Name,
		State:                    state,
		Owner:                    i.Owner,
		Created:                  showTime(i.Created),
		Public:                   i.public(),
		Architecture:             i.Architecture,
		Type:                     "machine",
		Platform:                 i.Platform,
		PlatformDetails:          i.PlatformDetails,
		EnaSupport:               !i.NoENA,
		Name:                     i.Name,
		Description:              i.Description,
		RootDeviceType:           "ebs",
		RootDeviceName:           i.RootDeviceName,
		Virtualization:           i.Virtualization,
		Hypervisor:               "xen",
		BootMode:                 i.BootMode,
		TPMSupport:               i.TPMSupport,
		Tags:                     showTags(i.Tags),
		DeprecationTime:          showTime(i.DeprecationTime),
		DeregistrationProtection: i.Protection,
		SourceImageID:            i.SourceImageID,
		SourceImageRegion:        i.SourceImageRegion,
	}
	if launched := i.shownLaunch(now); i.Owner == r.ec2.options.Account {
		shown.LastLaunchedTime = showTime(launched)
	}
	if state == Failed {
		shown.StateReason = &stateReason{Code: "Server.InternalError", Message: i.FailReason}
	}
	for _, v := range i.Volumes {
		volume := volumeXML{Device: v.Device, SizeGiB: v.SizeGiB, Type: v.Type, Encrypted: v.Encrypted, KMSKeyID: v.KMSKeyID,
			DeleteOnTermination: true}
		if state != Pending { // before, there is nothing to be restored from
			volume.SnapshotID = v.SnapshotID
		}
		shown.Volumes = append(shown.Volumes, volume)
	}
	return shown
}

// shownLaunch is when the AMI was last launched, as far as EC2 tells already.
func (i *Image) shownLaunch(now time.Time) time.Time {
	if i.LastLaunched.IsZero() || now.Before(i.LastLaunched.Add(lastLaunchedDelay)) {
		return time.Time{}
	}
	return i.LastLaunched
}

type describeSnapshotsAnswer struct {
	head
	Snapshots []snapshotXML `xml:"snapshotSet>item"`
	NextToken string        `xml:"nextToken,omitempty"`
}

type snapshotXML struct {
	SnapshotID string   `xml:"snapshotId"`
	VolumeID   string   `xml:"volumeId"`
	Owner      string   `xml:"ownerId"`
	State      string   `xml:"status"`
	Started    string   `xml:"startTime"`
	SizeGiB    int      `xml:"volumeSize"`
	Encrypted  bool     `xml:"encrypted"`
	KMSKeyID   string   `xml:"kmsKeyId,omitempty"`
	Progress   string   `xml:"progress"`
	Tags       []tagXML `xml:"tagSet>item"`
}

// noVolume is what EC2 shows as the volume of a snapshot that is a copy.
const noVolume = "vol-ffffffff"

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshots.html
func (r *region) describeSnapshots(_ time.Time, q *query) (answer, error) {
	ids, owners, filters := q.list("SnapshotId"), q.list("Owner"), q.filters()
	most, token := q.number("MaxResults", 5, 1000), q.text("NextToken")
	dryRun := q.boolean("DryRun")
	if err := q.done(); err != nil {
		return nil, err
	}
	if most > 0 && len(ids) > 0 {
		return nil, refuse("InvalidParameterCombination", "The parameter SnapshotId cannot be used with the parameter MaxResults")
	}
	if err := r.authorize(dryRun, r.asked("ec2:DescribeSnapshots", "*", nil)); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if _, err := r.snapshot(id); err != nil {
			return nil, err
		}
	}
	var found []snapshotXML
	for _, id := range slices.Sorted(maps.Keys(r.snapshots)) {
		s, err := r.snapshot(id)
		if err != nil || len(ids) > 0 && !slices.Contains(ids, id) || !r.owned(&Image{Owner: s.Owner}, owners) {
			continue
		}
		matches, err := s.matchesAll(filters)
		if err != nil {
			return nil, err
		}
		if matches {
			found = append(found, snapshotXML{
				SnapshotID: id, VolumeID: noVolume, Owner: s.Owner, State: "completed", Started: showTime(s.Created), SizeGiB: s.SizeGiB,
				Encrypted: s.Encrypted, KMSKeyID: s.KMSKeyID, Progress: "100%", Tags: showTags(s.Tags),
			})
		}
	}
	snapshots, next, err := page(found, most, token, r.ec2.options.MaxPage)
	return &describeSnapshotsAnswer{Snapshots: snapshots, NextToken: next}, err
}

func (s *Snapshot) matchesAll(filters []filter) (bool, error) {
	for _, f := range filters {
		if f.name == "snapshot-id" {
			if !slices.Contains(f.values, s.ID) {
				return false, nil
			}
			continue
		}
		if !strings.HasPrefix(f.name, "tag:") && f.name != "tag-key" {
			return false, refuse("InvalidParameterValue", "The filter '%s' is invalid", f.name)
		}
		if matches, err := (&Image{Tags: s.Tags}).matchesAll([]filter{f}, Available); err != nil || !matches {
			return false, err
		}
	}
	return true, nil
}
