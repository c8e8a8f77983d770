package appstream

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
)

// Absent is the state of an image that does not exist: not any more, or not yet.
const Absent types.ImageState = "gone"

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
}

// StateChange is one step of an image's life.
type StateChange struct {
	// At is when; where it is zero, After counts from when the image was put.
	At    time.Time
	After time.Duration
	State types.ImageState // Absent makes the image vanish
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

func (i *storedImage) existsAt(now time.Time) bool { return i.stateAt(now) != Absent }

// PutImage adds an image, or replaces the one with the same name and owner.
func (s *Server) PutImage(image Image) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := s.complete(image)
	s.images = slices.DeleteFunc(s.images, func(i *storedImage) bool { return i.arn == stored.arn })
	s.images = append(s.images, stored)
}

// complete fills in defaults, and copies what the caller could still change.
func (s *Server) complete(image Image) *storedImage {
	now := s.options.Now()
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
		image.Owner = s.options.Account
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
	return &storedImage{Image: image, sequence: s.nextSequence(), arn: s.imageARN(image.Owner, image.Name)}
}

// ImageARN returns the ARN of an image of this account.
func (s *Server) ImageARN(name string) string { return s.imageARN(s.options.Account, name) }

func (s *Server) imageARN(owner, name string) string {
	return fmt.Sprintf("arn:%s:appstream:%s:%s:image/%s", s.options.Partition, s.options.Region, owner, name)
}

// RemoveImage removes this account's image of that name, if there is one.
func (s *Server) RemoveImage(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeImage(s.ImageARN(name))
}

func (s *Server) removeImage(arn string) {
	s.images = slices.DeleteFunc(s.images, func(i *storedImage) bool { return i.arn == arn })
}

// Images returns every image that exists now, with its state of now and without its future.
func (s *Server) Images() []Image {
	s.mu.Lock()
	defer s.mu.Unlock()
	var images []Image
	now := s.options.Now()
	for _, stored := range s.existing(now) {
		image := stored.Image
		image.State, image.Becomes = stored.stateAt(now), nil
		image.Tags, image.Errors = maps.Clone(image.Tags), slices.Clone(image.Errors)
		images = append(images, image)
	}
	return images
}

func (s *Server) existing(now time.Time) []*storedImage {
	var images []*storedImage
	for _, image := range s.images {
		if image.existsAt(now) {
			images = append(images, image)
		}
	}
	return images
}

// imageByARN returns nil where there is none.
func (s *Server) imageByARN(now time.Time, arn string) *storedImage {
	for _, image := range s.existing(now) {
		if image.arn == arn {
			return image
		}
	}
	return nil
}

// imageByName prefers this account's image to another of the same name, and returns nil where there is none.
func (s *Server) imageByName(now time.Time, name string) *storedImage {
	if own := s.imageByARN(now, s.ImageARN(name)); own != nil {
		return own
	}
	for _, image := range s.existing(now) {
		if image.Name == name {
			return image
		}
	}
	return nil
}
