package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
)

// imagesPage is the most that DescribeImages returns in one page.
const imagesPage = 25

// imagesNamed looks up a page of images by name. AppStream answers an unknown name with an error for the
// whole call, so each is then asked for alone.
func (e *Exporter) imagesNamed(ctx context.Context, names []string) (images []Image, notFound []string, err error) {
	images, err = e.describe(ctx, &appstream.DescribeImagesInput{Names: names})
	if isNotFound(err) {
		if len(names) == 1 {
			return nil, names, nil
		}
		images, err = e.imagesOneByOne(ctx, names)
	}
	if err != nil {
		return nil, nil, err
	}
	return images, without(names, images), nil
}

func (e *Exporter) imagesOneByOne(ctx context.Context, names []string) ([]Image, error) {
	var (
		mutex  sync.Mutex
		images []Image
		errs   []error
	)
	inParallel(names, func(name string) {
		found, err := e.describe(ctx, &appstream.DescribeImagesInput{Names: []string{name}})
		mutex.Lock()
		defer mutex.Unlock()
		if !isNotFound(err) {
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
			if aws.ToString(image.Arn) == "" {
				e.Warn(ctx, "AppStream tells no ARN of an image, so nobody knows whose it is, and it is left out",
					"imageName", aws.ToString(image.Name))
			}
			if aws.ToString(image.Arn) == e.Place.ImageARN(aws.ToString(image.Name)) {
				images = append(images, toImage(image))
			}
		}
		more, err := nextPage(&input.NextToken, page.NextToken)
		if err != nil || !more {
			return images, err
		}
	}
}

// nextPage moves to the next page and tells whether there is one. A token that repeats would never end.
func nextPage(token **string, next *string) (more bool, err error) {
	if aws.ToString(next) == "" {
		return false, nil
	}
	if aws.ToString(next) == aws.ToString(*token) {
		return false, errors.New("AppStream repeats a page of its listing instead of going on")
	}
	*token = next
	return true, nil
}
