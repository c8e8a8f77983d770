package keep_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/keep"
	"appstream-ami-exporter/internal/tags"
)

// noon is now in the tests of the plan.
var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

const abroad = "eu-central-1"

// estate is a family of five nights at home and as many copies abroad, of which the rules keep the newest two. The oldest is due,
// the next is marked for tomorrow, the third is to be marked.
func estate() (keep.Config, keep.Facts) {
	c := keep.Config{
		Stack: stack, Partition: "aws", Account: account, Home: home, On: true, Location: time.UTC, Keep: keep.Rules{Last: 2},
		GraceDays: 14, UnusedDays: 30, RetireAtMost: 5, UndoDays: 7, OwnTopic: true, CopyRegions: []string{abroad}, PointerPrefix: "/amis",
	}
	f := keep.Facts{Now: noon, Heard: true}
	for _, name := range []string{home, abroad} {
		r := keep.RegionFacts{
			Region: name, Listing: keep.Listing{ServerTime: noon}, Undo: keep.UndoRules{AMIs: 7 * day, Snapshots: 7 * day},
			Guards: map[string]keep.Guard{}, Pointers: map[string]keep.Pointer{},
		}
		for night := range 5 {
			r.AMIs = append(r.AMIs, nightAMI(name, night))
			r.Guards[id(name, night)] = keep.Guard{SnapshotTags: map[string]map[string]string{snap(name, night): {tags.Stack: stack}}}
		}
		r.Pointers["/amis/base"] = keep.Pointer{Exists: true, Value: id(name, 4), Written: id(name, 4), DataType: keep.PointerDataType,
			Stack: stack}
		f.Regions = append(f.Regions, r)
	}
	for i := range f.Regions {
		markAMI(c, &f.Regions[i].AMIs[0], time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC))
		markAMI(c, &f.Regions[i].AMIs[1], time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC))
	}
	return c, f
}

func id(region string, night int) string {
	return fmt.Sprintf("ami-%08x%d", len(region), night)
}

func snap(region string, night int) string {
	return strings.Replace(id(region, night), "ami", "snap", 1)
}

// nightAMI is the AMI of one night; 4 is the latest.
func nightAMI(region string, night int) keep.AMI {
	at := time.Date(2026, 9, 1+night, 2, 0, 0, 0, time.UTC)
	name := "base-" + at.Format("20060102")
	ami := keep.AMI{
		ID: id(region, night), Name: name, OwnerID: account, State: keep.StateAvailable, CreationDate: at.Add(time.Hour),
		DeregistrationProtection: keep.ProtectionDisabled,
		BlockDevices: []keep.BlockDevice{{DeviceName: "/dev/sda1", SnapshotID: snap(region, night), VolumeType: "gp3",
			VolumeSize: 200}},
		Architecture: "x86_64", VirtualizationType: "hvm", BootMode: "uefi", TPMSupport: "v2.0", ENASupport: true,
		PlatformDetails: "Windows",
		Tags: map[string]string{
			tags.Stack: stack, tags.AMIName: tags.Marker(name), tags.ImageARN: imageARN("base"), tags.Complete: id(region, night),
			tags.ImageCreated: "2026-08-31T10:00:00Z", tags.ExportedAt: at.Format(time.RFC3339),
		},
	}
	if region != home {
		ami.SourceImageID, ami.SourceImageRegion = id(home, night), home
		ami.Tags[tags.SourceAMI], ami.Tags[tags.SourceRegion] = id(home, night), home
	}
	return ami
}

// markAMI marks an AMI as a keeper with these settings does.
func markAMI(c keep.Config, ami *keep.AMI, at time.Time) {
	ami.Tags[tags.RetireAt] = keep.MarkOf(c, ami.ID, at)
	ami.DeprecationTime = at
}

// decision finds what was decided about an AMI.
func decision(t *testing.T, plan keep.Plan, region, id string) *keep.Decision {
	t.Helper()
	for _, r := range plan.Regions {
		for _, d := range r.Decisions {
			if r.Region == region && d.AMI.ID == id {
				return d
			}
		}
	}
	t.Fatalf("nothing was decided about %s in %s", id, region)
	return nil
}

// listed tells whether an AMI is in a list of the plan.
func listed(list []*keep.Decision, id string) bool {
	return slices.ContainsFunc(list, func(d *keep.Decision) bool { return d.AMI.ID == id })
}

// TestEstate pins what the tests below change one thing of.
func TestEstate(t *testing.T) {
	c, f := estate()
	plan := keep.MakePlan(c, f)
	for _, region := range []string{home, abroad} {
		var got []string
		for night := range 5 {
			d := decision(t, plan, region, id(region, night))
			got = append(got, fmt.Sprintf("%s: %s", d.Fate, d.Reason))
		}
		want := []string{
			"due: no rule keeps it, and its time has come", "retiring: no rule keeps it; it is marked", "retire: no rule keeps it",
			"keep: last=2: one of the newest", "keep: last=2: one of the newest",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("fates in %s (-want +got):\n%s", region, diff)
		}
	}
	for _, r := range plan.Regions {
		if !listed(r.Due, id(r.Region, 0)) || !listed(r.Mark, id(r.Region, 2)) || len(r.Due) != 1 || len(r.Mark) != 1 ||
			len(r.TakeBack) != 0 {
			t.Errorf("in %s: %d due, %d to be marked, %d to be taken back", r.Region, len(r.Due), len(r.Mark), len(r.TakeBack))
		}
		if at := decision(t, plan, r.Region, id(r.Region, 2)).RetireAt; !at.Equal(time.Date(2026, 12, 11, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("the mark will be for %s", at)
		}
	}
}

// Each row changes one thing, after which the AMI that is due at home is not deregistered, and names the invariant of the design.
func TestWhatKeepsAnAMI(t *testing.T) {
	guard := func(f *keep.Facts, change func(*keep.Guard)) {
		g := f.Regions[0].Guards[id(home, 0)]
		change(&g)
		f.Regions[0].Guards[id(home, 0)] = g
	}
	tests := []struct {
		name   string
		change func(c *keep.Config, f *keep.Facts, due *keep.AMI)
		fate   keep.Fate
		says   string
	}{
		// 1: only AMIs of this stack
		{"another owner", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) { a.OwnerID = "210987654321" }, keep.FateLeft,
			"not this account's"},
		{"another stack", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) { a.Tags[tags.Stack] = "other@eu-west-1" }, keep.FateLeft,
			"not this stack's"},
		{"no stack", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) { delete(a.Tags, tags.Stack) }, keep.FateLeft, "not this stack's"},
		{"another name", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) { a.Name = "mine" }, keep.FateLeft, "not that of its name"},
		{"not complete", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) { delete(a.Tags, tags.Complete) }, keep.FateLeft,
			"nothing proves"},
		{"a person's copy", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) { a.Tags[tags.Complete] = "ami-other" }, keep.FateLeft,
			"names another AMI"},
		{"of another Region's image", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) {
			a.Tags[tags.ImageARN] = strings.Replace(a.Tags[tags.ImageARN], home, "us-east-1", 1)
		}, keep.FateLeft, "not the ARN of an image"},
		{"a copy at home", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) { a.Tags[tags.SourceAMI] = "ami-1" }, keep.FateLeft,
			"in the Region of the exports"},
		// what is not certain
		{"no time of its image", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) { delete(a.Tags, tags.ImageCreated) }, keep.FateLeft,
			"are not both times"},
		{"no time of its export", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) { a.Tags[tags.ExportedAt] = "yesterday" }, keep.FateLeft,
			"are not both times"},
		{"an export in the future", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) {
			a.Tags[tags.ExportedAt] = noon.Add(time.Minute).Format(time.RFC3339)
		}, keep.FateLeft, "in the future"},
		{"launched in the future", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) { a.LastLaunchedTime = noon.Add(time.Hour) },
			keep.FateLeft, "in the future"},
		{"exported long before", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) { a.CreationDate = a.CreationDate.Add(31 * day) },
			keep.FateLeft, "more than 30 days"},
		{"no CreationDate", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) { a.CreationDate = time.Time{} }, keep.FateLeft,
			"does not say when"},
		{"a name that is a family's and an image's", func(c *keep.Config, f *keep.Facts, _ *keep.AMI) {
			c.Families = keep.Families{{Name: "base", Pattern: "office-*"}}
			f.Regions[0].AMIs[4].Tags[tags.ImageARN] = imageARN("office-1")
		}, keep.FateLeft, "as a family is"},
		// 2: slots
		{"disabled", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) { a.State = keep.StateDisabled }, keep.FateLeft,
			"its state is disabled"},
		{"one of the last two that are available", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) {
			for night := 1; night < 4; night++ {
				f.Regions[0].AMIs[night].State = keep.StateDisabled
			}
		}, keep.FateKeep, "last=2"},
		{"one of the last two that are complete", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) {
			for night := 1; night < 4; night++ {
				delete(f.Regions[0].AMIs[night].Tags, tags.Complete)
			}
		}, keep.FateKeep, "last=2"},
		{"one of the last two that nobody keeps by hand", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) {
			for night := 1; night < 4; night++ {
				f.Regions[0].AMIs[night].Tags[tags.Keep] = ""
			}
		}, keep.FateKeep, "last=2"},
		{"no rules", func(c *keep.Config, _ *keep.Facts, _ *keep.AMI) { c.Keep = keep.Rules{} }, keep.FateKeep, "no keep rules"},
		// 3: what cannot be read
		{"something unread", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) {
			f.Regions[0].Unread = []string{"its AMIs could not be read"}
		}, keep.FateLeft, "could not be read"},
		{"guards unread", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) { f.Regions[0].Guards = nil }, keep.FateLeft,
			"whether it is used is not known"},
		{"an unknown state somewhere", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) { f.Regions[0].AMIs[3].State = "sleeping" },
			keep.FateLeft, `the state "sleeping"`},
		{"an unknown protection somewhere", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) {
			f.Regions[0].AMIs[3].DeregistrationProtection = "half"
		}, keep.FateLeft, `"half"`},
		{"a clock that is fast", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) {
			f.Regions[0].ServerTime = noon.Add(-61 * time.Minute)
		}, keep.FateLeft, "more than an hour off"},
		{"a clock that is slow", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) { f.Regions[0].ServerTime = noon.Add(61 * time.Minute) },
			keep.FateLeft, "more than an hour off"},
		{"no clock to compare with", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) { f.Regions[0].ServerTime = time.Time{} },
			keep.FateLeft, "no time to compare"},
		// 4: used means kept
		{"referred to", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) {
			guard(f, func(g *keep.Guard) { g.References = []string{"ec2:Instance i-1"} })
		}, keep.FateKeep, "referred to by ec2:Instance i-1"},
		{"shared", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) {
			guard(f, func(g *keep.Guard) { g.SharedWith = []string{"210987654321"} })
		}, keep.FateKeep, "shared with 210987654321"},
		{"public", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) { a.Public = true }, keep.FateKeep, "shared with everybody"},
		{"launched", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) { a.LastLaunchedTime = noon.Add(-29 * day) }, keep.FateKeep,
			"launched within 30 days"},
		{"pointed to", func(_ *keep.Config, f *keep.Facts, a *keep.AMI) {
			f.Regions[0].Pointers["/amis/base"] = keep.Pointer{Exists: true, Value: a.ID, Written: a.ID, DataType: keep.PointerDataType,
				Stack: stack}
		}, keep.FateKeep, "the parameter /amis/base names it"},
		{"protected", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) {
			a.DeregistrationProtection = keep.ProtectionWithoutCooldown
		}, keep.FateKeep, "protected"},
		{"cooling down", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) {
			a.DeregistrationProtection = keep.ProtectionWithCooldown
		}, keep.FateKeep, "protected"},
		{"to be kept", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) { a.Tags[tags.Keep] = "until spring" }, keep.FateKeep,
			"somebody tagged it"},
		{"a snapshot of another stack", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) {
			guard(f, func(g *keep.Guard) {
				g.SnapshotTags = map[string]map[string]string{snap(home, 0): {tags.Stack: "other@eu-west-1"}}
			})
		}, keep.FateKeep, "belongs to another stack"},
		// 5: the mark
		{"PLAN", func(c *keep.Config, _ *keep.Facts, _ *keep.AMI) { c.On = false }, keep.FateRetire, "KeepMode is PLAN"},
		{"too early", func(c *keep.Config, _ *keep.Facts, a *keep.AMI) { markAMI(*c, a, noon.Add(time.Minute)) }, keep.FateRetiring,
			"it is marked"},
		{"too late", func(c *keep.Config, _ *keep.Facts, a *keep.AMI) { markAMI(*c, a, noon.Add(-3*day)) }, keep.FateRetire,
			"its time has passed"},
		{"another AMI's mark", func(c *keep.Config, _ *keep.Facts, a *keep.AMI) {
			a.Tags[tags.RetireAt] = keep.MarkOf(*c, "ami-other", a.DeprecationTime)
		}, keep.FateKeep, "somebody set its DeprecationTime"},
		{"no mark", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) { delete(a.Tags, tags.RetireAt) }, keep.FateKeep,
			"somebody set its DeprecationTime"},
		{"another DeprecationTime", func(_ *keep.Config, _ *keep.Facts,
			a *keep.AMI) {
			a.DeprecationTime = a.DeprecationTime.Add(time.Hour)
		}, keep.FateKeep, "somebody set its DeprecationTime"},
		{"no DeprecationTime", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) { a.DeprecationTime = time.Time{} }, keep.FateRetire,
			"somebody cancelled the deprecation"},
		{"other rules since", func(c *keep.Config, _ *keep.Facts, _ *keep.AMI) { c.Keep.Yearly = 1 }, keep.FateRetire,
			"the settings have changed"},
		{"other families since", func(c *keep.Config, _ *keep.Facts, _ *keep.AMI) {
			c.Families = keep.Families{{Name: "x", Pattern: "xyz*"}}
		}, keep.FateRetire, "the settings have changed"},
		{"another time zone since", func(c *keep.Config, _ *keep.Facts, _ *keep.AMI) { c.Location = location("Europe/Berlin") },
			keep.FateRetire, "the settings have changed"},
		{"another grace since", func(c *keep.Config, _ *keep.Facts, _ *keep.AMI) { c.GraceDays = 1 }, keep.FateRetire,
			"the settings have changed"},
		{"other UnusedDays since", func(c *keep.Config, _ *keep.Facts, _ *keep.AMI) { c.UnusedDays = 1 }, keep.FateRetire,
			"the settings have changed"},
		{"a rule that keeps it now", func(c *keep.Config, _ *keep.Facts, a *keep.AMI) {
			c.Keep.Last = 5
			markAMI(*c, a, a.DeprecationTime)
		}, keep.FateKeep, "last=5"},
		{"one too many on a day", func(c *keep.Config, f *keep.Facts, _ *keep.AMI) {
			c.RetireAtMost = 1
			at := f.Regions[0].AMIs[0].DeprecationTime
			older := nightAMI(home, 5)
			older.Tags[tags.ExportedAt], older.CreationDate = "2026-08-31T12:00:00Z", older.CreationDate.Add(-5*day)
			markAMI(*c, &older, at)
			f.Regions[0].AMIs = append(f.Regions[0].AMIs, older)
			f.Regions[0].Guards[older.ID] = f.Regions[0].Guards[id(home, 0)]
		}, keep.FateRetire, "RetireAtMost"},
		// 6: brought back
		{"brought back", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) {
			a.Tags[tags.Retired] = noon.Add(-2 * day).Format(time.RFC3339)
		}, keep.FateKeep, "somebody brought it back"},
		{"being deregistered", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) {
			a.Tags[tags.Retired] = noon.Add(-time.Minute).Format(time.RFC3339)
		}, keep.FateLeft, "being deregistered"},
		// 8: undo
		{"no undo", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) { f.Regions[0].Undo = keep.UndoRules{} }, keep.FateLeft,
			"no rules of the Recycle Bin"},
		{"no undo of snapshots", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) { f.Regions[0].Undo.Snapshots = 0 }, keep.FateLeft,
			"no rules of the Recycle Bin"},
		{"undo of snapshots for less long", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) { f.Regions[0].Undo.Snapshots = day },
			keep.FateLeft, "no rules of the Recycle Bin"},
		{"an untagged snapshot", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) {
			guard(f, func(g *keep.Guard) { g.SnapshotTags = nil })
		}, keep.FateLeft, "have to show the tag"},
		// 9: copies first
		{"copies unread", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) { f.Regions[1].Unread = []string{"x"} }, keep.FateLeft,
			"the copies in eu-central-1"},
		{"copies not listed", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) { f.Regions[1].Unlisted, f.Regions[1].AMIs = true, nil },
			keep.FateLeft, "the copies in eu-central-1"},
		{"no newer copy", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) { f.Regions[1].AMIs = f.Regions[1].AMIs[:1] }, keep.FateLeft,
			"no available copy of a newer AMI"},
		{"only pending copies", func(_ *keep.Config, f *keep.Facts, _ *keep.AMI) {
			for i := range f.Regions[1].AMIs {
				f.Regions[1].AMIs[i].State = keep.StatePending
			}
		}, keep.FateLeft, "no available copy of a newer AMI"},
		// 15: room for tags
		{"no room for tags", func(_ *keep.Config, _ *keep.Facts, a *keep.AMI) {
			for i := range 50 - len(a.Tags) {
				a.Tags[fmt.Sprintf("Tag%d", i)] = ""
			}
		}, keep.FateLeft, "no room for the tags"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, f := estate()
			test.change(&c, &f, &f.Regions[0].AMIs[0])
			plan := keep.MakePlan(c, f)
			d := decision(t, plan, home, id(home, 0))
			if d.Fate != test.fate || !strings.Contains(d.Reason, test.says) {
				t.Errorf("its fate is %s: %s; want %s: %s", d.Fate, d.Reason, test.fate, test.says)
			}
			if listed(plan.Regions[0].Due, d.AMI.ID) || listed(plan.Regions[0].Mark, d.AMI.ID) {
				t.Error("it is deregistered or marked in the same pass")
			}
		})
	}
}

// A copy is a copy only if its tags and EC2 agree on what it is a copy of.
func TestWhatIsACopy(t *testing.T) {
	for name, change := range map[string]func(a *keep.AMI){
		"another source in EC2":        func(a *keep.AMI) { a.SourceImageID = "ami-other" },
		"another source Region in EC2": func(a *keep.AMI) { a.SourceImageRegion = "us-east-1" },
		"a source elsewhere": func(a *keep.AMI) {
			a.SourceImageRegion, a.Tags[tags.SourceRegion] = "us-east-1",
				"us-east-1"
		},
		"no source":                              func(a *keep.AMI) { delete(a.Tags, tags.SourceAMI) },
		"no source Region":                       func(a *keep.AMI) { delete(a.Tags, tags.SourceRegion) },
		"the mark of completeness of its source": func(a *keep.AMI) { a.Tags[tags.Complete] = id(home, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			c, f := estate()
			change(&f.Regions[1].AMIs[0])
			if d := decision(t, keep.MakePlan(c, f), abroad, id(abroad, 0)); d.Fate != keep.FateLeft {
				t.Errorf("its fate is %s: %s", d.Fate, d.Reason)
			}
		})
	}
}

// destroyed are the AMIs that a plan marks or deregisters.
func destroyed(plan keep.Plan) map[string]bool {
	all := map[string]bool{}
	for _, r := range plan.Regions {
		for _, d := range slices.Concat(r.Mark, r.Due) {
			all[r.Region+" "+d.AMI.ID] = true
		}
	}
	return all
}

// TestLessKnowledge takes knowledge away from random estates, piece by piece: never is anything marked or deregistered that
// would not be with it.
func TestLessKnowledge(t *testing.T) {
	compared := 0
	for seed := range uint64(3000) {
		w := newWorld(seed)
		c, whole := estate()
		c.Keep, c.Families = randomRules(w), one(w, families[:2])
		pieces := 9 // the last is a listing that is cut short unnoticed, which hides marks that count for RetireAtMost
		if w.rnd.IntN(2) == 0 {
			c.RetireAtMost, pieces = 1+w.rnd.IntN(3), 8
		}
		for i := range whole.Regions {
			for j := range whole.Regions[i].AMIs {
				a := &whole.Regions[i].AMIs[j]
				a.Tags[tags.ImageCreated] = time.Date(2026, 8, 1+w.rnd.IntN(30), 0, 0, 0, 0, time.UTC).Format(time.RFC3339)
				a.Tags[tags.ExportedAt] = a.CreationDate.Add(-time.Duration(w.rnd.IntN(20)) * day).Format(time.RFC3339)
				delete(a.Tags, tags.RetireAt)
				a.DeprecationTime = time.Time{}
				if w.rnd.IntN(2) == 0 {
					markAMI(c, a, time.Date(2026, 11, 25+w.rnd.IntN(3), 0, 0, 0, 0, time.UTC))
				}
			}
		}
		before := destroyed(keep.MakePlan(c, whole))
		less := clone(whole)
		for range 1 + w.rnd.IntN(3) {
			forget(w.rnd, &less, pieces)
		}
		for ami := range destroyed(keep.MakePlan(c, less)) {
			if !before[ami] {
				t.Fatalf("seed %d: with less knowledge %s is retired", seed, ami)
			}
		}
		compared += len(before)
	}
	if compared < 3000 {
		t.Errorf("only %d retirements were compared", compared)
	}
}

func clone(f keep.Facts) keep.Facts {
	f.Regions = slices.Clone(f.Regions)
	for i := range f.Regions {
		r := &f.Regions[i]
		r.AMIs, r.Guards, r.Pointers = slices.Clone(r.AMIs), maps.Clone(r.Guards), maps.Clone(r.Pointers)
		for j := range r.AMIs {
			r.AMIs[j].Tags = maps.Clone(r.AMIs[j].Tags)
		}
	}
	return f
}

// forget takes one piece of knowledge away.
func forget(rnd *rand.Rand, f *keep.Facts, pieces int) {
	r := &f.Regions[rnd.IntN(2)]
	switch rnd.IntN(pieces) {
	case 0:
		r.Unread = append(r.Unread, "something could not be read")
	case 1:
		r.Unlisted, r.AMIs = true, nil
	case 2:
		r.ServerTime = r.ServerTime.Add(time.Duration(rnd.IntN(200)-100) * day)
	case 3:
		f.Heard = false
	case 4:
		r.Undo = keep.UndoRules{}
	case 5:
		r.Guards = nil
	case 6:
		if len(r.AMIs) > 0 {
			delete(r.Guards, r.AMIs[rnd.IntN(len(r.AMIs))].ID)
		}
	case 7:
		if len(r.AMIs) > 0 {
			keys := []string{tags.Complete, tags.ExportedAt, tags.ImageCreated, tags.AMIName, tags.ImageARN, tags.Stack, tags.SourceAMI}
			delete(r.AMIs[rnd.IntN(len(r.AMIs))].Tags, keys[rnd.IntN(len(keys))])
		}
	case 8:
		if len(r.AMIs) > 0 { // a listing that is cut short unnoticed
			at := rnd.IntN(len(r.AMIs))
			r.AMIs = slices.Delete(r.AMIs, at, at+1)
		}
	}
}

// An image that is in no family, and is called as one, leaves both: nothing is retired, copied or pointed to, and it is told.
func TestNameClash(t *testing.T) {
	c, f := estate()
	c.Families = keep.Families{{Name: "base", Pattern: "office-*"}}
	for i := range f.Regions {
		f.Regions[i].Pointers = map[string]keep.Pointer{"/amis/base": {}, "/amis/office": {}}
		f.Regions[i].AMIs[1].Tags[tags.ImageARN] = imageARN("office-1")
	}
	f.Regions[1].AMIs = f.Regions[1].AMIs[:4]
	plan := keep.MakePlan(c, f)
	for _, r := range plan.Regions {
		if len(r.Due)+len(r.Mark)+len(r.Copies)+len(r.Pointers)+len(r.TakeBack) > 0 || len(r.News) != 1 || len(r.News[0].Decisions) < 4 {
			t.Errorf("in %s: %+v", r.Region, r)
		}
	}
	c.Families[0].Name = "office"
	if plan := keep.MakePlan(c, f); len(plan.Regions[1].Copies) != 1 || len(plan.Regions[0].Pointers) != 2 {
		t.Errorf("without the clash there are %d copies and %d pointers", len(plan.Regions[1].Copies), len(plan.Regions[0].Pointers))
	}
}

// No day retires more of a family than RetireAtMost: the oldest first, the others on the days after.
func TestRetireAtMost(t *testing.T) {
	c, f := estate()
	c.CopyRegions, c.RetireAtMost, c.Keep.Last, f.Regions = nil, 2, 1, f.Regions[:1]
	f.Regions[0].AMIs = slices.Clone(f.Regions[0].AMIs)
	for i := range f.Regions[0].AMIs {
		a := &f.Regions[0].AMIs[i]
		delete(a.Tags, tags.RetireAt)
		a.DeprecationTime = time.Time{}
	}
	markAMI(c, &f.Regions[0].AMIs[3], time.Date(2026, 12, 11, 0, 0, 0, 0, time.UTC)) // one is there
	plan := keep.MakePlan(c, f)
	for night, day := range []int{11, 12, 12, 11} {
		if at := decision(t, plan, home, id(home, night)).RetireAt; at.Day() != day {
			t.Errorf("the AMI of night %d is retired on %s, want the %d.", night, at, day)
		}
	}
}
