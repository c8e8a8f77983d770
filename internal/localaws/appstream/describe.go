package appstream

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// imagesPerPage is both the default and the greatest page of DescribeImages.
const imagesPerPage = 25

type describeImagesInput struct {
	Names      []string
	Arns       []string
	Type       types.VisibilityType
	MaxResults *int
	NextToken  *string
}

type describeImagesOutput struct {
	Images    []imageOutput
	NextToken string `json:",omitempty"`
}

func (s *Server) describeImages(now time.Time, input describeImagesInput) (describeImagesOutput, error) {
	var v validation
	v.texts("names", input.Names, nonEmptyRule)
	v.texts("arns", input.Arns, arnRule)
	v.visibility("type", input.Type)
	v.number("maxResults", input.MaxResults, 0, imagesPerPage)
	v.text("nextToken", input.NextToken, nonEmptyRule)
	if err := v.err(); err != nil {
		return describeImagesOutput{}, err
	}
	selected, err := s.selectImages(now, input)
	if err != nil {
		return describeImagesOutput{}, err
	}

	size := imagesPerPage
	if input.MaxResults != nil && *input.MaxResults > 0 {
		size = *input.MaxResults
	}
	page, next, err := cutPage("DescribeImages", selected, input.NextToken, size)
	if err != nil {
		return describeImagesOutput{}, err
	}
	output := describeImagesOutput{Images: []imageOutput{}, NextToken: next}
	for _, image := range page {
		output.Images = append(output.Images, s.newImageOutput(now, image))
	}
	return output, nil
}

// selectImages returns the images a request means. Names mean own and public images; what others share goes by ARN only.
func (s *Server) selectImages(now time.Time, input describeImagesInput) ([]*storedImage, error) {
	if len(input.Names) > 0 && len(input.Arns) > 0 {
		return nil, awsreply.Refuse("InvalidParameterCombinationException", "Names and Arns cannot be given together.")
	}
	wanted := slices.Concat(input.Names, input.Arns)
	found := map[string]bool{}
	var selected []*storedImage
	for _, image := range s.existing(now) {
		if input.Type != "" && image.Visibility != input.Type {
			continue
		}
		byName := image.Owner == s.options.Account || image.Visibility == types.VisibilityTypePublic
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
		if !found[one] && !s.options.IgnoreUnknownNames {
			return nil, awsreply.Refuse("ResourceNotFoundException", "The image %s was not found.", one)
		}
	}
	return selected, nil
}

type deleteImageInput struct{ Name *string }

type deleteImageOutput struct{ Image imageOutput }

func (s *Server) deleteImage(now time.Time, input deleteImageInput) (deleteImageOutput, error) {
	var v validation
	v.required("name", input.Name != nil)
	v.text("name", input.Name, imageNameRule)
	if err := v.err(); err != nil {
		return deleteImageOutput{}, err
	}
	image := s.imageByName(now, *input.Name)
	switch {
	case image == nil:
		return deleteImageOutput{}, awsreply.Refuse("ResourceNotFoundException", "The image %s was not found.", *input.Name)
	case image.Owner != s.options.Account:
		return deleteImageOutput{}, awsreply.Refuse("OperationNotPermittedException", "The image %s belongs to another account.",
			*input.Name)
	case image.SharedWithOthers:
		return deleteImageOutput{}, awsreply.Refuse("ResourceInUseException", "The image %s is shared with other accounts.", *input.Name)
	}
	s.removeImage(image.arn)
	return deleteImageOutput{Image: s.newImageOutput(now, image)}, nil
}
