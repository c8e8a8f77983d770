package reliability

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/appstream"
)

const (
	// nightsPerWorld keeps worlds small: what goes wrong, goes wrong between few images, and every listing of many costs.
	nightsPerWorld = 15

	// calmNights are the last ones: nothing goes wrong any more, so that at the end all must be well.
	calmNights = 2

	// usualNights are simulated by go test, within some ten seconds; make soak simulates more, and CI fourteen times as many with each
	// change. The race detector costs ten times the time, and with it fewer are enough: all calls go one by one anyway.
	usualNights     = 210
	nightsUnderRace = 90
)

// totals are what all worlds together have been through.
var totals struct {
	nights, images, tasks, calls, faults, kills, duplicates, putAside atomic.Int64
}

// TestSimulation lets many worlds live through nights of random misfortune. A seed that fails is named; run it alone with
//
//	go test ./internal/reliability -run TestSimulation -seed N -v
func TestSimulation(t *testing.T) {
	if *seed != 0 {
		simulate(t, *seed, t.Output())
		return
	}
	total := usualNights
	if raceDetector {
		total = nightsUnderRace
	}
	if testing.Short() {
		total /= 10
	}
	if *nights > 0 {
		total = *nights
	}
	begun := time.Now()
	t.Run("worlds", func(t *testing.T) {
		const shards = 4
		worlds := max(total/nightsPerWorld, shards)
		for shard := range shards {
			t.Run(fmt.Sprint(shard), func(t *testing.T) {
				t.Parallel()
				for n := shard; n < worlds && !t.Failed(); n += shards {
					simulate(t, uint64(n)+1, nil)
				}
			})
		}
	})
	t.Logf("%d nights in %s: %d images, %d export tasks, %d calls, %d faults, %d of them kills, %d duplicate triggers, %d triggers put "+
		"aside and sent again",
		totals.nights.Load(), time.Since(begun).Round(time.Second), totals.images.Load(), totals.tasks.Load(), totals.calls.Load(),
		totals.faults.Load(), totals.kills.Load(), totals.duplicates.Load(), totals.putAside.Load())
}

// TestSimulationRepeats has a seed go the same way twice, without which a failing one would be of no use.
func TestSimulationRepeats(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		var first, second bytes.Buffer
		simulate(t, seed, &first)
		simulate(t, seed, &second)
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			at := difference(first.Bytes(), second.Bytes())
			t.Errorf("seed %d goes two ways:\n%s\n---\n%s", seed, first.Bytes()[max(0, at-500):min(first.Len(), at+500)],
				second.Bytes()[max(0, at-500):min(second.Len(), at+500)])
		}
		if first.Len() < 10_000 {
			t.Errorf("the trace of seed %d has %d bytes only", seed, first.Len())
		}
	}
}

func difference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// simulation is one world with what befalls it.
type simulation struct {
	*world
	*rand.Rand
	truth

	faultRate float64
	killRate  float64
	storms    []storm
	calm      time.Time
	perName   int // how many images there were, to name them
	byDate    bool
}

// storm is a time in which one service, or all, mostly fails.
type storm struct {
	from, to time.Time
	service  string // empty: all of them
	rate     float64
}

func simulate(t *testing.T, seed uint64, trace io.Writer) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, seed, trace)
		defer s.close()
		defer func() {
			if t.Failed() {
				t.Logf("this was seed %d: repeat it with -run TestSimulation -seed %d -v", seed, seed)
			}
		}()
		s.live()
		s.judge()
		totals.nights.Add(nightsPerWorld)
		totals.images.Add(int64(s.perName))
		totals.tasks.Add(int64(len(s.appStream.Tasks())))
		totals.calls.Add(int64(len(s.calls)))
	})
}

func newSimulation(t *testing.T, seed uint64, trace io.Writer) *simulation {
	s := &simulation{Rand: rand.New(rand.NewPCG(seed, 1))}
	s.truth = newTruth(s)
	parameters := map[string]string{
		"Images": "prod-*,!prod-skip*", "WaitDeadlineHours": "8", "ExportDeadlineHours": "4",
	}
	if s.byDate = s.chance(0.3); s.byDate {
		parameters["AmiNameTemplate"] = "{image}-{date}"
	}
	exceptions := []string{"OperationNotPermittedException", "ResourceNotAvailableException", "ConcurrentModificationException",
		"ValidationException", "ResourceAlreadyExistsException"}
	options := worldOptions{
		parameters: parameters, seed: seed, fault: s.fault, observe: s.observe, told: s.told,
		appStream: appstream.Options{
			Twins: appstream.TwinPolicy(s.IntN(3)), TwinException: exceptions[s.IntN(len(exceptions))],
			MaxConcurrentExports: []int{0, 1, 2, 3}[s.IntN(4)], IgnoreUnknownNames: s.chance(0.3),
			ListsNewestFirst: s.chance(0.5), ListsNoTags: s.chance(0.2), TellsNoTags: s.chance(0.05),
		},
	}
	if trace != nil {
		options.trace = trace
	}
	s.world = newWorld(t, options)
	s.faultRate = []float64{0, 0.01, 0.05}[s.IntN(3)]
	s.killRate = []float64{0, 0.01, 0.03}[s.IntN(3)]
	begin := time.Now()
	s.calm = begin.AddDate(0, 0, nightsPerWorld-calmNights)
	for range s.IntN(6) {
		from := begin.Add(s.between(0, s.calm.Sub(begin)))
		s.storms = append(s.storms, storm{
			from: from, to: earlier(from.Add(s.between(5*time.Minute, 4*time.Hour)), s.calm),
			service: []string{"", "appstream", "sns", "sqs"}[s.IntN(4)], rate: 0.5 + s.Float64()/2,
		})
	}
	return s
}

func (s *simulation) chance(p float64) bool { return s.Float64() < p }

func (s *simulation) between(low, high time.Duration) time.Duration {
	return low + time.Duration(s.Int64N(int64(high-low)+1))
}

// live lets the nights pass.
func (s *simulation) live() {
	begin := time.Now()
	for range 3 + s.IntN(5) {
		s.newImage(false)
	}
	for day := range nightsPerWorld {
		morning := begin.AddDate(0, 0, day)
		s.planNight(morning)
		s.at(morning.Add(12*time.Hour), s.forget)
	}
	s.run(begin.AddDate(0, 0, nightsPerWorld))
	s.settle(10 * 24 * time.Hour)
	for len(s.failed.messages) > 0 { // what the operator has not come to yet
		s.sendAgain()
		s.settle(10 * 24 * time.Hour)
	}
}

// planNight plans what happens in the 24 hours from then.
func (s *simulation) planNight(from time.Time) {
	scheduled := from.Add(2 * time.Hour)
	s.at(scheduled, func() { s.fireSchedule(scheduled) })
	if s.chance(0.1) {
		totals.duplicates.Add(1)
		s.at(scheduled.Add(s.sometimes(0, 90*time.Minute)), func() { s.fireSchedule(scheduled) })
	}
	sometime := func() time.Time { return from.Add(s.between(0, 24*time.Hour)) }
	for range s.IntN(3) {
		s.at(sometime(), func() { s.newImage(true) })
	}
	if s.chance(0.3) {
		s.at(sometime(), s.removeImage)
	}
	if s.chance(0.3) {
		s.at(sometime(), s.request)
	}
	if s.chance(0.7) {
		s.at(sometime(), s.sendAgain)
	}
	if s.chance(0.2) {
		s.at(sometime(), func() { s.appStream.SetMaxConcurrentExports([]int{0, 1, 2, 3}[s.IntN(4)]) })
	}
	if s.chance(0.2) && from.Before(s.calm) {
		s.at(sometime(), s.loseMark)
	}
}

// sometimes is at once as often as not.
func (s *simulation) sometimes(low, high time.Duration) time.Duration {
	if s.chance(0.5) {
		return 0
	}
	return s.between(low, high)
}

// newImage begins an image: most become available, some fail, vanish or never come about. Its event may come early, late,
// twice or not at all.
func (s *simulation) newImage(events bool) {
	s.perName++
	name := fmt.Sprintf("%s-%d", []string{"prod", "prod", "prod", "prod", "prod-skip", "test"}[s.IntN(6)], s.perName)
	image := appstream.Image{Name: name, Tags: map[string]string{"Team": "Desktop"}}
	ready := s.between(time.Minute, 40*time.Minute)
	begins := []types.ImageState{types.ImageStatePending, types.ImageStateCopying, types.ImageStateImporting, types.ImageStateValidating,
		"BAKING"}
	if events {
		image.State = begins[s.IntN(len(begins))]
		becomes := types.ImageStateAvailable
		switch chance := s.Float64(); {
		case chance < 0.08:
			becomes = types.ImageStateFailed
		case chance < 0.12:
			becomes = appstream.Absent
		case chance < 0.13:
			ready = 1000 * time.Hour
		}
		image.Becomes = []appstream.StateChange{{After: ready, State: becomes}}
	}
	if s.chance(0.1) {
		image.Platform = types.PlatformTypeRockyLinux8
	}
	s.plan(name)
	seen := time.Duration(0)
	if events && s.chance(0.1) {
		seen = s.between(time.Second, 3*time.Minute)
	}
	s.after(seen, func() { s.appStream.PutImage(image); s.born(name) })
	if !events || s.chance(0.2) {
		return
	}
	event := imageEvent(s.t, name, fmt.Sprintf("event-%d", s.perName), time.Now())
	s.putEvent(event)
	for s.chance(0.15) {
		totals.duplicates.Add(1)
		s.after(s.sometimes(0, 4*time.Hour), func() { s.putEvent(event) })
	}
}

// plan decides how the exports of an image end.
func (s *simulation) plan(name string) {
	var outcomes []appstream.Outcome
	for range 1 + s.IntN(2) {
		outcome := appstream.Outcome{After: s.between(30*time.Second, 20*time.Minute)}
		switch chance := s.Float64(); {
		case chance < 0.12:
			outcome.End, outcome.Errors = types.ExportImageTaskStateFailed,
				[]appstream.TaskError{{Code: "InternalError", Message: "It failed."}}
		case chance < 0.15:
			outcome.End = types.ExportImageTaskStateTimedOut
		case chance < 0.16:
			outcome.After = 6 * time.Hour // longer than anybody waits
		case chance < 0.3:
			outcome.Begins = []appstream.Phase{{State: "PENDING", For: time.Minute}, {State: "", For: time.Minute}}
		}
		outcomes = append(outcomes, outcome)
	}
	s.appStream.SetOutcome(name, outcomes...)
}

// removeImage deletes some image; another of its name may take its place.
func (s *simulation) removeImage() {
	images := s.appStream.Images()
	if len(images) == 0 {
		return
	}
	name := images[s.IntN(len(images))].Name
	s.tracef("image %s is deleted", name)
	s.appStream.RemoveImage(name)
	if s.chance(0.4) {
		s.after(s.between(time.Second, time.Hour), func() {
			s.tracef("image %s is there again", name)
			s.appStream.PutImage(appstream.Image{Name: name})
			s.born(name)
		})
	}
}

// loseMark has somebody remove the mark of some image whose export AppStream remembers.
func (s *simulation) loseMark() {
	tasks := s.appStream.Tasks()
	if len(tasks) == 0 {
		return
	}
	task := tasks[s.IntN(len(tasks))]
	if !task.Forgotten && s.appStream.TagsOf(task.ImageName)["appstream-ami-exporter:ami-name"] == task.AMIName {
		s.tracef("the mark of %s is removed", task.ImageName)
		s.appStream.Untag(task.ImageName, "appstream-ami-exporter:ami-name", "appstream-ami-exporter:ami-id")
		s.unmarked[task.AMIName] = true
	}
}

// request asks for some image by its name, also for one that no schedule would touch.
func (s *simulation) request() {
	images := s.appStream.Images()
	if len(images) == 0 {
		return
	}
	name := images[s.IntN(len(images))].Name
	s.asked[name] = true
	s.invokeAsync("request", fmt.Appendf(nil, `{"images":[%q]}`, name))
}

// sendAgain is the operator, who has the triggers that were put aside tried again. A request has no id of its own by which a
// second one could be known to be the same, so that one is left.
func (s *simulation) sendAgain() {
	for _, m := range slices.Clone(s.failed.messages) {
		s.failed.remove(m)
		totals.putAside.Add(1)
		if !bytes.HasPrefix([]byte(m.body), []byte(`{"images"`)) {
			s.invokeAsync("operator", []byte(m.body))
		}
	}
}

// forget has AppStream forget the tasks that have ended, once all that there is to say about them is said.
func (s *simulation) forget() {
	if s.chance(0.2) && s.allTold() {
		s.tracef("AppStream forgets")
		s.appStream.ForgetTasks()
	}
}
