package keep_test

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"

	"appstream-ami-exporter/internal/keep"
	"appstream-ami-exporter/internal/tags"
)

// family is the family of an AMI, worked out without the code that is tested.
func (w *world) family(a *ami) string {
	name := a.Tags[tags.ImageARN][strings.LastIndex(a.Tags[tags.ImageARN], "/")+1:]
	for _, pair := range w.config.Families {
		if fits, _ := path.Match(pair.Pattern, name); fits {
			return "family:" + pair.Name
		}
	}
	return "image:" + name
}

func times(a *ami) (created, exported time.Time, ok bool) {
	created, err1 := time.Parse(time.RFC3339, a.Tags[tags.ImageCreated])
	exported, err2 := time.Parse(time.RFC3339, a.Tags[tags.ExportedAt])
	return created, exported, err1 == nil && err2 == nil
}

// hasItsName tells whether its tag says what it is called; the names of this world can all be values of tags.
func (a *ami) hasItsName() bool { return a.Tags[tags.AMIName] == a.Name }

// counts tells whether an AMI is there, finished, this stack's, and in nobody's hands.
func (r *region) counts(a *ami) bool {
	if !a.gone.IsZero() || a.State != keep.StateAvailable {
		return false
	}
	_, _, ok := times(a)
	_, kept := a.Tags[tags.Keep]
	_, retired := a.Tags[tags.Retired]
	return ok && a.Tags[tags.Complete] == a.ID && a.Tags[tags.Stack] == stack &&
		a.hasItsName() && a.Tags[tags.ImageARN] != "" && !kept && !retired && !a.byPerson &&
		(r.name == home) == (a.Tags[tags.SourceAMI] == "") && (r.name == home) == (a.Tags[tags.SourceRegion] == "") &&
		(r.name == home || a.Tags[tags.SourceAMI] == a.SourceImageID)
}

// members are the AMIs of a family that count, newest first.
func (r *region) members(family string) []*ami {
	var all []*ami
	for _, a := range r.amis {
		if r.counts(a) && r.family(a) == family {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b *ami) int {
		createdA, exportedA, _ := times(a)
		createdB, exportedB, _ := times(b)
		return cmp.Or(createdB.Compare(createdA), exportedB.Compare(exportedA), b.CreationDate.Compare(a.CreationDate),
			cmp.Compare(b.ID, a.ID))
	})
	return all
}

// checkDestroyable checks that an AMI may be marked or deregistered now.
func (r *region) checkDestroyable(a *ami, what string) {
	say := func(wrong bool, why string) {
		if wrong {
			r.violation("%s in %s is %s, and %s", a.ID, r.name, what, why)
		}
	}
	_, kept := a.Tags[tags.Keep]
	say(!a.genuine, "is no finished export of this stack's")
	say(!r.config.On, "KeepMode is PLAN")
	say(a.Tags[tags.Stack] != stack || a.Tags[tags.Complete] != a.ID || a.OwnerID != account, "is not this stack's")
	say(!a.hasItsName(), "is not called as its tag says")
	say(kept, "is to be kept")
	say(a.byPerson, "a person has deprecated it")
	say(a.restored && a.Tags[tags.Retired] != "", "a person has brought it back")
	say(a.State != keep.StateAvailable, "its state is "+a.State)
	say(len(a.references) > 0, "is referred to")
	say(len(a.shared) > 0 || a.Public, "is shared")
	say(a.DeregistrationProtection != keep.ProtectionDisabled, "is protected")
	say(!a.LastLaunchedTime.IsZero() && r.now.Sub(a.LastLaunchedTime) < time.Duration(r.config.UnusedDays)*day-time.Hour,
		"was launched lately")
	for _, id := range a.SnapshotIDs() {
		say(len(r.snapshots[id].shared) > 0, "its snapshot is shared")
	}
	for _, p := range r.parameters {
		say(r.config.PointerPrefix != "" && p.Value == a.ID && p.DataType == keep.PointerDataType, "a pointer names it")
	}
	say(r.unread[r.name], "something in its Region could not be read")
	say(r.skew.Abs() > time.Hour, "the clock is wrong")

	if what == "deprecated" { // listings show what has just gone; before it comes to the worst, that is looked at
		for _, b := range r.amis {
			if !b.gone.IsZero() && r.now.Sub(b.gone) < ghost+time.Minute {
				return
			}
		}
	}
	members := r.members(r.family(a))
	at := slices.Index(members, a)
	say(at >= 0 && at < r.config.Keep.Last, "is one of the last that stay")
	say(len(members) <= r.config.Keep.Last, "too few of its family are left")
	if at >= 0 {
		exported := make([]time.Time, len(members))
		for i, member := range members {
			_, exported[i], _ = times(member)
		}
		say(reference(r.config.Keep, exported, r.config.Location, at), "a rule keeps it")
	}
	if r.name == home {
		for _, name := range r.config.CopyRegions {
			other := r.region(name)
			say(r.unread[name], "the copies could not be read")
			newerCopy := func(b *ami) bool {
				there := b.gone.IsZero() || what == "deprecated" && r.now.Sub(b.gone) < ghost+time.Minute
				return there && b.State == keep.StateAvailable && b.Tags[tags.Complete] == b.ID && r.family(b) == r.family(a) &&
					newer(b, a)
			}
			say(!slices.ContainsFunc(other.amis, newerCopy), "there is no newer copy in "+name)
		}
	}
}

// checkDeregister checks that an AMI may be deregistered at this moment.
func (r *region) checkDeregister(a *ami) {
	say := func(wrong bool, format string, args ...any) {
		if wrong {
			r.violation("%s in %s is deregistered, and "+format, append([]any{a.ID, r.name}, args...)...)
		}
	}
	began := a.Tags[tags.Retired]
	a.Tags = mapWithout(a.Tags, tags.Retired) // it is this pass that has set it
	r.checkDestroyable(a, "deregistered")
	a.Tags[tags.Retired] = began
	say(began == "", "was not tagged before")
	p, promised := r.toldRetiring[a.ID]
	now := r.now.Add(r.skew)
	say(!promised, "nobody was told")
	say(!p.at.Equal(a.DeprecationTime), "its DeprecationTime is %s, told was %s", a.DeprecationTime, p.at)
	say(now.Before(p.at), "its time is %s", p.at)
	say(!now.Before(p.at.Add(3*day)), "its time was %s, long ago", p.at)
	say(p.at.Sub(p.told) < time.Duration(r.config.GraceDays)*day-2*time.Hour, "was told on %s only", p.told)
	say(!strings.HasPrefix(a.Tags[tags.RetireAt], p.at.UTC().Format(time.RFC3339)+"/"+a.ID+"/"), "its mark is %q", a.Tags[tags.RetireAt])
	say(!r.fenced[r.name], "the fence was not tried, or is open")
	if r.config.UndoDays > 0 {
		say(r.undo.AMIs == 0 || r.undo.Snapshots < r.undo.AMIs, "it could not be undone")
	}
	for _, id := range a.SnapshotIDs() {
		s := r.snapshots[id]
		say(s.tags[tags.Stack] != stack || !s.taggedSince.Before(r.passStart), "its snapshot did not show the stack's tag before")
	}
	key := r.family(a) + " " + r.name + " " + p.at.Format(time.RFC3339)
	r.retired[key]++
	say(r.retired[key] > r.config.RetireAtMost, "is the AMI no. %d of its family on one day", r.retired[key])
}

func mapWithout(tagged map[string]string, key string) map[string]string {
	without := map[string]string{}
	for k, value := range tagged {
		if k != key {
			without[k] = value
		}
	}
	return without
}

// reference says whether the rules keep one of a family's AMIs, which are given by the times of their exports, newest first. It is
// written down as plainly as it can be.
func reference(rules keep.Rules, exported []time.Time, location *time.Location, at int) bool {
	if at < rules.Last {
		return true
	}
	for _, by := range []struct {
		number int
		begin  func(time.Time) time.Time // of the period
	}{
		{rules.Daily, func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }},
		{rules.Weekly, func(t time.Time) time.Time {
			sinceMonday := (int(t.Weekday()) + 6) % 7
			return time.Date(t.Year(), t.Month(), t.Day()-sinceMonday, 0, 0, 0, 0, time.UTC)
		}},
		{rules.Monthly, func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC) }},
		{rules.Yearly, func(t time.Time) time.Time { return time.Date(t.Year(), 1, 1, 0, 0, 0, 0, time.UTC) }},
	} {
		if by.number == 0 {
			continue
		}
		mine := by.begin(exported[at].In(location))
		newestOfIts := true
		var later []time.Time
		for i, t := range exported {
			other := by.begin(t.In(location))
			if other.Equal(mine) && i < at {
				newestOfIts = false
			}
			if other.After(mine) && !slices.Contains(later, other) {
				later = append(later, other)
			}
		}
		if newestOfIts && len(later) < by.number {
			return true
		}
	}
	for _, t := range exported {
		if t.Sub(exported[at]) > time.Duration(rules.Within)*day {
			return false
		}
	}
	return rules.Within > 0
}
