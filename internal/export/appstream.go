package export

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
)

type options = func(*appstream.Options)

// AppStream is what the domain needs of the service, with the SDK's own signatures.
type AppStream interface {
	DescribeImages(context.Context, *appstream.DescribeImagesInput, ...options) (*appstream.DescribeImagesOutput, error)
	ListTagsForResource(context.Context, *appstream.ListTagsForResourceInput, ...options) (*appstream.ListTagsForResourceOutput, error)
	ListExportImageTasks(context.Context, *appstream.ListExportImageTasksInput, ...options) (*appstream.ListExportImageTasksOutput, error)
	GetExportImageTask(context.Context, *appstream.GetExportImageTaskInput, ...options) (*appstream.GetExportImageTaskOutput, error)
	CreateExportImageTask(context.Context, *appstream.CreateExportImageTaskInput, ...options) (*appstream.CreateExportImageTaskOutput,
		error)
	TagResource(context.Context, *appstream.TagResourceInput, ...options) (*appstream.TagResourceOutput, error)
}

// Place is where the images are: the function's own partition, account and Region, and no other.
type Place struct {
	Partition string
	Account   string
	Region    string
}

// ImageARN is the ARN of this place's image with that name; AppStream builds it from the name.
func (p Place) ImageARN(name string) string {
	return "arn:" + p.Partition + ":appstream:" + p.Region + ":" + p.Account + ":image/" + name
}

// Image is what the plan needs to know of an AppStream image. Only these fields are kept of each, so
// that an account with ten thousand images fits into the smallest function.
type Image struct {
	Name     string
	State    string
	Platform string
	Created  time.Time // zero where AppStream reports none
	Trouble  string    // why AppStream says that it failed, where it does
}

func toImage(reported types.Image) Image {
	image := Image{
		Name:     aws.ToString(reported.Name),
		State:    intern(reported.State),
		Platform: intern(reported.Platform),
		Created:  aws.ToTime(reported.CreatedTime),
	}
	if reason := reported.StateChangeReason; reason != nil && aws.ToString(reason.Message) != "" {
		image.Trouble = ": " + aws.ToString(reason.Message)
	}
	return image
}
