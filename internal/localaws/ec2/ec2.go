// Package ec2 emulates the part of Amazon EC2 that an AMI meets in its life: it is listed, tagged, copied, deprecated,
// disabled, deregistered and brought back. It knows nothing of instances but what they refer to.
package ec2

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"appstream-ami-exporter/internal/localaws/iam"
)

// Options says what kind of account the emulator plays. Every field may be left zero.
type Options struct {
	Account   string   // default 123456789012
	Partition string   // default aws
	Regions   []string // those the account has enabled; default eu-west-1, us-east-1, eu-central-1

	// Now is the only clock: nothing happens between two requests but what Now says has passed.
	Now func() time.Time

	// Exported are the AMIs that AppStream has made, in order, without the first `after` of them. They are looked for
	// before each request, so that no AMI is kept twice.
	Exported func(after int) []Image
	// Gone is told when an AMI is deregistered, and when it is brought back. It must not ask back.
	Gone func(image Image, gone bool)
	// CopyDuration is how long a copy is pending, 20 minutes by default.
	CopyDuration func(copied Image) time.Duration
	// MaxCopies is how many copies to one Region may be pending, 300 by default.
	MaxCopies int
	// BadKeys are KMS keys with which a copy is accepted, and fails when it should be available.
	BadKeys []string
	// EncryptsByDefault are the Regions where every new snapshot is encrypted.
	EncryptsByDefault []string
	// RefusesTwins refuses a copy whose name is taken. EC2 has been seen to do either.
	RefusesTwins bool

	// GhostsFor is how long listings go on showing an AMI that was deregistered, or one that was brought back not yet.
	GhostsFor time.Duration
	// MaxPage is the most that a page of a listing has, whatever is asked for; 1,000 by default.
	MaxPage int

	// ParameterReferences are the ARNs of the SSM parameters that name an AMI, for DescribeImageReferences.
	ParameterReferences func(region, imageID string) []string
	// Retention is how long Recycle Bin keeps a deleted resource with these tags, 0 for not at all. The type is
	// EC2_IMAGE or EBS_SNAPSHOT.
	Retention func(region, resourceType string, tags map[string]string) time.Duration

	// Authorize is asked about each resource of each call before anything is done. None allows everything.
	Authorize func(iam.Request) bool
}

// EC2 is the service in all Regions of one account. It is an http.Handler that finds the Region in the signature of a
// request, keeps everything in memory, and is safe for concurrent use.
type EC2 struct {
	options Options

	mu       sync.Mutex
	made     int // of ids
	requests int
	caller   string // the access key of the request that is being served
	exported int    // how many of Options.Exported are known
	regions  map[string]*region
	faults   map[string][]string
	calls    []string
}

// region is EC2 in one Region.
type region struct {
	ec2  *EC2
	name string

	images     []*Image // in the order they were made; deregistered ones too
	snapshots  map[string]*Snapshot
	tokens     map[string]copyMade
	references map[string][]Reference
	copyFails  []string // reasons with which the next copies fail; "" lets one succeed
}

// New returns an account without AMIs.
func New(options Options) *EC2 {
	if options.Account == "" {
		options.Account = "123456789012"
	}
	if options.Partition == "" {
		options.Partition = "aws"
	}
	if len(options.Regions) == 0 {
		options.Regions = []string{"eu-west-1", "us-east-1", "eu-central-1"}
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Exported == nil {
		options.Exported = func(int) []Image { return nil }
	}
	if options.Gone == nil {
		options.Gone = func(Image, bool) {}
	}
	if options.CopyDuration == nil {
		options.CopyDuration = func(Image) time.Duration { return 20 * time.Minute }
	}
	if options.MaxCopies == 0 {
		options.MaxCopies = 300
	}
	if options.MaxPage == 0 {
		options.MaxPage = 1000
	}
	if options.ParameterReferences == nil {
		options.ParameterReferences = func(string, string) []string { return nil }
	}
	if options.Retention == nil {
		options.Retention = func(string, string, map[string]string) time.Duration { return 0 }
	}
	if options.Authorize == nil {
		options.Authorize = func(iam.Request) bool { return true }
	}
	e := &EC2{options: options, regions: map[string]*region{}, faults: map[string][]string{}}
	for _, name := range options.Regions {
		e.regions[name] = &region{
			ec2:        e,
			name:       name,
			snapshots:  map[string]*Snapshot{},
			tokens:     map[string]copyMade{},
			references: map[string][]Reference{},
		}
	}
	return e
}

// Calls returns how often each action was asked for in each Region, as "eu-west-1 DescribeImages", refused ones included.
func (e *EC2) Calls() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	calls := map[string]int{}
	for _, call := range e.calls {
		calls[call]++
	}
	return calls
}

// FailNext answers the next calls of an action with these error codes, one call each, and does nothing else for them; ""
// lets a call pass.
func (e *EC2) FailNext(action string, codes ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults[action] = append(e.faults[action], codes...)
}

// FailCopies lets the next copies to a Region fail with these reasons once they should be available; "" lets one succeed.
func (e *EC2) FailCopies(regionName string, reasons ...string) {
	e.in(regionName, func(r *region) { r.copyFails = append(r.copyFails, reasons...) })
}

// PutImage adds an AMI, or replaces the one of its id; what is left zero is as AppStream exports it. It returns the AMI's id.
func (e *EC2) PutImage(image Image) string {
	e.in(image.Region, func(r *region) { image = *r.put(image) })
	return image.ID
}

// Images returns all AMIs of a Region in the order they were made, as they stand now, deregistered ones too.
func (e *EC2) Images(regionName string) []Image {
	var images []Image
	e.in(regionName, func(r *region) {
		for _, image := range r.images {
			images = append(images, image.at(e.options.Now()))
		}
	})
	return images
}

// Image returns one AMI as it stands now.
func (e *EC2) Image(regionName, id string) (Image, bool) {
	images := e.Images(regionName)
	i := slices.IndexFunc(images, func(image Image) bool { return image.ID == id })
	if i < 0 {
		return Image{}, false
	}
	return images[i], true
}

// EditImage lets somebody else change an AMI: its tags, its shares, its protection. It tells whether there is one.
func (e *EC2) EditImage(regionName, id string, edit func(*Image)) (found bool) {
	e.in(regionName, func(r *region) {
		for _, image := range r.images {
			if image.ID == id {
				found = true
				edit(image)
			}
		}
	})
	return found
}

// Snapshots returns the snapshots of a Region that are not deleted, by their ids.
func (e *EC2) Snapshots(regionName string) map[string]Snapshot {
	snapshots := map[string]Snapshot{}
	e.in(regionName, func(r *region) {
		for id, s := range r.snapshots {
			if s.Deleted.IsZero() {
				shown := *s
				shown.Tags = maps.Clone(s.Tags)
				snapshots[id] = shown
			}
		}
	})
	return snapshots
}

// EditSnapshot lets somebody else change a snapshot. It tells whether there is one.
func (e *EC2) EditSnapshot(regionName, id string, edit func(*Snapshot)) (found bool) {
	e.in(regionName, func(r *region) {
		if s := r.snapshots[id]; s != nil {
			found = true
			edit(s)
		}
	})
	return found
}

// SetReferences says what refers to an AMI.
func (e *EC2) SetReferences(regionName, imageID string, references ...Reference) {
	e.in(regionName, func(r *region) { r.references[imageID] = references })
}

// BringBackable tells whether an AMI is in Recycle Bin, with all its snapshots there or not deleted.
func (e *EC2) BringBackable(regionName, id string) (can bool) {
	now := e.options.Now()
	e.in(regionName, func(r *region) {
		image := r.inBin(id)
		can = image != nil && !slices.ContainsFunc(image.Volumes, func(v Volume) bool {
			s := r.snapshots[v.SnapshotID]
			return s == nil || !s.Deleted.IsZero() && !now.Before(s.binUntil)
		})
	})
	return can
}

// Referenced tells whether SetReferences has something refer to an AMI.
func (e *EC2) Referenced(regionName, id string) (referenced bool) {
	e.in(regionName, func(r *region) { referenced = len(r.references[id]) > 0 })
	return referenced
}

// BringBack restores an AMI and its snapshots from Recycle Bin, as a person does in the console. It tells whether they were
// there.
func (e *EC2) BringBack(regionName, id string) (back bool) {
	e.in(regionName, func(r *region) {
		image := r.inBin(id)
		if image == nil {
			return
		}
		for _, v := range image.Volumes {
			if s := r.snapshots[v.SnapshotID]; s != nil {
				s.Deleted, s.binUntil = time.Time{}, time.Time{}
			}
		}
		back = r.restore(image) == nil
	})
	return back
}

// in does something with one Region, which must be one of the account's.
func (e *EC2) in(regionName string, do func(*region)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.regions[regionName]
	if r == nil {
		panic(fmt.Sprintf("ec2: the account has no Region %q", regionName))
	}
	e.collectExports()
	do(r)
}

// collectExports takes over the AMIs that AppStream has made since the last time.
func (e *EC2) collectExports() {
	for _, image := range e.options.Exported(e.exported) {
		e.exported++
		if r := e.regions[image.Region]; r != nil {
			r.put(image)
		}
	}
}

// newID makes ids that are the same in every run.
func (e *EC2) newID(prefix string) string {
	e.made++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", prefix, e.made))
	return prefix + "-" + hex.EncodeToString(sum[:])[:17]
}
