// Package work keeps what is unfinished on an SQS queue, one message each, so that nothing waits in the
// memory of a function that may be gone the next moment.
package work

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/trigger"
)

// Item is one piece of unfinished work. Exactly one of Request, Watch and Notice is set.
type Item struct {
	Trigger  trigger.Trigger  `json:"trigger"`
	Since    time.Time        `json:"since"`    // when the work came up
	Deadline time.Time        `json:"deadline"` // when it is given up
	Request  *Request         `json:"request,omitempty"`
	Watch    *Watch           `json:"watch,omitempty"`
	Notice   *notify.Document `json:"notice,omitempty"` // a notification that SNS did not take yet
}

// Request still has images to start.
type Request struct {
	Spec trigger.Spec `json:"ask"`
	// Only names the images that are left; nil where AppStream could not even be read yet.
	Only []string `json:"only,omitempty"`
}

// Watch is a task whose end is to be told.
type Watch struct {
	TaskID    string    `json:"taskId"`
	ImageARN  string    `json:"imageArn"`
	AMIName   string    `json:"amiName"`
	ImageName string    `json:"imageName"`
	Created   time.Time `json:"created"`
	// CustomAMIName tells that the request chose the AMI's name, so that the image keeps the mark of the stack's own export.
	CustomAMIName bool `json:"chosen,omitempty"`
	// EndPublished tells that the end is announced and only the mark on the image is missing.
	EndPublished bool `json:"told,omitempty"`
}

// Decode reads the body of a message. Its error means that the message can never be handled. Fields not known are
// passed over: a newer version of the function may have sent them before it was rolled back.
func Decode(body string) (Item, error) {
	var item Item
	if err := json.Unmarshal([]byte(body), &item); err != nil {
		return Item{}, fmt.Errorf("not a work message: %w", err)
	}
	kinds := 0
	for _, there := range []bool{item.Request != nil, item.Watch != nil, item.Notice != nil} {
		if there {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return Item{}, errors.New("not a work message: exactly one of request, watch and notice must be there")
	case item.Trigger.ID == "" || item.Trigger.Type == "":
		return Item{}, errors.New("not a work message: the trigger is missing")
	case item.Deadline.IsZero() || item.Since.IsZero():
		return Item{}, errors.New("not a work message: since or deadline is missing")
	case item.Watch != nil && (item.Watch.TaskID == "" || item.Watch.ImageName == ""):
		return Item{}, errors.New("not a work message: the watch names no task or no image")
	case item.Notice != nil && (item.Notice.ID == "" || item.Notice.Type == "" || item.Notice.ImageName == ""):
		return Item{}, errors.New("not a work message: the notice has no id, type or image")
	}
	return item, nil
}

// Delay is how long to wait before the item is looked at again. It grows with the age of the item, so that what
// is quick is told soon and what is slow costs little, without anything having to count the looks.
func (i Item) Delay(now time.Time) time.Duration {
	age := max(0, now.Sub(i.Since))
	switch {
	case i.Watch != nil:
		return clamp(age/8, time.Minute, longestDelay) // an end is told within an eighth of its duration
	case i.Request != nil:
		return clamp(age/4, 2*time.Minute, longestDelay) // images take tens of minutes; AppStream's conflicts ask for minutes
	default:
		return clamp(age/4, 30*time.Second, longestDelay)
	}
}

// longestDelay bounds the looks from below: at 15 minutes the longest deadline of 168 hours needs some
// 700 receives, which is safely under the queue's 1,000. It is also the longest that SQS delays a new message.
const longestDelay = 15 * time.Minute

func clamp(d, low, high time.Duration) time.Duration { return min(max(d, low), high) }
