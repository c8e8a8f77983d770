package export

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/tags"
)

// A sweep looks for the mark of an image whose export of its own it still sees, and sets it where it is missing. Nobody else's
// exports are looked at, nor images that were made anew since.
func TestHeal(t *testing.T) {
	const (
		amiID    = "ami-0123456789abcdef0"
		twoWeeks = 14 * 24 * time.Hour
		lost     = "the mark of an image was lost and is set againimageNamewinamiNamewintaskIdtask-win"
		trouble  = "it cannot be seen or mended whether the image is markedimageNamewinamiNamewinerror"
	)
	completed := func(changes ...func(*Task)) Task {
		return taskOf("win", "COMPLETED", append([]func(*Task){called("win"), func(task *Task) { task.AMIID = amiID }}, changes...)...)
	}
	old := func(d time.Duration) func(*Task) { return func(task *Task) { task.Created = due.Add(-d) } }
	noAMI := func(task *Task) { task.AMIID = "" }
	made := func(at time.Time) []types.Image {
		return []types.Image{image("win", func(i *types.Image) { i.CreatedTime = aws.Time(at) })}
	}
	tagged := func(tags map[string]string) map[string]map[string]string {
		return map[string]map[string]string{"win": tags}
	}
	failing := func(call string, do func() error) map[string]func() error { return map[string]func() error{call: do} }
	marked := map[string]string{tags.AMIName: "win", tags.AMIID: amiID}
	healed := map[string]string{tags.AMIName: "win", tags.AMIID: amiID, tags.Healed: "win"}

	byImage := func(o *Order) { o.Name = nameTemplate(t, "{image}") }
	nightly := sweep(t, byImage)
	tests := map[string]struct {
		order    Order
		task     Task
		world    *fake
		want     map[string]string // the image's tags at the end
		looked   bool              // at the image's tags
		warnings []string
	}{
		"lost":  {nightly, completed(), &fake{}, healed, true, []string{lost}},
		"there": {nightly, completed(), &fake{tags: tagged(marked)}, marked, true, nil},
		"of another AMI": {nightly, completed(), &fake{tags: tagged(map[string]string{tags.AMIName: "old", tags.AMIID: "ami-1"})},
			healed, true, []string{lost}},
		"whose AMI the list does not tell": {nightly, completed(), &fake{terse: true}, healed, true, []string{lost}},
		"whose AMI nobody tells": {nightly, completed(noAMI), &fake{}, map[string]string{tags.AMIName: "win", tags.Healed: "win"}, true,
			[]string{lost}},

		"younger than two weeks": {nightly, completed(old(twoWeeks - time.Nanosecond)), &fake{}, healed, true, []string{lost}},
		"two weeks old":          {nightly, completed(old(twoWeeks)), &fake{}, nil, false, nil},
		"of an image made at that time": {nightly, completed(old(time.Hour)), &fake{images: made(due.Add(-time.Hour))}, healed, true,
			[]string{lost}},
		"of an image made anew since": {nightly, completed(old(time.Hour)), &fake{images: made(due.Add(time.Nanosecond - time.Hour))},
			nil, false, nil},

		"of an export that runs":    {nightly, taskOf("win", "EXPORTING", called("win")), &fake{}, nil, false, nil},
		"of another stack's export": {nightly, completed(ofStack("other@eu-west-1")), &fake{}, nil, false, nil},
		"passed by a dry run":       {sweep(t, byImage, func(o *Order) { o.DryRun = true }), completed(), &fake{}, nil, false, nil},
		"passed by a request": {sweep(t, byImage, func(o *Order) { o.Sweep, o.Selection = false, selected(t, []string{"w*"}, nil) }),
			completed(), &fake{}, nil, false, nil},
		"passed for its name": {sweep(t, byImage, func(o *Order) { o.Selection = selected(t, []string{"x*"}, nil) }), completed(),
			&fake{}, nil, false, nil},
		"waited for": {nightly, completed(called("another")), &fake{images: []types.Image{image("win", func(i *types.Image) {
			i.State = types.ImageStatePending
		})}}, nil, true, nil}, // its tags are looked at for the decision

		"of an image that is gone": {nightly, completed(), &fake{on: failing("ListTagsForResource", gone)}, nil, true, nil},
		"that cannot be seen": {nightly, completed(), &fake{on: failing("ListTagsForResource", throttled)}, nil, true,
			[]string{trouble + "ListTagsForResource: ThrottlingException: why"}},
		"whose task cannot be read": {nightly, completed(noAMI), &fake{on: failing("GetExportImageTask", throttled)}, nil, true,
			[]string{trouble + "GetExportImageTask: ThrottlingException: why"}},
		"that cannot be set": {nightly, completed(), &fake{on: failing("TagResource", denied)}, nil, true,
			[]string{trouble + "AccessDeniedException: why"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			appStream := test.world
			appStream.tasks = []Task{test.task}
			if appStream.images == nil {
				appStream.images = made(due.AddDate(0, -1, 0))
			}
			appStream.run(t, t.Context(), test.order)
			if diff := cmp.Diff(test.want, appStream.tags["win"]); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			if looked := appStream.count("ListTagsForResource") > 0; looked != test.looked {
				t.Errorf("the tags are looked at: %v", looked)
			}
			if diff := cmp.Diff(test.warnings, appStream.warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// What is passed over for its mark alone, where AppStream has forgotten the export, is not looked at again.
func TestMarkOfAnExportThatIsForgotten(t *testing.T) {
	appStream := &fake{images: []types.Image{image("win")}, tags: map[string]map[string]string{"win": mark("win")}}
	told, _ := appStream.run(t, t.Context(), sweep(t))
	if want := []string{"win: skip: already exported"}; !slices.Equal(told, want) || appStream.count("ListTagsForResource") != 1 {
		t.Errorf("told %q, calls %q", told, appStream.calls)
	}
}

// Of many images some are looked at each night, in turn: each once before one is looked at again.
func TestHealInTurn(t *testing.T) {
	const count = 4*healedPerNight - 1
	appStream := &fake{images: images(count)}
	for _, image := range appStream.images {
		appStream.tasks = append(appStream.tasks, taskOf(*image.Name, "COMPLETED", called(*image.Name)))
	}
	looks := map[string]int{}
	for night := range 4 {
		order := sweep(t, func(o *Order) {
			o.Name = nameTemplate(t, "{image}")
			o.Trigger.Time = due.AddDate(0, 0, night)
		})
		appStream.calls, appStream.tags = nil, nil
		appStream.run(t, t.Context(), order)
		if looked := appStream.count("ListTagsForResource"); looked != healedPerNight {
			t.Errorf("%d images are looked at in one night", looked)
		}
		for name := range appStream.tags {
			looks[name]++
		}
	}
	if len(looks) != count {
		t.Errorf("in four nights %d of %d images are looked at", len(looks), count)
	}
}

// A run that is out of time heals nothing.
func TestHealOutOfTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	appStream := &fake{images: []types.Image{image("win")}, tasks: []Task{taskOf("win", "COMPLETED")}}
	appStream.run(t, ctx, sweep(t))
	if appStream.count("ListTagsForResource") > 0 {
		t.Errorf("calls: %q", appStream.calls)
	}
}
