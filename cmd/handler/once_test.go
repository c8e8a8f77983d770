package main_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/notify"
)

const day = 24 * time.Hour

var completed = []types.ExportImageTaskState{types.ExportImageTaskStateCompleted}

// AppStream may forget its tasks at any time. The mark on the image remains, so the next night makes no second AMI.
func TestSweepAfterAppStreamForgot(t *testing.T) {
	t.Parallel()
	log := &localtest.Log{}
	a := localtest.Start(t, localaws.Options{OnLog: log.Add})
	put(a, "base", "office")
	fire(t, a, scheduled)
	a.AppStream.ForgetTasks()
	fire(t, a, scheduled.Add(day))

	// Not even tried: AppStream would have refused, since the AMI names are taken.
	check(t, "starts", 2, a.AppStream.Calls()["CreateExportImageTask"])
	check(t, "tasks", map[string][]types.ExportImageTaskState{amiOf("base"): completed, amiOf("office"): completed}, tasksOf(a))
	check(t, "notifications", map[string][]notify.Type{"base": startedAndCompleted, "office": startedAndCompleted}, told(t, a))
	skips := log.Entries(t, "skip")
	if len(skips) != 2 {
		t.Fatalf("%d images are skipped, want both", len(skips))
	}
	for _, line := range skips {
		check[any](t, "reason", "already exported", line["reason"])
	}
}

// Without the mark, say because somebody removed it, AppStream's history still tells.
func TestSweepAfterTheMarkWasRemoved(t *testing.T) {
	t.Parallel()
	a := localtest.Start(t, localaws.Options{})
	put(a, "base")
	fire(t, a, scheduled)
	put(a, "base") // the same image, without tags
	fire(t, a, scheduled.Add(day))
	check(t, "starts", 1, a.AppStream.Calls()["CreateExportImageTask"])
	check(t, "notifications", map[string][]notify.Type{"base": startedAndCompleted}, told(t, a))
}

// A one-off export under a name of its own does not take the mark away from the stack's own export: once AppStream has
// forgotten its tasks, sweeps would try that one again every night. The order of the two does not matter.
func TestOneOffExportKeepsTheMark(t *testing.T) {
	t.Parallel()
	const oneOff = `{"imageName":"base","amiNameTemplate":"{image}-before-migration"}`
	for _, test := range []struct {
		name string
		run  func(t *testing.T, a *localaws.Account)
	}{
		{"after the sweep", func(t *testing.T, a *localaws.Account) {
			fire(t, a, scheduled)
			request(t, a, oneOff)
		}},
		{"before the sweep", func(t *testing.T, a *localaws.Account) {
			request(t, a, oneOff)
			localtest.Settle(t, a)
			fire(t, a, scheduled)
		}},
		{"twice, and a sweep between", func(t *testing.T, a *localaws.Account) {
			request(t, a, oneOff)
			localtest.Settle(t, a)
			fire(t, a, scheduled)
			request(t, a, `{"imageName":"base","amiName":"golden"}`)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := localtest.Start(t, localaws.Options{})
			put(a, "base")
			test.run(t, a)
			localtest.Settle(t, a)
			check(t, "mark", amiOf("base"), a.AppStream.TagsOf("base")["appstream-ami-exporter:ami-name"])
			starts, documents := startsOf(a, "base"), len(localtest.Documents(t, a))
			a.AppStream.ForgetTasks()
			fire(t, a, scheduled.Add(day))
			check(t, "starts of a later night", 0, startsOf(a, "base")-starts)
			check(t, "notifications of a later night", 0, len(localtest.Documents(t, a))-documents)
		})
	}
}

// With {date} in the name there is an AMI for each night, and still only one where a night's schedule comes twice.
func TestOneAMIPerNight(t *testing.T) {
	t.Parallel()
	a := localtest.Start(t, localaws.Options{Parameters: map[string]string{"AmiNameTemplate": "{image}-{date}"}})
	put(a, "base")
	for _, due := range []time.Time{scheduled, scheduled, scheduled.Add(day), scheduled.Add(day)} {
		fire(t, a, due)
	}
	check(t, "tasks", map[string][]types.ExportImageTaskState{"base-20261123": completed, "base-20261124": completed}, tasksOf(a))
	check(t, "notifications", map[string][]notify.Type{
		"base": {notify.ExportStarted, notify.ExportCompleted, notify.ExportStarted, notify.ExportCompleted},
	}, told(t, a))
}

// An image that was deleted and made again under its name is another image.
func TestImageMadeAgain(t *testing.T) {
	t.Parallel()
	a := localtest.Start(t, localaws.Options{})
	put(a, "base")
	fire(t, a, scheduled)
	a.AppStream.PutImage(appstream.Image{Name: "base", CreatedTime: made.Add(day)})
	fire(t, a, scheduled.Add(2*day))
	check(t, "tasks", map[string][]types.ExportImageTaskState{amiOf("base"): completed, "base-20261121T101500Z": completed}, tasksOf(a))
}

// An image that fails every night is left alone after three nights, and tried again when somebody names it.
func TestThreeFailures(t *testing.T) {
	t.Parallel()
	log := &localtest.Log{}
	a := localtest.Start(t, localaws.Options{OnLog: log.Add})
	put(a, "base")
	a.AppStream.SetOutcome("base", appstream.Outcome{End: types.ExportImageTaskStateFailed},
		appstream.Outcome{End: types.ExportImageTaskStateTimedOut}, appstream.Outcome{End: types.ExportImageTaskStateFailed})
	for night := range 5 {
		fire(t, a, scheduled.Add(time.Duration(night)*day))
	}
	failed := []notify.Type{notify.ExportStarted, notify.ExportFailed, notify.ExportStarted, notify.ExportFailed, notify.ExportStarted,
		notify.ExportFailed}
	check(t, "notifications of five nights", map[string][]notify.Type{"base": failed}, told(t, a))
	skips := log.Entries(t, "skip")
	if len(skips) != 2 {
		t.Fatalf("%d nights skip the image, want two", len(skips))
	}
	check[any](t, "reason", "failed 3 times", skips[0]["reason"])

	a.AppStream.SetOutcome("base")
	check(t, "fates", map[string]string{"base": "started"}, request(t, a, `{"imageName":"base"}`).fates())
	localtest.Settle(t, a)
	check(t, "notifications", map[string][]notify.Type{"base": append(failed, startedAndCompleted...)}, told(t, a))
}

// A FIFO topic delivers in order for each image, and passes over what comes twice.
func TestFIFOTopic(t *testing.T) {
	t.Parallel()
	a := localtest.Start(t, localaws.Options{FIFOTopic: true, AppStream: appstream.Options{NewID: counted()}})
	put(a, "base")
	a.AppStream.PutImage(appstream.Image{Name: "legacy", Platform: types.PlatformTypeWindows})
	request(t, a, `{"images":["base","legacy"]}`)
	localtest.Settle(t, a)

	type published struct{ Group, Deduplication string }
	want := map[published]bool{}
	for _, d := range localtest.Documents(t, a) {
		want[published{d.ImageName, d.ID}] = true
	}
	got := map[published]bool{}
	for _, call := range a.Gateway.Calls() {
		if call.Action == "Publish" {
			got[published{call.Param("MessageGroupId"), call.Param("MessageDeduplicationId")}] = true
		}
	}
	check(t, "groups and deduplication ids", want, got)
	check(t, "notifications", map[string][]notify.Type{"base": startedAndCompleted, "legacy": {notify.ExportRejected}}, told(t, a))
	if !got[published{"base", taskID(1) + ":EXPORTING"}] || !got[published{"base", taskID(1) + ":COMPLETED"}] {
		t.Errorf("published: %v", got)
	}
}
