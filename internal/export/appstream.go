// Package export is the domain: which images are meant, what their AMIs are called, what is to be done
// about each, and doing it with AppStream's export API.
package export

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream"
)

// AppStream is what the domain needs of the service, with the SDK's own signatures.
type AppStream interface {
	DescribeImages(context.Context, *appstream.DescribeImagesInput, ...func(*appstream.Options)) (*appstream.DescribeImagesOutput, error)
	ListTagsForResource(context.Context, *appstream.ListTagsForResourceInput, ...func(*appstream.Options)) (*appstream.ListTagsForResourceOutput, error)
	ListExportImageTasks(context.Context, *appstream.ListExportImageTasksInput, ...func(*appstream.Options)) (*appstream.ListExportImageTasksOutput, error)
	GetExportImageTask(context.Context, *appstream.GetExportImageTaskInput, ...func(*appstream.Options)) (*appstream.GetExportImageTaskOutput, error)
	CreateExportImageTask(context.Context, *appstream.CreateExportImageTaskInput, ...func(*appstream.Options)) (*appstream.CreateExportImageTaskOutput, error)
	TagResource(context.Context, *appstream.TagResourceInput, ...func(*appstream.Options)) (*appstream.TagResourceOutput, error)
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
