package export

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/google/go-cmp/cmp"
)

// What a run asks of AppStream: nothing twice, and no tags where the decision does not hang on them.
func TestCallsOfARun(t *testing.T) {
	world := func() *fake {
		return &fake{images: []types.Image{image("done"), image("made", func(i *types.Image) { i.State = types.ImageStatePending }),
			image("new")}, tasks: []Task{taskOf("done", "EXPORTING")}}
	}
	lists := []string{"DescribeImages PRIVATE 25", "DescribeImages SHARED 25", "ListExportImageTasks 500"}
	tests := map[string]struct {
		order Order
		told  []string
		calls []string
	}{
		"a sweep": {sweep(t), []string{"done: skip: in progress", "made: wait for an image that is available: the image is PENDING",
			"new: export, task task-new"},
			append([]string{"CreateExportImageTask new", "ListTagsForResource made", "ListTagsForResource new"}, lists...)},
		"a dry run": {sweep(t, func(o *Order) { o.DryRun = true }), []string{"done: skip: in progress",
			"made: wait for an image that is available: the image is PENDING", "new: export"},
			append([]string{"ListTagsForResource made", "ListTagsForResource new"}, lists...)},
		"a request": {request(t, "new", "done"), []string{"done: skip: in progress", "new: export, task task-new"},
			[]string{"CreateExportImageTask new", "DescribeImages done new", "ListExportImageTasks 500", "ListTagsForResource done",
				"ListTagsForResource new"}},
		"a request with a pattern": {request(t, "new", "don?"), []string{"done: skip: in progress",
			"made: skip: not selected: its name does not fit", "new: export, task task-new"},
			append([]string{"CreateExportImageTask new", "ListTagsForResource new"}, lists...)},
		"a request for what is not there": {request(t, "x"), []string{"x: reject: the image was not found"},
			[]string{"DescribeImages x", "ListExportImageTasks 500", "ListTagsForResource x"}},
		"a request with a pattern, for what is not there": {request(t, "x", "don?"), []string{"done: skip: in progress",
			"made: skip: not selected: its name does not fit", "new: skip: not selected: its name does not fit",
			"x: reject: the image was not found"}, lists},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			appStream := world()
			told, _ := appStream.run(t, t.Context(), test.order)
			if diff := cmp.Diff(test.told, told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			slices.Sort(test.calls)
			if diff := cmp.Diff(test.calls, appStream.sorted()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// As many names as one call takes are looked up; more are found in the list of all images.
func TestManyNames(t *testing.T) {
	for count, want := range map[int]int{25: 0, 26: 1} {
		var names []string
		for i := range count {
			names = append(names, fmt.Sprintf("i%03d", i))
		}
		appStream := &fake{images: images(100)}
		order := request(t, names...)
		order.DryRun = true
		told, _ := appStream.run(t, t.Context(), order)
		told = slices.DeleteFunc(told, func(text string) bool { return !strings.HasSuffix(text, ": export") })
		if lists := appStream.count("DescribeImages SHARED"); lists != want || len(told) != count {
			t.Errorf("%d names: all images are listed %d times, %d to be exported", count, lists, len(told))
		}
	}
}

// Where AppStream cannot be read nothing is started and nothing told.
func TestAppStreamCannotBeRead(t *testing.T) {
	for _, call := range []string{"DescribeImages", "ListExportImageTasks"} {
		for name, order := range map[string]Order{"a sweep": sweep(t), "a request": request(t, "win"),
			"a rest": sweep(t, func(o *Order) { o.Only = []string{"win"} })} {
			t.Run(call+"/"+name, func(t *testing.T) {
				appStream := &fake{images: []types.Image{image("win")}, on: map[string]func() error{call: throttled}}
				_, err := appStream.exporter().Run(t.Context(), order, func(d Decision) { t.Errorf("told: %+v", d) })
				if want := "cannot read AppStream's images and export tasks: " + call + ": ThrottlingException: why"; err == nil ||
					err.Error() != want {
					t.Errorf("error %v, want %q", err, want)
				}
				if starts := appStream.count("CreateExportImageTask"); starts > 0 {
					t.Errorf("%d exports are started", starts)
				}
			})
		}
	}
}

// An image whose tags cannot be read is one image's trouble, and what the trigger has started is told without them.
func TestTagsThatCannotBeRead(t *testing.T) {
	ownRunning, ownCompleted := taskOf("win", "EXPORTING", own), taskOf("win", "COMPLETED", own)
	announced := "win: announce, task task-win: started by this trigger before"
	tests := map[string]struct {
		answer func() error
		tasks  []Task
		order  Order
		want   string
	}{
		"a throttle": {throttled, nil, sweep(t),
			"win: wait for the end of trouble: its tags cannot be read: ListTagsForResource: ThrottlingException: why"},
		"a refusal":                    {denied, nil, sweep(t), "win: reject: its tags cannot be read: AccessDeniedException: why"},
		"a refusal, the own runs":      {denied, []Task{ownRunning}, sweep(t), announced},
		"a refusal, the own completed": {denied, []Task{ownCompleted}, sweep(t), announced},
		"a throttle, the own completed": {throttled, []Task{ownCompleted}, sweep(t),
			"win: wait for the end of trouble: its tags cannot be read: ListTagsForResource: ThrottlingException: why"},
		"it is gone":                    {gone, nil, sweep(t), "win: skip: the image was not found"},
		"what was asked for is gone":    {gone, nil, request(t, "win"), "win: reject: the image was not found"},
		"it is gone, the own completed": {gone, []Task{ownCompleted}, sweep(t), announced},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			appStream := &fake{images: []types.Image{image("win"), image("good")}, tasks: test.tasks,
				on: map[string]func() error{"ListTagsForResource win": test.answer}}
			told, _ := appStream.run(t, t.Context(), test.order)
			told = slices.DeleteFunc(told, func(text string) bool { return text == "good: export, task task-good" })
			if diff := cmp.Diff([]string{test.want}, told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if good := appStream.count("CreateExportImageTask good"); test.order.Sweep && appStream.count("CreateExportImageTask") != 1 {
				t.Errorf("the other image is exported %d times", good)
			}
		})
	}
}

// A run that is out of time starts nothing and asks for nothing more; what it knows already it tells.
func TestRunOutOfTime(t *testing.T) {
	const noTime = ": wait for room: no time left in this run"
	for name, test := range map[string]struct {
		order Order
		told  []string
	}{
		"a sweep":   {sweep(t), []string{"done: skip: already exported", "new" + noTime}},
		"a request": {request(t, "new", "done"), []string{"done: skip: already exported", "new" + noTime}},
	} {
		t.Run(name, func(t *testing.T) {
			appStream := &fake{images: []types.Image{image("done"), image("new")}, tasks: []Task{taskOf("done", "COMPLETED")}}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			told, _ := appStream.run(t, ctx, test.order)
			if diff := cmp.Diff(test.told, told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if calls := appStream.count("CreateExportImageTask") + appStream.count("TagResource"); calls > 0 {
				t.Errorf("calls: %q", appStream.calls)
			}
			if test.order.Sweep && appStream.count("ListTagsForResource") > 0 {
				t.Errorf("calls: %q", appStream.calls)
			}
		})
	}
}

// A start takes seconds. They go side by side, but for the first where exports run already: it may be that there is no room, and then
// one start tells it.
func TestStartsSideBySide(t *testing.T) {
	for running, want := range map[int]time.Duration{0: 2 * time.Second, 1: 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			appStream := &fake{images: images(2 * maxConcurrentCalls), takes: time.Second}
			for range running {
				appStream.tasks = append(appStream.tasks, taskOf("other", "EXPORTING"))
			}
			begin := time.Now()
			told, findings := appStream.run(t, t.Context(), sweep(t))
			if took := time.Since(begin); took != want || len(told) != 2*maxConcurrentCalls {
				t.Errorf("where %d run, %d starts take %v, want %v", running, len(told), took, want)
			}
			if findings.Running != running+len(told) {
				t.Errorf("where %d run, %d run afterwards", running, findings.Running)
			}
		})
	}
}

// Telling takes its time where SNS is slow. What is told of several images is told side by side.
func TestToldSideBySide(t *testing.T) {
	announced := &fake{images: images(maxConcurrentCalls)}
	for _, image := range announced.images {
		announced.tasks = append(announced.tasks, taskOf(*image.Name, "EXPORTING", own))
	}
	rejected := &fake{images: images(maxConcurrentCalls)}
	var names []string
	for i := range rejected.images {
		rejected.images[i].State = types.ImageStateFailed
		names = append(names, *rejected.images[i].Name)
	}
	for what, test := range map[Action]struct {
		appStream *fake
		order     Order
	}{Announce: {announced, sweep(t)}, Reject: {rejected, request(t, names...)}} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			var told atomic.Int64
			if _, err := test.appStream.exporter().Run(t.Context(), test.order, func(d Decision) {
				time.Sleep(time.Second)
				if d.Action == what {
					told.Add(1)
				}
			}); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); took != time.Second || told.Load() != maxConcurrentCalls {
				t.Errorf("%s: %d are told in %v", what, told.Load(), took)
			}
		})
	}
}

// Once the limit is reached nothing more is tried. Images that need no export are found all the same, unless an earlier run waits for
// room with the same ones: their tags would be read each night until it is their turn.
func TestNothingIsTriedBeyondTheLimit(t *testing.T) {
	earlier := taskOf("other", "EXPORTING", ofNight(due.AddDate(0, 0, -1)))
	const count = 40
	marked := map[string]map[string]string{}
	for _, image := range images(count)[count/2:] {
		marked[*image.Name] = mark(*image.Name)
	}
	for name, test := range map[string]struct {
		running Task
		backlog bool
	}{
		"somebody else's export runs": {taskOf("other", "EXPORTING"), false},
		"an earlier run waits":        {earlier, true},
	} {
		t.Run(name, func(t *testing.T) {
			appStream := &fake{images: images(count), tasks: []Task{test.running}, tags: marked,
				on: map[string]func() error{"CreateExportImageTask": full}}
			told, findings := appStream.run(t, t.Context(), sweep(t))
			if starts := appStream.count("CreateExportImageTask"); starts != 1 {
				t.Errorf("%d starts are tried", starts)
			}
			if findings != (Findings{Running: 1, Limit: 1}) {
				t.Errorf("findings: %+v", findings)
			}
			kinds := map[string]int{}
			for _, text := range told {
				_, what, _ := strings.Cut(text, ": ")
				kinds[what]++
			}
			waits, skips := kinds["wait for room: LimitExceededException: why"], kinds["skip: already exported"]
			unread := kinds["wait for room, unread: LimitExceededException: why"]
			if waits+unread+skips != count {
				t.Errorf("told: %v", kinds)
			}
			read := appStream.count("ListTagsForResource")
			if !test.backlog && (read != count || skips != count/2) {
				t.Errorf("the tags of %d images are read; told: %v", read, kinds)
			}
			if test.backlog && (read > maxConcurrentCalls || read != waits+skips) {
				t.Errorf("the tags of %d images are read although an earlier run waits; told: %v", read, kinds)
			}
		})
	}
}
