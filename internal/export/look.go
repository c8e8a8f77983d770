package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
	"unique"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/trigger"
)

const (
	imagesPage = 25  // the most that DescribeImages returns in one page
	tasksPage  = 500 // the most that ListExportImageTasks returns; its default of 50 costs ten times the waits
)

// sight is what AppStream said: the images of this account that may be meant, those asked for that are not there,
// the tasks it remembers, and the tags of the images that were asked for by name.
type sight struct {
	images  []Image
	missing []string
	past    *history
	tags    map[string]map[string]string
}

// look asks AppStream for all that the plan needs, everything at once.
func (e *Exporter) look(ctx context.Context, order Order) (sight, error) {
	var (
		wait                sync.WaitGroup
		seen                sight
		imagesErr, tasksErr error
	)
	names, only := order.Only, true
	if names == nil {
		names, only = order.Selection.Names()
	}
	byName := only && len(names) <= imagesPage
	wait.Go(func() {
		if byName {
			seen.images, seen.missing, imagesErr = e.imagesNamed(ctx, names)
		} else {
			seen.images, imagesErr = e.allImages(ctx)
			seen.missing = missingOf(names, seen.images)
			if order.Only != nil {
				wanted := setOf(names)
				seen.images = slices.DeleteFunc(seen.images, func(i Image) bool { return !wanted[i.Name] })
			}
		}
	})
	wait.Go(func() { seen.past, tasksErr = e.history(ctx, order.Trigger) })
	if byName {
		// An image's ARN follows from its name, so its tags need not wait for the look at the image. What goes
		// wrong here is asked again, and reported, when the tags are needed.
		wait.Go(func() { seen.tags = e.tagsOf(ctx, names) })
	}
	wait.Wait()
	if err := cmp.Or(imagesErr, tasksErr); err != nil {
		return sight{}, fmt.Errorf("cannot read AppStream's images and export tasks: %w", err)
	}
	return seen, nil
}

// imagesNamed looks up a page of images by name. AppStream answers an unknown name with an error for the
// whole call, so each is then asked for alone.
func (e *Exporter) imagesNamed(ctx context.Context, names []string) (images []Image, missing []string, err error) {
	images, err = e.describe(ctx, &appstream.DescribeImagesInput{Names: names})
	if r, ok := errors.AsType[*Refusal](err); ok && r.kind == gone {
		if len(names) == 1 {
			return nil, names, nil
		}
		images, err = e.oneByOne(ctx, names)
	}
	if err != nil {
		return nil, nil, err
	}
	return images, missingOf(names, images), nil
}

func (e *Exporter) oneByOne(ctx context.Context, names []string) ([]Image, error) {
	var (
		mutex  sync.Mutex
		images []Image
		errs   []error
	)
	inParallel(names, func(name string) {
		found, err := e.describe(ctx, &appstream.DescribeImagesInput{Names: []string{name}})
		mutex.Lock()
		defer mutex.Unlock()
		if r, ok := errors.AsType[*Refusal](err); !ok || r.kind != gone {
			errs = append(errs, err)
		}
		images = append(images, found...)
	})
	return images, cmp.Or(errs...) // one sentence: all say the same, as a rule
}

// allImages lists the images of this account. Those shared with other accounts are asked for as well: it is not
// documented under which of the two types AppStream lists them.
func (e *Exporter) allImages(ctx context.Context) ([]Image, error) {
	var (
		wait                  sync.WaitGroup
		private, shared       []Image
		privateErr, sharedErr error
	)
	wait.Go(func() {
		private, privateErr = e.describe(ctx, &appstream.DescribeImagesInput{Type: types.VisibilityTypePrivate})
	})
	wait.Go(func() {
		shared, sharedErr = e.describe(ctx, &appstream.DescribeImagesInput{Type: types.VisibilityTypeShared})
	})
	wait.Wait()
	if err := cmp.Or(privateErr, sharedErr); err != nil { // one sentence: both say the same, as a rule
		return nil, err
	}
	return distinct(append(private, shared...)), nil
}

// distinct leaves out images that are there already: a listing may show one again when images come and go between its pages.
func distinct(images []Image) []Image {
	have := make(map[string]bool, len(images))
	return slices.DeleteFunc(images, func(image Image) bool {
		again := have[image.Name]
		have[image.Name] = true
		return again
	})
}

// describe follows one listing to its end and keeps the images that this account owns. A listing that
// breaks off is an error: half a list must not pass for the whole.
func (e *Exporter) describe(ctx context.Context, input *appstream.DescribeImagesInput) ([]Image, error) {
	if len(input.Names) == 0 {
		input.MaxResults = aws.Int32(imagesPage)
	}
	var images []Image
	for {
		page, err := e.AppStream.DescribeImages(ctx, input)
		if err != nil {
			return nil, fmt.Errorf("DescribeImages: %w", classify(err, e.RoleARN))
		}
		for _, image := range page.Images {
			name := aws.ToString(image.Name)
			if aws.ToString(image.Arn) == e.Place.ImageARN(name) {
				images = append(images, slim(image))
			}
		}
		more, err := turn(&input.NextToken, page.NextToken)
		if err != nil || !more {
			return images, err
		}
	}
}

// turn moves to the next page and tells whether there is one. A token that repeats would never end.
func turn(token **string, next *string) (more bool, err error) {
	if aws.ToString(next) == "" {
		return false, nil
	}
	if aws.ToString(next) == aws.ToString(*token) {
		return false, errors.New("AppStream repeats a page of its listing instead of going on")
	}
	*token = next
	return true, nil
}

func slim(image types.Image) Image {
	slim := Image{Name: aws.ToString(image.Name), State: same(image.State), Platform: same(image.Platform), Created: aws.ToTime(image.CreatedTime)}
	if reason := image.StateChangeReason; reason != nil && aws.ToString(reason.Message) != "" {
		slim.Trouble = ": " + aws.ToString(reason.Message)
	}
	return slim
}

// same keeps one copy of the few words that ten thousand images or tasks have in common.
func same[T ~string](word T) string { return unique.Make(string(word)).Value() }

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

func missingOf(names []string, images []Image) (missing []string) {
	if len(names) == 0 {
		return nil
	}
	have := make(map[string]bool, len(images))
	for _, image := range images {
		have[image.Name] = true
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return have[name] })
}

// skew is how far AppStream's clock and EventBridge's may be apart.
const skew = time.Hour

// history reads all export tasks. They are not filtered: AppStream documents no names of filters.
func (e *Exporter) history(ctx context.Context, t trigger.Trigger) (*history, error) {
	past := newHistory(t.ID)
	var unclear []types.ExportImageTask
	err := e.eachTask(ctx, func(task types.ExportImageTask) {
		// What the trigger started is younger than the trigger.
		if len(task.TagSpecifications) == 0 && (task.CreatedDate == nil || task.CreatedDate.After(t.Time.Add(-skew))) {
			unclear = append(unclear, task)
			return
		}
		past.add(task)
	})
	if err != nil {
		return nil, err
	}
	// A list need not tell a task's tags, by which a trigger knows what it has started.
	var mutex sync.Mutex
	whole := map[string]types.ExportImageTask{}
	inParallel(unclear, func(task types.ExportImageTask) {
		id := aws.ToString(task.TaskId)
		full, problem := e.Task(ctx, id)
		if refusal, ok := errors.AsType[*Refusal](problem); ok && refusal.kind == gone {
			full, problem = task, nil // ended and forgotten in between
		}
		mutex.Lock()
		defer mutex.Unlock()
		whole[id], err = full, cmp.Or(err, problem)
	})
	if err != nil {
		return nil, err
	}
	for _, task := range unclear { // in their order: of two the latter counts
		past.add(whole[aws.ToString(task.TaskId)])
	}
	return past, nil
}

func (e *Exporter) eachTask(ctx context.Context, do func(types.ExportImageTask)) error {
	input := &appstream.ListExportImageTasksInput{MaxResults: aws.Int32(tasksPage)}
	for {
		page, err := e.AppStream.ListExportImageTasks(ctx, input)
		if err != nil {
			return fmt.Errorf("ListExportImageTasks: %w", classify(err, e.RoleARN))
		}
		for _, task := range page.ExportImageTasks {
			do(task)
		}
		more, err := turn(&input.NextToken, page.NextToken)
		if err != nil || !more {
			return err
		}
	}
}

// tagsOf reads the tags of the images; those that cannot be read are left out.
func (e *Exporter) tagsOf(ctx context.Context, names []string) map[string]map[string]string {
	var mutex sync.Mutex
	all := make(map[string]map[string]string, len(names))
	inParallel(names, func(name string) {
		if tags, err := e.tags(ctx, name); err == nil {
			mutex.Lock()
			defer mutex.Unlock()
			all[name] = tags
		}
	})
	return all
}

// tags returns the tags of one image, never nil unless there is an error.
func (e *Exporter) tags(ctx context.Context, name string) (map[string]string, error) {
	reply, err := e.AppStream.ListTagsForResource(ctx, &appstream.ListTagsForResourceInput{ResourceArn: aws.String(e.Place.ImageARN(name))})
	if err != nil {
		return nil, fmt.Errorf("ListTagsForResource: %w", classify(err, e.RoleARN))
	}
	if reply.Tags == nil {
		return map[string]string{}, nil
	}
	return reply.Tags, nil
}
