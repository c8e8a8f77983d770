package keep_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/keep"
	"appstream-ami-exporter/internal/tags"
)

// lasting are what may stay wrong for as long as nobody does anything about it, how it begins and ends, and the documents that are
// to tell it in both Regions together.
var lasting = map[string]struct {
	begin, end func(w *world)
	exported   func(a *ami) // changes each night's AMI meanwhile
	rest       int          // days after it has ended, where two are too few to show it
	told       map[string]int
}{
	"nobody hears": {
		begin: func(w *world) { w.subscriptions = 0 },
		end:   func(w *world) { w.subscriptions = 1 },
		told:  map[string]int{"RetirementStopped": 2},
	},
	"no undo": {
		begin: func(w *world) { w.everywhere(func(r *region) { r.undo = keep.UndoRules{} }) },
		end:   func(w *world) { w.repair() },
		told:  map[string]int{"RetirementStopped": 2},
	},
	"an open fence": {
		begin: func(w *world) { w.everywhere(func(r *region) { r.open = true }) },
		end:   func(w *world) { w.repair() },
		told:  map[string]int{"RetirementStopped": 2},
	},
	"a fence that nobody can try": {
		begin: func(w *world) { w.fault = faultOf("DeregisterImage (DryRun)", outage) },
		end:   func(w *world) { w.fault = nil },
		told:  map[string]int{"RetirementStopped": 2},
	},
	"a family called as an image is": {
		begin: func(w *world) { w.config.Families = keep.Families{{Name: "base", Pattern: "office-*"}} },
		end:   func(w *world) { w.config.Families = nil },
		told:  map[string]int{"RetirementStopped": 2},
	},
	"refusals to deregister": {
		begin: func(w *world) { w.fault = faultOf("DeregisterImage", denied) },
		end:   func(w *world) { w.fault = nil },
		rest:  9, // until those that were refused are gone
		told:  map[string]int{"AmiNotRetired": 2},
	},
	"copies that fail": {
		begin: func(w *world) { w.fault = faultOf("CopyImage", refused) },
		end:   func(w *world) { w.fault = nil },
		told:  map[string]int{"AmiCopyFailed": 2}, // of each family
	},
	"somebody else's parameter": {
		begin: func(w *world) { w.everywhere(func(r *region) { r.parameters["/amis/base"].Stack = "" }) },
		end:   func(w *world) { w.everywhere(func(r *region) { delete(r.parameters, "/amis/base") }) },
		told:  map[string]int{"AmiPointerFailed": 2},
	},
	"a parameter that takes no value": {
		begin: func(w *world) { w.everywhere(func(r *region) { r.parameters["/amis/base"].silent = true }) },
		end:   func(w *world) { w.repair() },
		told:  map[string]int{"AmiPointerFailed": 2},
	},
	"encrypted AMIs": {
		begin:    func(*world) {},
		end:      func(*world) {},
		exported: (*ami).Encrypt,
		told:     map[string]int{"AmiNotImportable": 1},
	},
}

// lastingTypes are the documents of what can last; the others tell what was done.
var lastingTypes = []string{"RetirementStopped", "AmiNotRetired", "AmiCopyFailed", "AmiPointerFailed", "AmiNotImportable",
	"AmisKeptByHand"}

func (w *world) everywhere(do func(*region)) {
	for _, r := range w.regions {
		do(r)
	}
}

// days lets days pass with an export each and a pass each hour, and counts what was told meanwhile of what can last.
func (w *world) days(days int, exported func(*ami)) map[string]int {
	before := w.types()
	for range days {
		for _, image := range []string{"base", "office-1"} {
			if a := w.export(image, w.now.Add(-time.Hour)); exported != nil && image == "base" {
				exported(a)
			}
		}
		for range 24 {
			w.now = w.now.Add(time.Hour)
			_, _ = w.pass()
		}
	}
	told := map[string]int{}
	after := w.types()
	for _, kind := range lastingTypes {
		if count := after[kind] - before[kind]; count > 0 {
			told[kind] = count
		}
	}
	return told
}

// What lasts is told when it begins, in each Region, and not of each AMI that comes under it meanwhile; again only when it has ended
// and begins anew.
func TestLasting(t *testing.T) {
	for name, what := range lasting {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := calm()
			w.reliable = true
			if told := w.days(7, nil); len(told) > 0 {
				t.Errorf("told before it begins: %v", told)
			}
			for _, phase := range []string{"it begins", "it begins anew"} {
				what.begin(w)
				if diff := cmp.Diff(what.told, w.days(12, what.exported)); diff != "" {
					t.Errorf("told when %s (-want +got):\n%s", phase, diff)
				}
				what.end(w)
				if told := w.days(max(2, what.rest), nil); len(told) > 0 {
					t.Errorf("told after it has ended: %v", told)
				}
				w.everywhere(func(r *region) {
					for _, a := range r.amis {
						if a.gone.IsZero() && a.Tags[tags.Told] != "" && name != "encrypted AMIs" {
							t.Errorf("%s in %s has not forgotten: %s", a.ID, r.name, a.Tags[tags.Told])
						}
					}
				})
			}
			w.check(t)
		})
	}
}

// While nothing is retired, each pass counts it in each Region: the alarm rings for as long as it lasts, however often it is told.
func TestStoppedIsCounted(t *testing.T) {
	for _, name := range []string{"nobody hears", "no undo", "an open fence"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := calm()
			w.reliable = true
			stopped := func() string {
				var line bytes.Buffer
				k := w.keeper()
				k.Metrics.Out = &line
				_, _ = k.Pass(t.Context())
				if err := k.Metrics.Flush(); err != nil {
					t.Fatal(err)
				}
				var counted struct{ RetirementsStopped json.Number }
				if err := json.Unmarshal(line.Bytes(), &counted); err != nil {
					t.Fatal(err)
				}
				return counted.RetirementsStopped.String()
			}
			w.days(7, nil)
			if got := stopped(); got != "0" {
				t.Errorf("before it begins %s Regions are stopped", got)
			}
			lasting[name].begin(w)
			w.days(12, nil)
			for range 3 {
				w.now = w.now.Add(time.Hour)
				if got := stopped(); got != "2" {
					t.Errorf("while it lasts %s Regions are stopped", got)
				}
			}
			lasting[name].end(w)
			w.days(2, nil)
			if got := stopped(); got != "0" {
				t.Errorf("after it has ended %s Regions are stopped", got)
			}
		})
	}
}

// What a person's copy brings along in its tags says nothing of the keeper.
func TestLastingOnACopy(t *testing.T) {
	w := calm()
	w.reliable = true
	w.days(7, nil)
	for _, r := range w.regions {
		copied := r.add(r.amis[len(r.amis)-1].Name, maps.Clone(r.amis[len(r.amis)-1].Tags))
		copied.Tags[tags.Told] = "stopped@unheard stopped@fence foreign-pointer"
	}
	w.subscriptions = 0
	if diff := cmp.Diff(map[string]int{"RetirementStopped": 2}, w.days(2, nil)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	w.check(t)
}

// Another obstacle than before is news; the same one of the next AMI is not.
func TestAnotherObstacle(t *testing.T) {
	w := calm()
	large := func(a *ami) { a.BlockDevices[0].VolumeSize = 501 }
	for night, exported := range []func(*ami){nil, (*ami).Encrypt, (*ami).Encrypt, large, large, nil, large} {
		told := w.days(1, exported)["AmiNotImportable"]
		if want := []int{0, 1, 0, 1, 0, 0, 1}[night]; told != want {
			t.Errorf("in night %d it was told %d times, want %d", night, told, want)
		}
	}
}

// Another refusal than before is news.
func TestAnotherRefusal(t *testing.T) {
	w := calm()
	w.reliable = true
	w.days(7, nil)
	for _, what := range []fault{denied, refused} {
		w.fault = faultOf("DeregisterImage", what)
		if told := w.days(3, nil)["AmiNotRetired"]; told != 2 {
			t.Errorf("it was told %d times", told)
		}
	}
}

// Each time that somebody takes an AMI into their hands is told, once.
func TestByHandAnew(t *testing.T) {
	w := calm()
	w.night(t)
	w.night(t)
	a := w.region(home).amis[1]
	for range 2 {
		a.DeprecationTime, a.byPerson = w.now.Add(90*day), true
		if told := w.days(2, nil)["AmisKeptByHand"]; told != 1 {
			t.Errorf("it was told %d times", told)
		}
		a.DeprecationTime, a.byPerson = time.Time{}, false
		if told := w.days(1, nil)["AmisKeptByHand"]; told != 0 || strings.Contains(a.Tags[tags.Told], "by-hand") {
			t.Errorf("it was told %d times, the AMI remembers %q", told, a.Tags[tags.Told])
		}
	}
	w.check(t)
}

// What was told and could not be deprecated is told again only with another time.
func TestNotDeprecated(t *testing.T) {
	w := calm()
	w.config.CopyRegions = nil
	w.fault = faultOf("EnableImageDeprecation", denied)
	for range 3 {
		w.export("base", w.now.Add(-time.Hour))
	}
	before := w.types()["AmisRetiring"]
	for range 6 * 24 {
		w.now = w.now.Add(time.Hour)
		_, _ = w.pass()
	}
	if told := w.types()["AmisRetiring"] - before; told < 6 || told > 7 {
		t.Errorf("in six days it was told %d times", told)
	}
	w.fault = nil
	w.night(t)
	w.check(t)
	if marked := w.types()["AmisRetiring"]; marked == before {
		t.Error("nothing was marked afterwards")
	}
}
