package localaws

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
)

// ImageGone is the state of an image that does not exist: not any more, or not yet.
const ImageGone types.ImageState = "gone"

// Image is one AppStream image and its life.
type Image struct {
	Name string
	// State is what the image begins in, AVAILABLE by default. Any string will do.
	State types.ImageState
	// Becomes is what happens to the image later, in order.
	Becomes []StateChange

	Platform    types.PlatformType   // default WINDOWS_SERVER_2022
	Visibility  types.VisibilityType // default PRIVATE
	CreatedTime time.Time            // default: when it was put
	Description string
	Tags        map[string]string

	// Owner is an account. Empty is AWS for a PUBLIC image and this account for any other.
	Owner            string
	SharedWithOthers bool

	// StateChangeReason and Errors show while the image is FAILED.
	StateChangeReason StateChangeReason
	Errors            []ImageError

	// Applications is how many applications the image lists, for a realistic size on the wire.
	Applications            int
	ManagedSoftwareIncluded bool
}

// StateChange is one step of an image's life.
type StateChange struct {
	// At is when; where it is zero, After counts from when the image was put.
	At    time.Time
	After time.Duration
	State types.ImageState // ImageGone makes the image vanish
}

// StateChangeReason says why an image failed.
type StateChangeReason struct {
	Code    types.ImageStateChangeReasonCode `json:",omitempty"`
	Message string                           `json:",omitempty"`
}

// ImageError is one entry of an image's ImageErrors.
type ImageError struct {
	Code    string
	Message string
	Time    time.Time
}

// storedImage is an image with everything filled in.
type storedImage struct {
	Image
	sequence int
	arn      string
}

func (i *storedImage) number() int { return i.sequence }

// stateAt is the state after the last change that has come by then.
func (i *storedImage) stateAt(now time.Time) types.ImageState {
	state := i.State
	for _, change := range i.Becomes {
		if now.Before(change.At) {
			break
		}
		state = change.State
	}
	return state
}

func (i *storedImage) existsAt(now time.Time) bool { return i.stateAt(now) != ImageGone }

// PutImage adds an image, or replaces the one with the same name and owner.
func (a *AppStream) PutImage(image Image) {
	a.mu.Lock()
	defer a.mu.Unlock()
	stored := a.complete(image)
	a.images = slices.DeleteFunc(a.images, func(i *storedImage) bool { return i.arn == stored.arn })
	a.images = append(a.images, stored)
}

// complete fills in defaults, and copies what the caller could still change.
func (a *AppStream) complete(image Image) *storedImage {
	now := a.options.Now()
	if image.State == "" {
		image.State = types.ImageStateAvailable
	}
	if image.Platform == "" {
		image.Platform = types.PlatformTypeWindowsServer2022
	}
	if image.Visibility == "" {
		image.Visibility = types.VisibilityTypePrivate
	}
	if image.CreatedTime.IsZero() {
		image.CreatedTime = now
	}
	if image.Owner == "" && image.Visibility != types.VisibilityTypePublic {
		image.Owner = a.options.Account
	}
	image.Errors = slices.Clone(image.Errors)
	image.Tags = maps.Clone(image.Tags)
	if image.Tags == nil {
		image.Tags = map[string]string{}
	}
	image.Becomes = slices.Clone(image.Becomes)
	for i := range image.Becomes {
		if change := &image.Becomes[i]; change.At.IsZero() {
			change.At = now.Add(change.After)
		}
	}
	return &storedImage{Image: image, sequence: a.nextSequence(), arn: a.imageARN(image.Owner, image.Name)}
}

// ImageARN returns the ARN of an image of this account.
func (a *AppStream) ImageARN(name string) string { return a.imageARN(a.options.Account, name) }

func (a *AppStream) imageARN(owner, name string) string {
	return fmt.Sprintf("arn:%s:appstream:%s:%s:image/%s", a.options.Partition, a.options.Region, owner, name)
}

// RemoveImage removes this account's image of that name, if there is one.
func (a *AppStream) RemoveImage(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.removeImage(a.ImageARN(name))
}

func (a *AppStream) removeImage(arn string) {
	a.images = slices.DeleteFunc(a.images, func(i *storedImage) bool { return i.arn == arn })
}

// Images returns every image that exists now, with its state of now and without its future.
func (a *AppStream) Images() []Image {
	a.mu.Lock()
	defer a.mu.Unlock()
	var images []Image
	now := a.options.Now()
	for _, stored := range a.existing(now) {
		image := stored.Image
		image.State, image.Becomes = stored.stateAt(now), nil
		image.Tags, image.Errors = maps.Clone(image.Tags), slices.Clone(image.Errors)
		images = append(images, image)
	}
	return images
}

func (a *AppStream) existing(now time.Time) []*storedImage {
	var images []*storedImage
	for _, image := range a.images {
		if image.existsAt(now) {
			images = append(images, image)
		}
	}
	return images
}

// imageByARN returns nil where there is none.
func (a *AppStream) imageByARN(now time.Time, arn string) *storedImage {
	for _, image := range a.existing(now) {
		if image.arn == arn {
			return image
		}
	}
	return nil
}

// imageByName prefers this account's image to another of the same name, and returns nil where there is none.
func (a *AppStream) imageByName(now time.Time, name string) *storedImage {
	if own := a.imageByARN(now, a.ImageARN(name)); own != nil {
		return own
	}
	for _, image := range a.existing(now) {
		if image.Name == name {
			return image
		}
	}
	return nil
}
