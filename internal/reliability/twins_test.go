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
