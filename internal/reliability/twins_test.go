package reliability

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/lambda"
	"appstream-ami-exporter/internal/notify"
)

// TestTwinsOfOneTrigger has the same schedule delivered twice at once, both starts accepted, and the process that made one of them
// die or lose its answer. Whichever of the twins makes the AMI, its start and end are told and the image is marked.
func TestTwinsOfOneTrigger(t *testing.T) {
	for kind, effect := range map[string]gateway.EffectKind{"killed": gateway.KillAfter, "answer lost": gateway.ResetAfter,
		"killed, the list has no tags": gateway.KillAfter} {
		for start := range 2 {
			for seed := range uint64(20) {
				t.Run(fmt.Sprintf("%s/start %d/seed %d", kind, start+1, seed), func(t *testing.T) {
					starts := 0
					fault := func(call gateway.Call) gateway.Effect {
						if call.Action != "CreateExportImageTask" {
							return gateway.Effect{}
						}
						starts++
						if starts == start+1 {
							return gateway.Effect{Kind: effect}
						}
						return gateway.Effect{}
					}
					inWorld(t, worldOptions{seed: seed, fault: fault,
						appStream: appstream.Options{Twins: appstream.FailTwinLater, ListsNoTags: strings.Contains(kind, "no tags")}},
						func(t *testing.T, w *world) {
							w.appStream.PutImage(appstream.Image{Name: "win-1"})
							now := time.Now()
							w.fireSchedule(now)
							w.fireSchedule(now)
							w.settle(48 * time.Hour)
							checkOneAMI(t, w)
						})
				})
			}
		}
	}
}

// TestTwinOfSomebodyElse has a task fail whose twin, of a request that died at its start, nobody follows: the failure is told
// if the twin fails as well, and only then.
func TestTwinOfSomebodyElse(t *testing.T) {
	var raced atomic.Int64
	t.Run("worlds", func(t *testing.T) {
		for end, alarms := range map[types.ExportImageTaskState]int{types.ExportImageTaskStateCompleted: 0,
			types.ExportImageTaskStateFailed: 1} {
			for seed := range uint64(10) {
				t.Run(fmt.Sprintf("%s/seed %d", end, seed), func(t *testing.T) {
					fault := func(call gateway.Call) gateway.Effect {
						if call.Action == "CreateExportImageTask" && strings.Contains(call.TraceID, `"imageName"`) {
							return gateway.Effect{Kind: gateway.KillAfter}
						}
						return gateway.Effect{}
					}
					inWorld(t, worldOptions{seed: seed, fault: fault, appStream: appstream.Options{Twins: appstream.FailTwinLater}},
						func(t *testing.T, w *world) {
							w.appStream.PutImage(appstream.Image{Name: "win-1"})
							w.appStream.SetOutcome("win-1", appstream.Outcome{End: end, After: time.Hour})
							w.fireSchedule(time.Now())
							w.start("request-1", "", []byte(`{"imageName":"win-1"}`), func(lambda.Result) {})
							w.settle(48 * time.Hour)
							checkNothingLeft(t, w)
							if len(w.appStream.Tasks()) < 2 {
								return // one saw the other's
							}
							raced.Add(1)
							if got := counts(w)[notify.ExportFailed]; got != alarms {
								t.Errorf("%d failures were told, want %d", got, alarms)
							}
						})
				})
			}
		}
	})
	if raced.Load() < 10 {
		t.Errorf("only %d times there were two tasks", raced.Load())
	}
}

// TestTwinsThatBothComplete has the same schedule delivered twice at once in an account in which both starts make an AMI of the one
// name. Both are told as completed, and at least the later one says that there are two, and which.
func TestTwinsThatBothComplete(t *testing.T) {
	var raced atomic.Int64
	t.Run("worlds", func(t *testing.T) {
		for seed := range uint64(20) {
			t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
				options := worldOptions{seed: seed, appStream: appstream.Options{Twins: appstream.CompleteTwin}}
				inWorld(t, options, func(t *testing.T, w *world) {
					w.appStream.PutImage(appstream.Image{Name: "win-1"})
					now := time.Now()
					w.fireSchedule(now)
					w.fireSchedule(now)
					w.settle(48 * time.Hour)
					checkNothingLeft(t, w)
					amis := w.appStream.AMIs()
					if len(amis) == 1 {
						checkOneAMI(t, w) // the second delivery has seen the start of the first
						return
					}
					raced.Add(1)
					checkDuplicatesTold(t, w, amis)
				})
			})
		}
	})
	if raced.Load() == 0 {
		t.Error("in no world have the two deliveries raced, so nothing was proved")
	}
}

func checkDuplicatesTold(t *testing.T, w *world, amis []appstream.AMI) {
	t.Helper()
	completed, duplicates := map[string]bool{}, 0
	for _, d := range w.documents() {
		switch d.Type {
		case notify.ExportStarted:
		case notify.ExportCompleted:
			completed[d.Task.AMIID] = true
			if d.Error == nil {
				continue
			}
			duplicates++
			names := func(ami appstream.AMI) bool { return strings.Contains(d.Error.Message, ami.ID) }
			if d.Error.Code != "DuplicateAmi" || !names(amis[0]) || !names(amis[1]) {
				t.Errorf("the error is %+v, want both of %s and %s", d.Error, amis[0].ID, amis[1].ID)
			}
		default:
			t.Errorf("a false alarm: %s", d.Summary)
		}
	}
	if !completed[amis[0].ID] || !completed[amis[1].ID] || duplicates == 0 {
		t.Errorf("completed were told %v, %d of them as duplicates, want both of %s and %s", completed, duplicates, amis[0].ID, amis[1].ID)
	}
}
