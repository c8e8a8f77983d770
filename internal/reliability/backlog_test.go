package reliability

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/notify"
)

// TestBacklogOfNights has more images wait than the nights before their deadline have room for. While nights follow each other that
// is no failure. Where none follows, or each has AMIs of its own, what could not be started is told once for each run.
func TestBacklogOfNights(t *testing.T) {
	const (
		images = 40
		nights = 4
		day    = 24 * time.Hour
	)
	for _, test := range []struct {
		name       string
		parameters map[string]string
		nights     int
		lists      appstream.Options
		kills      bool
		givenUp    int // things told
		exported   int // images, at the least
	}{
		{"night after night", nil, nights, appstream.Options{}, false, 0, images},
		{"night after night, the list tells no tags", nil, nights, appstream.Options{ListsNoTags: true}, false, 0, images},
		{"night after night, with crashes", nil, nights, appstream.Options{}, true, 0, images},
		{"one night alone", nil, 1, appstream.Options{}, false, 1, 30},
		{"each night its own AMIs", map[string]string{"AmiNameTemplate": "{image}-{date}"}, 2, appstream.Options{}, false, 2, 30},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := worldOptions{
				parameters: map[string]string{"WaitDeadlineHours": "30", "ExportDeadlineHours": "48"}, appStream: test.lists,
			}
			maps.Copy(options.parameters, test.parameters)
			options.appStream.MaxConcurrentExports = 1
			options.appStream.ExportDuration = func(string, string) time.Duration { return 55 * time.Minute }
			calls := 0
			options.fault = func(call gateway.Call) gateway.Effect {
				if calls++; test.kills && calls%97 == 0 {
					return gateway.Effect{Kind: gateway.KillAfter}
				}
				return gateway.Effect{}
			}
			inWorld(t, options, func(t *testing.T, w *world) {
				for i := range images {
					w.appStream.PutImage(appstream.Image{Name: fmt.Sprintf("win-%02d", i)})
				}
				begun := time.Now()
				for night := range test.nights {
					at := begun.Add(time.Duration(night) * day)
					w.at(at, func() { w.fireSchedule(at) })
				}
				w.run(begun.Add(time.Duration(test.nights) * day))
				w.settle(10 * day)
				told := map[notify.Type]map[string]bool{}
				for _, d := range w.documents() {
					if told[d.Type] == nil {
						told[d.Type] = map[string]bool{}
					}
					told[d.Type][d.ID] = true
				}
				if got := len(told[notify.ExportGivenUp]); got != test.givenUp {
					t.Errorf("%d things were given up, want %d", got, test.givenUp)
				}
				completed := len(told[notify.ExportCompleted])
				if completed < test.exported || completed != len(w.appStream.Tasks()) || len(told[notify.ExportStarted]) != completed {
					t.Errorf("told were %d starts and %d ends of %d tasks, want at least %d",
						len(told[notify.ExportStarted]), completed, len(w.appStream.Tasks()), test.exported)
				}
				if len(told[notify.ExportFailed])+len(told[notify.ExportRejected]) > 0 {
					t.Errorf("failures were told: %v", told)
				}
				checkNothingLeft(t, w)
			})
		})
	}
}

// TestLimitThatChanges has the limit be raised and lowered while images wait. A raised one is used as soon as an export ends; a lowered
// one is run into once.
func TestLimitThatChanges(t *testing.T) {
	const images = 60
	vain, most := 0, 0
	options := worldOptions{appStream: appstream.Options{
		MaxConcurrentExports: 2, ExportDuration: func(string, string) time.Duration { return 40 * time.Minute },
	}}
	options.observe = func(a *awaited) {
		if a.call.Action == "CreateExportImageTask" && a.status != 200 {
			vain++
		}
	}
	inWorld(t, options, func(t *testing.T, w *world) {
		for i := range images {
			w.appStream.PutImage(appstream.Image{Name: fmt.Sprintf("win-%02d", i)})
		}
		begun := time.Now()
		running := func() (count int) {
			for _, task := range w.appStream.Tasks() {
				if task.Ended.IsZero() {
					count++
				}
			}
			return count
		}
		w.fireSchedule(begun)
		w.after(3*time.Hour, func() { w.appStream.SetMaxConcurrentExports(7) })
		w.after(4*time.Hour, func() { most = running() })
		w.after(6*time.Hour, func() { w.appStream.SetMaxConcurrentExports(1) })
		w.settle(10 * 24 * time.Hour)
		if most != 7 {
			t.Errorf("an hour after the limit was raised to 7, %d exports run", most)
		}
		if vain > images+8 {
			t.Errorf("%d starts were in vain", vain)
		}
		if got := counts(w); got[notify.ExportCompleted] != images || got[notify.ExportStarted] != images || len(got) != 2 {
			t.Errorf("told was %v", got)
		}
		checkNothingLeft(t, w)
	})
}
