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
	// Limit is how many exports AppStream was seen to run at a time; 0 is not known.
	Limit int `json:"limit,omitempty"`
	// Progress is when an export of it was last started; zero: none was yet.
	Progress time.Time `json:"progress,omitzero"`
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
	if kinds != 1 {
		return Item{}, errors.New("not a work message: exactly one of request, watch and notice must be there")
	}
	if item.Trigger.ID == "" || item.Trigger.Type == "" {
		return Item{}, errors.New("not a work message: the trigger is missing")
	}
	if item.Deadline.IsZero() || item.Since.IsZero() {
		return Item{}, errors.New("not a work message: since or deadline is missing")
	}
	if item.Watch != nil && (item.Watch.TaskID == "" || item.Watch.ImageName == "") {
		return Item{}, errors.New("not a work message: the watch names no task or no image")
	}
	if item.Notice != nil && (item.Notice.ID == "" || item.Notice.Type == "" || item.Notice.ImageName == "") {
		return Item{}, errors.New("not a work message: the notice has no id, type or image")
	}
	return item, nil
}
