package export

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"appstream-ami-exporter/internal/tags"
)

// What became of a start that failed is read from the tasks: one of this very image is as good as a start of ours, one of
// another image that has the AMI name is not.
func TestBecameOf(t *testing.T) {
	other := of(place.ImageARN("other"))
	tests := map[string]struct {
		refusal string
		tasks   []Task
		lookErr error
		action  Action
		reason  string
		taskID  string
	}{
		"refused": {"OperationNotPermittedException", nil, nil, Reject,
			"AppStream refused: OperationNotPermittedException: why", ""},
		"refused, a twin runs": {"OperationNotPermittedException", []Task{exportTask("EXPORTING")}, nil, Skip,
			"in progress", "task-EXPORTING"},
		"refused, a twin completed": {"OperationNotPermittedException", []Task{exportTask("COMPLETED")}, nil, Skip,
			"already exported", "task-COMPLETED"},
		"refused, a twin failed": {"OperationNotPermittedException", []Task{exportTask("FAILED")}, nil, Reject,
			"AppStream refused: OperationNotPermittedException: why", ""},
		"refused, another image has the name": {"OperationNotPermittedException", []Task{exportTask("EXPORTING", other)}, nil, Reject,
			"AppStream refused: OperationNotPermittedException: why", ""},
		"refused, another image had the name": {"OperationNotPermittedException", []Task{exportTask("COMPLETED", other)}, nil, Reject,
			"AppStream refused: OperationNotPermittedException: why", ""},
		"a conflict": {"ConcurrentModificationException", nil, nil, Wait, "ConcurrentModificationException: why",
			""},
		"a conflict, another image's task": {"ConcurrentModificationException", []Task{exportTask("EXPORTING", other)}, nil, Wait,
			"ConcurrentModificationException: why", ""},
		"it was started all the same": {"InternalFailure", []Task{exportTask("EXPORTING", own)}, nil, Export,
			"adopted after: InternalFailure: why", "task-EXPORTING"},
		"started, and AppStream tells of no task whose it is": {"InternalFailure",
			[]Task{exportTask("EXPORTING", func(task *Task) { task.Tags = nil })}, nil, Export, "adopted after: InternalFailure: why",
			"task-EXPORTING"},
		"nobody can see whether it was": {"InternalFailure", nil, errors.New("no list"), Wait,
			"the start failed (InternalFailure: why), and it cannot be seen whether it did", ""},
		"the limit, which needs no look at it": {"LimitExceededException", nil, errors.New("no list"), Wait, "LimitExceededException: why",
			""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			run := &run{Exporter: &Exporter{Place: place}, order: &Order{}}
			start := failedStart{Decision{Action: Export, ImageName: "win", AMIName: winAMI}, classify(coded(test.refusal), roleARN), nil}
			got := run.becameOf(start, remembered(test.tasks...), test.lookErr)
			if got.Action != test.action || got.Reason != test.reason || got.TaskID != test.taskID {
				t.Errorf("decision = %+v, want %s %q of task %q", got, test.action, test.reason, test.taskID)
			}
		})
	}
}

// The tags are optional in AppStream's answer. What is told of a start has them all the same.
func TestTagsOfAStart(t *testing.T) {
	for name, answer := range map[string]map[string]string{"told": {"Told": "by AppStream"}, "not told": nil} {
		t.Run(name, func(t *testing.T) {
			appStream := &fake{images: []types.Image{image("win")},
				answered: func(task *types.ExportImageTask) { task.TagSpecifications = answer }}
			var got []Decision
			order := request(t, "win")
			order.StackTags = map[string]string{"Owner": "it"}
			if _, err := appStream.exporter().Run(t.Context(), order, func(d Decision) { got = append(got, d) }); err != nil {
				t.Fatal(err)
			}
			if len(got) != 1 || got[0].Task == nil {
				t.Fatalf("decisions: %+v", got)
			}
			want := answer
			if want == nil {
				want = with(ours(), map[string]string{"Owner": "it"})
			}
			if diff := cmp.Diff(want, got[0].Task.Tags); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
		})
	}
}

// What AppStream is asked for, in full. The SDK must not repeat it, since it has no client token.
func TestStart(t *testing.T) {
	description, err := ParseDescriptionTemplate("made of {image}")
	if err != nil {
		t.Fatal(err)
	}
	input := func(tags map[string]string, description *string) *appstream.CreateExportImageTaskInput {
		return &appstream.CreateExportImageTaskInput{ImageName: aws.String("win"), AmiName: aws.String(winAMI),
			IamRoleArn: aws.String(roleARN), AmiDescription: description, TagSpecifications: tags}
	}
	own := map[string]string{"Own": "image's"}
	tests := map[string]struct {
		tags     map[string]string // of the image
		change   func(*Order)
		want     *appstream.CreateExportImageTaskInput
		warnings []string
	}{
		"the least": {own, func(*Order) {}, input(ours(), nil), nil},
		"with all that an order can say": {own, func(o *Order) {
			o.CopyTags, o.Description = true, description
			o.StackTags, o.RequestTags = map[string]string{"Stack": "s"}, map[string]string{"Request": "r"}
		}, input(with(ours(), map[string]string{"Own": "image's", "Stack": "s", "Request": "r"}), aws.String("made of win")), nil},
		"as many tags as there is room for": {many("i", tags.MaxOthers), func(o *Order) { o.CopyTags = true },
			input(with(ours(), many("i", tags.MaxOthers)), nil), nil},
		"one tag more": {many("i", tags.MaxOthers+1), func(o *Order) { o.CopyTags = true },
			input(with(ours(), many("i", tags.MaxOthers)), nil),
			[]string{fmt.Sprint("the AMI has no room for all the tags, some are left out", "imageName", "win", "amiName", winAMI,
				"left", []string{"i35"})}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			appStream := &fake{images: []types.Image{image("win")}, tags: map[string]map[string]string{"win": test.tags}}
			order := request(t, "win")
			test.change(&order)
			told, _ := appStream.run(t, t.Context(), order)
			if diff := cmp.Diff([]string{"win: export, task task-win"}, told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			unexported := cmpopts.IgnoreUnexported(appstream.CreateExportImageTaskInput{})
			if diff := cmp.Diff(test.want, appStream.started, unexported); diff != "" {
				t.Errorf("asked for (-want +got):\n%s", diff)
			}
			if attempts := appStream.settings.RetryMaxAttempts; attempts != 1 {
				t.Errorf("the SDK may try it %d times", attempts)
			}
			if diff := cmp.Diff(test.warnings, appStream.warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// An answer that names no task leaves open whether there is one.
func TestStartThatNamesNoTask(t *testing.T) {
	nameless := func(task *types.ExportImageTask) { task.TaskId = nil }
	appStream := &fake{images: []types.Image{image("win")}, answered: nameless}
	told, _ := appStream.run(t, t.Context(), request(t, "win"))
	want := []string{"win: export, task task-win: adopted after: AppStream's answer to CreateExportImageTask names no task"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// After a start that failed the tasks are looked at, unless they say nothing more.
func TestConclude(t *testing.T) {
	other := []Task{taskOf("x", "EXPORTING"), taskOf("y", "EXPORTING")}
	tests := map[string]struct {
		answer   func() error // to the start
		appear   []Task       // at the start
		told     string
		findings Findings
		looks    int // at the tasks
	}{
		"started":    {nil, other, "win: export, task task-win", Findings{Running: 1, Limit: 7}, 1},
		"the limit":  {full, other, "win: wait for room: LimitExceededException: why", Findings{Running: 2, Limit: 2}, 2},
		"a throttle": {throttled, other, "win: wait for the end of trouble: ThrottlingException: why", Findings{Limit: 7}, 1},
		"a refusal": {denied, other, "win: reject: AppStream refused: AccessDeniedException: why", Findings{Running: 2, Limit: 7},
			2},
		"a twin that was faster": {denied, []Task{taskOf("win", "EXPORTING")}, "win: skip: in progress", Findings{Running: 1, Limit: 7}, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			appStream := &fake{images: []types.Image{image("win")}}
			appStream.on = map[string]func() error{"CreateExportImageTask": func() error {
				appStream.tasks = append(appStream.tasks, test.appear...)
				if test.answer != nil {
					return test.answer()
				}
				return nil
			}}
			order := request(t, "win")
			order.Limit = 7
			told, findings := appStream.run(t, t.Context(), order)
			if diff := cmp.Diff([]string{test.told}, told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.findings, findings); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if looks := appStream.count("ListExportImageTasks"); looks != test.looks {
				t.Errorf("the tasks are listed %d times, want %d", looks, test.looks)
			}
		})
	}
}

// However many starts failed, the tasks are looked at once for all of them.
func TestConcludeOnce(t *testing.T) {
	appStream := &fake{images: images(5), on: map[string]func() error{"CreateExportImageTask": denied}}
	told, _ := appStream.run(t, t.Context(), sweep(t))
	if looks := appStream.count("ListExportImageTasks"); looks != 2 || len(told) != 5 {
		t.Errorf("%d are told, the tasks are listed %d times", len(told), looks)
	}
}

// More ran than the limit that was remembered, so it was raised, and is not known any more.
func TestLimitThatWasRaised(t *testing.T) {
	for limit, want := range map[int]int{1: 0, 2: 2, 3: 3} {
		appStream := &fake{tasks: []Task{taskOf("x", "EXPORTING"), taskOf("y", "EXPORTING")}}
		order := sweep(t)
		order.Limit = limit
		if _, findings := appStream.run(t, t.Context(), order); findings != (Findings{Running: 2, Limit: want}) {
			t.Errorf("limit %d: %+v", limit, findings)
		}
	}
}

// A sweep that is refused the same as last night does not tell it again; whoever asked for the image by its name is told.
func TestRefusalToldBefore(t *testing.T) {
	remembered := sweep(t).rejectionOf(Decision{AMIName: winAMI, Code: "AccessDeniedException"}).String()
	for name, test := range map[string]struct {
		order Order
		tag   string
		want  string
	}{
		"a sweep":              {sweep(t), "", "win: reject: AppStream refused: AccessDeniedException: why"},
		"a sweep, told before": {sweep(t), remembered, "win: reject, told before: AppStream refused: AccessDeniedException: why"},
		"a request, told before": {request(t, "win"), remembered,
			"win: reject: AppStream refused: AccessDeniedException: why"},
	} {
		t.Run(name, func(t *testing.T) {
			appStream := &fake{images: []types.Image{image("win")}, on: map[string]func() error{"CreateExportImageTask": denied},
				tags: map[string]map[string]string{"win": {tags.Rejected: test.tag}}}
			if told, _ := appStream.run(t, t.Context(), test.order); !slices.Equal(told, []string{test.want}) {
				t.Errorf("told %q, want %q", told, test.want)
			}
		})
	}
}
