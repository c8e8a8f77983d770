package export

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
)

const unreadable = "cannot read AppStream's images and export tasks"

// snapshot is what AppStream said at one time: the images of this account that may be meant, those asked for that are not there,
// the tasks it remembers, and the tags of the images that were asked for by name.
type snapshot struct {
	images   []Image
	notFound []string
	history  *history
	tags     map[string]map[string]string
}

// readAppStream asks AppStream for all that the plan needs, everything at once.
func (e *Exporter) readAppStream(ctx context.Context, order Order) (snapshot, error) {
	var (
		wait                sync.WaitGroup
		read                snapshot
		imagesErr, tasksErr error
	)
	names, namesOnly := order.Selection.Names()
	wait.Go(func() {
		if namesOnly && len(names) <= imagesPage {
			read, imagesErr = e.readImages(ctx, names)
			return
		}
		read.images, imagesErr = e.allImages(ctx)
		read.notFound = without(names, read.images)
	})
	var history *history
	wait.Go(func() { history, tasksErr = e.readHistory(ctx, order.Trigger, nil) })
	wait.Wait()
	read.history = history
	if err := cmp.Or(imagesErr, tasksErr); err != nil {
		return snapshot{}, fmt.Errorf("%s: %w", unreadable, err)
	}
	return read, nil
}

// readImages reads a page of images by name and their tags, both at the same time.
func (e *Exporter) readImages(ctx context.Context, names []string) (read snapshot, err error) {
	var wait sync.WaitGroup
	wait.Go(func() { read.images, read.notFound, err = e.imagesNamed(ctx, names) })
	// An image's ARN follows from its name, so its tags need not wait for the look at the image. What goes
	// wrong here is asked again, and reported, when the tags are needed.
	wait.Go(func() { read.tags = e.readTagsOf(ctx, names) })
	wait.Wait()
	return read, err
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// without are the names that no image has.
func without(names []string, images []Image) (notFound []string) {
	if len(names) == 0 {
		return nil
	}
	have := make(map[string]bool, len(images))
	for _, image := range images {
		have[image.Name] = true
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return have[name] })
}
