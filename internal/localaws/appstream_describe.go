package localaws

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
)

// asImagesPage is both the default and the greatest page of DescribeImages.
const asImagesPage = 25

type asDescribeImagesInput struct {
	Names      []string
	Arns       []string
	Type       types.VisibilityType
	MaxResults *int
	NextToken  *string
}

type asDescribeImagesOutput struct {
	Images    []asImage
	NextToken string `json:",omitempty"`
}

func (a *AppStream) describeImages(now time.Time, input asDescribeImagesInput) (asDescribeImagesOutput, error) {
	var v asValidation
	v.texts("names", input.Names, asNonEmpty)
	v.texts("arns", input.Arns, asARN)
	v.visibility("type", input.Type)
	v.number("maxResults", input.MaxResults, 0, asImagesPage)
	v.text("nextToken", input.NextToken, asNonEmpty)
	if err := v.err(); err != nil {
		return asDescribeImagesOutput{}, err
	}
	selected, err := a.selectImages(now, input)
	if err != nil {
		return asDescribeImagesOutput{}, err
	}

	size := asImagesPage
	if input.MaxResults != nil && *input.MaxResults > 0 {
		size = *input.MaxResults
	}
	page, next, err := asPage("DescribeImages", selected, input.NextToken, size)
	if err != nil {
		return asDescribeImagesOutput{}, err
	}
	output := asDescribeImagesOutput{Images: []asImage{}, NextToken: next}
	for _, image := range page {
		output.Images = append(output.Images, a.showImage(now, image))
	}
	return output, nil
}

// selectImages returns the images a request means. Names mean own and public images; what others share goes by ARN only.
func (a *AppStream) selectImages(now time.Time, input asDescribeImagesInput) ([]*storedImage, error) {
	if len(input.Names) > 0 && len(input.Arns) > 0 {
		return nil, asErrorf("InvalidParameterCombinationException", "Names and Arns cannot be given together.")
	}
	wanted := slices.Concat(input.Names, input.Arns)
	found := map[string]bool{}
	var selected []*storedImage
	for _, image := range a.existing(now) {
		if input.Type != "" && image.Visibility != input.Type {
			continue
		}
		byName := image.Owner == a.options.Account || image.Visibility == types.VisibilityTypePublic
		switch {
		case len(wanted) == 0:
		case slices.Contains(input.Arns, image.arn):
			found[image.arn] = true
		case byName && slices.Contains(input.Names, image.Name):
			found[image.Name] = true
		default:
			continue
		}
		selected = append(selected, image)
	}
	for _, one := range wanted {
		if !found[one] && !a.options.IgnoreUnknownNames {
			return nil, asErrorf("ResourceNotFoundException", "The image %s was not found.", one)
		}
	}
	return selected, nil
}

type asDeleteImageInput struct{ Name *string }

type asDeleteImageOutput struct{ Image asImage }

func (a *AppStream) deleteImage(now time.Time, input asDeleteImageInput) (asDeleteImageOutput, error) {
	var v asValidation
	v.required("name", input.Name != nil)
	v.text("name", input.Name, asImageName)
	if err := v.err(); err != nil {
		return asDeleteImageOutput{}, err
	}
	image := a.imageByName(now, *input.Name)
	switch {
	case image == nil:
		return asDeleteImageOutput{}, asErrorf("ResourceNotFoundException", "The image %s was not found.", *input.Name)
	case image.Owner != a.options.Account:
		return asDeleteImageOutput{}, asErrorf("OperationNotPermittedException", "The image %s belongs to another account.", *input.Name)
	case image.SharedWithOthers:
		return asDeleteImageOutput{}, asErrorf("ResourceInUseException", "The image %s is shared with other accounts.", *input.Name)
	}
	a.removeImage(image.arn)
	return asDeleteImageOutput{Image: a.showImage(now, image)}, nil
}
