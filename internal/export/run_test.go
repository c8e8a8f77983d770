package export

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
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

// fake is an AppStream with the image win in it.
type fake struct {
	AppStream
	token  string            // of each page of the tasks and images
	answer map[string]string // the tags that the answer to a start tells
	images []types.Image     // instead of win
	pages  atomic.Int64
}

func (f *fake) page() (*string, error) {
	if f.pages.Add(1) > 20 {
		return nil, errors.New("the listing is read for ever")
	}
	return aws.String(f.token), nil
}

func (f *fake) DescribeImages(_ context.Context, input *appstream.DescribeImagesInput,
	_ ...func(*appstream.Options)) (*appstream.DescribeImagesOutput, error) {
	page := &appstream.DescribeImagesOutput{Images: []types.Image{{
		Name: aws.String("win"), Arn: aws.String(winARN), State: types.ImageStateAvailable, Platform: types.PlatformTypeWindowsServer2022,
		CreatedTime: aws.Time(created),
	}}}
	if f.images != nil {
		page.Images = f.images
	}
	var err error
	if len(input.Names) == 0 {
		page.NextToken, err = f.page()
	}
	return page, err
}

func (f *fake) ListExportImageTasks(context.Context, *appstream.ListExportImageTasksInput,
	...func(*appstream.Options)) (*appstream.ListExportImageTasksOutput, error) {
	token, err := f.page()
	return &appstream.ListExportImageTasksOutput{NextToken: token}, err
}

func (*fake) ListTagsForResource(context.Context, *appstream.ListTagsForResourceInput,
	...func(*appstream.Options)) (*appstream.ListTagsForResourceOutput, error) {
	return &appstream.ListTagsForResourceOutput{}, nil
}

func (f *fake) CreateExportImageTask(_ context.Context, input *appstream.CreateExportImageTaskInput,
	_ ...func(*appstream.Options)) (*appstream.CreateExportImageTaskOutput, error) {
	return &appstream.CreateExportImageTaskOutput{ExportImageTask: &types.ExportImageTask{
		TaskId: aws.String("task"), ImageArn: aws.String(winARN), AmiName: input.AmiName, State: types.ExportImageTaskStateExporting,
		TagSpecifications: f.answer,
	}}, nil
}

func (f *fake) exporter() *Exporter {
	return &Exporter{AppStream: f, Place: place, Stack: "exporter@eu-west-1", RoleARN: roleARN, Now: due.UTC,
		Warn: func(context.Context, string, ...any) {}}
}

// The tags are optional in AppStream's answer. What is told of a start has them all the same.
func TestTagsOfAStart(t *testing.T) {
	for name, answer := range map[string]map[string]string{"told": {"Told": "by AppStream"}, "not told": nil} {
		t.Run(name, func(t *testing.T) {
			appStream := &fake{answer: answer}
			var got []Decision
			order := Order{Trigger: nightly, Selection: selected(t, []string{"win"}, nil), Name: nameTemplate(t, "{image}-{created}"),
				StackTags: map[string]string{"Owner": "it"}}
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
			if tags := got[0].Task.Tags; !maps.Equal(want, tags) {
				t.Errorf("tags = %v, want %v", tags, want)
			}
		})
	}
}

// A listing that comes to no end would use up every invocation, each with thousands of calls.
func TestListingWithoutAnEnd(t *testing.T) {
	const want = "AppStream repeats a page of its listing instead of going on"
	exporter := func() *Exporter { return (&fake{token: "again"}).exporter() }
	order := Order{Trigger: nightly, Sweep: true, Name: nameTemplate(t, "{image}")}
	_, imagesErr := exporter().allImages(t.Context())
	tasksErr := exporter().eachTask(t.Context(), func(Task) {})
	_, runErr := exporter().Run(t.Context(), order, func(d Decision) { t.Errorf("reported: %+v", d) })
	for what, err := range map[string]error{"images": imagesErr, "tasks": tasksErr, "a run": runErr} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", what, err, want)
		}
	}
}

// An image whose owner AppStream does not tell is not exported, and not passed over in silence either.
func TestImageWithoutARN(t *testing.T) {
	for name, arn := range map[string]*string{"none": nil, "empty": aws.String("")} {
		t.Run(name, func(t *testing.T) {
			appStream := &fake{images: []types.Image{
				{Name: aws.String("lost"), Arn: arn, State: types.ImageStateAvailable, CreatedTime: aws.Time(created)},
				{Name: aws.String("other"), Arn: aws.String("arn:aws:appstream:eu-west-1:999999999999:image/other"),
					State: types.ImageStateAvailable},
			}}
			exporter := appStream.exporter()
			var mutex sync.Mutex
			var warnings []string
			exporter.Warn = func(_ context.Context, message string, args ...any) {
				mutex.Lock()
				defer mutex.Unlock()
				warnings = append(warnings, fmt.Sprint(append([]any{message}, args...)...))
			}
			var got []Decision
			order := Order{Trigger: nightly, Name: nameTemplate(t, "{image}-{created}"), Sweep: true}
			if _, err := exporter.Run(t.Context(), order, func(d Decision) { got = append(got, d) }); err != nil {
				t.Fatal(err)
			}
			if len(got) > 0 {
				t.Errorf("decided: %+v", got)
			}
			want := "AppStream tells no ARN of an image, so nobody knows whose it is, and it is left out"
			if len(warnings) == 0 || !strings.HasPrefix(warnings[0], want) || !strings.Contains(warnings[0], "lost") {
				t.Errorf("warnings: %q", warnings)
			}
			for _, warning := range warnings {
				if strings.Contains(warning, "other") {
					t.Errorf("what belongs to others is no news: %s", warning)
				}
			}
		})
	}
}
