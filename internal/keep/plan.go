package keep

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"appstream-ami-exporter/internal/tags"
)

// Plan is what a pass is going to do, and why.
type Plan struct {
	Regions []*RegionPlan // home first
}

// RegionPlan is the plan of one Region. Every AMI has one decision; the other lists say what is to be done.
type RegionPlan struct {
	Region    string
	Unread    []string    // why nothing is retired here in this pass
	Decisions []*Decision // by family, newest first; those whose family is not known come last

	TakeBack []*Decision // marks that no longer hold
	Mark     []*Decision // to be told, deprecated and marked
	Due      []*Decision // to be deregistered
	Untagged []*Decision // whose snapshots are to get the tag of the stack
	Copies   []CopyOrder // into this Region
	Pointers []PointerOrder
	News     []News
	Forget   []Forgetting

	// Stopped says that AMIs are not marked although no rule keeps them, since nobody hears, or not deregistered although they are
	// due, since nothing could be undone: whether or not it has been told before.
	Stopped bool

	// Kept are, by the key of the family, the AMIs that the rules keep. They are looked at again before another is retired.
	Kept map[string][]*Decision
}

// CopyOrder is a copy to be made.
type CopyOrder struct {
	Source  *Decision
	Attempt int
}

// PointerOrder is a pointer to be created or moved.
type PointerOrder struct {
	Name   string
	Target *Decision
	Create bool
}

// MakePlan decides the fate of every AMI, and what else is to be done. It is pure. The less the facts tell, the less is retired.
func MakePlan(c Config, f Facts) Plan {
	p, plan := decideFates(c, f)
	for _, region := range p.regions {
		p.forgetEnded(region)
		p.point(region)
		p.copyInto(region)
		p.tellObstacles(region)
	}
	return plan
}

// decideFates makes the part of a plan that is about retirement: it is enough to know what has to be looked at more closely, and
// to look again.
func decideFates(c Config, f Facts) (*planner, Plan) {
	p := newPlanner(c, f)
	var plan Plan
	for i, region := range f.Regions {
		r := &RegionPlan{Region: region.Region, Unread: p.unread(region), Kept: map[string][]*Decision{}}
		plan.Regions = append(plan.Regions, r)
		if region.Unlisted {
			continue
		}
		r.Decisions = make([]*Decision, len(region.AMIs))
		for i, ami := range region.AMIs {
			r.Decisions[i] = p.recognize(region.Region, ami)
		}
		slices.SortFunc(r.Decisions, byFamily)
		p.regions = append(p.regions, planned{facts: f.Regions[i], plan: r, home: i == 0})
	}
	p.leaveClashes()
	for _, region := range p.regions {
		p.judge(region)
	}
	return p, plan
}

// planner holds what all the parts of a plan need.
type planner struct {
	Config
	facts   Facts
	now     time.Time
	printed string
	days    midnights
	regions []planned // those that were listed

	imageARNs string // with which the ARNs of the account's images begin
}

type planned struct {
	facts RegionFacts
	plan  *RegionPlan
	home  bool
}

func newPlanner(c Config, f Facts) *planner {
	return &planner{
		Config: c, facts: f, now: f.Now, printed: c.print(), days: midnights{c.Location},
		imageARNs: "arn:" + c.Partition + ":appstream:" + c.Home + ":" + c.Account + ":image/",
	}
}

// maxClockError is how far the function's clock and AWS's may be apart.
const maxClockError = time.Hour

// unread says why nothing can be retired in the Region.
func (p *planner) unread(region RegionFacts) []string {
	why := slices.Clone(region.Unread)
	switch {
	case region.Unlisted:
	case region.ServerTime.IsZero():
		why = append(why, "AWS's answers tell no time to compare the clock with")
	case region.ServerTime.Sub(p.now).Abs() > maxClockError:
		why = append(why, fmt.Sprintf("the clock is more than an hour off: it says %s, AWS %s", p.now.UTC().Format(time.RFC3339),
			region.ServerTime.UTC().Format(time.RFC3339)))
	}
	for _, ami := range region.AMIs {
		if !slices.Contains(knownStates, ami.State) {
			why = append(why, fmt.Sprintf("%s has the state %q, which this version does not know", ami.ID, ami.State))
		}
		if !slices.Contains(knownProtections, ami.DeregistrationProtection) {
			why = append(why, fmt.Sprintf("%s has the deregistration protection %q, which this version does not know", ami.ID,
				ami.DeregistrationProtection))
		}
	}
	return why
}

var (
	knownStates = []string{
		StatePending, StateAvailable, StateInvalid, StateDeregistered, StateTransient, StateFailed, StateError, StateDisabled,
	}
	// Where EC2 says nothing, an AMI is not protected; were it, EC2 would refuse to deregister it.
	knownProtections = []string{"", ProtectionDisabled, ProtectionWithoutCooldown, ProtectionWithCooldown}
)

func byFamily(a, b *Decision) int {
	switch {
	case a.known != b.known && a.known:
		return -1
	case a.known != b.known:
		return 1
	case a.Family.Key != b.Family.Key:
		return strings.Compare(a.Family.Key, b.Family.Key)
	}
	return newestFirst(a, b)
}

// families calls do with the decisions of each family, newest first.
func (r *RegionPlan) families(do func(family Family, decisions []*Decision)) {
	known := r.Decisions
	if at := slices.IndexFunc(known, func(d *Decision) bool { return !d.known }); at >= 0 {
		known = known[:at]
	}
	for len(known) > 0 {
		family := known[0].Family
		end := slices.IndexFunc(known, func(d *Decision) bool { return d.Family.Key != family.Key })
		if end < 0 {
			end = len(known)
		}
		do(family, known[:end])
		known = known[end:]
	}
}

// leaveClashes leaves the AMIs of an image that has a family's name, and those of that family: one pointer would name both.
func (p *planner) leaveClashes() {
	keys := map[string]map[string]bool{} // by name
	for _, region := range p.regions {
		region.plan.families(func(family Family, _ []*Decision) {
			if keys[family.Name] == nil {
				keys[family.Name] = map[string]bool{}
			}
			keys[family.Name][family.Key] = true
		})
	}
	for _, region := range p.regions {
		for _, d := range region.plan.Decisions {
			if d.known && len(keys[d.Family.Name]) > 1 {
				d.complete = false
				d.decide(FateLeft, "an image that is in no family is called %s, as a family is", d.Family.Name)
			}
		}
		if p.On || p.PointerPrefix != "" {
			p.tellClashes(region.plan, keys)
		}
	}
}

// tellClashes tells of the names of a Region that are a family's and an image's.
func (p *planner) tellClashes(region *RegionPlan, keys map[string]map[string]bool) {
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		if len(keys[name]) == 1 {
			continue
		}
		called := region.those(func(d *Decision) bool { return d.Family.Name == name && d.AMI.Tags[tags.Complete] == d.AMI.ID })
		region.tell(News{kind: newsNameClash, word: stoppedNameClash, Decisions: called}, called)
	}
	region.forget(stoppedNameClash, region.those(func(d *Decision) bool { return d.known && len(keys[d.Family.Name]) == 1 }))
}

// judge decides the fates of one Region's AMIs.
func (p *planner) judge(region planned) {
	region.plan.families(func(family Family, decisions []*Decision) {
		slots := p.takeSlots(region, decisions)
		exported := make([]time.Time, len(slots))
		for i, d := range slots {
			exported[i] = d.ExportedAt
		}
		if p.Keep.KeepAll() {
			for _, d := range slots {
				d.decide(FateKeep, "there are no keep rules")
			}
			return
		}
		for i, why := range p.Keep.Select(exported, p.Location) {
			if why != "" {
				slots[i].decide(FateKeep, "%s", why)
				region.plan.Kept[family.Key] = append(region.plan.Kept[family.Key], slots[i])
				continue
			}
			slots[i].candidate = true
			p.guard(region, slots[i])
		}
	})
	if p.Keep.KeepAll() || len(region.plan.Unread) > 0 {
		return
	}
	p.voidMarks(region.plan)
	p.schedule(region)
	byHand := region.plan.those(func(d *Decision) bool { return p.On && d.byHand != "" })
	region.plan.tell(News{kind: newsByHand, word: toldByHand, Decisions: byHand}, nil)
}

// takeSlots returns those of a family's AMIs that count for the rules, newest first, and decides the others: what a person has
// taken into their hands stays, in nobody's place.
func (p *planner) takeSlots(region planned, decisions []*Decision) []*Decision {
	var slots []*Decision
	for _, d := range decisions {
		if d.Fate == FateLeft {
			continue
		}
		d.mark = p.readMark(&d.AMI)
		retired, wasRetired := d.AMI.Tags[tags.Retired]
		_, keep := d.AMI.Tags[tags.Keep]
		switch {
		case keep:
			d.decide(FateKeep, "somebody tagged it %s", tags.Keep)
		case wasRetired && p.recently(retired):
			d.decide(FateLeft, "it is being deregistered")
		case wasRetired:
			d.byHand = "it was deregistered once, and somebody brought it back; without the tag " + tags.Retired + " it is judged again"
			d.decide(FateKeep, "%s", d.byHand)
		case d.mark.state == markByHand:
			d.byHand = "somebody set its DeprecationTime to " + d.AMI.DeprecationTime.UTC().Format(time.RFC3339) +
				"; without one it is judged again"
			d.decide(FateKeep, "%s", d.byHand)
		default:
			slots = append(slots, d)
		}
	}
	return slots
}

// ghostTime is how long EC2 may still list an AMI that was deregistered ("for a short interval"), with a lot of room.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
const ghostTime = time.Hour

// recently tells whether a deregistration that began then may still show its AMI. A value that is no time counts as long ago:
// then the AMI was brought back, and stays.
func (p *planner) recently(retired string) bool {
	began, err := time.Parse(time.RFC3339, retired)
	return err == nil && p.now.Sub(began).Abs() < ghostTime
}

// guard decides about an AMI that no rule keeps: what is used stays, and what cannot be seen leaves it.
func (p *planner) guard(region planned, d *Decision) {
	if len(region.plan.Unread) > 0 {
		d.candidate = false
		d.decide(FateLeft, "no rule keeps it, but nothing is retired in %s in this pass: %s", d.Region, region.plan.Unread[0])
		return
	}
	if why := p.missingCopy(region, d); why != "" {
		d.candidate = false
		d.decide(FateLeft, "no rule keeps it, but %s", why)
		return
	}
	if used := p.shownInUse(d); used != "" {
		d.candidate = false
		d.decide(FateKeep, "%s", used)
		return
	}
	guard, seen := region.facts.Guards[d.AMI.ID]
	if !seen {
		d.decide(FateLeft, "no rule keeps it, but whether it is used is not known")
		return
	}
	if used := p.inUse(region, d, guard); used != "" {
		d.decide(FateKeep, "%s", used)
		return
	}
	if !hasRoom(d.AMI, tags.Told, tags.RetireAt, tags.Retired) {
		d.decide(FateLeft, "no rule keeps it, but it has no room for the tags with which AMIs are retired: an AMI has %d", maxTags)
		return
	}
	d.decide(FateRetire, "no rule keeps it")
}

// missingCopy says which Region has no newer AMI of the family, for an AMI at home that has to be copied.
func (p *planner) missingCopy(region planned, d *Decision) string {
	if !region.home {
		return ""
	}
	for _, name := range p.CopyRegions {
		at := slices.IndexFunc(p.regions, func(r planned) bool { return r.plan.Region == name })
		if at < 0 || len(p.regions[at].plan.Unread) > 0 {
			return "the copies in " + name + " could not be read in this pass"
		}
		newer := func(other *Decision) bool {
			return newerExport(other, d) && other.Family.Key == d.Family.Key && other.usable()
		}
		if !slices.ContainsFunc(p.regions[at].plan.Decisions, newer) {
			return "in " + name + " there is no available copy of a newer AMI yet"
		}
	}
	return ""
}

// shownInUse says why an AMI is in use by what EC2 shows of the AMI itself.
func (p *planner) shownInUse(d *Decision) string {
	unused := p.now.Add(-time.Duration(p.UnusedDays) * 24 * time.Hour)
	switch {
	case d.AMI.Public:
		return "it is shared with everybody"
	case d.AMI.DeregistrationProtection != "" && d.AMI.DeregistrationProtection != ProtectionDisabled:
		return "it is protected from deregistration"
	case d.AMI.LastLaunchedTime.After(unused):
		return fmt.Sprintf("it was launched within %d days, on %s", p.UnusedDays,
			d.AMI.LastLaunchedTime.In(p.Location).Format(time.DateOnly))
	}
	return ""
}

// inUse says why an AMI is in use by what was asked about it.
func (p *planner) inUse(region planned, d *Decision, guard Guard) string {
	if p.PointerPrefix != "" {
		name := p.pointer(d.Family)
		if pointer, read := region.facts.Pointers[name]; read && pointer.Exists && pointer.Value == d.AMI.ID {
			return "the parameter " + name + " names it"
		}
	}
	switch {
	case len(guard.SharedWith) > 0:
		return "it or its snapshot is shared with " + some(guard.SharedWith)
	case len(guard.References) > 0:
		return "it is referred to by " + some(guard.References)
	}
	for id, snapshot := range guard.SnapshotTags {
		if stack, tagged := snapshot[tags.Stack]; tagged && stack != p.Stack {
			return "its snapshot " + id + " belongs to another stack"
		}
	}
	return ""
}

// some names the first two of a list and counts the rest.
func some(names []string) string {
	if len(names) <= 2 {
		return strings.Join(names, " and ")
	}
	return fmt.Sprintf("%s, %s and %d more", names[0], names[1], len(names)-2)
}

// Candidates are the AMIs, by Region, of which has to be known whether they are in use: those that are marked first, in the
// order of their times, then the oldest.
func (p Plan) Candidates() map[string][]AMI {
	candidates := map[string][]AMI{}
	for _, region := range p.Regions {
		var decisions []*Decision
		for _, d := range region.Decisions {
			if d.candidate {
				decisions = append(decisions, d)
			}
		}
		slices.SortStableFunc(decisions, func(a, b *Decision) int {
			if marked := a.mark.state == markValid; marked != (b.mark.state == markValid) {
				return map[bool]int{true: -1, false: 1}[marked]
			}
			return cmp.Or(a.mark.at.Compare(b.mark.at), a.ExportedAt.Compare(b.ExportedAt))
		})
		for _, d := range decisions {
			candidates[region.Region] = append(candidates[region.Region], d.AMI)
		}
	}
	return candidates
}
