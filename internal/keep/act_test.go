package keep_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/keep"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/notify/notifytest"
	"appstream-ami-exporter/internal/tags"
)

// calm is an estate in which nothing is random: nights are exported, copied, pointed to and retired.
func calm() *world {
	w := newWorld(7, abroad)
	w.config.PointerPrefix, w.config.Keep, w.config.GraceDays = "/amis", keep.Rules{Last: 2}, 3
	w.region(home).add("foreign", map[string]string{})
	w.region(abroad).add("foreign", map[string]string{})
	return w
}

// night is one night: an export, and passes before and after midnight.
func (w *world) night(t *testing.T) {
	t.Helper()
	w.export("base", w.now.Add(-time.Hour))
	for range 3 {
		w.now = w.now.Add(time.Hour)
		if _, err := w.pass(); err != nil {
			t.Errorf("%s: %v", w.now, err)
		}
	}
	w.now = w.now.Add(21 * time.Hour)
}

// types counts what was told.
func (w *world) types() map[string]int {
	count := map[string]int{}
	for _, p := range w.published {
		count[string(p.Type)]++
	}
	return count
}

// there are the AMIs of the stack in a Region.
func (r *region) there() (ids []string) {
	for _, a := range r.amis {
		if a.gone.IsZero() && a.Tags[tags.Stack] == stack && a.State == keep.StateAvailable {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

func TestNights(t *testing.T) {
	w := calm()
	for range 20 {
		w.night(t)
	}
	w.check(t)
	for _, r := range w.regions {
		// The newest two, and those in their grace of three days and the rest of a day.
		if count := len(r.there()); count < 5 || count > 7 {
			t.Errorf("in %s there are %d AMIs", r.name, count)
		}
		pointer := r.parameters["/amis/base"]
		if pointer == nil || !strings.Contains(strings.Join(r.there(), " "), pointer.Value) {
			t.Errorf("the pointer in %s is %+v", r.name, pointer)
		}
	}
	told := w.types()
	if told["AmisRetiring"] < 20 || told["AmisRetired"] < 20 || told["AmiCopied"] < 18 {
		t.Errorf("told was %v", told)
	}
	retired := 0
	for _, image := range w.images {
		if image[tags.AMIID] == "retired" {
			retired++
		}
	}
	if retired != 0 { // the mark of the image names its newest AMI, which stays
		t.Errorf("%d marks say retired", retired)
	}
}

// When the AMI that an image's mark names is retired, the mark's name stays, so that the image is not exported again.
func TestMarkOfTheImage(t *testing.T) {
	w := calm()
	w.config.CopyRegions = nil
	w.config.Families = keep.Families{{Name: "base", Pattern: "base-*"}}
	for version := range 12 {
		w.export(fmt.Sprintf("base-%d", version), w.now.Add(-time.Hour))
		for range 2 {
			w.now = w.now.Add(time.Hour)
			if _, err := w.pass(); err != nil {
				t.Error(err)
			}
		}
		w.now = w.now.Add(22 * time.Hour)
	}
	w.check(t)
	mark := w.images[imageARN("base-0")]
	if mark[tags.AMIID] != "retired" || mark[tags.AMIName] == "" {
		t.Errorf("the mark of the oldest image is %v", mark)
	}
	if mark := w.images[imageARN("base-11")]; !strings.HasPrefix(mark[tags.AMIID], "ami-") {
		t.Errorf("the mark of the newest image is %v", mark)
	}
}

// A pass may die in any of its calls: afterwards nothing is lost, and what was begun is finished or taken back.
func TestKill(t *testing.T) {
	most := 0
	for kill := 1; kill <= max(most, 40); kill++ {
		for _, night := range []int{3, 8} { // one that marks, and one that deregisters as well
			w := calm()
			for range night {
				w.night(t)
			}
			w.export("base", w.now.Add(-time.Hour))
			w.now = w.now.Add(time.Hour)
			w.killAt = kill
			_, _ = w.pass()
			most = max(most, w.calls)
			for range 8 {
				w.night(t)
			}
			w.check(t)
			for _, r := range w.regions {
				// One that died between :retired and DeregisterImage stays, as if somebody had brought it back.
				if count := len(r.there()); count < 5 || count > 8 {
					t.Errorf("killed in call %d of night %d there are %d AMIs in %s", kill, night, count, r.name)
				}
			}
		}
	}
	t.Logf("a pass has up to %d calls", most)
}

// An AMI that was deprecated by a pass that died before it could mark it is not taken for one that a person deprecated: the grace
// begins anew.
func TestHalfMarked(t *testing.T) {
	w := calm()
	w.config.CopyRegions = nil
	for range 3 {
		w.export("base", w.now.Add(-time.Hour))
		w.now = w.now.Add(day)
		if _, err := w.pass(); err != nil {
			t.Error(err)
		}
	}
	w.export("base", w.now.Add(-time.Hour))
	w.now = w.now.Add(time.Hour)
	deprecated := false
	w.fault = func(call string) fault {
		if deprecated {
			return outage
		}
		deprecated = call == "EnableImageDeprecation"
		return none
	}
	_, _ = w.pass()
	w.fault = nil
	half := slices.DeleteFunc(slices.Clone(w.region(home).amis),
		func(a *ami) bool { return a.DeprecationTime.IsZero() || a.Tags[tags.RetireAt] != "" })
	if len(half) != 1 {
		t.Fatalf("%d AMIs are deprecated and not marked", len(half))
	}
	for range 6 {
		w.night(t)
	}
	w.check(t)
	if half[0].gone.IsZero() || w.types()["AmisKeptByHand"] > 0 {
		t.Errorf("it is gone: %v; told was %v", !half[0].gone.IsZero(), w.types())
	}
}

// What happens between the plan and the deregistration is seen by the last look.
func TestLastLook(t *testing.T) {
	for name, happens := range map[string]func(w *world, r *region, due *ami){
		"an instance": func(_ *world, _ *region, due *ami) { due.references = []string{"ec2:Instance i-1"} },
		"a share":     func(_ *world, _ *region, due *ami) { due.shared = []string{"210987654321"} },
		"a shared snapshot": func(_ *world, r *region, due *ami) {
			r.snapshots[due.SnapshotIDs()[0]].shared = []string{"210987654321"}
		},
		"a launch":          func(w *world, _ *region, due *ami) { due.LastLaunchedTime = w.now },
		"the tag :keep":     func(_ *world, _ *region, due *ami) { due.Tags = with(due.Tags, tags.Keep, "") },
		"no tag :retire-at": func(_ *world, _ *region, due *ami) { due.Tags = mapWithout(due.Tags, tags.RetireAt) },
		"no stack":          func(_ *world, _ *region, due *ami) { due.Tags = mapWithout(due.Tags, tags.Stack) },
		"no deprecation":    func(_ *world, _ *region, due *ami) { due.DeprecationTime = time.Time{} },
		"another deprecation": func(w *world, _ *region, due *ami) {
			due.DeprecationTime, due.byPerson = w.now.Add(day), true
		},
		"protection":     func(_ *world, _ *region, due *ami) { due.DeregistrationProtection = keep.ProtectionWithoutCooldown },
		"disabled":       func(_ *world, _ *region, due *ami) { due.State = keep.StateDisabled },
		"a pointer":      func(_ *world, r *region, due *ami) { r.parameters["/amis/base"].Value = due.ID },
		"fewer are left": func(_ *world, r *region, due *ami) { r.find(r.members("image:base")[0].ID).State = keep.StateDisabled },
		"it is gone":     func(w *world, _ *region, due *ami) { due.gone = w.now },
		"no newer copy": func(w *world, _ *region, _ *ami) {
			for _, a := range w.region(abroad).amis {
				a.State = keep.StateDisabled
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := calm()
			for range 6 {
				w.night(t)
			}
			r := w.region(home)
			w.now = time.Date(w.now.Year(), w.now.Month(), w.now.Day()+1, 0, 5, 0, 0, time.UTC)
			var due *ami
			for _, a := range r.amis {
				if a.gone.IsZero() && a.Tags[tags.RetireAt] != "" && !a.DeprecationTime.After(w.now) {
					due = a
				}
			}
			if due == nil {
				t.Fatal("nothing is due")
			}
			w.onLastLook = func() {
				w.onLastLook = nil
				happens(w, r, due)
			}
			_, _ = w.pass()
			w.check(t)
			if due.byKeeper {
				t.Error("it was deregistered")
			}
		})
	}
}

func with(tagged map[string]string, key, value string) map[string]string {
	changed := maps.Clone(tagged)
	changed[key] = value
	return changed
}

// Whatever the fence answers but a refusal for lack of rights, nothing is deregistered, and that is told once.
func TestFence(t *testing.T) {
	for name, open := range map[string]func(w *world){
		"open":      func(w *world) { w.region(home).open = true },
		"throttled": func(w *world) { w.fault = faultOf("DeregisterImage (DryRun)", throttled) },
		"outage":    func(w *world) { w.fault = faultOf("DeregisterImage (DryRun)", outage) },
		"refused":   func(w *world) { w.fault = faultOf("DeregisterImage (DryRun)", refused) },
		"unread":    func(w *world) { w.fault = faultOf("DescribeImages of others", outage) },
	} {
		t.Run(name, func(t *testing.T) {
			w := calm()
			for range 4 {
				w.night(t)
			}
			before := w.types()
			open(w)
			w.region(abroad).open = w.region(home).open
			for range 24 * 6 {
				w.now = w.now.Add(time.Hour)
				_, _ = w.pass()
			}
			w.check(t)
			after := w.types()
			if after["AmisRetired"] != before["AmisRetired"] {
				t.Error("AMIs were deregistered")
			}
			if stopped := after["RetirementStopped"]; (stopped == 0) != (name == "unread") || stopped > 8 {
				t.Errorf("%d times it was told that retirement is stopped", stopped)
			}
		})
	}
}

func faultOf(operation string, what fault) func(string) fault {
	return func(call string) fault {
		if call == operation {
			return what
		}
		return none
	}
}

// A refusal is told once, takes the tag :retired back, and does not hold up the others.
func TestNotRetired(t *testing.T) {
	w := calm()
	for range 6 {
		w.night(t)
	}
	w.fault = faultOf("DeregisterImage", refused)
	for range 30 {
		w.now = w.now.Add(time.Hour)
		_, _ = w.pass()
	}
	w.check(t)
	told := w.types()["AmiNotRetired"]
	if told < 2 {
		t.Errorf("told %d times", told)
	}
	for _, r := range w.regions {
		for _, a := range r.amis {
			if _, tagged := a.Tags[tags.Retired]; tagged && a.gone.IsZero() {
				t.Errorf("%s has kept the tag %s", a.ID, tags.Retired)
			}
		}
	}
	for range 5 {
		w.now = w.now.Add(time.Hour)
		_, _ = w.pass()
	}
	if again := w.types()["AmiNotRetired"]; again != told {
		t.Errorf("told again: %d, then %d", told, again)
	}
}

// Where an answer is lost, nobody knows whether the AMI is gone: the tag stays, and an AMI that is still there is kept.
func TestLostAnswer(t *testing.T) {
	for what, stays := range map[fault]bool{lost: false, outage: true} {
		w := calm()
		w.config.CopyRegions = nil
		for range 6 {
			w.night(t)
		}
		w.now = w.now.Add(3 * time.Hour)
		var due *ami
		w.fault = func(call string) fault {
			if call == "DeregisterImage" && due == nil {
				for _, a := range w.region(home).amis {
					if a.gone.IsZero() && a.Tags[tags.Retired] != "" {
						due = a
					}
				}
				return what
			}
			return none
		}
		_, _ = w.pass()
		w.fault = nil
		if due == nil {
			t.Fatal("nothing was due")
		}
		for range 4 {
			w.night(t)
		}
		w.check(t)
		if due.gone.IsZero() != stays {
			t.Errorf("the AMI is there: %v", due.gone.IsZero())
		}
		if told := w.types()["AmisKeptByHand"]; (told == 1) != stays {
			t.Errorf("%d times it was told that it is kept", told)
		}
	}
}

// Whoever brings an AMI back from the Recycle Bin keeps it, and is told so once.
func TestBroughtBack(t *testing.T) {
	w := calm()
	for range 8 {
		w.night(t)
	}
	var back *ami
	for _, a := range w.region(home).amis {
		if !a.gone.IsZero() {
			back = a
			back.gone, back.restored = time.Time{}, true
			break
		}
	}
	for range 10 {
		w.night(t)
	}
	w.check(t)
	if !back.gone.IsZero() || w.types()["AmisKeptByHand"] != 1 {
		t.Errorf("it is gone: %v, told: %v", !back.gone.IsZero(), w.types())
	}
	if back.Tags[tags.RetireAt] != "" || !back.DeprecationTime.IsZero() {
		t.Errorf("its mark is still there: %v, %s", back.Tags, back.DeprecationTime)
	}
}

// A listing may show AMIs that have just been deregistered. Where one of them is what the rules keep, the one that is due stays.
func TestGhost(t *testing.T) {
	w := calm()
	w.config.CopyRegions = nil
	for range 6 {
		w.night(t)
	}
	w.now = time.Date(w.now.Year(), w.now.Month(), w.now.Day()+1, 0, 5, 0, 0, time.UTC) // more are due
	kept := w.region(home).members("image:base")[:2]
	for _, a := range kept {
		a.gone = w.now
	}
	before := w.types()["AmisRetired"]
	if _, err := w.pass(); err != nil {
		t.Error(err)
	}
	w.check(t)
	if w.types()["AmisRetired"] != before {
		t.Error("an AMI was deregistered while a listing showed what is gone")
	}
}

// Where a listing shows copies that have just been deregistered, AMIs at home may be marked, which can be undone, and none is
// deregistered.
func TestGhostOfACopy(t *testing.T) {
	w := calm()
	for range 6 {
		w.night(t)
	}
	w.export("base", w.now.Add(-time.Hour))
	w.now = time.Date(w.now.Year(), w.now.Month(), w.now.Day()+1, 0, 5, 0, 0, time.UTC) // more are due
	for _, a := range w.region(abroad).amis {
		if a.gone.IsZero() && a.Tags[tags.Stack] == stack {
			a.gone = w.now
		}
	}
	retired := func() (count int) {
		for _, a := range w.region(home).amis {
			if a.byKeeper {
				count++
			}
		}
		return count
	}
	marked, before := w.tallied.marked, retired()
	_, _ = w.pass()
	w.check(t)
	if w.tallied.marked == marked || retired() != before {
		t.Errorf("%d AMIs were marked, %d deregistered", w.tallied.marked-marked, retired()-before)
	}
	w.now = w.now.Add(ghost)
	_, _ = w.pass()
	w.check(t)
	if retired() != before {
		t.Errorf("%d AMIs were deregistered, and nothing newer is abroad", retired()-before)
	}
}

// A pointer does not go back when the AMI that it names can no longer be used.
func TestPointerForward(t *testing.T) {
	w := calm()
	for range 3 {
		w.night(t)
	}
	before := w.region(home).parameters["/amis/base"].Value
	w.region(home).find(before).State = keep.StateDisabled
	w.now = w.now.Add(time.Hour)
	if _, err := w.pass(); err != nil {
		t.Error(err)
	}
	if now := w.region(home).parameters["/amis/base"].Value; now != before {
		t.Errorf("it went from %s to %s", before, now)
	}
	w.night(t)
	w.check(t)
	if now := w.region(home).parameters["/amis/base"].Value; now == before {
		t.Error("it did not go on to the next AMI")
	}
}

// With KeepMode PLAN the marks of an earlier ON are taken back, the tag first.
func TestBackToPlan(t *testing.T) {
	w := calm()
	for range 5 {
		w.night(t)
	}
	w.config.On = false
	w.night(t)
	for _, r := range w.regions {
		for _, a := range r.amis {
			if a.gone.IsZero() && (a.Tags[tags.RetireAt] != "" || !a.DeprecationTime.IsZero() || a.Tags[tags.Told] != "") {
				t.Errorf("%s in %s: %v, %s", a.ID, r.name, a.Tags, a.DeprecationTime)
			}
		}
	}
	before := len(w.region(home).there())
	for range 5 {
		w.night(t)
	}
	w.check(t)
	if now := len(w.region(home).there()); now != before+5 {
		t.Errorf("in PLAN %d AMIs have become %d", before, now)
	}
}

// Nothing is marked that nobody hears of; where the topic existed, that is its owner's business.
func TestNobodyHears(t *testing.T) {
	for _, own := range []bool{true, false} {
		w := calm()
		w.config.OwnTopic, w.subscriptions = own, 0
		for range 6 {
			w.night(t)
		}
		w.check(t)
		if marked := w.types()["AmisRetiring"] > 0; marked == own {
			t.Errorf("with a topic of its own (%v) AMIs were marked: %v", own, marked)
		}
		if stopped := w.types()["RetirementStopped"] > 0; stopped != own {
			t.Errorf("with a topic of its own (%v) it was told that retirement is stopped: %v", own, stopped)
		}
	}
}

// What cannot be told is not marked.
func TestNotTold(t *testing.T) {
	for _, what := range []fault{throttled, outage, refused, denied} {
		w := calm()
		w.config.CopyRegions = nil
		w.fault = faultOf("Publish", what)
		for range 6 {
			w.export("base", w.now.Add(-time.Hour))
			w.now = w.now.Add(day)
			_, _ = w.pass()
		}
		w.check(t)
		for _, a := range w.region(home).amis {
			if a.Tags[tags.RetireAt] != "" || !a.DeprecationTime.IsZero() {
				t.Errorf("%s is marked: %v, %s", a.ID, a.Tags, a.DeprecationTime)
			}
		}
	}
}

// A copy that fails is tried three times with other tokens, then told, and tried no more until there is a newer AMI.
func TestCopyFails(t *testing.T) {
	w := calm()
	w.fault = faultOf("CopyImage", refused)
	w.export("base", w.now.Add(-time.Hour))
	for range 60 {
		w.now = w.now.Add(time.Hour)
		_, _ = w.pass()
	}
	source := w.region(home).find(w.region(home).there()[0])
	if want := abroad + "=3@"; !strings.HasPrefix(source.Tags[tags.Copies], want) {
		t.Errorf("the attempts are %q", source.Tags[tags.Copies])
	}
	if told := w.types()["AmiCopyFailed"]; told != 1 {
		t.Errorf("told %d times", told)
	}
	w.fault = nil
	w.now = w.now.Add(day)
	w.night(t)
	w.check(t)
	if copies := len(w.region(abroad).there()); copies != 1 {
		t.Errorf("there are %d copies", copies)
	}
}

func TestCopyTags(t *testing.T) {
	source := nightAMI(home, 0)
	source.Tags["Owner"], source.Tags["aws:cloudformation:stack-name"] = "desktop", "x"
	for _, key := range []string{tags.RetireAt, tags.Retired, tags.Told, tags.Copies} {
		source.Tags[key] = "x"
	}
	got := slices.Sorted(maps.Keys(keep.CopyTags(source, home)))
	want := []string{"Owner", tags.AMIName, tags.ExportedAt, tags.ImageARN, tags.ImageCreated, tags.SourceAMI, tags.SourceRegion,
		tags.Stack}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	for i := range 60 {
		source.Tags[fmt.Sprintf("Tag%d", i)] = ""
	}
	if many := keep.CopyTags(source, home); len(many) != 45 || many[tags.Stack] != stack {
		t.Errorf("%d tags travel, of the stack %q", len(many), many[tags.Stack])
	}
}

// A pointer is left that somebody else made or has changed, and that is told once; it is made again where it was deleted.
func TestPointer(t *testing.T) {
	for name, change := range map[string]func(r *region){
		"somebody else's": func(r *region) { r.parameters["/amis/base"].Stack = "" },
		"changed":         func(r *region) { r.parameters["/amis/base"].Value = r.amis[0].ID },
		"of another type": func(r *region) { r.parameters["/amis/base"].DataType = "text" },
	} {
		t.Run(name, func(t *testing.T) {
			w := calm()
			w.night(t)
			change(w.region(home))
			before := w.region(home).parameters["/amis/base"].Value
			for range 3 {
				w.night(t)
			}
			w.check(t)
			if now := w.region(home).parameters["/amis/base"].Value; now != before {
				t.Errorf("it was moved from %s to %s", before, now)
			}
			if told := w.types()["AmiPointerFailed"]; told != 1 {
				t.Errorf("told %d times", told)
			}
			delete(w.region(home).parameters, "/amis/base")
			w.night(t)
			if w.region(home).parameters["/amis/base"] == nil {
				t.Error("it was not made again")
			}
		})
	}
	w := calm()
	w.night(t)
	w.region(home).parameters["/amis/base"].silent = true
	w.export("base", w.now.Add(-time.Hour))
	w.now = w.now.Add(time.Hour)
	for range 2 {
		if _, err := w.pass(); err == nil || !strings.Contains(err.Error(), "was taken by Systems Manager, which does not show it") {
			t.Errorf("the error is %v", err)
		}
	}
	if told := w.types()["AmiPointerFailed"]; told != 1 {
		t.Errorf("told %d times", told)
	}
}

// Every document is as the schema says, and the same news has the same id.
func TestDocuments(t *testing.T) {
	kinds := map[notify.Type]bool{}
	for s := range uint64(40) {
		if s >= 3 && len(kinds) == 9 {
			break
		}
		var total counters
		w := liveYears(s+1, 1, &total)
		ids := map[string]string{}
		for _, p := range w.published {
			kinds[p.Type] = true
			body, err := p.Body()
			if err != nil {
				t.Fatal(err)
			}
			if err := notifytest.Check([]byte(body)); err != nil {
				t.Fatalf("%v\n%s", err, body)
			}
			if subject := p.Subject(); len(subject) > 99 || strings.Contains(subject, "  ") || strings.HasSuffix(subject, " ") {
				t.Errorf("the subject is %q", subject)
			}
			var about []string
			for _, a := range p.AMIs {
				about = append(about, a.ID+a.RetireAt.String())
			}
			slices.Sort(about)
			if other, told := ids[p.ID]; told && p.Type == notify.AMIsRetiring && other != strings.Join(about, " ") {
				t.Errorf("the id %s is that of two documents", p.ID)
			}
			ids[p.ID] = strings.Join(about, " ")
		}
	}
	for _, kind := range []notify.Type{
		notify.AMICopied, notify.AMICopyFailed, notify.AMIsRetiring, notify.AMIsRetired, notify.AMINotRetired, notify.AMIPointerFailed,
		notify.AMINotImportable, notify.AMIsKeptByHand, notify.RetirementStopped,
	} {
		if !kinds[kind] {
			t.Errorf("%s was never told", kind)
		}
	}
}

func TestObstacles(t *testing.T) {
	if found := keep.Obstacles(nightAMI(home, 0), account); len(found) > 0 {
		t.Errorf("an export cannot be imported: %v", found)
	}
	for says, change := range map[string]func(a *keep.AMI){
		"its owner is 210987654321":         func(a *keep.AMI) { a.OwnerID = "210987654321" },
		"it is encrypted":                   func(a *keep.AMI) { a.BlockDevices[0].Encrypted = true },
		"it has 2 volumes":                  func(a *keep.AMI) { a.BlockDevices = append(a.BlockDevices, a.BlockDevices[0]) },
		"it has 0 volumes":                  func(a *keep.AMI) { a.BlockDevices = nil },
		"its volume is /dev/xvda":           func(a *keep.AMI) { a.BlockDevices[0].DeviceName = "/dev/xvda" },
		"its volume has 501 GiB":            func(a *keep.AMI) { a.BlockDevices[0].VolumeSize = 501 },
		"its volume has 0 GiB":              func(a *keep.AMI) { a.BlockDevices[0].VolumeSize = 0 },
		"the type of its volume is io2":     func(a *keep.AMI) { a.BlockDevices[0].VolumeType = "io2" },
		"its architecture is arm64":         func(a *keep.AMI) { a.Architecture = "arm64" },
		"its virtualization is paravirtual": func(a *keep.AMI) { a.VirtualizationType = "paravirtual" },
		"its boot mode is legacy-bios":      func(a *keep.AMI) { a.BootMode = "legacy-bios" },
		"its boot mode is not told":         func(a *keep.AMI) { a.BootMode = "" },
		"its TPM is not told":               func(a *keep.AMI) { a.TPMSupport = "" },
		"it does not support ENA":           func(a *keep.AMI) { a.ENASupport = false },
		"its platform is Linux/UNIX":        func(a *keep.AMI) { a.PlatformDetails = "Linux/UNIX" },
	} {
		a := nightAMI(home, 0)
		a.BlockDevices = slices.Clone(a.BlockDevices)
		change(&a)
		if found := strings.Join(keep.Obstacles(a, account), "; "); !strings.Contains(found, says) {
			t.Errorf("found was %q, want %q", found, says)
		}
	}
	a := nightAMI(home, 0)
	a.BootMode, a.BlockDevices[0].VolumeSize = "uefi-preferred", 500
	if found := keep.Obstacles(a, account); len(found) > 0 {
		t.Errorf("what can be imported cannot: %v", found)
	}
}

func TestDecode(t *testing.T) {
	for payload, dryRun := range map[string]bool{
		`{}`:                  false,
		` {"dryRun" : true} `: true,
		`{"source":"aws.scheduler","detail":"{}"}`:                                                            false,
		`{"source":"aws.events","detail-type":"Scheduled Event","x":1}`:                                       false,
		`{"source":"aws.ec2","detail-type":"EC2 AMI State Change","detail":{"State":"available"},"new":true}`: false,
	} {
		got, err := keep.Decode([]byte(payload))
		if err != nil || got.DryRun != dryRun {
			t.Errorf("%s: %+v, %v", payload, got, err)
		}
	}
	for _, payload := range []string{
		``, `null`, `[]`, `7`, `"x"`, `{"dryRun":false}`, `{"dryRun":"true"}`, `{"dryRun":null}`, `{"dryrun":true}`, `{"DryRun":true}`,
		`{"dryRun":true,"region":"us-east-1"}`, `{"keep":"last=1"}`, `{"amiId":"ami-1"}`,
		`{"source":"aws.ec2","detail-type":"EC2 Instance State-change Notification"}`,
		`{"source":"aws.s3"}`, `{"source":7}`, `{"source":"","dryRun":true}`, `{} {}`,
	} {
		if got, err := keep.Decode([]byte(payload)); err == nil || !strings.Contains(err.Error(), "accepted are: ") {
			t.Errorf("%s: %+v, %v", payload, got, err)
		}
	}
}

// A dry run shows what a pass would find, and changes nothing.
func TestDryRun(t *testing.T) {
	w := calm()
	w.night(t)
	a := w.export("base", w.now.Add(-time.Hour))
	w.now = w.now.Add(time.Hour)
	before, told := maps.Clone(a.Tags), len(w.published)
	plan := w.keeper().DryRun(t.Context())
	if diff := cmp.Diff(before, a.Tags); diff != "" || told != len(w.published) {
		t.Errorf("a dry run changes tags (-before +after):\n%s", diff)
	}
	encoded, err := json.Marshal(keep.NewReply(w.config, plan, true))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"dryRun":true`, `"mode":"ON"`, `"keep":"last=2"`, `"id":"` + a.ID + `"`,
		`"fate":"keep","reason":"last=2`} {
		if !strings.Contains(string(encoded), part) {
			t.Errorf("the reply lacks %s: %s", part, encoded)
		}
	}
}

// The reply of a plan of any size is one that Lambda carries, and a pass that acts answers with numbers.
func TestReplySize(t *testing.T) {
	long := &keep.Decision{AMI: nightAMI(home, 0), Fate: keep.FateLeft, Reason: strings.Repeat("r", 200),
		ImageName: strings.Repeat("i", 101)}
	long.AMI.Name, long.Family.Name = strings.Repeat("n", 128), strings.Repeat("f", 101)
	plan := keep.Plan{Regions: []*keep.RegionPlan{{Region: home, Decisions: slices.Repeat([]*keep.Decision{long}, 7_500)}}}
	c, _ := estate()
	reply := keep.NewReply(c, plan, true)
	encoded, err := json.Marshal(reply)
	if err != nil || len(encoded) > 6_000_000 || reply.Regions[0].More != 500 || reply.Regions[0].Fates[keep.FateLeft] != 7_500 {
		t.Errorf("%d bytes, %d more, %v", len(encoded), reply.Regions[0].More, err)
	}
	if acted := keep.NewReply(c, plan, false); len(acted.Regions[0].AMIs) > 0 || acted.Regions[0].Fates[keep.FateLeft] != 7_500 {
		t.Errorf("a pass that acts answers with %d AMIs", len(acted.Regions[0].AMIs))
	}
}
