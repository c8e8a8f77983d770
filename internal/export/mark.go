package export

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"

	"appstream-ami-exporter/internal/tags"
)

// Mark notes a completed export on its image, in tags that outlive AppStream's task history: the AMI's name, by which
// later sweeps know that the image is exported, and its id, for people. An image that is gone needs
// no mark, and one that was made after the export under the same name is another image: marked is false. So it is
// where somebody chose the AMI's name and the image bears the mark of another AMI: sweeps need that one.
func (e *Exporter) Mark(ctx context.Context, task Task, customAMIName bool) (marked bool, err error) {
	name := task.ImageName()
	images, _, err := e.imagesNamed(ctx, []string{name})
	if err != nil {
		return false, err
	}
	if len(images) == 0 || !task.Created.IsZero() && images[0].Created.After(task.Created) {
		return false, nil
	}
	mark := tags.Marker(task.AMIName)
	if customAMIName {
		before, err := e.readTags(ctx, name)
		if other := before[tags.AMIName]; err != nil || other != "" && other != mark {
			return false, err
		}
	}
	marks := map[string]string{tags.AMIName: mark}
	if task.AMIID != "" {
		marks[tags.AMIID] = task.AMIID
	}
	_, err = e.AppStream.TagResource(ctx, &appstream.TagResourceInput{ResourceArn: aws.String(e.Place.ImageARN(name)), Tags: marks})
	if err != nil {
		refusal := classifyTagging(err, e.RoleARN)
		if refusal.kind == notFound {
			return false, nil
		}
		return false, fmt.Errorf("TagResource: %w", refusal)
	}
	return true, nil
}

// readTagsOf reads the tags of the images; those that cannot be read are left out.
func (e *Exporter) readTagsOf(ctx context.Context, names []string) map[string]map[string]string {
	var mutex sync.Mutex
	all := make(map[string]map[string]string, len(names))
	inParallel(names, func(name string) {
		if of, err := e.readTags(ctx, name); err == nil {
			mutex.Lock()
			defer mutex.Unlock()
			all[name] = of
		}
	})
	return all
}

// readTags returns the tags of one image, never nil unless there is an error.
func (e *Exporter) readTags(ctx context.Context, name string) (map[string]string, error) {
	reply, err := e.AppStream.ListTagsForResource(ctx, &appstream.ListTagsForResourceInput{ResourceArn: aws.String(e.Place.ImageARN(name))})
	if err != nil {
		return nil, fmt.Errorf("ListTagsForResource: %w", classify(err, e.RoleARN))
	}
	if reply.Tags == nil {
		return map[string]string{}, nil
	}
	return reply.Tags, nil
}
