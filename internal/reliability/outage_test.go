package reliability

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/notify"
)

// TestTopicHangs has SNS take every call and never answer, for two hours: what is to be told goes to the queue in time, whatever the
// function's time limit and however many images there are.
func TestTopicHangs(t *testing.T) {
	hanging := func() gateway.Fault {
		begun := time.Time{}
		return func(call gateway.Call) gateway.Effect {
			if begun.IsZero() {
				begun = call.Time
			}
			if call.Action == "Publish" && call.Time.Sub(begun) < 2*time.Hour {
				return gateway.Effect{Kind: gateway.HangBefore}
			}
			return gateway.Effect{}
		}
	}
	for _, timeout := range []time.Duration{60 * time.Second, 75 * time.Second, 90 * time.Second, 300 * time.Second} {
		for _, images := range []int{10, 40} {
			t.Run(fmt.Sprintf("%s/%d images", timeout, images), func(t *testing.T) {
				inWorld(t, worldOptions{timeout: timeout, fault: hanging()}, func(t *testing.T, w *world) {
					for i := range images {
						w.appStream.PutImage(appstream.Image{Name: fmt.Sprintf("win-%03d", i)})
					}
					w.fireSchedule(time.Now())
					w.settle(72 * time.Hour)
					told := map[string]bool{}
					for _, d := range w.documents() {
						told[string(d.Type)+d.ImageName] = true
					}
					if len(told) != 2*images {
						t.Errorf("%d starts and ends of %d images were told", len(told), images)
					}
					checkNothingLeft(t, w)
				})
			})
		}
	}
	t.Run("rejections", func(t *testing.T) {
		inWorld(t, worldOptions{fault: hanging()}, func(t *testing.T, w *world) {
			w.appStream.PutImage(appstream.Image{Name: "win-ready"})
			names := []string{`"win-ready"`}
			for i := range 100 {
				name := fmt.Sprintf("win-%03d", i)
				names = append(names, `"`+name+`"`)
				w.appStream.PutImage(appstream.Image{Name: name, State: types.ImageStateFailed})
			}
			result := w.invoke([]byte(`{"images":[` + strings.Join(names, ",") + `]}`))
			if result.Failed() {
				t.Errorf("the request ended with %s: %s", result.ErrorType, result.ErrorMessage)
			}
			if len(w.appStream.Tasks()) != 1 {
				t.Error("the export had to wait until the rejections were told")
			}
			w.settle(72 * time.Hour)
			if got := counts(w)[notify.ExportRejected]; got < 100 {
				t.Errorf("%d of 100 rejections were told", got)
			}
			checkNothingLeft(t, w)
		})
	})
	t.Run("given up", func(t *testing.T) {
		inWorld(t, worldOptions{timeout: time.Minute, parameters: sixHours,
			fault: onAction("Publish", gateway.Effect{Kind: gateway.HangBefore})}, func(t *testing.T, w *world) {
			var names []string
			for i := range 40 {
				name := fmt.Sprintf("win-%03d", i)
				names = append(names, `"`+name+`"`)
				w.appStream.PutImage(appstream.Image{Name: name, State: types.ImageStatePending})
			}
			// A request: of a schedule's run all is told at once.
			if result := w.invoke([]byte(`{"images":[` + strings.Join(names, ",") + `]}`)); result.Failed() {
				t.Errorf("the request ended with %s: %s", result.ErrorType, result.ErrorMessage)
			}
			w.after(9*time.Hour, func() { w.options.fault = nil })
			w.settle(72 * time.Hour)
			told := map[string]int{}
			for _, d := range w.documents() {
				told[d.ImageName]++
			}
			if len(told) != 40 || len(w.documents()) != 40 {
				t.Errorf("of 40 images %d were told, with %d notifications", len(told), len(w.documents()))
			}
			checkNothingLeft(t, w)
		})
	})
}

// TestStartIsToldWhateverBecameOfTheImage has a start whose process died, or whose answer was lost and could not be looked up, and an
// image that is being deleted, or has failed, when the trigger comes again. Nobody may say that it was not started.
func TestStartIsToldWhateverBecameOfTheImage(t *testing.T) {
	lookUpFails := func() gateway.Fault {
		lists := 0
		return func(call gateway.Call) gateway.Effect {
			switch call.Action {
			case "CreateExportImageTask":
				return gateway.Effect{Kind: gateway.ResetAfter}
			case "ListExportImageTasks":
				if lists++; lists >= 2 && lists <= 4 {
					return gateway.Effect{Kind: gateway.Refuse, Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable",
						Message: "No."}
				}
			}
			return gateway.Effect{}
		}
	}
	for name, begin := range begins {
		for trouble, fault := range map[string]func() gateway.Fault{
			"killed":               func() gateway.Fault { return killOnce("CreateExportImageTask", gateway.KillAfter) },
			"answer lost":          lookUpFails,
			"the list has no tags": func() gateway.Fault { return killOnce("CreateExportImageTask", gateway.KillAfter) },
		} {
			for _, state := range []types.ImageState{types.ImageStateDeleting, types.ImageStateFailed} {
				t.Run(fmt.Sprintf("%s/%s/%s", name, trouble, state), func(t *testing.T) {
					options := worldOptions{fault: fault()}
					options.appStream.ListsNoTags = trouble == "the list has no tags"
					inWorld(t, options, func(t *testing.T, w *world) {
						w.appStream.PutImage(appstream.Image{Name: "win-1",
							Becomes: []appstream.StateChange{{After: 30 * time.Second, State: state}}})
						begin(w)
						w.settle(24 * time.Hour)
						checkStartAndEnd(t, w)
					})
				})
			}
		}
	}
}

// TestTaggedWhilePending has an image get the tag that the stack selects by while it is being made, after its event has come.
func TestTaggedWhilePending(t *testing.T) {
	inWorld(t, worldOptions{parameters: map[string]string{"ImageTag": "Backup=yes"}}, func(t *testing.T, w *world) {
		pending := appstream.Image{Name: "win-1", State: types.ImageStatePending,
			Becomes: []appstream.StateChange{{After: 30 * time.Minute, State: types.ImageStateAvailable}}}
		w.appStream.PutImage(pending)
		w.putEvent(imageEvent(t, "win-1", "event-1", time.Now()))
		w.after(10*time.Minute, func() {
			pending.Tags = map[string]string{"Backup": "yes"}
			w.appStream.PutImage(pending)
		})
		w.settle(24 * time.Hour)
		if got := counts(w); got[notify.ExportCompleted] != 1 {
			t.Errorf("told was %v, want one export", got)
		}
		checkNothingLeft(t, w)
	})
}
