package reliability

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/notify"
)

// TestTwoStacks has one event reach two stacks of an account at once, so that both have the same trigger id. What is told of a task is
// told by one of them, the one that started it, also where its process is killed at the start.
func TestTwoStacks(t *testing.T) {
	for name, effect := range map[string]gateway.EffectKind{"alive": gateway.Pass, "killed after its start": gateway.KillAfter} {
		for _, twins := range []appstream.TwinPolicy{appstream.RefuseTwin, appstream.FailTwinLater} {
			for seed := range uint64(10) {
				t.Run(fmt.Sprintf("%s/twins %d/seed %d", name, twins, seed), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						starts := 0
						fault := func(call gateway.Call) gateway.Effect {
							if call.Action != "CreateExportImageTask" {
								return gateway.Effect{}
							}
							if starts++; starts == 1 {
								return gateway.Effect{Kind: effect}
							}
							return gateway.Effect{}
						}
						var stacks []*world
						for i := range uint64(2) {
							w := newWorld(t, worldOptions{
								seed: 2*seed + i, fault: fault, appStream: appstream.Options{Twins: twins},
								variables: map[string]string{"STACK": fmt.Sprintf("stack-%d@eu-west-1", i)},
							})
							defer w.close()
							stacks = append(stacks, w)
						}
						stacks[1].appStream = stacks[0].appStream
						stacks[0].appStream.PutImage(appstream.Image{Name: "win-1"})
						for _, w := range stacks {
							w.invokeAsync("event", []byte(`{"source":"pipeline","id":"e-1","detail-type":"AppStream Image Ready",`+
								`"detail":{"imageName":"win-1"}}`))
						}
						runTogether(48*time.Hour, stacks)
						checkWhoTold(t, stacks)
					})
				})
			}
		}
	}
}

// runTogether lets worlds that share an account go on side by side until the time is over.
func runTogether(limit time.Duration, worlds []*world) {
	const turn = 100 * time.Millisecond // short, since the calls of the others wait meanwhile
	end := time.Now().Add(limit)
	for time.Now().Before(end) {
		next := end
		for _, w := range worlds {
			w.run(time.Now().Add(turn))
			switch {
			case w.busy():
				next = time.Now()
			case len(w.agenda) > 0:
				next = earlier(next, w.agenda[0].at)
			}
		}
		time.Sleep(time.Until(next))
	}
}

func checkWhoTold(t *testing.T, stacks []*world) {
	t.Helper()
	tellers := map[string]map[int]bool{} // by task, the stacks that tell of it
	told := map[notify.Type]map[string]bool{}
	for i, w := range stacks {
		for _, d := range w.documents() {
			if told[d.Type] == nil {
				told[d.Type] = map[string]bool{}
			}
			told[d.Type][d.ID] = true
			if d.Task == nil {
				t.Errorf("stack %d: a false alarm: %s", i, d.Summary)
				continue
			}
			if tellers[d.Task.TaskID] == nil {
				tellers[d.Task.TaskID] = map[int]bool{}
			}
			tellers[d.Task.TaskID][i] = true
			if want := fmt.Sprintf("stack-%d@eu-west-1", i); d.Task.TagSpecifications["appstream-ami-exporter:stack"] != want {
				t.Errorf("stack %d tells of a task of %s", i, d.Task.TagSpecifications["appstream-ami-exporter:stack"])
			}
		}
		checkNothingLeft(t, w)
	}
	for task, by := range tellers {
		if len(by) != 1 {
			t.Errorf("%d stacks tell of the task %s", len(by), task)
		}
	}
	amis := stacks[0].appStream.AMIs()
	if len(amis) != 1 {
		t.Fatalf("there are %d AMIs, want one", len(amis))
	}
	if !told[notify.ExportStarted][amis[0].TaskID+":EXPORTING"] || !told[notify.ExportCompleted][amis[0].TaskID+":COMPLETED"] {
		t.Errorf("told was %v, want the start and the end of %s", told, amis[0].TaskID)
	}
	if len(told[notify.ExportCompleted]) != 1 || len(told[notify.ExportFailed]) != 0 {
		t.Errorf("told was %v, want one end and no failure", told)
	}
}
