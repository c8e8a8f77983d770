package export

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestRoom(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ limit, running, want int }{
		"the limit is not known":               {0, 7, math.MaxInt},
		"nothing is known and nothing runs":    {0, 0, math.MaxInt},
		"as many run as may":                   {3, 3, 0},
		"one has ended":                        {3, 2, 2},
		"all have ended":                       {3, 0, 4},
		"more run than were thought to be let": {3, 4, math.MaxInt},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := room(test.limit, test.running); got != test.want {
				t.Errorf("room for %d, want %d", got, test.want)
			}
		})
	}
}

// A rest is what a run has left. Where there is no room it costs one look at the tasks; where there is, as many images are read as
// there is room for.
func TestRest(t *testing.T) {
	const noRoom = "wait for room, unread: as many exports run as AppStream allows at a time "
	run := func(count int) (tasks []Task) {
		for i := range count {
			tasks = append(tasks, taskOf(fmt.Sprintf("other-%d", i), "EXPORTING"))
		}
		return tasks
	}
	tags := map[string]map[string]string{"b": mark("b")}
	tests := map[string]struct {
		names    []string
		limit    int
		tasks    []Task
		on       map[string]func() error
		told     []string
		findings Findings
		calls    []string // beside the looks at the tasks
	}{
		"no room": {[]string{"a", "b"}, 2, run(2), nil, []string{"a: " + noRoom + "(2)", "b: " + noRoom + "(2)"},
			Findings{Running: 2, Limit: 2}, nil},
		"room for one, and one to try": {[]string{"a", "c", "d"}, 3, run(2), nil,
			[]string{"a: export, task task-a", "c: export, task task-c", "d: " + noRoom + "(3)"}, Findings{Running: 4, Limit: 3},
			[]string{"CreateExportImageTask a", "CreateExportImageTask c", "DescribeImages a c", "ListTagsForResource a",
				"ListTagsForResource c"}},
		"one that needs no room": {[]string{"a", "b", "c", "d"}, 3, run(2), nil,
			[]string{"a: export, task task-a", "b: skip: already exported", "c: export, task task-c", "d: " + noRoom + "(3)"},
			Findings{Running: 4, Limit: 3},
			[]string{"CreateExportImageTask a", "CreateExportImageTask c", "DescribeImages a b", "DescribeImages c",
				"ListTagsForResource a", "ListTagsForResource b", "ListTagsForResource c"}},
		"the limit is reached": {[]string{"a", "b", "c", "d"}, 3, run(2), map[string]func() error{"CreateExportImageTask": full},
			[]string{"a: wait for room: LimitExceededException: why", "b: skip: already exported",
				"c: wait for room, unread: LimitExceededException: why", "d: wait for room, unread: LimitExceededException: why"},
			Findings{Running: 2, Limit: 2}, []string{"CreateExportImageTask a", "DescribeImages a b", "ListTagsForResource a",
				"ListTagsForResource b"}},
		"the limit is not known": {[]string{"a", "b", "c"}, 0, run(2), nil,
			[]string{"a: export, task task-a", "b: skip: already exported", "c: export, task task-c"}, Findings{Running: 4},
			[]string{"CreateExportImageTask a", "CreateExportImageTask c", "DescribeImages a b c", "ListTagsForResource a",
				"ListTagsForResource b", "ListTagsForResource c"}},
		"one is gone": {[]string{"a", "x"}, 0, nil, nil, []string{"a: export, task task-a", "x: skip: the image was not found"},
			Findings{Running: 1}, []string{"CreateExportImageTask a", "DescribeImages a", "DescribeImages a x", "DescribeImages x",
				"ListTagsForResource a", "ListTagsForResource x"}},
		"the next cannot be read": {[]string{"b", "c", "d"}, 3, run(3)[:2], map[string]func() error{"DescribeImages d": throttled},
			[]string{"b: skip: already exported", "c: export, task task-c",
				"d: wait for the end of trouble, unread: not looked at: the images before it cannot be read"},
			Findings{Running: 3, Limit: 3}, []string{"CreateExportImageTask c", "DescribeImages b c", "DescribeImages d",
				"ListTagsForResource b", "ListTagsForResource c", "ListTagsForResource d"}},
		"what was started is told without room": {[]string{"a", "c"}, 2, append(run(1), taskOf("c", "EXPORTING", own)), nil,
			[]string{"a: " + noRoom + "(2)", "c: announce, task task-c: started by this trigger before"}, Findings{Running: 2, Limit: 2},
			nil},
		"what has completed, with its mark": {[]string{"a", "b"}, 2, append(run(2), taskOf("b", "COMPLETED", own)), nil,
			[]string{"a: " + noRoom + "(2)", "b: skip: already exported"}, Findings{Running: 2, Limit: 2},
			[]string{"ListTagsForResource b"}},
		"what has completed, without": {[]string{"a", "c"}, 2, append(run(2), taskOf("c", "COMPLETED", own)), nil,
			[]string{"a: " + noRoom + "(2)", "c: announce, task task-c: started by this trigger before"}, Findings{Running: 2, Limit: 2},
			[]string{"ListTagsForResource c"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			appStream := &fake{tasks: test.tasks, tags: tags, on: test.on}
			for _, name := range []string{"a", "b", "c", "d", "e"} {
				appStream.images = append(appStream.images, image(name))
			}
			told, findings := appStream.run(t, t.Context(), sweep(t, func(o *Order) { o.Only, o.Limit = test.names, test.limit }))
			if diff := cmp.Diff(test.told, told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.findings, findings); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			calls := slices.DeleteFunc(appStream.sorted(), func(call string) bool { return call == "ListExportImageTasks 500" })
			if diff := cmp.Diff(test.calls, calls, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// However many images are left, they are read in pages that one call takes.
func TestRestOfManyImages(t *testing.T) {
	appStream := &fake{images: images(2*imagesPage + 1)}
	var names []string
	for _, image := range appStream.images {
		names = append(names, *image.Name)
	}
	told, findings := appStream.run(t, t.Context(), sweep(t, func(o *Order) { o.Only = names }))
	if len(told) != len(names) || findings.Running != len(names) || appStream.count("DescribeImages") != 3 {
		t.Errorf("%d are told, %d run, %d calls for images", len(told), findings.Running, appStream.count("DescribeImages"))
	}
}

// A rest that runs out of time reads nothing more, and says so.
func TestRestOutOfTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	appStream := &fake{images: images(1)}
	told, _ := appStream.run(t, ctx, sweep(t, func(o *Order) { o.Only = []string{"i000"} }))
	if want := []string{"i000: wait for room, unread: no time left in this run"}; !slices.Equal(told, want) ||
		appStream.count("DescribeImages") > 0 {
		t.Errorf("told %q, calls %q", told, appStream.calls)
	}
}

// What is left of a night is a later night's once that has come, where both give an image the same AMI name. What this one has
// started it tells all the same.
func TestLaterNightCarriesTheRest(t *testing.T) {
	later, same := taskOf("other", "EXPORTING", ofNight(due.AddDate(0, 0, 1))), taskOf("other", "EXPORTING", ofNight(due))
	carried := []string{"a: wait for room, unread: a later run carries it", "b: announce, task task-b: started by this trigger before"}
	started := []string{"a: export, task task-a", "b: announce, task task-b: started by this trigger before"}
	tests := map[string]struct {
		other  Task
		terse  bool // and the other night's task is of no image that is left
		change func(*Order)
		told   []string
	}{
		"it has come":                       {later, false, func(*Order) {}, carried},
		"it has not":                        {same, false, func(*Order) {}, started},
		"each has names of its own":         {later, false, func(o *Order) { o.Name = nameTemplate(t, "{image}-{date}") }, started},
		"it is not told, and not yet asked": {later, true, func(*Order) {}, started},
		"it is not told, at last":           {later, true, func(o *Order) { o.LastLook = true }, carried},
		"it has not come, at last":          {same, true, func(o *Order) { o.LastLook = true }, started},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			appStream := &fake{images: []types.Image{image("a"), image("b")}, tasks: []Task{test.other, taskOf("b", "EXPORTING", own)},
				terse: test.terse}
			order := sweep(t, func(o *Order) { o.Only = []string{"a", "b"} })
			test.change(&order)
			told, findings := appStream.run(t, t.Context(), order)
			if diff := cmp.Diff(test.told, told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if findings.LaterNight != slices.Equal(test.told, carried) || findings.Running < 2 {
				t.Errorf("findings: %+v", findings)
			}
		})
	}
}
