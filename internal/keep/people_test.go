package keep_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"appstream-ami-exporter/internal/keep"
	"appstream-ami-exporter/internal/tags"
)

// one picks one of several, or the zero value of none.
func one[T any](w *world, of []T) (picked T) {
	if len(of) > 0 {
		picked = of[w.rnd.IntN(len(of))]
	}
	return picked
}

// What people do; the last of it they do to the account, not to AMIs or parameters.
const (
	meddlings        = 24
	accountMeddlings = 3
)

// meddle lets a person do something, as people do.
func (w *world) meddle() { w.meddleWith(w.rnd.IntN(meddlings)) }

func (w *world) meddleWith(what int) {
	r := one(w, w.regions)
	var there []*ami
	for _, a := range r.amis {
		if a.gone.IsZero() {
			there = append(there, a)
		}
	}
	a := one(w, there)
	if a == nil {
		return
	}
	untag := func(key string) {
		a.Tags = mapWithout(a.Tags, key)
		a.uncounted = a.uncounted || key == tags.Copies
	}
	tag := func(key, value string) {
		a.Tags = maps.Clone(a.Tags)
		a.Tags[key] = value
	}
	switch what {
	case 0:
		untag(one(w, []string{
			tags.RetireAt, tags.Retired, tags.Told, tags.Copies, tags.Complete, tags.ExportedAt, tags.ImageCreated, tags.AMIName,
			tags.Stack, tags.SourceAMI,
		}))
	case 1:
		a.DeprecationTime, a.byPerson = time.Time{}, false
	case 2:
		a.DeprecationTime, a.byPerson = w.now.Add(time.Duration(1+w.rnd.IntN(60))*day).Truncate(time.Minute), true
	case 3, 4: // a copy with all tags, in this Region or another
		to := one(w, w.regions)
		b := to.add(a.Name, maps.Clone(a.Tags))
		b.SourceImageID, b.SourceImageRegion = a.ID, r.name
		if w.rnd.IntN(2) == 0 {
			b.Name += "-copy"
		}
	case 5, 6: // out of the Recycle Bin
		for _, b := range r.amis {
			if !b.gone.IsZero() && w.now.Sub(b.gone) < 7*day && w.now.Sub(b.gone) > ghost {
				b.gone, b.restored = time.Time{}, true
				break
			}
		}
	case 7:
		names := slices.Sorted(maps.Keys(r.parameters))
		delete(r.parameters, one(w, names))
	case 8:
		if p := r.parameters[one(w, slices.Sorted(maps.Keys(r.parameters)))]; p != nil {
			p.Value = a.ID
			p.silent = w.rnd.IntN(3) == 0
		}
	case 9:
		tag(tags.Keep, "")
	case 10, 11:
		untag(tags.Keep)
	case 12:
		a.LastLaunchedTime = w.now
	case 13:
		a.references = []string{"ec2:Instance arn:aws:ec2:" + r.name + ":" + account + ":instance/i-1"}
	case 14, 15:
		a.references, a.shared = nil, nil
		for _, id := range a.SnapshotIDs() {
			r.snapshots[id].shared = nil
		}
	case 16:
		a.shared = []string{"210987654321"}
	case 17:
		r.snapshots[a.SnapshotIDs()[0]].shared = []string{"210987654321"}
	case 18:
		a.DeregistrationProtection = one(w, []string{keep.ProtectionDisabled, keep.ProtectionDisabled, keep.ProtectionWithoutCooldown})
	case 19:
		if a.State == keep.StateAvailable {
			a.State = keep.StateDisabled
		} else if a.State == keep.StateDisabled {
			a.State = keep.StateAvailable
		}
	case 20:
		a.gone = w.now
	case 21:
		w.subscriptions = w.rnd.IntN(2)
	case 22:
		r.undo = one(w, []keep.UndoRules{{}, {AMIs: 7 * day, Snapshots: 7 * day}, {AMIs: 7 * day, Snapshots: 7 * day},
			{AMIs: 7 * day, Snapshots: day}})
	case 23:
		r.open = w.rnd.IntN(4) == 0
		if w.rnd.IntN(2) == 0 {
			r.add(fmt.Sprintf("foreign-%d", w.ids), map[string]string{tags.Stack: "other@" + home})
		}
	}
}

// repair lets somebody look after what the alarms say.
func (w *world) repair() {
	w.subscriptions = 1
	for _, r := range w.regions {
		r.undo, r.open = keep.UndoRules{AMIs: 7 * day, Snapshots: 7 * day}, false
		for _, p := range r.parameters {
			p.silent = false
		}
	}
}

// reconfigure deploys the stack with other parameters.
func (w *world) reconfigure() {
	c := &w.config
	switch w.rnd.IntN(10) {
	case 0, 1:
		c.Keep = randomRules(w)
	case 2:
		c.Families = one(w, families)
	case 3:
		c.GraceDays = 1 + w.rnd.IntN(8)
	case 4:
		c.On = w.rnd.IntN(4) > 0
	case 5:
		c.UnusedDays = 1 + w.rnd.IntN(20)
	case 6:
		c.RetireAtMost = 2 + w.rnd.IntN(5)
	case 7:
		c.Location = one(w, locations)
	case 8:
		c.PointerPrefix = one(w, []string{"", "/amis", "/amis"})
		c.UndoDays = one(w, []int{0, 7, 7})
	case 9:
		c.CopyRegions = nil
		for _, r := range w.regions[1:] {
			if w.rnd.IntN(3) > 0 {
				c.CopyRegions = append(c.CopyRegions, r.name)
			}
		}
	}
}

var families = []keep.Families{
	nil,
	{{Name: "base", Pattern: "base-*"}},
	{{Name: "base", Pattern: "base-*"}, {Name: "office", Pattern: "office-*"}, {Name: "base", Pattern: "golden-*"}},
	{{Name: "golden", Pattern: "base-*"}}, // an image is called golden
}

var locations = []*time.Location{time.UTC, location("Europe/London"), location("America/Santiago"), location("Asia/Kolkata"),
	location("Africa/Cairo")}

func location(name string) *time.Location {
	l, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return l
}

func randomRules(w *world) keep.Rules {
	rules := keep.Rules{Last: 1 + w.rnd.IntN(4)}
	for _, number := range []*int{&rules.Daily, &rules.Weekly, &rules.Monthly, &rules.Yearly, &rules.Within} {
		if w.rnd.IntN(4) == 0 {
			*number = 1 + w.rnd.IntN(5)
		}
	}
	return rules
}
