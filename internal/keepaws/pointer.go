package keepaws

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"appstream-ami-exporter/internal/keep"
	"appstream-ami-exporter/internal/tags"
)

// description begins the Description of a parameter that the keeper writes; the AMI follows. It is written with the value in one
// call, so a value that it does not name is somebody else's.
const description = "The newest AMI of its family, kept by AppStream AMI Exporter: "

// historyPage is the most that GetParameterHistory returns in one page.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameterHistory.html
const historyPage = 50

// Pointer implements keep.Reader.
func (r *Region) Pointer(ctx context.Context, name string) (keep.Pointer, error) {
	reply, err := r.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(name)})
	if err := classify("GetParameter", err); err != nil {
		if isMissing(err) {
			return keep.Pointer{}, nil
		}
		return keep.Pointer{}, err
	}
	pointer := keep.Pointer{Exists: true, Value: aws.ToString(reply.Parameter.Value), DataType: aws.ToString(reply.Parameter.DataType)}
	list, err := r.ssm.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{
		ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String(name),
	})
	if err != nil {
		return keep.Pointer{}, classify("ListTagsForResource", err)
	}
	for _, tag := range list.TagList {
		if aws.ToString(tag.Key) == tags.Stack {
			pointer.Stack = aws.ToString(tag.Value)
		}
	}
	err = pages(func(token *string) (*string, error) {
		history, err := r.ssm.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{
			Name: aws.String(name), MaxResults: aws.Int32(historyPage), NextToken: token,
		})
		if err != nil {
			return nil, classify("GetParameterHistory", err)
		}
		for _, version := range history.Parameters {
			if version.Version == reply.Parameter.Version {
				pointer.Written, _ = strings.CutPrefix(aws.ToString(version.Description), description)
				return nil, nil
			}
		}
		return history.NextToken, nil
	})
	if err != nil {
		return keep.Pointer{}, err
	}
	return pointer, nil
}

// CreatePointer implements keep.Writer.
func (r *Region) CreatePointer(ctx context.Context, name, amiID, stack string) error {
	input := pointTo(name, amiID)
	input.Tags = []types.Tag{{Key: aws.String(tags.Stack), Value: aws.String(stack)}}
	_, err := r.ssm.PutParameter(ctx, input)
	return classify("PutParameter", err)
}

// MovePointer implements keep.Writer.
func (r *Region) MovePointer(ctx context.Context, name, amiID string) error {
	input := pointTo(name, amiID)
	input.Overwrite = aws.Bool(true)
	_, err := r.ssm.PutParameter(ctx, input)
	return classify("PutParameter", err)
}

func pointTo(name, amiID string) *ssm.PutParameterInput {
	return &ssm.PutParameterInput{
		Name:        aws.String(name),
		Value:       aws.String(amiID),
		Type:        types.ParameterTypeString,
		DataType:    aws.String(keep.PointerDataType),
		Description: aws.String(description + amiID),
	}
}
