package reliability

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/notify"
)

// What the simulation found, each as a story of its own.

// killOnce kills the process at its first call of the action.
func killOnce(action string, kind gateway.EffectKind) gateway.Fault {
	killed := false
	return func(call gateway.Call) gateway.Effect {
		if call.Action != action || killed {
			return gateway.Effect{}
		}
		killed = true
		return gateway.Effect{Kind: kind}
	}
}

// counts are how often each kind of change was told.
func counts(w *world) map[notify.Type]int {
	told := map[notify.Type]int{}
	for _, d := range w.documents() {
		told[d.Type]++
	}
	return told
}

// begins are the triggers of an export of win-1: its own event, and a sweep.
var begins = map[string]func(*world){
	"event": func(w *world) { w.putEvent(imageEvent(w.t, "win-1", "event-1", time.Now())) },
	"sweep": func(w *world) { w.fireSchedule(time.Now()) },
}

// checkStartAndEnd wants a start and a completed end to have been told, whether once or more often, and nothing else.
func checkStartAndEnd(t *testing.T, w *world) {
	t.Helper()
	if got := counts(w); got[notify.ExportStarted] == 0 || got[notify.ExportCompleted] == 0 || len(got) != 2 {
		t.Errorf("told was %v, want that the export started and completed", got)
	}
	checkNothingLeft(t, w)
}

// TestImageDeletedAfterItsStart has a process die after it has started an export, and the image be deleted before the trigger comes
// again: what was started is told, by its name and by a sweep.
func TestImageDeletedAfterItsStart(t *testing.T) {
	for name, begin := range begins {
		t.Run(name, func(t *testing.T) {
			inWorld(t, worldOptions{fault: killOnce("CreateExportImageTask", gateway.KillAfter)}, func(t *testing.T, w *world) {
				w.appStream.PutImage(appstream.Image{Name: "win-1"})
				w.after(30*time.Second, func() { w.appStream.RemoveImage("win-1") })
				begin(w)
				w.settle(24 * time.Hour)
				checkStartAndEnd(t, w)
			})
		})
	}
}

// TestTagsUnreadableAfterTheStart has a trigger come again when its export has completed and the image's tags are kept from it: that
// is no reason to say that the export was not started.
func TestTagsUnreadableAfterTheStart(t *testing.T) {
	kill := killOnce("Publish", gateway.KillBefore)
	killed := false
	inWorld(t, worldOptions{fault: func(call gateway.Call) gateway.Effect {
		if effect := kill(call); effect.Kind != gateway.Pass {
			killed = true
			return effect
		}
		if call.Action == "ListTagsForResource" && killed {
			return gateway.Effect{Kind: gateway.Refuse, Code: "AccessDeniedException", Message: "No."}
		}
		return gateway.Effect{}
	}}, func(t *testing.T, w *world) {
		w.appStream.SetOutcome("win-1", appstream.Outcome{After: 10 * time.Second})
		w.appStream.PutImage(appstream.Image{Name: "win-1"})
		w.fireSchedule(time.Now())
		w.settle(24 * time.Hour)
		checkStartAndEnd(t, w)
	})
}

// TestStartIsToldBeforeItIsFollowed has a process die between the two, and the export be quicker than the queue's visibility timeout.
func TestStartIsToldBeforeItIsFollowed(t *testing.T) {
	for _, kind := range []gateway.EffectKind{gateway.KillBefore, gateway.KillAfter} {
		for _, action := range []string{"Publish", "CreateExportImageTask", "SendMessage"} {
			t.Run(killPoint{action, 1, kind}.String(), func(t *testing.T) {
				inWorld(t, worldOptions{fault: killOnce(action, kind)}, func(t *testing.T, w *world) {
					w.appStream.SetOutcome("win-1", appstream.Outcome{After: 5 * time.Minute})
					w.appStream.PutImage(appstream.Image{Name: "win-1", State: types.ImageStatePending,
						Becomes: []appstream.StateChange{{After: 5 * time.Minute, State: types.ImageStateAvailable}}})
					w.putEvent(imageEvent(t, "win-1", "event-1", time.Now()))
					w.settle(24 * time.Hour)
					checkOneAMI(t, w)
				})
			})
		}
	}
}

// TestImageMadeAnewDuringItsExport has another image take the name of one that is being exported: it must not pass for exported.
func TestImageMadeAnewDuringItsExport(t *testing.T) {
	inWorld(t, worldOptions{}, func(t *testing.T, w *world) {
		w.appStream.PutImage(appstream.Image{Name: "win-1"})
		w.fireSchedule(time.Now())
		w.after(10*time.Minute, func() {
			w.appStream.RemoveImage("win-1")
			w.appStream.PutImage(appstream.Image{Name: "win-1"})
		})
		w.settle(24 * time.Hour)
		if tags := w.appStream.TagsOf("win-1"); len(tags) != 0 {
			t.Errorf("the new image is marked %v", tags)
		}
		w.fireSchedule(time.Now().Add(24 * time.Hour))
		w.settle(24 * time.Hour)
		amis := w.appStream.AMIs()
		if len(amis) != 2 || w.appStream.TagsOf("win-1")["appstream-ami-exporter:ami-id"] != amis[1].ID {
			t.Errorf("the AMIs are %+v and the new image is marked %v, want a second one that it is marked with", amis,
				w.appStream.TagsOf("win-1"))
		}
		checkNothingLeft(t, w)
	})
}

// TestFailedExportIsNotStartedAgain has a trigger come again when the task that it started has failed already: another start is for
// the next night to make.
func TestFailedExportIsNotStartedAgain(t *testing.T) {
	inWorld(t, worldOptions{fault: killOnce("Publish", gateway.KillBefore)}, func(t *testing.T, w *world) {
		w.appStream.SetOutcome("win-1", appstream.Outcome{After: 10 * time.Second, End: types.ExportImageTaskStateFailed})
		w.appStream.PutImage(appstream.Image{Name: "win-1"})
		event := imageEvent(t, "win-1", "event-1", time.Now())
		w.putEvent(event)
		w.after(time.Hour, func() { w.putEvent(event) })
		w.settle(24 * time.Hour)
		if got := counts(w); len(w.appStream.Tasks()) != 1 || got[notify.ExportStarted] == 0 || got[notify.ExportFailed] == 0 ||
			len(got) != 2 {
			t.Errorf("there are %d tasks and told was %v, want one that started and failed", len(w.appStream.Tasks()), got)
		}
		checkNothingLeft(t, w)
	})
}
