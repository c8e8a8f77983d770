package export

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"

	imagetags "appstream-ami-exporter/internal/tags"
)

const (
	// healedFor is how old an export may be whose mark a sweep still looks for: as long as a trigger that failed can be sent again.
	healedFor = 14 * 24 * time.Hour

	// healedPerNight bounds the images whose tags are read for nothing else.
	healedPerNight = 50
)

// mayLackItsMark tells whether a sweep has passed an image only because AppStream still remembers its export. Its mark is not known:
// it may have been lost, with whoever was to set it or by somebody's hand.
func (c *candidate) mayLackItsMark(now time.Time) bool {
	live := c.history.byAMIName[c.AMIName].live
	return c.order.Sweep && !c.order.DryRun && c.Action == Skip && c.Reason == AlreadyExported &&
		live != nil && live.completed && live.own && live.imageARN == c.imageARN &&
		now.Sub(live.created) < healedFor && !c.image.Created.After(live.created)
}

// heal sets the marks that are missing. Of many images it looks at some each night, in turn.
func (r *run) heal(ctx context.Context, candidates []*candidate) {
	if most := healedPerNight; len(candidates) > most {
		day := int(r.order.Trigger.Time.Unix() / int64((24 * time.Hour).Seconds()))
		first := day * most % len(candidates)
		candidates = append(candidates[first:], candidates[:first]...)[:most]
	}
	inParallel(candidates, func(c *candidate) {
		if ctx.Err() != nil {
			return
		}
		if err := r.healOne(ctx, c); err != nil {
			r.Warn(ctx, "it cannot be seen or mended whether the image is marked", "imageName", c.ImageName, "amiName", c.AMIName,
				"error", err.Error())
		}
	})
}

func (r *run) healOne(ctx context.Context, c *candidate) error {
	tags, err := r.readTags(ctx, c.image.Name)
	mark := imagetags.Marker(c.AMIName)
	if isNotFound(err) || err == nil && tags[imagetags.AMIName] == mark {
		return nil
	}
	if err != nil {
		return err
	}
	amiID := c.history.byAMIName[c.AMIName].live.amiID
	if amiID == "" { // which a list need not tell
		task, err := r.ReadTask(ctx, c.TaskID)
		if err != nil {
			return err
		}
		amiID = task.AMIID
	}
	// Should this export's own trigger come again, it has to know that nobody who followed the export has set this mark.
	marks := map[string]string{imagetags.AMIName: mark, imagetags.Healed: mark}
	if amiID != "" {
		marks[imagetags.AMIID] = amiID
	}
	_, err = r.AppStream.TagResource(ctx, &appstream.TagResourceInput{ResourceArn: aws.String(r.Place.ImageARN(c.image.Name)), Tags: marks})
	if err != nil {
		return classifyTagging(err, r.RoleARN)
	}
	r.Warn(ctx, "the mark of an image was lost and is set again", "imageName", c.ImageName, "amiName", c.AMIName, "taskId", c.TaskID)
	return nil
}
