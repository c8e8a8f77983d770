//go:build !race

package keeping

import (
	"flag"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/ssm"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/tags"
)

var (
	years = flag.Int("years", 1, "how many years TestYears lives")
	seed  = flag.Uint64("seed", 0, "live the year of this seed only")
)

// TestYears lives years, each with a seed of its own, with people who meddle, calls that fail and answers that are lost, and checks
// after every pass that it has done nothing that it must not do.
func TestYears(t *testing.T) {
	t.Parallel()
	total := map[string]int{}
	seeds := make([]uint64, *years)
	for i := range seeds {
		seeds[i] = uint64(i + 1)
	}
	if *seed > 0 {
		seeds = []uint64{*seed}
	}
	for _, s := range seeds {
		w := newWorld(t, s)
		counted := w.live(365)
		for what, count := range counted {
			total[what] += count
		}
		if t.Failed() {
			t.Fatalf("in the year of -seed %d, with the stack %v", s, w.parameters)
		}
	}
	t.Logf("%d years: %v", len(seeds), total)
	for _, what := range []string{"passes", "marked", "retired at home", "retired abroad", "copied", "brought back", "meddled",
		"failed calls", "fences"} {
		if total[what] == 0 && *seed == 0 {
			t.Errorf("in all these years nothing was %s: they prove nothing of it", what)
		}
	}
}

// live lets days pass: an export or two every few nights with a pass after them, one after every second midnight, and now and then
// one more. More of each would take minutes, and show nothing else.
func (w *world) live(days int) map[string]int {
	counted := map[string]int{}
	version := 1
	w.asSomebody(func() {
		w.ec2.PutImage(ec2.Image{Region: home, Name: "golden", Tags: map[string]string{"Name": "golden"}})
		w.ec2.PutImage(ec2.Image{Region: abroad, Name: "other", Tags: map[string]string{tags.Stack: "other@" + home}})
	})
	midnight := w.now
	for d := range days {
		at := func(clock time.Duration) { w.now = midnight.AddDate(0, 0, d).Add(clock) }
		if d%2 == 0 {
			at(30 * time.Minute)
			w.pass(counted)
		}
		if w.rnd.IntN(6) == 0 {
			w.meddle(counted)
		}
		at(4 * time.Hour)
		if d%30 == 29 {
			version++
		}
		if d%4 > 0 {
			continue
		}
		w.export("win2022-base-" + string(rune('a'+version%26)))
		if d%8 == 0 {
			w.export("office")
		}
		at(5 * time.Hour)
		w.pass(counted)
		if w.rnd.IntN(4) == 0 {
			at(12 * time.Hour)
			w.pass(counted)
		}
		if w.t.Failed() {
			return counted
		}
	}
	return counted
}

// meddle does what people do.
func (w *world) meddle(counted map[string]int) {
	counted["meddled"]++
	region := []string{home, abroad}[w.rnd.IntN(2)]
	var own []ec2.Image
	for _, image := range w.ec2.Images(region) {
		if image.State == ec2.Available && image.Tags[tags.Stack] == stack {
			own = append(own, image)
		}
	}
	pick := func() string {
		if len(own) == 0 {
			return ""
		}
		return own[w.rnd.IntN(len(own))].ID
	}
	edit := func(change func(*ec2.Image)) { w.ec2.EditImage(region, pick(), change) }
	w.asSomebody(func() {
		switch w.rnd.IntN(16) {
		case 0:
			edit(func(i *ec2.Image) { i.Tags = maps.Clone(i.Tags); i.Tags[tags.Keep] = "" })
		case 1:
			edit(func(i *ec2.Image) { i.Tags = maps.Clone(i.Tags); delete(i.Tags, tags.Stack) })
		case 2:
			edit(func(i *ec2.Image) { i.DeprecationTime = time.Time{} })
		case 3:
			edit(func(i *ec2.Image) { i.DeprecationTime = w.now.Add(40 * day) })
		case 4:
			edit(func(i *ec2.Image) { i.Protection = "enabled-without-cooldown" })
		case 5:
			edit(func(i *ec2.Image) { i.Permissions = append(i.Permissions, ec2.Permission{UserID: "999999999999"}) })
		case 6:
			edit(func(i *ec2.Image) { i.LastLaunched = w.now })
		case 7:
			w.ec2.SetReferences(region, pick(), ec2.Reference{Type: "ec2:LaunchTemplate", ARN: "template", Depth: 20})
		case 8: // a copy with all tags
			if i := slices.IndexFunc(own, func(ec2.Image) bool { return true }); i >= 0 {
				copied := own[w.rnd.IntN(len(own))]
				w.ec2.PutImage(ec2.Image{Region: region, Name: copied.Name, Tags: copied.Tags, SourceImageID: copied.ID,
					SourceImageRegion: region})
			}
		case 9, 14, 15: // more often, since it is only possible for some days
			for _, region := range []string{home, abroad} {
				for _, image := range w.ec2.Images(region) {
					if image.State == ec2.Deregistered && w.ec2.BringBack(region, image.ID) {
						counted["brought back"]++
						return
					}
				}
			}
		case 10:
			w.ssm.Delete(region, "/amis/base")
		case 11:
			w.ssm.Put(region, ssm.Parameter{Name: "/amis/office", Value: "ami-0123456789abcdef0"})
		case 12:
			w.parameters["Keep"] = []string{"last=1", "last=3,weekly=4", "last=2,within=9",
				"last=2,daily=3,weekly=2,monthly=2"}[w.rnd.IntN(4)]
			w.parameters["KeepMode"] = []string{"ON", "ON", "ON", "ON", "PLAN"}[w.rnd.IntN(5)]
			w.deploy()
		case 13:
			w.subscriptions = min(1, w.rnd.IntN(4))
		}
	})
}

// pass makes a pass, in which calls may fail, and checks what it has done.
func (w *world) pass(counted map[string]int) {
	counted["passes"]++
	failed := 0
	if w.rnd.IntN(5) == 0 {
		w.fault = func(service, action string) (string, bool) {
			if w.rnd.IntN(25) > 0 {

				return "", false
			}
			failed++
			if w.rnd.IntN(2) == 0 {
				return "RequestLimitExceeded", false
			}
			return "", true
		}
	}
	if w.fault == nil && w.rnd.IntN(8) == 0 { // nothing can be told
		w.fault = func(service, action string) (string, bool) {
			if service != "sns" || action != "Publish" {
				return "", false
			}
			failed++
			return "InternalError", false
		}
	}
	before, told := w.images(), len(w.told)
	pointers := map[string]map[string]ssm.Parameter{home: w.ssm.Parameters(home), abroad: w.ssm.Parameters(abroad)}
	w.denied = nil
	w.trace.Reset()
	_, err := w.keeper.Pass(w.t.Context())
	w.fault = nil
	counted["failed calls"] += failed
	counted["errors"] += len(strings.Split(errorText(err), "\n")) - 1

	w.checkDenied(counted)
	after := w.images()
	for region, images := range before { // a pass begins with what is proved to be complete
		for i, image := range images {
			if complete, ok := after[region][i].Tags[tags.Complete]; ok && image.Tags[tags.Complete] == "" {
				before[region][i].Tags[tags.Complete] = complete
			}
		}
	}
	for region, images := range after {
		for i, image := range images {
			if i >= len(before[region]) {
				w.checkMade(counted, image)
				continue
			}
			w.checkChange(counted, region, before, before[region][i], image)
		}
	}
	for region, parameters := range pointers {
		w.checkPointers(region, parameters, w.ssm.Parameters(region), after[region])
	}
	for _, d := range w.told[told:] {
		counted["told "+string(d.Type)]++
	}
	if w.t.Failed() {
		w.t.Logf("at %s the pass was %v", w.now, err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error() + "\n"
}

// checkDenied has the role refuse nothing that a pass does, but for the fence.
func (w *world) checkDenied(counted map[string]int) {
	for _, r := range w.denied {
		id := r.Resource[strings.LastIndex(r.Resource, "/")+1:]
		if r.Action == "ec2:DeregisterImage" && slices.Equal(r.Keys["ec2:ImageID"], []string{id}) &&
			!slices.Equal(r.Keys["aws:ResourceTag/"+tags.Stack], []string{stack}) {
			counted["fences"]++
			continue
		}
		w.t.Errorf("the role may not %s on %s with %v", r.Action, r.Resource, r.Keys)
	}
}

// checkMade checks an AMI that came into being during a pass: the keeper's copy.
func (w *world) checkMade(counted map[string]int, image ec2.Image) {
	counted["copied"]++
	source, found := w.ec2.Image(home, image.SourceImageID)
	switch {
	case !found || image.Region != abroad || image.Tags[tags.SourceAMI] != source.ID || image.Tags[tags.SourceRegion] != home:
		w.t.Errorf("%s in %s is a copy of %q", image.ID, image.Region, image.SourceImageID)
	case source.Tags[tags.Complete] != source.ID || source.Tags[tags.Stack] != stack:
		w.t.Errorf("%s is a copy of %s, which has the tags %v", image.ID, source.ID, source.Tags)
	case image.Tags[tags.Complete] != "" || image.Tags[tags.RetireAt] != "" || image.Tags[tags.Told] != "":
		w.t.Errorf("the copy %s has the tags %v", image.ID, image.Tags)
	}
	copies := 0
	for _, other := range w.ec2.Images(abroad) {
		if other.SourceImageID == source.ID && other.Tags[tags.SourceAMI] == source.ID {
			copies++
		}
	}
	if copies > 3 {
		w.t.Errorf("of %s there are %d copies", source.ID, copies)
	}
}

// checkChange checks what a pass did to an AMI that was there before.
func (w *world) checkChange(counted map[string]int, region string, all map[string][]ec2.Image, before, after ec2.Image) {
	if before.Tags[tags.Stack] != stack && (!maps.Equal(before.Tags, after.Tags) || before.State != after.State &&
		after.State == ec2.Deregistered ||
		!before.DeprecationTime.Equal(after.DeprecationTime)) {
		w.t.Errorf("%s in %s is not the stack's and was changed from %+v to %+v", before.ID, region, before, after)
	}
	if !maps.Equal(foreign(before.Tags), foreign(after.Tags)) {
		w.t.Errorf("%s: tags of others were changed from %v to %v", before.ID, before.Tags, after.Tags)
	}
	if complete := after.Tags[tags.Complete]; complete != "" && complete != after.ID && before.State != ec2.Deregistered &&
		after.SourceImageRegion != region {
		w.t.Errorf("%s: its tag :complete is %q", before.ID, complete)
	}
	if after.Tags[tags.RetireAt] != "" && before.Tags[tags.RetireAt] == "" {
		counted["marked"]++
		if w.subscriptions == 0 || !w.wasTold(notify.AMIsRetiring, before.ID) {
			w.t.Errorf("%s is marked, and nobody was told", before.ID)
		}
		w.mayGo(region, all, before, "marked")
	}
	if before.State != ec2.Deregistered && after.State == ec2.Deregistered {
		counted[map[bool]string{true: "retired at home", false: "retired abroad"}[region == home]]++
		w.mayGo(region, all, before, "deregistered")
		at, id, _ := strings.Cut(before.Tags[tags.RetireAt], "/")
		due, err := time.Parse(time.RFC3339, at)
		if err != nil || !strings.HasPrefix(id, before.ID+"/") || w.now.Before(due) || !w.now.Before(due.Add(3*day)) ||
			!due.Equal(before.DeprecationTime) {
			w.t.Errorf("%s is deregistered with the mark %q and the deprecation %s", before.ID, before.Tags[tags.RetireAt],
				before.DeprecationTime)
		}
		if told := w.toldAt(notify.AMIsRetiring, before.ID); due.Sub(told) < time.Duration(w.settings.GraceDays)*day {
			w.t.Errorf("%s is deregistered, told was %s", before.ID, told)
		}
		if w.settings.UndoDays > 0 && !w.ec2.BringBackable(region, before.ID) {
			w.t.Errorf("%s is deregistered, and could not be brought back", before.ID)
		}
	}
}

// mayGo checks that nothing speaks for an AMI as it was before the pass.
func (w *world) mayGo(region string, all map[string][]ec2.Image, image ec2.Image, what string) {
	say := func(wrong bool, why string) {
		if wrong {
			w.t.Errorf("%s in %s is %s, and %s", image.ID, region, what, why)
		}
	}
	say(!w.settings.On, "KeepMode is PLAN")
	_, kept := image.Tags[tags.Keep]
	say(kept, "has the tag :keep")
	say(image.Protection != "disabled", "is protected")
	say(len(image.Permissions) > 0, "is shared")
	say(w.now.Sub(image.LastLaunched) < 29*day && w.now.Sub(image.LastLaunched) > day, "was launched lately")
	say(w.ec2.Referenced(region, image.ID), "is referred to")
	say(!image.BroughtBack.IsZero() && image.Tags[tags.Retired] != "", "was brought back")
	members := w.members(all[region], w.familyOf(image))
	at := slices.IndexFunc(members, func(m ec2.Image) bool { return m.ID == image.ID })
	say(at >= 0 && at < w.settings.Keep.Last, "is one of the last")
	say(len(members) <= w.settings.Keep.Last, "too few are left")
	if region == home && len(w.settings.CopyRegions) > 0 {
		newer := func(copied ec2.Image) bool { // also one that somebody keeps by hand
			copied.Tags = mapWithout(copied.Tags, tags.Keep)
			return counts(copied) && w.familyOf(copied) == w.familyOf(image) && copied.Tags[tags.ExportedAt] > image.Tags[tags.ExportedAt]
		}
		say(!slices.ContainsFunc(all[abroad], newer), "no newer copy is abroad")
	}
}

func mapWithout(tagged map[string]string, key string) map[string]string {
	without := maps.Clone(tagged)
	delete(without, key)
	return without
}

func (w *world) wasTold(kind notify.Type, id string) bool { return !w.toldAt(kind, id).IsZero() }

func (w *world) toldAt(kind notify.Type, id string) (last time.Time) {
	for _, d := range w.told {
		if d.Type == kind && slices.ContainsFunc(d.AMIs, func(a notify.AMI) bool { return a.ID == id }) {
			last = d.Time
		}
	}
	return last
}

// checkPointers has parameters move forward only, to what is there, and leaves those of others alone.
func (w *world) checkPointers(region string, before, after map[string]ssm.Parameter, images []ec2.Image) {
	find := func(id string) (ec2.Image, bool) {
		i := slices.IndexFunc(images, func(image ec2.Image) bool { return image.ID == id })
		if i < 0 {
			return ec2.Image{}, false
		}
		return images[i], true
	}
	for name, p := range after {
		was, there := before[name]
		if there && was.Value == p.Value {
			continue
		}
		if there && was.Tags[tags.Stack] != stack {
			w.t.Errorf("%s in %s is somebody else's, and was changed from %s to %s", name, region, was.Value, p.Value)
		}
		target, found := find(p.Value)
		if !found || target.State != ec2.Available || target.Tags[tags.Complete] != target.ID || p.Tags[tags.Stack] != stack {
			w.t.Errorf("%s in %s names %s: %+v", name, region, p.Value, target)
		}
		if previous, found := find(was.Value); there && found && previous.State == ec2.Available && counts(previous) &&
			previous.Tags[tags.ImageCreated]+previous.Tags[tags.ExportedAt] > target.Tags[tags.ImageCreated]+target.Tags[tags.ExportedAt] {
			w.t.Errorf("%s in %s went back from %s to %s", name, region, was.Value, p.Value)
		}
	}
}
