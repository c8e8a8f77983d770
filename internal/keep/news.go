package keep

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"appstream-ami-exporter/internal/tags"
)

// News is something that is told once: the tag :told of the AMIs that it is about remembers it by the word. What lasts is told when
// it begins. As long as it lasts, the AMIs that come under it remember it too, and it is not told again; when it has ended,
// all of them forget it.
type News struct {
	kind      newsKind
	word      string
	Decisions []*Decision
	lasts     bool      // it was told of others, and is only to be remembered of these
	about     *Decision // what the document is about, where that is not what remembers it
	region    string    // where the copy was to go
	detail    string    // what went wrong
}

type newsKind int

const (
	newsByHand newsKind = iota
	newsNotImportable
	newsNameClash
	newsUnheard
	newsNoUndo
	newsForeignPointer
	newsNoCopy
	newsNoPointer
	newsNoFence
	newsNotRetired
)

// Forgetting is what an AMI is to forget: the words of its tag :told that begin so.
type Forgetting struct {
	Decision *Decision
	start    string
}

// remembers tells whether the AMI's tag :told holds a word that begins so. Tags travel with the copies that people make, and say
// nothing there.
func (d *Decision) remembers(start string) bool {
	begins := func(word string) bool { return strings.HasPrefix(word, start) }
	return slices.ContainsFunc(toldOf(d.AMI), begins) && d.AMI.Tags[tags.Complete] == d.AMI.ID
}

// fresh leaves of the news the AMIs that do not remember it yet, and can. Where one of the others remembers it, it lasts.
func (n News) fresh(others []*Decision) (fresh News, ok bool) {
	n.Decisions = slices.DeleteFunc(slices.Clone(n.Decisions), func(d *Decision) bool { return !canRemember(d.AMI, n.word) })
	n.lasts = slices.ContainsFunc(others, func(d *Decision) bool { return d.remembers(n.word) })
	return n, len(n.Decisions) > 0
}

// tell plans to tell news, or to remember what lasts.
func (r *RegionPlan) tell(news News, others []*Decision) {
	news, ok := news.fresh(others)
	if !ok {
		return
	}
	for i, other := range r.News {
		if other.kind == news.kind && other.word == news.word && other.lasts == news.lasts && other.detail == "" && news.detail == "" {
			r.News[i].Decisions = append(r.News[i].Decisions, news.Decisions...)
			return
		}
	}
	r.News = append(r.News, news)
}

// those are the decisions that are meant.
func (r *RegionPlan) those(meant func(*Decision) bool) []*Decision {
	return slices.DeleteFunc(slices.Clone(r.Decisions), func(d *Decision) bool { return !meant(d) })
}

// forget plans that the AMIs forget the words that begin so: what they were about has ended, and is told when it begins anew.
func (r *RegionPlan) forget(start string, decisions []*Decision) {
	for _, d := range decisions {
		if d.remembers(start) {
			r.Forget = append(r.Forget, Forgetting{Decision: d, start: start})
		}
	}
}

// forgetEnded forgets what is known to have ended with the settings or as this Region shows. What else ends is seen where it is
// tried: by the fence, the copies and the pointers.
func (p *planner) forgetEnded(region planned) {
	plan := region.plan
	if len(plan.Unread) > 0 {
		return
	}
	retires := p.On && !p.Keep.KeepAll()
	for _, what := range []struct {
		start string
		ended func(*Decision) bool
	}{
		{stoppedUnheard, func(*Decision) bool { return !retires || !p.OwnTopic || p.facts.Heard }},
		{stoppedNoUndo, func(*Decision) bool { return !retires || p.undoable(region) }},
		{stoppedFence, func(*Decision) bool { return !retires }}, // otherwise it has to be tried
		{toldNotRetired, func(d *Decision) bool { return !retires || d.Fate == FateKeep }},
		{toldByHand, func(d *Decision) bool { return d.byHand == "" && d.Fate != FateLeft }},
	} {
		plan.forget(what.start, plan.those(what.ended))
	}
	if p.PointerPrefix == "" {
		plan.forget(toldForeignPointer, plan.Decisions)
		plan.forget(toldNoPointer, plan.Decisions)
	}
}

// maxTagValue is what EC2 takes.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html
const maxTagValue = 256

// canRemember tells whether the word is new to the AMI's tag :told and has room there.
func canRemember(ami AMI, word string) bool {
	told := toldOf(ami)
	return !told.has(word) && hasRoom(ami, tags.Told) && utf8.RuneCountInString(told.with(word).String()) <= maxTagValue
}

// refusedBy is the word for AWS's refusal to deregister an AMI: another reason is news.
func refusedBy(err error) string {
	code := ""
	if failure, ok := errors.AsType[*Failure](err); ok {
		code = strings.Join(strings.Fields(failure.Code), "-")
	}
	return toldNotRetired + cmp.Or(code, "unknown")
}
