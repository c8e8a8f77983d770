package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/tags"
	"appstream-ami-exporter/internal/trigger"
)

// fake is an AppStream in memory, with one account's images and tasks.
type fake struct {
	AppStream
	images []types.Image
	shared []types.Image // in the list of those only
	tasks  []Task
	tags   map[string]map[string]string // of the images, by name

	// on is what happens at a call, by its whole text in calls or by its first word: an error is the answer, and nothing is done.
	on       map[string]func() error
	most     int           // of a page of the lists; 0 is as many as are asked for
	repeats  bool          // every page of the lists is followed by itself
	terse    bool          // the list of tasks tells neither their tags nor their AMIs
	takes    time.Duration // what a start takes
	answered func(*types.ExportImageTask)

	mutex    sync.Mutex
	calls    []string
	settings appstream.Options // of the last start
	started  *appstream.CreateExportImageTaskInput
	warnings []string
}

// image is one that can be exported, with changes.
func image(name string, changes ...func(*types.Image)) types.Image {
	image := types.Image{
		Name: aws.String(name), Arn: aws.String(place.ImageARN(name)), State: types.ImageStateAvailable,
		Platform: types.PlatformTypeWindowsServer2022, CreatedTime: aws.Time(created),
	}
	for _, change := range changes {
		change(&image)
	}
	return image
}

// images are count of them, with names that sort by their number.
func images(count int) (all []types.Image) {
	for i := range count {
		all = append(all, image(fmt.Sprintf("i%03d", i)))
	}
	return all
}

// taskOf is a task for the image under the name that the default template makes, with changes.
func taskOf(name, state string, changes ...func(*Task)) Task {
	return exportTask(state, append([]func(*Task){id("task-" + name), of(place.ImageARN(name)), called(name + "-20261120T101500Z")},
		changes...)...)
}

// ofNight has another scheduled run of the stack have started the task.
func ofNight(at time.Time) func(*Task) {
	return func(task *Task) {
		task.Tags = map[string]string{tags.Trigger: string(trigger.Schedule), tags.TriggerID: "another night",
			tags.ExportedAt: at.UTC().Format(time.RFC3339)}
	}
}

func denied() error    { return coded("AccessDeniedException") }
func throttled() error { return coded("ThrottlingException") }
func gone() error      { return coded("ResourceNotFoundException") }
func full() error      { return coded(limitExceeded) }

// call notes a call and says what is answered instead.
func (f *fake) call(words ...string) error {
	f.calls = append(f.calls, strings.Join(words, " "))
	for _, what := range []string{strings.Join(words, " "), words[0]} {
		if do := f.on[what]; do != nil {
			return do()
		}
	}
	return nil
}

// page is the one that begins where the token says, and the token of the next.
func page[T any](f *fake, all []T, most *int32, token *string) (part []T, next *string, err error) {
	if f.repeats {
		return all, aws.String("again"), nil
	}
	first, _ := strconv.Atoi(aws.ToString(token))
	size := cmp.Or(f.most, int(aws.ToInt32(most)), len(all))
	if first+size >= len(all) {
		return all[first:], nil, nil
	}
	return all[first : first+size], aws.String(strconv.Itoa(first + size)), nil
}

func (f *fake) DescribeImages(_ context.Context, input *appstream.DescribeImagesInput, _ ...options) (*appstream.DescribeImagesOutput,
	error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if len(f.calls) > 1000 {
		return nil, errors.New("the listing is read for ever")
	}
	reply := &appstream.DescribeImagesOutput{}
	if len(input.Names) > 0 {
		if err := f.call(append([]string{"DescribeImages"}, input.Names...)...); err != nil {
			return nil, err
		}
		for _, name := range input.Names {
			i := slices.IndexFunc(f.images, func(image types.Image) bool { return aws.ToString(image.Name) == name })
			if i < 0 {
				return nil, gone()
			}
			reply.Images = append(reply.Images, f.images[i])
		}
		return reply, nil
	}
	all := f.images
	if input.Type == types.VisibilityTypeShared {
		all = f.shared
	}
	err := f.call("DescribeImages", string(input.Type), strconv.Itoa(int(aws.ToInt32(input.MaxResults))))
	if err != nil {
		return nil, err
	}
	reply.Images, reply.NextToken, err = page(f, all, input.MaxResults, input.NextToken)
	return reply, err
}

func (f *fake) ListTagsForResource(_ context.Context, input *appstream.ListTagsForResourceInput, _ ...options) (
	*appstream.ListTagsForResourceOutput, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	name := imageNameOf(aws.ToString(input.ResourceArn))
	if err := f.call("ListTagsForResource", name); err != nil {
		return nil, err
	}
	return &appstream.ListTagsForResourceOutput{Tags: maps.Clone(f.tags[name])}, nil
}

func (f *fake) ListExportImageTasks(_ context.Context, input *appstream.ListExportImageTasksInput, _ ...options) (
	*appstream.ListExportImageTasksOutput, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if len(f.calls) > 1000 {
		return nil, errors.New("the listing is read for ever")
	}
	err := f.call("ListExportImageTasks", strconv.Itoa(int(aws.ToInt32(input.MaxResults))))
	if err != nil {
		return nil, err
	}
	reply := &appstream.ListExportImageTasksOutput{}
	var tasks []Task
	tasks, reply.NextToken, err = page(f, f.tasks, input.MaxResults, input.NextToken)
	for _, task := range tasks {
		if f.terse {
			task.Tags, task.AMIID = nil, ""
		}
		reply.ExportImageTasks = append(reply.ExportImageTasks, *reported(task))
	}
	return reply, err
}

func (f *fake) GetExportImageTask(_ context.Context, input *appstream.GetExportImageTaskInput, _ ...options) (
	*appstream.GetExportImageTaskOutput, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if err := f.call("GetExportImageTask", aws.ToString(input.TaskId)); err != nil {
		return nil, err
	}
	for _, task := range f.tasks {
		if task.ID == aws.ToString(input.TaskId) {
			return &appstream.GetExportImageTaskOutput{ExportImageTask: reported(task)}, nil
		}
	}
	return nil, gone()
}

func (f *fake) CreateExportImageTask(_ context.Context, input *appstream.CreateExportImageTaskInput, settings ...options) (
	*appstream.CreateExportImageTaskOutput, error) {
	time.Sleep(f.takes)
	f.mutex.Lock()
	defer f.mutex.Unlock()
	name := aws.ToString(input.ImageName)
	if err := f.call("CreateExportImageTask", name); err != nil {
		return nil, err
	}
	f.started = input
	for _, set := range settings {
		set(&f.settings)
	}
	task := Task{ID: "task-" + name, ImageARN: place.ImageARN(name), AMIName: aws.ToString(input.AmiName), State: StateExporting,
		Created: due, Tags: input.TagSpecifications}
	f.tasks = append(f.tasks, task)
	reply := &appstream.CreateExportImageTaskOutput{ExportImageTask: reported(task)}
	if f.answered != nil {
		f.answered(reply.ExportImageTask)
	}
	return reply, nil
}

func (f *fake) TagResource(_ context.Context, input *appstream.TagResourceInput, _ ...options) (*appstream.TagResourceOutput, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	name := imageNameOf(aws.ToString(input.ResourceArn))
	if err := f.call("TagResource", name); err != nil {
		return nil, err
	}
	tagged := maps.Clone(f.tags)
	if tagged == nil {
		tagged = map[string]map[string]string{}
	}
	tagged[name] = with(maps.Clone(input.Tags), f.tags[name])
	maps.Copy(tagged[name], input.Tags)
	f.tags = tagged
	return &appstream.TagResourceOutput{}, nil
}

// reported is the task as AppStream tells it: nothing is told of what is empty.
func reported(task Task) *types.ExportImageTask {
	told := func(text string) *string {
		if text == "" {
			return nil
		}
		return aws.String(text)
	}
	reported := &types.ExportImageTask{
		TaskId: told(task.ID), ImageArn: told(task.ImageARN), AmiName: told(task.AMIName), AmiId: told(task.AMIID),
		AmiDescription: told(task.Description), State: types.ExportImageTaskState(task.State), TagSpecifications: task.Tags,
	}
	if !task.Created.IsZero() {
		reported.CreatedDate = aws.Time(task.Created)
	}
	for _, reason := range task.Errors {
		reported.ErrorDetails = append(reported.ErrorDetails,
			types.ErrorDetails{ErrorCode: told(reason.Code), ErrorMessage: told(reason.Message)})
	}
	return reported
}

func (f *fake) exporter() *Exporter {
	return &Exporter{AppStream: f, Place: place, Stack: "exporter@eu-west-1", RoleARN: roleARN, Now: due.UTC,
		Warn: func(_ context.Context, message string, args ...any) {
			f.mutex.Lock()
			defer f.mutex.Unlock()
			f.warnings = append(f.warnings, fmt.Sprint(append([]any{message}, args...)...))
		}}
}

// run carries the order out and returns what is told of each image, in the order of their names.
func (f *fake) run(t *testing.T, ctx context.Context, order Order) (told []string, findings Findings) {
	t.Helper()
	var mutex sync.Mutex
	findings, err := f.exporter().Run(ctx, order, func(d Decision) {
		mutex.Lock()
		defer mutex.Unlock()
		told = append(told, inShort(d))
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(told)
	return told, findings
}

func inShort(d Decision) string {
	text := d.ImageName + ": " + string(d.Action)
	if d.Action == Wait {
		text += " for " + string(d.Awaits)
	}
	if d.Unread {
		text += ", unread"
	}
	if d.Repeated {
		text += ", told before"
	}
	if d.Task != nil {
		text += ", task " + d.Task.ID
	}
	if d.Reason != "" {
		text += ": " + d.Reason
	}
	return text
}

// sorted are the calls, in the order of the alphabet: those that go at the same time have none of their own.
func (f *fake) sorted() []string { return slices.Sorted(slices.Values(f.calls)) }

// count is how many calls began with the word.
func (f *fake) count(word string) (calls int) {
	for _, call := range f.calls {
		if strings.HasPrefix(call, word+" ") {
			calls++
		}
	}
	return calls
}

// sweep is an order for all images, by the nightly schedule, with changes.
func sweep(t testing.TB, changes ...func(*Order)) Order {
	order := Order{Trigger: nightly, Sweep: true, Name: nameTemplate(t, "{image}-{created}")}
	for _, change := range changes {
		change(&order)
	}
	return order
}

// request is an order for images by their names.
func request(t testing.TB, names ...string) Order {
	return sweep(t, func(o *Order) { o.Sweep, o.Selection = false, selected(t, names, nil) })
}

// mark is what a completed export leaves on an image.
func mark(name string) map[string]string {
	return map[string]string{tags.AMIName: name + "-20261120T101500Z"}
}
