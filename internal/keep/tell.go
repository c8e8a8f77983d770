package keep

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/tags"
)

// mostInDocument keeps a document below the 256 KiB that SNS takes: an AMI needs less than 1 KiB.
const mostInDocument = 200

// document is what all documents of the keeper have in common. Its id is the same whenever the same is told of the same AMIs.
func (k *Keeper) document(kind notify.Type, region string, decisions []*Decision, summary string) notify.Document {
	d := notify.Document{
		Summary:       summary,
		SchemaVersion: notify.SchemaVersion,
		Type:          kind,
		Time:          k.Now().UTC().Truncate(time.Second),
		Account:       k.Config.Account,
		Region:        region,
		ImageName:     imageOf(decisions),
	}
	var ids []string
	for _, decision := range decisions {
		d.AMIs = append(d.AMIs, amiOf(decision))
		ids = append(ids, decision.AMI.ID)
	}
	d.ID = documentID(kind, ids, "")
	if len(ids) == 1 {
		d.Links = notify.ConsoleLinks(k.Config.Partition, region, ids[0])
	}
	return d
}

// documentID is <type>:<AMI id, or a hash of several>, and more where the same AMIs may be told of anew.
func documentID(kind notify.Type, ids []string, more string) string {
	about := ids[0]
	if len(ids) > 1 {
		sorted := slices.Sorted(slices.Values(ids))
		sum := sha256.Sum256([]byte(strings.Join(sorted, "\n")))
		about = hex.EncodeToString(sum[:16])
	}
	id := string(kind) + ":" + about
	if more != "" {
		id += ":" + more
	}
	return id
}

// imageOf is the name of the AMIs' image, or that of none where they are of several.
func imageOf(decisions []*Decision) string {
	name := decisions[0].ImageName
	for _, d := range decisions {
		if d.ImageName != name {
			return notify.SeveralImages
		}
	}
	return name
}

func amiOf(d *Decision) notify.AMI {
	return notify.AMI{
		ID:           d.AMI.ID,
		Name:         d.AMI.Name,
		Region:       d.Region,
		Family:       d.Family.Name,
		ImageName:    d.ImageName,
		ExportedAt:   d.ExportedAt.UTC(),
		ImageARN:     d.ImageARN,
		SourceAMI:    d.AMI.Tags[tags.SourceAMI],
		SourceRegion: d.AMI.Tags[tags.SourceRegion],
		RetireAt:     d.RetireAt.UTC(),
		Reason:       d.Reason,
	}
}

// name is how a summary calls the AMIs.
func name(decisions []*Decision) string {
	if len(decisions) == 1 {
		return fmt.Sprintf("The AMI %s (%s)", decisions[0].AMI.ID, decisions[0].AMI.Name)
	}
	return fmt.Sprintf("%d AMIs", len(decisions))
}

func are(decisions []*Decision) string {
	if len(decisions) == 1 {
		return "is"
	}
	return "are"
}

// idForm is a time in the id of a document, without the colons that separate its parts.
const idForm = "20060102T150405Z"

// tellRetiring tells which AMIs will be deregistered, when, and how that is stopped. Where they have several times, the id holds
// the first, and the hash in it all.
func (p *pass) tellRetiring(ctx context.Context, region string, decisions []*Decision) error {
	first := slices.MinFunc(decisions, func(a, b *Decision) int { return a.RetireAt.Compare(b.RetireAt) }).RetireAt
	summary := fmt.Sprintf("%s in %s will be deregistered at %s unless somebody stops it", name(decisions), region,
		first.Format(time.RFC3339))
	var ids, parts []string
	for _, d := range decisions {
		ids = append(ids, d.AMI.ID)
		part := d.AMI.ID
		if !d.RetireAt.Equal(first) {
			part += "@" + d.RetireAt.UTC().Format(idForm)
			summary = fmt.Sprintf("%s in %s will be deregistered from %s on unless somebody stops it", name(decisions), region,
				first.Format(time.RFC3339))
		}
		parts = append(parts, part)
	}
	document := p.document(notify.AMIsRetiring, region, decisions, summary)
	document.ID = documentID(notify.AMIsRetiring, parts, first.UTC().Format(idForm))
	document.Error = &notify.Error{
		Code: "Retiring",
		Message: "No keep rule keeps them. Until then they can be used as before; afterwards they are deregistered and their snapshots " +
			"deleted.",
		Hint: "To keep them for good: aws ec2 create-tags --region " + region + " --resources " + commandIDs(ids) +
			" --tags Key=" + tags.Keep + ",Value=yes . To begin the grace of one anew: aws ec2 disable-image-deprecation --region " +
			region +
			" --image-id " + ids[0] + " .",
	}
	return p.Topic.Publish(ctx, document)
}

// commandIDs are the ids as a command takes them; of many the first, so that the line stays one that can be copied.
func commandIDs(ids []string) string {
	const most = 20
	if len(ids) > most {
		return strings.Join(ids[:most], " ") + " ..."
	}
	return strings.Join(ids, " ")
}

// tellRetired tells what was deregistered, and until when it can be brought back.
func (p *pass) tellRetired(ctx context.Context, region string, decisions []*Decision) error {
	verb := "was"
	if len(decisions) > 1 {
		verb = "were"
	}
	summary := fmt.Sprintf("%s in %s %s deregistered", name(decisions), region, verb)
	if p.Config.UndoDays > 0 {
		summary += "; the Recycle Bin keeps what its rules say"
	}
	return p.Topic.Publish(ctx, p.document(notify.AMIsRetired, region, decisions, summary))
}

// tellSnapshotsLeft tells which snapshots of a deregistered AMI are still there and paid for.
func (p *pass) tellSnapshotsLeft(ctx context.Context, d *Decision, orphans []Snapshot) error {
	var ids, said []string
	for _, orphan := range orphans {
		ids = append(ids, orphan.ID)
		said = append(said, orphan.ID+" ("+orphan.ReturnCode+")")
	}
	document := p.document(notify.AMINotRetired, d.Region, []*Decision{d}, fmt.Sprintf(
		"The AMI %s (%s) in %s was deregistered, but its snapshots are still there", d.AMI.ID, d.AMI.Name, d.Region))
	document.ID += ":snapshots"
	document.Error = &notify.Error{
		Code:    "SnapshotsLeft",
		Message: "Not deleted: " + strings.Join(said, ", "),
		Hint: "Nobody else deletes them, and they cost money. If they are not needed: aws ec2 delete-snapshot --region " + d.Region +
			" --snapshot-id " + ids[0] + " .",
	}
	return p.Topic.Publish(ctx, document)
}

// tellCopied tells that a copy is there.
func (p *pass) tellCopied(ctx context.Context, d *Decision) error {
	summary := fmt.Sprintf("The AMI %s was copied to %s: %s (%s)", d.AMI.Tags[tags.SourceAMI], d.Region, d.AMI.ID, d.AMI.Name)
	copied := *d
	copied.Reason = ""
	return p.Topic.Publish(ctx, p.document(notify.AMICopied, d.Region, []*Decision{&copied}, summary))
}

// wording is how one kind of news is told.
type wording struct {
	kind    notify.Type
	code    string
	summary func(region string, decisions []*Decision) string
	message string // where the news itself says nothing more
	hint    string
}

// wordings are those of all news.
var wordings = map[newsKind]wording{
	newsByHand: {
		notify.AMIsKeptByHand, "KeptByHand",
		func(region string, d []*Decision) string {
			return fmt.Sprintf("%s in %s %s in somebody's hands, and kept", name(d), region, are(d))
		},
		"Somebody brought them back or set when they are deprecated. Their reasons say which. The keeper retires none of them.",
		"Nothing needs to be done. To have one judged again, cancel its deprecation first, and then remove its tag " + tags.Retired +
			" where it has one: its grace begins anew.",
	},
	newsNotImportable: {
		notify.AMINotImportable, "NotImportable",
		func(region string, d []*Decision) string {
			return fmt.Sprintf("%s in %s cannot be imported into AppStream as %s", name(d), region,
				map[bool]string{true: "it is", false: "they are"}[len(d) == 1])
		},
		"", "The AMI works in EC2. How to bring an image back, and what that takes, is in docs/RESTORE.md.",
	},
	newsNameClash: {
		notify.RetirementStopped, "FamilyNameClash",
		func(region string, d []*Decision) string {
			return fmt.Sprintf("%s in %s %s left: an image has the name of a family", name(d), region, are(d))
		},
		"An image that fits no pattern of Families is called as one of the families is, so that they cannot be told apart.",
		"Rename the family in the stack's parameter Families, or give the image's name a pattern.",
	},
	newsUnheard: {
		notify.RetirementStopped, "NobodyHears",
		func(region string, d []*Decision) string {
			return fmt.Sprintf("%s in %s %s not marked: nobody has subscribed to the topic", name(d), region, are(d))
		},
		"Nothing is retired that nobody was told of, and the stack's topic has no confirmed subscription.",
		"Subscribe to the topic and confirm the subscription; AMIs are then marked in the next pass.",
	},
	newsNoUndo: {
		notify.RetirementStopped, "NoUndo",
		func(region string, d []*Decision) string {
			return fmt.Sprintf("%s in %s %s not deregistered: it could not be undone", name(d), region, are(d))
		},
		"UndoDays is more than 0, and the Region has no available rules of the Recycle Bin on the stack's tag for both AMIs and, as long " +
			"or longer, snapshots.",
		"In other Regions than the stack's own deploy examples/recycle-bin; at home update the stack.",
	},
	newsNoFence: {
		notify.RetirementStopped, "FenceOpen",
		func(region string, d []*Decision) string {
			return fmt.Sprintf("%s in %s %s not deregistered: the role of the keeper is not held off from other AMIs", name(d), region,
				are(d))
		},
		"", "Compare the policies of the role with the template's; somebody has added rights, or EC2 could not be asked.",
	},
	newsNotRetired: {
		notify.AMINotRetired, "NotDeregistered",
		func(region string, d []*Decision) string {
			return fmt.Sprintf("%s in %s could not be deregistered", name(d), region)
		},
		"", "It is tried again for three days, then its grace begins anew. To keep it, tag it " + tags.Keep + ".",
	},
	newsForeignPointer: {
		notify.AMIPointerFailed, "ForeignParameter",
		func(region string, d []*Decision) string {
			return fmt.Sprintf("%s in %s is the newest of its family, and no parameter says so", name(d), region)
		},
		"The parameter of the family was not made by this stack, or somebody has changed its value since. It is left as it is.",
		"Delete the parameter to have the keeper make it again, or choose another LatestAmiParameter.",
	},
	newsNoPointer: {
		notify.AMIPointerFailed, "NotWritten",
		func(region string, d []*Decision) string {
			return fmt.Sprintf("%s in %s is the newest of its family, and no parameter says so", name(d), region)
		},
		"", "Systems Manager checks the AMI with the rights of the keeper's role: it needs ec2:DescribeImages. It is tried again in each " +
			"pass.",
	},
	newsNoCopy: {
		notify.AMICopyFailed, "CopyFailed",
		func(region string, d []*Decision) string {
			return fmt.Sprintf("%s is not copied to %s: three attempts have failed", name(d), region)
		},
		"", "It is not tried again until there is a newer AMI of the family. Check that the key in CopyKmsKeys may be used by the " +
			"keeper's role, and the Region's quotas.",
	},
}

// tell tells one piece of news of some AMIs.
func (p *pass) tell(ctx context.Context, region string, news News, decisions []*Decision) error {
	w := wordings[news.kind]
	about, summaryRegion := decisions, region
	if news.about != nil {
		about, region, summaryRegion = []*Decision{news.about}, news.about.Region, news.region
	}
	document := p.document(w.kind, region, about, w.summary(summaryRegion, decisions))
	if _, kind, ok := strings.Cut(news.word, "@"); ok {
		document.ID += ":" + kind
	}
	// What has ended and begins anew is other news.
	document.ID += ":" + p.facts.Now.UTC().Format("20060102")
	message := cmp.Or(news.detail, w.message)
	if news.kind == newsNotImportable {
		message = obstacles(decisions)
	}
	document.Error = &notify.Error{Code: w.code, Message: message, Hint: w.hint}
	return p.Topic.Publish(ctx, document)
}

// obstacles is what speaks against importing the AMIs.
func obstacles(decisions []*Decision) string {
	var said []string
	for _, d := range decisions {
		said = append(said, d.AMI.ID+": "+strings.Join(d.Obstacles, ", "))
	}
	return strings.Join(said, "; ")
}
