package trigger

import (
	"cmp"
	"fmt"
	"time"

	"appstream-ami-exporter/internal/tags"
)

// imageReady is an event of the account's own that names an image, from any source.
type imageReady struct{}

const imageReadyDetailType = "AppStream Image Ready"

func (imageReady) accepts() string { return fmt.Sprintf("the event %q", imageReadyDetailType) }

func (imageReady) matches(p payload) bool {
	return p.isEvent && p.event.DetailType == imageReadyDetailType
}

func (imageReady) decode(p payload, inv Invocation) (Input, error) {
	var detail struct {
		ImageName string `json:"imageName"`
	}
	if err := p.event.decodeDetail(&detail); err != nil {
		return Input{}, fmt.Errorf("the detail of the event %q cannot be read: %s", imageReadyDetailType, explain(err))
	}
	if detail.ImageName == "" {
		return Input{}, fmt.Errorf("the event %q names no image: detail.imageName is missing", imageReadyDetailType)
	}
	return imageInput(detail.ImageName, p.event.ID, p.event.time(inv), inv), nil
}

// imageInput asks for the image that an event with this id told of.
func imageInput(name, id string, t time.Time, inv Invocation) Input {
	return Input{
		Trigger: Trigger{Type: ImageReady, ID: tags.Value(cmp.Or(id, inv.RequestID)), Time: t},
		Spec:    Spec{ImageName: name},
	}
}
