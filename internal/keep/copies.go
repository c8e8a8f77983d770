package keep

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"appstream-ami-exporter/internal/tags"
)

const (
	// mostAttempts of a copy are made; then something has to be changed, and a newer AMI comes anyway.
	mostAttempts = 3

	// attemptFormat is the time in the tag :copies, as short as it can be: five Regions have to fit into the value of a tag.
	attemptFormat = "20060102T1504Z"
)

// attemptPause is how long after an attempt the copy is looked for before another is made. EC2 shows what was made within
// seconds; what failed once is given half a day.
func attemptPause(attempt int) time.Duration {
	if attempt <= 1 {
		return time.Hour
	}
	return 12 * time.Hour
}

// attempts are what the tag :copies of a source remembers, by Region: how many copies were begun, and when the last was.
type attempts map[string]attempt

type attempt struct {
	number int
	at     time.Time
}

// parseAttempts reads "eu-central-1=2@20261126T1200Z us-east-1=...". What it cannot read counts as tried often enough.
func parseAttempts(value string) attempts {
	all := attempts{}
	for entry := range strings.FieldsSeq(value) {
		region, rest, _ := strings.Cut(entry, "=")
		number, at, _ := strings.Cut(rest, "@")
		n, err := strconv.Atoi(number)
		when, timeErr := time.Parse(attemptFormat, at)
		if err != nil || timeErr != nil || n < 0 {
			n = mostAttempts
		}
		all[region] = attempt{n, when}
	}
	return all
}

func (a attempts) String() string {
	var entries []string
	for _, region := range slices.Sorted(maps.Keys(a)) {
		entries = append(entries, fmt.Sprintf("%s=%d@%s", region, a[region].number, a[region].at.UTC().Format(attemptFormat)))
	}
	return strings.Join(entries, " ")
}

// with is the attempts after one more.
func (a attempts) with(region string, number int, at time.Time) attempts {
	all := maps.Clone(a)
	all[region] = attempt{number, at}
	return all
}

// copyToken is the same only for the same attempt at the same copy.
func copyToken(sourceID, region string, attempt int) string {
	sum := sha256.Sum256([]byte(sourceID + "\n" + region + "\n" + strconv.Itoa(attempt)))
	return hex.EncodeToString(sum[:])
}

// copyInto plans the copies into a Region: of each family the newest, if it is not there and the rules would keep it there.
func (p *planner) copyInto(region planned) {
	if region.home || !slices.Contains(p.CopyRegions, region.plan.Region) || len(p.regions) == 0 || !p.regions[0].home {
		return
	}
	name := region.plan.Region
	p.regions[0].plan.families(func(family Family, decisions []*Decision) {
		at := slices.IndexFunc(decisions, (*Decision).usable)
		if at < 0 {
			return
		}
		source := decisions[at]
		failed := 0
		for _, ami := range region.facts.AMIs {
			if ami.Tags[tags.SourceAMI] != source.AMI.ID || ami.OwnerID != p.Account {
				continue
			}
			if ami.State == StateAvailable {
				p.regions[0].plan.forget(toldNoCopy+name, decisions)
			}
			if ami.State != StateFailed && ami.State != StateError && ami.State != StateInvalid {
				return // it is there, or on its way, or was disabled by somebody
			}
			failed++
		}
		if !p.keptThere(region, family, source) {
			return
		}
		last := parseAttempts(source.AMI.Tags[tags.Copies])[name]
		last.number = max(last.number, failed) // somebody may have removed the tag
		switch {
		case last.number >= mostAttempts:
			if p.now.Sub(last.at) >= attemptPause(1) {
				p.tellNoCopy(region, source, decisions)
			}
		case last.number > 0 && p.now.Sub(last.at).Abs() < attemptPause(last.number):
		case hasRoom(source.AMI, tags.Copies):
			region.plan.Copies = append(region.plan.Copies, CopyOrder{Source: source, Attempt: last.number + 1})
		}
	})
}

// keptThere tells whether a copy of the source would be kept in the Region: otherwise it would be retired as soon as it is made.
func (p *planner) keptThere(region planned, family Family, source *Decision) bool {
	var there []*Decision
	for _, d := range region.plan.Decisions {
		if !d.usable() || d.Family.Key != family.Key {
			continue
		}
		if newerExport(d, source) {
			return false // the Region is ahead of home: the newest at home is not the newest there is
		}
		there = append(there, d)
	}
	if p.Keep.KeepAll() {
		return true
	}
	there = append(there, source)
	slices.SortFunc(there, newestFirst)
	exported := make([]time.Time, len(there))
	for i, d := range there {
		exported[i] = d.ExportedAt
	}
	return p.Keep.Select(exported, p.Location)[slices.Index(there, source)] != ""
}

// tellNoCopy tells at home, where the source is with its family, that it will not be copied into the Region.
func (p *planner) tellNoCopy(region planned, source *Decision, family []*Decision) {
	detail := "no copy of it has become available"
	entry := source
	for _, d := range region.plan.Decisions {
		if d.AMI.Tags[tags.SourceAMI] == source.AMI.ID && d.AMI.State == StateFailed {
			entry = d
			detail = cmp.Or(d.AMI.StateReason, "EC2 does not say why")
		}
	}
	p.regions[0].plan.tell(News{
		kind: newsNoCopy, word: toldNoCopy + region.plan.Region, Decisions: []*Decision{source}, about: entry,
		region: region.plan.Region, detail: detail,
	}, family)
}

// copyTags are the tags of a copy: those of the source that are about the export or a person's, and where it comes from.
func copyTags(source AMI, region string) map[string]string {
	copied := map[string]string{tags.SourceAMI: source.ID, tags.SourceRegion: region}
	for _, key := range slices.SortedFunc(maps.Keys(source.Tags), ownFirst) {
		if !travels(key) || len(copied) >= maxTags-copyRoom {
			continue
		}
		copied[key] = source.Tags[key]
	}
	return copied
}

// copyRoom is left free on a copy for the keeper's tags :complete, :retire-at, :retired, :told and a person's :keep.
const copyRoom = 5

// travels tells whether a tag goes along with a copy. What says how it stands with the source does not.
func travels(key string) bool {
	switch key {
	case tags.Complete, tags.RetireAt, tags.Retired, tags.Told, tags.Copies:
		return false
	}
	return !strings.HasPrefix(key, "aws:")
}

func ownFirst(a, b string) int {
	own := func(key string) int {
		if strings.HasPrefix(key, tags.Prefix) {
			return 0
		}
		return 1
	}
	return cmp.Or(own(a)-own(b), strings.Compare(a, b))
}
