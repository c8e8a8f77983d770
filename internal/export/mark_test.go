package export

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/tags"
)

// A mark says that this very image has that AMI. One that somebody chose the name of does not take the place of the sweeps' own.
func TestMark(t *testing.T) {
	const amiID = "ami-0123456789abcdef0"
	task := taskOf("win", "COMPLETED", func(task *Task) { task.AMIID = amiID })
	changed := func(change func(*Task)) Task { task := task; change(&task); return task }
	marked := map[string]string{tags.AMIName: winAMI, tags.AMIID: amiID}
	other := map[string]string{tags.AMIName: "golden", tags.AMIID: "ami-1"}
	made := func(at time.Time) []types.Image {
		return []types.Image{image("win", func(i *types.Image) { i.CreatedTime = aws.Time(at) })}
	}
	failing := func(call string, do func() error) *fake { return &fake{on: map[string]func() error{call: do}} }
	owner := map[string]string{"Owner": "it"}
	tests := map[string]struct {
		task   Task
		custom bool
		world  *fake
		before map[string]string
		want   map[string]string
		marked bool
		says   string
	}{
		"the first":                    {task, false, &fake{}, nil, marked, true, ""},
		"beside other tags":            {task, false, &fake{}, owner, with(map[string]string{"Owner": "it"}, marked), true, ""},
		"again":                        {task, false, &fake{}, marked, marked, true, ""},
		"in the place of an older one": {task, false, &fake{}, other, marked, true, ""},
		"without an id":                {changed(func(task *Task) { task.AMIID = "" }), false, &fake{}, nil, mark("win"), true, ""},
		"a chosen name, none yet":      {task, true, &fake{}, nil, marked, true, ""},
		"a chosen name, again":         {task, true, &fake{}, marked, marked, true, ""},
		"a chosen name, one there":     {task, true, &fake{}, other, other, false, ""},
		"a chosen name, nobody can see": {task, true, failing("ListTagsForResource", throttled), other, other, false,
			"ListTagsForResource: ThrottlingException: why"},

		"the image was made at that time": {task, false, &fake{images: made(due)}, nil, marked, true, ""},
		"the image was made anew":         {task, false, &fake{images: made(due.Add(time.Nanosecond))}, nil, nil, false, ""},
		"when the export began is not told": {changed(func(task *Task) { task.Created = time.Time{} }), false, &fake{}, nil, marked,
			true, ""},
		"the image is gone":       {task, false, &fake{images: []types.Image{}}, nil, nil, false, ""},
		"the image goes just now": {task, false, failing("TagResource", gone), nil, nil, false, ""},
		"the image cannot be seen": {task, false, failing("DescribeImages", throttled), nil, nil, false,
			"DescribeImages: ThrottlingException: why"},
		"it cannot be set": {task, false, failing("TagResource", denied), nil, nil, false,
			"TagResource: AccessDeniedException: why"},
		"the image has no room": {task, false, failing("TagResource", full), nil, nil, false,
			"TagResource: LimitExceededException: why"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			appStream := test.world
			if appStream.images == nil {
				appStream.images = []types.Image{image("win")}
			}
			if test.before != nil {
				appStream.tags = map[string]map[string]string{"win": test.before}
			}
			marked, err := appStream.exporter().Mark(t.Context(), test.task, test.custom)
			if marked != test.marked || (err == nil) != (test.says == "") || err != nil && err.Error() != test.says {
				t.Errorf("marked: %v, error %v; want %v, %q", marked, err, test.marked, test.says)
			}
			if diff := cmp.Diff(test.want, appStream.tags["win"]); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
		})
	}
}
