package keep_test

import (
	"flag"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"appstream-ami-exporter/internal/keep"
)

var (
	years = flag.Int("years", shortYears, "how many years TestYears simulates")
	seed  = flag.Uint64("seed", 0, "the one seed of TestYears to run, or 0 for all; with the -years of the run that has shown it")
)

// yearsOfSeed is how long one estate lives: long enough for yearly rules where there is time for that.
func yearsOfSeed() int {
	if *years >= 100 {
		return 3
	}
	return 1
}

// TestYears simulates estates of random images, settings and people over years, with everything that goes wrong, and checks
// at each call what no keeper may do. A seed always goes the same way: -seed runs one alone.
func TestYears(t *testing.T) {
	t.Parallel()
	began := time.Now()
	seeds := make(chan uint64)
	var wait sync.WaitGroup
	var total counters
	var failed atomic.Int32
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for s := range seeds {
				w := liveYears(s, yearsOfSeed(), &total)
				for _, violation := range w.violated[:min(3, len(w.violated))] {
					t.Errorf("seed %d: %s", s, violation)
				}
				if len(w.violated) > 0 {
					failed.Add(1)
				}
			}
		})
	}
	if *seed != 0 {
		seeds <- *seed
	} else {
		for s := range uint64((*years + yearsOfSeed() - 1) / yearsOfSeed()) {
			if failed.Load() > 5 {
				break
			}
			seeds <- s + 1
		}
	}
	close(seeds)
	wait.Wait()
	t.Logf("%d years in %s: %s", *years, time.Since(began).Round(time.Second), &total)
	if *years >= shortYears && *seed == 0 {
		total.check(t)
	}
}

// counters show that the years were not empty.
type counters struct {
	passes, killed, retired, marked, copies, moves, restored, told atomic.Int64
}

func (c *counters) String() string {
	return fmt.Sprintf("%d passes, %d killed, %d AMIs deregistered, %d marked, %d copied, %d brought back, %d pointers moved, %d documents",
		c.passes.Load(), c.killed.Load(), c.retired.Load(), c.marked.Load(), c.copies.Load(), c.restored.Load(), c.moves.Load(),
		c.told.Load())
}

// check fails where something never happened: then the years prove nothing of it.
func (c *counters) check(t *testing.T) {
	for what, counter := range map[string]*atomic.Int64{
		"killed": &c.killed, "deregistered": &c.retired, "marked": &c.marked, "copied": &c.copies, "brought back": &c.restored,
		"told": &c.told,
	} {
		if counter.Load() == 0 {
			t.Errorf("in all the years nothing was %s", what)
		}
	}
}

// liveYears is the life of one estate.
func liveYears(seed uint64, years int, total *counters) *world {
	w := newWorld(seed, []string{"eu-central-1", "us-east-1"}[:[]int{0, 1, 0, 2}[seed%4]]...)
	w.config.PointerPrefix = "/amis"
	w.config.Keep, w.config.GraceDays, w.config.UnusedDays = randomRules(w), 1+w.rnd.IntN(8), 10
	w.config.Families = one(w, families)
	w.config.Location = one(w, locations)
	images := []string{"base-1", one(w, []string{"office-1", "golden", "base-0"})}[:1+w.rnd.IntN(2)]
	created := map[string]time.Time{}
	for i := range images {
		created[images[i]] = w.now.Add(-day)
	}
	if w.rnd.IntN(2) == 0 {
		w.region(home).add("foreign", map[string]string{})
	}
	calm := w.rnd.IntN(3) == 0 // estates in which nobody meddles and little goes wrong, so that much is retired
	for night := range years * 365 {
		for i, image := range images {
			if w.rnd.IntN(40) == 0 { // a new version, under a new name
				images[i] = fmt.Sprintf("%s-%d", image[:4], night+2)
				created[images[i]] = w.now.Add(-time.Hour)
			}
			if w.rnd.IntN(5) < 2 {
				a := w.export(images[i], created[images[i]])
				if w.rnd.IntN(10) == 0 { // AppStream has forgotten the task; the mark is there, or is not
					w.tasks = w.tasks[:len(w.tasks)-1]
				}
				if w.rnd.IntN(30) == 0 {
					a.Encrypt()
				}
			}
		}
		w.tasks = w.tasks[max(0, len(w.tasks)-20):]
		w.now = w.now.Add(time.Hour)
		passes := 1
		if w.rnd.IntN(3) == 0 {
			passes++ // at an event
		}
		for range passes {
			if !calm && w.rnd.IntN(4) == 0 {
				w.meddle()
			}
			if w.rnd.IntN(60) == 0 {
				w.reconfigure()
			}
			if !w.config.On && w.rnd.IntN(30) == 0 { // estates only grow in PLAN: after some weeks that shows nothing new
				w.config.On = true
			}
			if w.rnd.IntN(12) == 0 {
				w.repair()
			}
			w.trouble(calm)
			plan, _ := w.pass()
			total.passes.Add(1)
			w.checkPlan(plan)
			w.skew = 0
			w.now = w.now.Add(time.Duration(5+w.rnd.IntN(200)) * time.Minute)
		}
		w.now = time.Date(w.now.Year(), w.now.Month(), w.now.Day()+1, 1, w.rnd.IntN(60), 0, 0, time.UTC)
		if w.rnd.IntN(200) == 0 { // nobody works, or the keeper is off
			w.now = w.now.Add(time.Duration(w.rnd.IntN(40)) * day)
		}
		w.forget()
	}
	for _, r := range w.regions {
		for _, p := range r.parameters {
			if p.Exists {
				total.moves.Add(1)
			}
		}
	}
	w.tally(total)
	return w
}

// trouble decides what goes wrong in the next pass.
func (w *world) trouble(calm bool) {
	w.fault, w.onLastLook = nil, nil
	odds := 6
	if calm {
		odds = 60
	}
	if w.rnd.IntN(odds) > 0 {
		return
	}
	switch w.rnd.IntN(5) {
	case 0:
		w.killAt = 1 + w.rnd.IntN(60)
	case 1, 2:
		w.fault = func(string) fault {
			if w.rnd.IntN(25) == 0 {
				return fault(1 + w.rnd.IntN(int(denied)))
			}
			return none
		}
	case 3:
		w.skew = time.Duration(w.rnd.IntN(2*400)-400) * time.Duration(w.rnd.IntN(4)) * day / 10
	case 4: // somebody does something while a pass is under way: the last look has to see it
		w.onLastLook = func() {
			for range w.rnd.IntN(5) {
				w.meddleWith(w.rnd.IntN(meddlings - accountMeddlings))
			}
		}
	}
}

// checkPlan checks that every AMI that is shown has a fate and a reason.
func (w *world) checkPlan(plan keep.Plan) {
	for _, region := range plan.Regions {
		for _, d := range region.Decisions {
			if d.Fate == "" || d.Reason == "" {
				w.violation("%s in %s has the fate %q for the reason %q", d.AMI.ID, region.Region, d.Fate, d.Reason)
			}
		}
	}
}

// forget drops what can play no part any more, so that a year costs what it is worth.
func (w *world) forget() {
	for _, r := range w.regions {
		kept := r.amis[:0]
		for _, a := range r.amis {
			if !a.gone.IsZero() && w.now.Sub(a.gone) > 8*day || a.State == keep.StateFailed && w.now.Sub(a.CreationDate) > 3*day {
				w.done(r, a)
				continue
			}
			kept = append(kept, a)
		}
		r.amis = kept
	}
}
