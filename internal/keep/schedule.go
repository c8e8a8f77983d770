package keep

import (
	"slices"
	"time"

	"appstream-ami-exporter/internal/tags"
)

// markState is what an AMI's tag :retire-at and its DeprecationTime say together.
type markState struct {
	state  marked
	at     time.Time
	why    string // of a void mark
	tag    bool   // whether there is a tag to take back
	cancel bool   // whether the DeprecationTime is the keeper's own, to be cancelled with it
}

type marked int

const (
	markNone   marked = iota
	markValid         // the AMI is retiring, or due
	markVoid          // it is to be taken back
	markByHand        // a person set the DeprecationTime
)

// readMark reads an AMI's mark. It holds only for this AMI, under these settings, while its DeprecationTime is the mark's, and
// for some days.
func (p *planner) readMark(ami *AMI) markState {
	value, tagged := ami.Tags[tags.RetireAt]
	deprecated := !ami.DeprecationTime.IsZero()
	begun, isBegun := toldOf(*ami).deprecation()
	own := deprecated && isBegun && sameMinute(begun, ami.DeprecationTime) // of a pass that died before or after it was marked
	m, ok := parseMark(value)
	ok = ok && m.amiID == ami.ID
	state := markState{at: m.at, tag: tagged, cancel: own || ok && deprecated && sameMinute(m.at, ami.DeprecationTime)}
	switch {
	case deprecated && !state.cancel:
		state.state = markByHand
	case !tagged && !deprecated:
		state.state = markNone
	case !tagged:
		state.state, state.why = markVoid, "it was not finished"
	case !ok:
		state.state, state.why = markVoid, "it is another AMI's"
	case !deprecated:
		state.state, state.why = markVoid, "somebody cancelled the deprecation"
	case !sameMinute(m.at, ami.DeprecationTime):
		state.state, state.why = markVoid, "it was not finished"
	case m.print != p.printed:
		state.state, state.why = markVoid, "the settings have changed since"
	case !p.now.Before(m.at.Add(dueFor)):
		state.state, state.why = markVoid, "its time has passed"
	default:
		state.state = markValid
	}
	return state
}

// voidMarks makes void what exceeds RetireAtMost for one family and day: of the oldest AMIs the marks hold.
func (p *planner) voidMarks(region *RegionPlan) {
	left := marksLeft(region)
	region.families(func(family Family, decisions []*Decision) {
		count := map[time.Time]int{}
		for _, d := range slices.Backward(decisions) {
			if d.Fate == FateLeft || d.mark.state != markValid {
				continue
			}
			at := d.mark.at.UTC()
			if count[at]++; count[at]+left.of(family, at) > p.RetireAtMost {
				d.mark.state, d.mark.why = markVoid, "more AMIs of the family are marked for that day than RetireAtMost allows"
			}
		}
	})
}

// leftMarks counts the marks on AMIs that are left, by their family, "" where that is not known, and their time. They count
// although they are not judged: when they are again, no more may be due than was planned.
type leftMarks map[string]map[time.Time]int

func marksLeft(region *RegionPlan) leftMarks {
	count := leftMarks{}
	for _, d := range region.Decisions {
		if d.Fate != FateLeft {
			continue
		}
		_, retired := d.AMI.Tags[tags.Retired]
		m, ok := parseMark(d.AMI.Tags[tags.RetireAt])
		if !ok || retired {
			continue
		}
		if count[d.Family.Key] == nil {
			count[d.Family.Key] = map[time.Time]int{}
		}
		count[d.Family.Key][m.at.UTC()]++
	}
	return count
}

// of counts what may be the family's.
func (l leftMarks) of(family Family, at time.Time) int { return l[family.Key][at] + l[""][at] }

// schedule says of the AMIs that nothing keeps when they are retired, and of which marks are to be taken back.
func (p *planner) schedule(region planned) {
	plan := region.plan
	first := p.days.after(p.now.Add(time.Duration(p.GraceDays) * 24 * time.Hour))
	left := marksLeft(plan)
	plan.families(func(family Family, decisions []*Decision) {
		marks := map[time.Time]int{}
		for _, d := range decisions {
			if d.mark.state == markValid {
				marks[d.mark.at.UTC()]++
			}
		}
		at := first // days before it are full
		for _, d := range slices.Backward(decisions) {
			switch {
			case d.Fate == FateLeft:
			case d.mark.state == markVoid, d.mark.state == markByHand && d.mark.tag,
				d.mark.state == markValid && (d.Fate != FateRetire || !p.On):
				plan.TakeBack = append(plan.TakeBack, d)
				if d.Fate == FateRetire {
					p.takeBackReason(d)
				}
			case d.Fate == FateRetire && d.mark.state == markValid:
				p.retiring(region, d)
			case d.Fate == FateRetire:
				for marks[at.UTC()]+left.of(family, at.UTC()) >= p.RetireAtMost {
					at = p.days.next(at)
				}
				marks[at.UTC()]++
				p.retire(region, d, at)
			}
		}
	})
	if len(plan.Mark) > 0 && p.OwnTopic && !p.facts.Heard {
		plan.Stopped = true
		plan.tell(News{kind: newsUnheard, word: stoppedUnheard, Decisions: plan.Mark}, plan.Decisions)
		for _, d := range plan.Mark {
			d.decide(FateRetire, "no rule keeps it; it is not marked while nobody has subscribed to the topic")
		}
		plan.Mark = nil
	}
}

func (p *planner) takeBackReason(d *Decision) {
	if d.mark.state == markValid {
		d.decide(FateRetire, "no rule keeps it; its mark is taken back, since KeepMode is PLAN")
		return
	}
	d.decide(FateRetire, "no rule keeps it; its mark is taken back, since %s, and the grace begins anew", d.mark.why)
}

// retire has an AMI marked.
func (p *planner) retire(region planned, d *Decision, at time.Time) {
	d.RetireAt = at
	if !p.On {
		d.decide(FateRetire, "no rule keeps it; nothing is marked, since KeepMode is PLAN")
		return
	}
	d.decide(FateRetire, "no rule keeps it")
	region.plan.Mark = append(region.plan.Mark, d)
	if p.untagged(region, d) {
		region.plan.Untagged = append(region.plan.Untagged, d)
	}
}

// retiring decides about an AMI whose mark holds: it waits, or is due.
func (p *planner) retiring(region planned, d *Decision) {
	d.RetireAt = d.mark.at
	untagged := p.untagged(region, d)
	if untagged {
		region.plan.Untagged = append(region.plan.Untagged, d)
	}
	switch {
	case p.now.Before(d.mark.at):
		d.decide(FateRetiring, "no rule keeps it; it is marked")
	case !p.undoable(region):
		d.decide(FateLeft, "it is due, but in %s no rules of the Recycle Bin would keep both it and its snapshots", d.Region)
		region.plan.Stopped = true
		region.plan.tell(News{kind: newsNoUndo, word: stoppedNoUndo, Decisions: []*Decision{d}}, region.plan.Decisions)
	case untagged:
		d.decide(FateLeft, "it is due, but its snapshots have to show the tag of the stack first")
	default:
		d.decide(FateDue, "no rule keeps it, and its time has come")
		region.plan.Due = append(region.plan.Due, d)
	}
}

// undoable tells whether what is deregistered could be brought back, or need not.
func (p *planner) undoable(region planned) bool {
	undo := region.facts.Undo
	return p.UndoDays == 0 || undo.AMIs > 0 && undo.Snapshots >= undo.AMIs
}

// untagged tells whether any snapshot of the AMI has not been seen with the stack's tag.
func (p *planner) untagged(region planned, d *Decision) bool {
	seen := region.facts.Guards[d.AMI.ID].SnapshotTags
	return slices.ContainsFunc(d.AMI.SnapshotIDs(), func(id string) bool { return seen[id][tags.Stack] != p.Stack })
}
