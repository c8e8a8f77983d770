package keep

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"appstream-ami-exporter/internal/tags"
)

// Fate is what becomes of one AMI in one Region.
type Fate string

// The fates.
const (
	FateKeep     Fate = "keep"     // it stays
	FateRetire   Fate = "retire"   // it will be marked
	FateRetiring Fate = "retiring" // it is marked, and deregistered when its time comes
	FateDue      Fate = "due"      // it is deregistered now
	FateLeft     Fate = "left"     // it is not judged, and stays
)

// Decision is the fate of one AMI, with a reason for people.
type Decision struct {
	Region   string
	AMI      AMI
	Family   Family
	Fate     Fate
	Reason   string
	RetireAt time.Time // where it is to be retired: when

	ImageName    string
	ImageARN     string
	ImageCreated time.Time
	ExportedAt   time.Time

	// Obstacles are what speaks against an import into AppStream, as far as EC2 shows it.
	Obstacles []string

	known     bool // it is certain what it is: the times and the family are set
	complete  bool // and that it is a finished export or copy of this stack's
	byHand    string
	candidate bool // no rule keeps it: it is looked at closely
	mark      markState
}

// usable tells whether others can be led to the AMI: copies and pointers.
func (d *Decision) usable() bool {
	if !d.complete || d.AMI.State != StateAvailable {
		return false
	}
	_, retired := d.AMI.Tags[tags.Retired]
	return !retired
}

func (d *Decision) decide(fate Fate, format string, args ...any) {
	d.Fate, d.Reason = fate, fmt.Sprintf(format, args...)
}

// newestFirst is the order of a family everywhere: for rules, slots, copies and pointers.
func newestFirst(a, b *Decision) int {
	return cmp.Or(
		b.ImageCreated.Compare(a.ImageCreated),
		b.ExportedAt.Compare(a.ExportedAt),
		b.AMI.CreationDate.Compare(a.AMI.CreationDate),
		cmp.Compare(b.AMI.ID, a.AMI.ID),
	)
}

// newerExport tells whether a is for certain a newer export than b, wherever the two are: CreationDate and id say nothing across
// Regions.
func newerExport(a, b *Decision) bool {
	return cmp.Or(a.ImageCreated.Compare(b.ImageCreated), a.ExportedAt.Compare(b.ExportedAt)) > 0
}

// maxExportTime is how far the time for which an export was asked and the AMI's own may be apart: exports wait for at most a
// week, and take at most another.
const maxExportTime = 30 * 24 * time.Hour

// recognize finds out what an AMI is. Where that is not certain, the AMI is left.
func (p *planner) recognize(region string, ami AMI) *Decision {
	d := &Decision{Region: region, AMI: ami}
	if why := p.recognizeOrigin(d); why != "" {
		d.decide(FateLeft, "%s", why)
		return d
	}
	d.known = true
	d.Family = p.Families.Of(d.ImageName)
	if why := p.incomplete(d); why != "" {
		d.decide(FateLeft, "%s", why)
		return d
	}
	d.complete = true
	if ami.State != StateAvailable {
		d.decide(FateLeft, "its state is %s", ami.State)
	}
	return d
}

// recognizeOrigin checks that the AMI is this stack's and reads what its tags say of it; the answer says what is wrong.
func (p *planner) recognizeOrigin(d *Decision) string {
	ami := &d.AMI
	switch {
	case ami.OwnerID != p.Account:
		return "it is not this account's"
	case ami.Tags[tags.Stack] != p.Stack:
		return "it is not this stack's"
	case ami.Tags[tags.AMIName] != ami.Name && ami.Tags[tags.AMIName] != tags.Marker(ami.Name):
		return "its tag " + tags.AMIName + " is not that of its name: it is a copy that somebody made, or was tagged by hand"
	}
	name, ok := strings.CutPrefix(ami.Tags[tags.ImageARN], p.imageARNs)
	if !ok || name == "" {
		return "its tag " + tags.ImageARN + " is not the ARN of an image of this account and Region"
	}
	d.ImageName, d.ImageARN = name, ami.Tags[tags.ImageARN]
	var err, exportedErr error
	d.ImageCreated, err = time.Parse(time.RFC3339, ami.Tags[tags.ImageCreated])
	d.ExportedAt, exportedErr = time.Parse(time.RFC3339, ami.Tags[tags.ExportedAt])
	if err != nil || exportedErr != nil {
		return "its tags " + tags.ImageCreated + " and " + tags.ExportedAt + " are not both times"
	}
	if ami.CreationDate.IsZero() {
		return "EC2 does not say when it was made"
	}
	for _, at := range []time.Time{d.ImageCreated, d.ExportedAt, ami.CreationDate, ami.LastLaunchedTime} {
		if at.After(p.now) {
			return "one of its times is in the future: " + at.UTC().Format(time.RFC3339)
		}
	}
	if d.Region == p.Home && d.ExportedAt.Sub(ami.CreationDate).Abs() > maxExportTime {
		return "its tag " + tags.ExportedAt + " is more than 30 days from when EC2 made it"
	}
	return ""
}

// incomplete says why the AMI is not known to be a finished export, or at other Regions a finished copy of one.
func (p *planner) incomplete(d *Decision) string {
	if why := p.notACopy(d); why != "" {
		return why
	}
	if id, tagged := d.AMI.Tags[tags.Complete]; id != d.AMI.ID {
		switch {
		case d.AMI.State == StatePending:
			return "it is not finished: its state is pending"
		case tagged:
			return "its tag " + tags.Complete + " names another AMI: it is a copy that somebody made"
		}
		return "nothing proves that it is a finished export: it has no tag " + tags.Complete
	}
	return ""
}

// notACopy says what is wrong with the AMI's tags of a copy; at home it must have none, elsewhere they must agree with EC2.
func (p *planner) notACopy(d *Decision) string {
	source, region := d.AMI.Tags[tags.SourceAMI], d.AMI.Tags[tags.SourceRegion]
	switch {
	case d.Region == p.Home && (source != "" || region != ""):
		return "it is a copy of " + source + ", in the Region of the exports"
	case d.Region == p.Home:
		return ""
	case source == "" || region == "":
		return "it is no copy of the keeper's: it does not say of what"
	case source != d.AMI.SourceImageID || region != d.AMI.SourceImageRegion || region != p.Home:
		return "it is no copy of the keeper's: its tags and EC2 name different sources"
	}
	return ""
}

// unproved tells whether the AMI has no tag :complete yet, and could get one.
func unproved(ami AMI) bool {
	_, tagged := ami.Tags[tags.Complete]
	return !tagged && ami.State == StateAvailable
}

// Complete lists the AMIs, by Region, that can now be tagged as complete: at home those that AppStream shows to be finished
// exports, elsewhere available copies of complete ones.
func Complete(c Config, f Facts) []*Decision {
	p := newPlanner(c, f)
	var proved []*Decision
	provedAtHome := map[string]bool{}
	finished := func(id string) bool { // at home, proved before or now
		at := slices.IndexFunc(f.Regions[0].AMIs, func(ami AMI) bool { return ami.ID == id })
		return provedAtHome[id] || at >= 0 && !f.Regions[0].Unlisted && p.recognize(c.Home, f.Regions[0].AMIs[at]).complete
	}
	for i, region := range f.Regions {
		if region.Unlisted {
			continue
		}
		for _, ami := range region.AMIs {
			home := i == 0
			if !unproved(ami) || !hasRoom(ami, tags.Complete) {
				continue
			}
			d := p.recognize(region.Region, ami)
			if d.known && (home && f.Proved[ami.ID] || !home && p.notACopy(d) == "" && finished(ami.Tags[tags.SourceAMI])) {
				provedAtHome[ami.ID] = home
				proved = append(proved, d)
			}
		}
	}
	return proved
}

// maxTags is how many tags an AMI can have; those of AWS's own do not count.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html
const maxTags = 50

// hasRoom tells whether the AMI can be given tags with these keys.
func hasRoom(ami AMI, keys ...string) bool {
	count := 0
	for key := range ami.Tags {
		if !strings.HasPrefix(key, "aws:") && !slices.Contains(keys, key) {
			count++
		}
	}
	return count+len(keys) <= maxTags
}
