package keep

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"appstream-ami-exporter/internal/metrics"
	"appstream-ami-exporter/internal/tags"
)

// pass is one pass while it acts. Errors of single AMIs are gathered, and the others go on.
type pass struct {
	*Keeper
	facts Facts
	plan  Plan
	errs  []error

	// blind is set when something could not be read while the pass acts: then nothing more is marked or deregistered in it.
	blind bool
}

// complete tags what is proved to be complete, and tells of copies before that. The facts then show the tags.
func (p *pass) complete(ctx context.Context) {
	for _, d := range Complete(p.Config, p.facts) {
		if d.Region != p.Config.Home {
			if err := p.tellCopied(ctx, d); err != nil {
				p.fail(ctx, d, "it cannot be told that the copy is there", err)
				continue
			}
			p.count(metrics.AMIsCopied, 1)
		}
		p.tag(ctx, d, map[string]string{tags.Complete: d.AMI.ID})
	}
}

// act does what is planned: first what loses nothing, then the marks, and the retirements.
func (p *pass) act(ctx context.Context) {
	for _, region := range p.plan.Regions {
		p.movePointers(ctx, region)
		p.copy(ctx, region)
	}
	for _, region := range p.plan.Regions {
		p.tellNews(ctx, region)
		p.takeBack(ctx, region)
	}
	for _, region := range p.plan.Regions {
		p.retire(ctx, region)
		p.tagSnapshots(ctx, region)
		p.mark(ctx, region)
	}
}

// fail notes what could not be done. An AMI that is gone needs nothing more.
func (p *pass) fail(ctx context.Context, d *Decision, what string, err error) {
	if outcomeOf(err) == Missing {
		p.Log.InfoContext(ctx, what+": it is gone", "ami", d.AMI.ID, "region", d.Region)
		return
	}
	p.Log.ErrorContext(ctx, what, "ami", d.AMI.ID, "region", d.Region, "error", err.Error())
	p.errs = append(p.errs, fmt.Errorf("%s in %s: %s: %w", d.AMI.ID, d.Region, what, err))
}

// tag sets tags of an AMI, in EC2 and in what is known of it.
func (p *pass) tag(ctx context.Context, d *Decision, set map[string]string) bool {
	if err := p.Regions[d.Region].TagAMI(ctx, d.AMI.ID, set); err != nil {
		p.fail(ctx, d, "it cannot be tagged", err)
		return false
	}
	p.know(d, func(known map[string]string) { maps.Copy(known, set) })
	return true
}

// know changes what the facts and the decision say of an AMI's tags.
func (p *pass) know(d *Decision, change func(map[string]string)) {
	known := maps.Clone(d.AMI.Tags)
	change(known)
	d.AMI.Tags = known
	for i := range p.facts.Regions {
		if p.facts.Regions[i].Region != d.Region {
			continue
		}
		for j := range p.facts.Regions[i].AMIs {
			if p.facts.Regions[i].AMIs[j].ID == d.AMI.ID {
				p.facts.Regions[i].AMIs[j].Tags = known
			}
		}
	}
}

func (p *pass) remember(ctx context.Context, d *Decision, said told) bool {
	return p.tag(ctx, d, map[string]string{tags.Told: said.String()})
}

// takeBack removes marks that no longer hold: the tag first, then the deprecation.
func (p *pass) takeBack(ctx context.Context, region *RegionPlan) {
	for _, d := range region.TakeBack {
		if d.mark.cancel && !p.remember(ctx, d, toldOf(d.AMI).with(deprecatingAt(d.AMI.DeprecationTime))) {
			continue
		}
		if d.mark.tag {
			if err := p.Regions[d.Region].UntagAMI(ctx, d.AMI.ID, tags.RetireAt); err != nil {
				p.fail(ctx, d, "its mark cannot be removed", err)
				continue
			}
		}
		if d.mark.cancel {
			if err := p.Regions[d.Region].CancelDeprecation(ctx, d.AMI.ID); err != nil {
				p.fail(ctx, d, "its deprecation cannot be cancelled", err)
				continue
			}
			p.remember(ctx, d, toldOf(d.AMI).without(deprecating))
		}
		p.Log.InfoContext(ctx, "mark taken back", "ami", d.AMI.ID, "region", d.Region, "reason", d.Reason)
	}
}

// tagSnapshots puts the stack's tag on the snapshots of AMIs that will be retired: without it they could neither be deleted nor
// be brought back. A later pass has to see it there first.
func (p *pass) tagSnapshots(ctx context.Context, region *RegionPlan) {
	for _, d := range region.Untagged {
		if err := p.Regions[d.Region].TagSnapshots(ctx, d.AMI.SnapshotIDs(), map[string]string{tags.Stack: p.Config.Stack}); err != nil {
			p.fail(ctx, d, "its snapshots cannot be tagged", err)
		}
	}
}

// mark tells what will be retired, and only then deprecates and tags it.
func (p *pass) mark(ctx context.Context, region *RegionPlan) {
	if p.blind {
		return
	}
	var untold []*Decision
	for _, d := range p.unchanged(ctx, region) {
		// What was told and then could not be deprecated is not told each hour, as long as it is the same.
		if at, begun := toldOf(d.AMI).deprecation(); begun && at.Equal(d.RetireAt) {
			p.markOne(ctx, d)
			continue
		}
		untold = append(untold, d)
	}
	for decisions := range slices.Chunk(untold, mostInDocument) {
		if err := p.tellRetiring(ctx, region.Region, decisions); err != nil {
			p.fail(ctx, decisions[0], "it cannot be told what will be retired, so nothing is marked", err)
			return
		}
		for _, d := range decisions {
			p.markOne(ctx, d)
		}
	}
}

// unchanged are those of the AMIs to be marked that nobody has touched since the plan was made.
func (p *pass) unchanged(ctx context.Context, region *RegionPlan) []*Decision {
	var ids []string
	for _, d := range region.Mark {
		ids = append(ids, d.AMI.ID)
	}
	if len(ids) == 0 {
		return nil
	}
	seen, err := p.Regions[region.Region].AMIsByID(ctx, ids)
	if err != nil {
		p.blind = true
		p.fail(ctx, region.Mark[0], "it cannot be read again, so nothing is marked", err)
		return nil
	}
	return slices.DeleteFunc(slices.Clone(region.Mark), func(d *Decision) bool {
		at := slices.IndexFunc(seen, func(ami AMI) bool { return ami.ID == d.AMI.ID })
		return at < 0 || !seen[at].DeprecationTime.Equal(d.AMI.DeprecationTime) || !maps.Equal(seen[at].Tags, d.AMI.Tags)
	})
}

func (p *pass) markOne(ctx context.Context, d *Decision) {
	// After a death before the last step the DeprecationTime is known as the keeper's own.
	if !p.remember(ctx, d, toldOf(d.AMI).with(deprecatingAt(d.RetireAt))) {
		return
	}
	if err := p.Regions[d.Region].Deprecate(ctx, d.AMI.ID, d.RetireAt); err != nil {
		p.fail(ctx, d, "it cannot be deprecated, so it is not marked", err)
		return
	}
	m := mark{at: d.RetireAt, amiID: d.AMI.ID, print: p.Config.print()}
	if p.tag(ctx, d, map[string]string{tags.RetireAt: m.String(), tags.Told: toldOf(d.AMI).without(deprecating).String()}) {
		p.count(metrics.AMIsMarked, 1)
	}
}

// reserve is what is left of an invocation when no further AMI is deregistered: enough to tell what was.
const reserve = 30 * time.Second

func (p *pass) short(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < reserve
}

// retire deregisters what is due in a Region, oldest first, after a last look at each, and tells it.
func (p *pass) retire(ctx context.Context, region *RegionPlan) {
	if len(region.Due) == 0 || p.blind || !p.tryFence(ctx, region) {
		return
	}
	var retired []*Decision
	for _, d := range region.Due {
		if p.short(ctx) {
			p.Log.WarnContext(ctx, "no time is left to deregister more in this pass", "region", region.Region)
			break
		}
		still, err := p.lastLook(ctx, region, d)
		if err != nil {
			p.blind = true
			p.fail(ctx, d, "the last look before its deregistration failed, so nothing more is retired in this pass", err)
			break
		}
		if !still {
			continue
		}
		done, goOn := p.deregister(ctx, region, d)
		if done {
			retired = append(retired, d)
		}
		if !goOn {
			break
		}
	}
	for decisions := range slices.Chunk(retired, mostInDocument) {
		if err := p.tellRetired(ctx, region.Region, decisions); err != nil {
			p.fail(ctx, decisions[0], "it cannot be told what was deregistered", err)
		}
	}
}

// tryFence tries whether the role is held off from AMIs that are not this stack's, by asking, not doing. If not, nothing is
// deregistered.
func (p *pass) tryFence(ctx context.Context, region *RegionPlan) bool {
	ec2 := p.Regions[region.Region]
	foreign, err := ec2.ForeignAMI(ctx, p.Config.Stack)
	if err != nil {
		p.blind = true
		p.fail(ctx, region.Due[0], "whether the role is held off from other AMIs cannot be tried, so nothing is deregistered", err)
		return false
	}
	var answer error
	if foreign != "" {
		answer = ec2.TryDeregister(ctx, foreign)
	}
	if foreign == "" || outcomeOf(answer) == Denied {
		held := &RegionPlan{}
		held.forget(stoppedFence, region.Decisions)
		p.forget(ctx, held)
		return true
	}
	why := "EC2 would let it deregister the AMI " + foreign + ", which is not this stack's"
	if answer != nil {
		why = "whether it could deregister the AMI " + foreign + ", which is not this stack's, is not certain: " + answer.Error()
	}
	p.count(metrics.RetirementsStopped, 1)
	p.fail(ctx, region.Due[0], "the fence does not hold, so nothing is deregistered", errors.New(why))
	p.tellOnce(ctx, region, News{kind: newsNoFence, word: stoppedFence, Decisions: region.Due, detail: why}, region.Decisions)
	return false
}

// lastLook plans anew with what is read now of the AMI, of those that are kept in its place, and of its newer copies, by their ids:
// listings may show AMIs that are gone. The AMI is deregistered only if it is due again.
func (p *pass) lastLook(ctx context.Context, region *RegionPlan, d *Decision) (bool, error) {
	now := p.facts
	now.Now = p.Now()
	now.Regions = slices.Clone(p.facts.Regions)
	for i := range now.Regions {
		facts := &now.Regions[i]
		facts.AMIs = amisOf(p.plan.Regions[i], d.Family)
		var ids []string
		if facts.Region == region.Region {
			ids = append(ids, d.AMI.ID)
			for _, kept := range region.Kept[d.Family.Key] {
				ids = append(ids, kept.AMI.ID)
			}
		} else if region.Region == p.Config.Home {
			if newest := newestIn(p.plan.Regions[i], d.Family); newest != nil {
				ids = append(ids, newest.AMI.ID)
			}
		}
		if len(ids) == 0 {
			continue
		}
		seen, err := p.Regions[facts.Region].AMIsByID(ctx, ids)
		if err != nil {
			return false, err
		}
		facts.AMIs = replaced(facts.AMIs, ids, seen)
		if facts.Region != region.Region {
			continue
		}
		at := slices.IndexFunc(seen, func(ami AMI) bool { return ami.ID == d.AMI.ID })
		if at < 0 {
			p.Log.InfoContext(ctx, "not deregistered: the listing shows AMIs that are gone", "ami", d.AMI.ID, "region", d.Region)
			return false, nil
		}
		guards, err := readGuards(ctx, p.Regions[facts.Region], seen[at:at+1])
		if err != nil {
			return false, err
		}
		facts.Guards = maps.Clone(facts.Guards)
		maps.Copy(facts.Guards, guards)
		if p.Config.PointerPrefix != "" {
			name := p.Config.pointer(d.Family)
			pointer, err := p.Regions[facts.Region].Pointer(ctx, name)
			if err != nil {
				return false, err
			}
			facts.Pointers = maps.Clone(facts.Pointers)
			facts.Pointers[name] = pointer
		}
	}
	if _, again := decideFates(p.Config, now); p.stillDue(again, region, d) {
		return true, nil
	}
	p.Log.InfoContext(ctx, "not deregistered: the last look shows something else", "ami", d.AMI.ID, "region", d.Region)
	return false, nil
}

// stillDue tells whether a new plan deregisters the AMI as well, keeps the same ones in its place, and counts on the same copies:
// those are what was read again.
func (p *pass) stillDue(again Plan, region *RegionPlan, d *Decision) bool {
	same := func(a, b *Decision) bool { return a != nil && b != nil && a.AMI.ID == b.AMI.ID }
	for i, r := range again.Regions {
		switch {
		case r.Region == region.Region:
			due := func(other *Decision) bool { return same(other, d) && other.RetireAt.Equal(d.RetireAt) }
			if !slices.ContainsFunc(r.Due, due) || !slices.EqualFunc(r.Kept[d.Family.Key], region.Kept[d.Family.Key], same) {
				return false
			}
		case region.Region == p.Config.Home && !same(newestIn(r, d.Family), newestIn(p.plan.Regions[i], d.Family)):
			return false
		}
	}
	return true
}

// newestIn is the newest AMI of a family that others can be led to in a Region.
func newestIn(region *RegionPlan, family Family) *Decision {
	at := slices.IndexFunc(region.Decisions, func(d *Decision) bool { return d.Family.Key == family.Key && d.usable() })
	if at < 0 {
		return nil
	}
	return region.Decisions[at]
}

// amisOf are a family's AMIs in a Region and those that may be of it, as they are known now.
func amisOf(region *RegionPlan, family Family) []AMI {
	var amis []AMI
	for _, d := range region.Decisions {
		if !d.known || d.Family.Key == family.Key {
			amis = append(amis, d.AMI)
		}
	}
	return amis
}

// replaced is a listing in which the AMIs with these ids are as they were seen now, or gone.
func replaced(listing []AMI, ids []string, seen []AMI) []AMI {
	kept := slices.DeleteFunc(slices.Clone(listing), func(ami AMI) bool { return slices.Contains(ids, ami.ID) })
	return append(kept, seen...)
}

// deregister retires one AMI. It tells whether that is done, and whether the next one may follow.
func (p *pass) deregister(ctx context.Context, region *RegionPlan, d *Decision) (done, goOn bool) {
	ec2 := p.Regions[d.Region]
	if !p.tag(ctx, d, map[string]string{tags.Retired: p.Now().UTC().Format(time.RFC3339)}) {
		return false, true
	}
	left, err := ec2.Deregister(ctx, d.AMI.ID)
	switch outcome := outcomeOf(err); {
	case err == nil, outcome == Missing:
	case outcome == Unknown:
		p.fail(ctx, d, "whether it was deregistered is not known", err)
		return false, false
	default:
		p.count(metrics.AMIsNotRetired, 1)
		p.fail(ctx, d, "it cannot be deregistered", err)
		if err := ec2.UntagAMI(ctx, d.AMI.ID, tags.Retired); err != nil {
			p.fail(ctx, d, "its tag "+tags.Retired+" cannot be removed", err)
		} else {
			p.know(d, func(known map[string]string) { delete(known, tags.Retired) })
		}
		if outcome == Throttled {
			return false, false
		}
		p.tellOnce(ctx, region, News{kind: newsNotRetired, word: refusedBy(err), Decisions: []*Decision{d}, detail: err.Error()},
			region.Decisions)
		return false, true
	}
	p.count(metrics.AMIsRetired, 1)
	p.Log.InfoContext(ctx, "deregistered", "ami", d.AMI.ID, "region", d.Region, "name", d.AMI.Name)
	p.tellOrphans(ctx, d, left)
	p.unmarkImage(ctx, d)
	return true, true
}

// retiredAMI is the AMIID of an image's mark when its AMI was retired: the image is exported, and is not exported again.
const retiredAMI = "retired"

// unmarkImage changes the mark on the AppStream image of which the AMI was the export.
func (p *pass) unmarkImage(ctx context.Context, d *Decision) {
	if d.Region != p.Config.Home {
		return
	}
	imageTags, err := p.AppStream.ImageTags(ctx, d.ImageARN)
	if err == nil && imageTags[tags.AMIID] == d.AMI.ID {
		err = p.AppStream.TagImage(ctx, d.ImageARN, map[string]string{tags.AMIID: retiredAMI})
	}
	if err != nil {
		p.fail(ctx, d, "the mark on its image still names it", err)
	}
}

// tellOrphans tells which snapshots of a deregistered AMI were not deleted. Those that another AMI uses are only logged.
func (p *pass) tellOrphans(ctx context.Context, d *Decision, left []Snapshot) {
	orphans := slices.DeleteFunc(slices.Clone(left), func(s Snapshot) bool { return s.ReturnCode == "skipped" })
	if len(left) > 0 {
		p.Log.WarnContext(ctx, "snapshots of a deregistered AMI were not deleted", "ami", d.AMI.ID, "region", d.Region, "snapshots",
			fmt.Sprint(left))
	}
	if len(orphans) == 0 {
		return
	}
	p.count(metrics.AMIsNotRetired, 1)
	if err := p.tellSnapshotsLeft(ctx, d, orphans); err != nil {
		p.fail(ctx, d, "it cannot be told that its snapshots are left", err)
	}
}

// copy begins the copies into a Region. The attempt is counted before, so that no token is used twice.
func (p *pass) copy(ctx context.Context, region *RegionPlan) {
	for _, order := range region.Copies {
		source := order.Source
		before := parseAttempts(source.AMI.Tags[tags.Copies])
		count := func(number int) bool {
			return p.tag(ctx, source, map[string]string{tags.Copies: before.with(region.Region, number, p.Now()).String()})
		}
		if !count(order.Attempt) {
			continue
		}
		id, err := p.Regions[region.Region].Copy(ctx, Copy{
			Name:         source.AMI.Name,
			SourceID:     source.AMI.ID,
			SourceRegion: p.Config.Home,
			ClientToken:  copyToken(source.AMI.ID, region.Region, order.Attempt),
			KMSKeyID:     p.Config.CopyKMSKeys[region.Region],
			Tags:         copyTags(source.AMI, p.Config.Home),
		})
		if err == nil {
			p.Log.InfoContext(ctx, "copying", "ami", source.AMI.ID, "to", region.Region, "copy", id, "attempt", order.Attempt)
			continue
		}
		p.count(metrics.CopiesFailed, 1)
		p.fail(ctx, source, "it cannot be copied to "+region.Region, err)
		if outcomeOf(err) == Throttled {
			count(order.Attempt - 1) // not begun, so the token is unused
		}
	}
}

// readBack are the pauses before a pointer is read again: Systems Manager checks its value within seconds.
var readBack = []time.Duration{0, 2 * time.Second, 4 * time.Second, 8 * time.Second}

// movePointers creates and moves the pointers of a Region.
func (p *pass) movePointers(ctx context.Context, region *RegionPlan) {
	for _, order := range region.Pointers {
		err := p.movePointer(ctx, region, order)
		if err == nil {
			continue
		}
		p.count(metrics.PointersFailed, 1)
		p.fail(ctx, order.Target, "the parameter "+order.Name+" does not name it", err)
		if ctx.Err() == nil {
			family := region.those(func(d *Decision) bool { return d.Family.Key == order.Target.Family.Key })
			p.tellOnce(ctx, region, News{kind: newsNoPointer, word: toldNoPointer, Decisions: []*Decision{order.Target},
				detail: order.Name + ": " + err.Error()}, family)
		}
	}
}

func (p *pass) movePointer(ctx context.Context, region *RegionPlan, order PointerOrder) error {
	ec2 := p.Regions[region.Region]
	// Read once more: the listing may show what is gone, and another pass may have been faster.
	before, err := ec2.Pointer(ctx, order.Name)
	if err != nil {
		p.blind = true
		return err
	}
	ids := []string{order.Target.AMI.ID}
	if before.Value != "" && before.Value == before.Written {
		ids = append(ids, before.Value)
	}
	seen, err := ec2.AMIsByID(ctx, ids)
	if err != nil {
		p.blind = true
		return err
	}
	shown := func(id string) int { return slices.IndexFunc(seen, func(ami AMI) bool { return ami.ID == id }) }
	if at := shown(order.Target.AMI.ID); at < 0 || seen[at].State != StateAvailable {
		return nil
	}
	listed := slices.ContainsFunc(region.Decisions, func(d *Decision) bool { return d.AMI.ID == before.Value })
	if shown(before.Value) >= 0 && !listed {
		p.Log.WarnContext(ctx, "pointer not moved: what it names is there, and no longer the stack's", "parameter", order.Name, "region",
			region.Region, "ami", before.Value)
		return nil
	}
	facts := RegionFacts{Pointers: map[string]Pointer{order.Name: before}}
	again := &RegionPlan{Region: region.Region, Decisions: region.Decisions}
	newPlanner(p.Config, p.facts).point(planned{facts: facts, plan: again})
	if !slices.ContainsFunc(again.Pointers, func(o PointerOrder) bool { return o == order }) {
		return nil
	}
	if order.Create {
		err = ec2.CreatePointer(ctx, order.Name, order.Target.AMI.ID, p.Config.Stack)
	} else {
		err = ec2.MovePointer(ctx, order.Name, order.Target.AMI.ID)
	}
	if err != nil {
		return err
	}
	for _, pause := range readBack {
		if err := p.Sleep(ctx, pause); err != nil {
			return err
		}
		after, err := ec2.Pointer(ctx, order.Name)
		if err != nil {
			p.blind = true
			return err
		}
		if after.Value == order.Target.AMI.ID {
			p.Log.InfoContext(ctx, "pointer moved", "parameter", order.Name, "region", region.Region, "ami", order.Target.AMI.ID)
			return nil
		}
	}
	return errors.New("the value was taken by Systems Manager, which does not show it")
}

// tellNews forgets what has ended, and tells what is new.
func (p *pass) tellNews(ctx context.Context, region *RegionPlan) {
	p.forget(ctx, region)
	for _, news := range region.News {
		p.tellFresh(ctx, region.Region, news)
	}
}

func (p *pass) forget(ctx context.Context, region *RegionPlan) {
	for _, f := range region.Forget {
		p.remember(ctx, f.Decision, toldOf(f.Decision.AMI).without(f.start))
	}
}

// tellOnce tells what shows only while the pass acts, unless these AMIs or one of the others remember it.
func (p *pass) tellOnce(ctx context.Context, region *RegionPlan, news News, others []*Decision) {
	if news, ok := news.fresh(others); ok {
		p.tellFresh(ctx, region.Region, news)
	}
}

// tellFresh tells the news, unless it lasts, and remembers on the AMIs that it was told.
func (p *pass) tellFresh(ctx context.Context, region string, news News) {
	for decisions := range slices.Chunk(news.Decisions, mostInDocument) {
		if !news.lasts {
			if err := p.tell(ctx, region, news, decisions); err != nil {
				p.fail(ctx, decisions[0], "it cannot be told", err)
				return
			}
		}
		for _, d := range decisions {
			p.remember(ctx, d, toldOf(d.AMI).with(news.word))
		}
	}
}

func (p *pass) count(name metrics.Name, n int) { p.Metrics.Count(name, n) }
