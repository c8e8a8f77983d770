package reliability

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/notify"
)

// twinPolicies are all that AppStream may do with a second export to the same AMI name; nobody has documented which it is.
func twinPolicies() map[string]appstream.Options {
	policies := map[string]appstream.Options{"accepted, fails later": {Twins: appstream.FailTwinLater}}
	for _, exception := range []string{
		"OperationNotPermittedException", "ResourceNotAvailableException", "ConcurrentModificationException", "ValidationException",
		"LimitExceededException", "ResourceAlreadyExistsException", "InternalFailure",
	} {
		policies["refused with "+exception] = appstream.Options{Twins: appstream.RefuseTwin, TwinException: exception}
	}
	return policies
}

// repetition is one way in which the same is asked for twice.
type repetition struct {
	name    string
	pending time.Duration // how long the image is not available yet
	begin   func(w *world, event []byte)
}

var repetitions = []repetition{
	{"event twice at once", 0, func(w *world, event []byte) { w.putEvent(event); w.putEvent(event) }},
	{"event twice at once, image pending", 10 * time.Minute, func(w *world, event []byte) { w.putEvent(event); w.putEvent(event) }},
	{"event twice in a row", 0, func(w *world, event []byte) {
		w.putEvent(event)
		w.after(time.Minute, func() { w.putEvent(event) })
	}},
	{"event again after completion", 0, func(w *world, event []byte) {
		w.putEvent(event)
		w.after(5*time.Hour, func() { w.putEvent(event) })
	}},
	{"event again when AppStream has forgotten", 0, func(w *world, event []byte) {
		w.putEvent(event)
		w.after(5*time.Hour, w.appStream.ForgetTasks)
		w.after(6*time.Hour, func() { w.putEvent(event) })
	}},
	{"schedule and event at once", 0, func(w *world, event []byte) { w.fireSchedule(time.Now()); w.putEvent(event) }},
	{"schedule and event at once, image pending", 10 * time.Minute,
		func(w *world, event []byte) { w.fireSchedule(time.Now()); w.putEvent(event) }},
	{"schedule twice at once", 0, func(w *world, _ []byte) { w.fireSchedule(time.Time{}); w.fireSchedule(time.Time{}) }},
	{"three triggers at once", 0, func(w *world, event []byte) {
		w.fireSchedule(time.Now())
		w.putEvent(event)
		w.invokeAsync("request", []byte(`{"images":["win-1"]}`))
	}},
}

// TestDuplicates asks for the same twice, in every way and with both kinds of twins, and lets the calls of the two cross in
// several ways: there is one AMI, and no false alarm.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	ways := uint64(4)
	if raceDetector {
		ways = 1 // the calls go one by one all the same
	}
	for policy, appStream := range twinPolicies() {
		for _, story := range repetitions {
			for seed := range ways {
				t.Run(fmt.Sprintf("%s/%s/%d", policy, story.name, seed), func(t *testing.T) {
					inWorld(t, worldOptions{appStream: appStream, seed: seed}, func(t *testing.T, w *world) {
						image := appstream.Image{Name: "win-1"}
						if story.pending > 0 {
							image.State = types.ImageStatePending
							image.Becomes = []appstream.StateChange{{After: story.pending, State: types.ImageStateAvailable}}
						}
						w.appStream.PutImage(image)
						story.begin(w, imageEvent(t, "win-1", "event-1", time.Now()))
						w.settle(24 * time.Hour)
						checkOneAMI(t, w)
					})
				})
			}
		}
	}
}

func checkOneAMI(t *testing.T, w *world) {
	t.Helper()
	amis := w.appStream.AMIs()
	if len(amis) != 1 {
		t.Fatalf("there are %d AMIs, want one: %+v", len(amis), amis)
	}
	told := map[notify.Type]map[string]bool{} // by type, the ids
	for _, d := range w.documents() {
		if told[d.Type] == nil {
			told[d.Type] = map[string]bool{}
		}
		told[d.Type][d.ID] = true
	}
	for _, alarm := range []notify.Type{notify.ExportFailed, notify.ExportRejected, notify.ExportGivenUp} {
		if len(told[alarm]) > 0 {
			t.Errorf("a false alarm: %v", told[alarm])
		}
	}
	if len(told[notify.ExportCompleted]) != 1 || !told[notify.ExportStarted][amis[0].TaskID+":EXPORTING"] {
		t.Errorf("told was %v, want the start and the end of %s", told, amis[0].TaskID)
	}
	if got := w.appStream.TagsOf("win-1")["appstream-ami-exporter:ami-id"]; got != amis[0].ID {
		t.Errorf("the image is marked with %q, want %s", got, amis[0].ID)
	}
	for _, q := range []*queue{w.work, w.dead, w.failed} {
		if len(q.messages) > 0 {
			t.Errorf("in %s is left %v", q.Name, q.bodies())
		}
	}
}

// TestDuplicatesOfTheProcess does the same with the compiled function in two execution environments.
func TestDuplicatesOfTheProcess(t *testing.T) {
	t.Parallel()
	for policy, appStream := range map[string]appstream.Options{
		"accepted, fails later": {Twins: appstream.FailTwinLater}, "refused": {Twins: appstream.RefuseTwin},
	} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			a := localtest.Start(t, localaws.Options{AppStream: appStream})
			a.AppStream.PutImage(appstream.Image{Name: "win-1"})
			fireSchedule(t, a)
			for range 2 {
				putImageEvent(t, a, "win-1")
			}
			localtest.Settle(t, a)
			if amis := a.AppStream.AMIs(); len(amis) != 1 {
				t.Errorf("there are %d AMIs, want one: %+v", len(amis), amis)
			}
			completed := map[string]bool{}
			for _, d := range localtest.Documents(t, a) {
				switch d.Type {
				case notify.ExportCompleted:
					completed[d.ID] = true
				case notify.ExportFailed, notify.ExportRejected, notify.ExportGivenUp:
					t.Errorf("a false alarm: %s", d.Summary)
				}
			}
			if len(completed) != 1 {
				t.Errorf("completed are %v, want one", completed)
			}
		})
	}
}

// TestToldOnce has a calm night tell everything once. Images become available one after the other, so the request on the queue
// shrinks several times; the last never does.
func TestToldOnce(t *testing.T) {
	inWorld(t, worldOptions{parameters: sixHours, appStream: appstream.Options{MaxConcurrentExports: 2}}, func(t *testing.T, w *world) {
		for i, ready := range []time.Duration{0, 0, 0, 0, 10 * time.Minute, 20 * time.Minute, time.Hour, 1000 * time.Hour} {
			w.appStream.PutImage(appstream.Image{
				Name: fmt.Sprintf("win-%d", i), State: types.ImageStatePending,
				Becomes: []appstream.StateChange{{After: ready, State: types.ImageStateAvailable}},
			})
		}
		w.fireSchedule(time.Now())
		w.settle(24 * time.Hour)
		told := map[string]int{}
		for _, d := range w.documents() {
			told[d.ID]++
		}
		if len(told) != 7*2+1 {
			t.Errorf("%d things were told, want that seven exports started and completed, and that one was given up: %v", len(told), told)
		}
		for id, n := range told {
			if n != 1 {
				t.Errorf("%s was told %d times", id, n)
			}
		}
	})
}
