package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trail "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/doctor"
)

// startDirectly starts an export with the caller's own rights, once: a second attempt could start a third.
func (t tester) startDirectly(ctx context.Context, image, amiName string) (types.ExportImageTask, error) {
	o, err := t.appStream.CreateExportImageTask(ctx, &appstream.CreateExportImageTaskInput{
		ImageName: &image, AmiName: &amiName, IamRoleArn: aws.String(t.deployment.Outputs["ExportRole"]),
		TagSpecifications: map[string]string{trialTag: "second"},
	}, func(o *appstream.Options) { o.Retryer = aws.NopRetryer{} })
	if err != nil || o.ExportImageTask == nil {
		return types.ExportImageTask{}, err
	}
	return *o.ExportImageTask, nil
}

// images are those that AppStream lists as PRIVATE.
func (c clients) images(ctx context.Context) doctor.Answer[[]doctor.Image] {
	images := []doctor.Image{}
	pages := appstream.NewDescribeImagesPaginator(c.appStream, &appstream.DescribeImagesInput{Type: types.VisibilityTypePrivate})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return answer(images, err, "appstream:DescribeImages")
		}
		for _, i := range page.Images {
			images = append(images, doctor.Image{
				Name: aws.ToString(i.Name), State: string(i.State), Platform: string(i.Platform), Type: string(i.ImageType),
				Visibility:       string(i.Visibility),
				SharedWithOthers: i.ImageSharedWithOthers == types.ImageSharedWithOthersTrue,
			})
		}
	}
	return doctor.Given(images)
}

func (c clients) tasksSeen(ctx context.Context) doctor.Answer[[]doctor.TaskSeen] {
	tasks, err := deployed.ListTasks(ctx, c.appStream)
	if err != nil {
		return answer([]doctor.TaskSeen(nil), err, "appstream:ListExportImageTasks")
	}
	seen := []doctor.TaskSeen{}
	for _, task := range tasks {
		t := doctor.TaskSeen{Created: aws.ToTime(task.CreatedDate), State: string(task.State), Ended: ended(task)}
		for _, detail := range task.ErrorDetails {
			t.Errors = append(t.Errors, aws.ToString(detail.ErrorCode))
		}
		seen = append(seen, t)
	}
	return doctor.Given(seen)
}

// filtered tries a filter whose name is a guess: AWS documents none.
func (c clients) filtered(ctx context.Context) doctor.Answer[string] {
	o, err := c.appStream.ListExportImageTasks(ctx, &appstream.ListExportImageTasksInput{
		Filters: []types.Filter{{Name: aws.String("State"), Values: []string{string(types.ExportImageTaskStateCompleted)}}},
	})
	a := answer("", err, "appstream:ListExportImageTasks")
	switch {
	case err == nil:
		states := map[string]bool{}
		for _, task := range o.ExportImageTasks {
			states[string(task.State)] = true
		}
		return doctor.Given(fmt.Sprintf("a page of %d tasks in %d states", len(o.ExportImageTasks), len(states)))
	case coded(err, "ValidationException", "InvalidParameterCombinationException", "OperationNotPermittedException"):
		return doctor.Given("a refusal, " + sentence(err))
	}
	return a
}

// ami is what EC2 shows of an AMI; its state is absent where EC2 shows none.
func (c clients) ami(ctx context.Context, id string) (ami doctor.Answer[doctor.AMI], state doctor.Answer[string], snapshots []string) {
	const action = "ec2:DescribeImages"
	o, err := c.ec2.DescribeImages(ctx, &ec2.DescribeImagesInput{ImageIds: []string{id}})
	if err != nil {
		return answer(doctor.AMI{}, err, action, "InvalidAMIID.NotFound"), answer("", err, action, "InvalidAMIID.NotFound"), nil
	}
	if len(o.Images) == 0 {
		return doctor.Absent[doctor.AMI](), doctor.Absent[string](), nil
	}
	image := o.Images[0]
	for _, mapping := range image.BlockDeviceMappings {
		if mapping.Ebs != nil && mapping.Ebs.SnapshotId != nil {
			snapshots = append(snapshots, *mapping.Ebs.SnapshotId)
		}
	}
	return doctor.Given(doctor.AMI{
		ID: id, SourceID: aws.ToString(image.SourceImageId), SourceRegion: aws.ToString(image.SourceImageRegion), Tags: tagsOf(image.Tags),
	}), doctor.Given(string(image.State)), snapshots
}

func (c clients) snapshots(ctx context.Context, ids []string) doctor.Answer[[]doctor.Snapshot] {
	snapshots := []doctor.Snapshot{}
	if len(ids) == 0 {
		return doctor.Given(snapshots)
	}
	o, err := c.ec2.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: ids})
	if err != nil {
		return answer(snapshots, err, "ec2:DescribeSnapshots")
	}
	for _, s := range o.Snapshots {
		snapshot := doctor.Snapshot{Encrypted: aws.ToBool(s.Encrypted), GB: int(aws.ToInt32(s.VolumeSize)), Tags: tagsOf(s.Tags)}
		if s.KmsKeyId != nil {
			snapshot.Key = c.key(ctx, *s.KmsKeyId).Value.Manager
		}
		snapshots = append(snapshots, snapshot)
	}
	return doctor.Given(snapshots)
}

func tagsOf(list []ec2types.Tag) map[string]string {
	tags := map[string]string{}
	for _, tag := range list {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tags
}

// exportQuotas are the quotas of AppStream that speak of exports. AWS's list of them had none.
func (c clients) exportQuotas(ctx context.Context) doctor.Answer[[]string] {
	quotas := []string{}
	pages := servicequotas.NewListServiceQuotasPaginator(c.quotas,
		&servicequotas.ListServiceQuotasInput{ServiceCode: aws.String("appstream2")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return answer(quotas, err, "servicequotas:ListServiceQuotas")
		}
		for _, q := range page.Quotas {
			if strings.Contains(strings.ToLower(aws.ToString(q.QuotaName)), "export") {
				quotas = append(quotas, fmt.Sprintf("%s %s = %g", aws.ToString(q.QuotaCode), aws.ToString(q.QuotaName),
					aws.ToFloat64(q.Value)))
			}
		}
	}
	return doctor.Given(quotas)
}

// imageEvents counts the events that tell of an image's making, by the state that they tell.
// https://docs.aws.amazon.com/appstream2/latest/developerguide/understanding-service-name-entries.html
func (c clients) imageEvents(ctx context.Context, now time.Time) doctor.Answer[map[string]int] {
	const kept = 90 * 24 * time.Hour // by CloudTrail, without a trail
	states := map[string]int{}
	pages := cloudtrail.NewLookupEventsPaginator(c.trails, &cloudtrail.LookupEventsInput{
		StartTime: aws.Time(now.Add(-kept)),
		LookupAttributes: []trail.LookupAttribute{{AttributeKey: trail.LookupAttributeKeyEventName,
			AttributeValue: aws.String("CreateImage")}},
	})
	const most = 40 // pages of 50: EC2's events of the same name are among them, and CloudTrail answers twice a second
	for n := 0; pages.HasMorePages() && n < most; n++ {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return answer(states, err, "cloudtrail:LookupEvents")
		}
		for _, event := range page.Events {
			var detail struct {
				EventSource         string `json:"eventSource"`
				ServiceEventDetails struct {
					ImageState string
				} `json:"serviceEventDetails"`
			}
			if aws.ToString(event.EventSource) != "appstream.amazonaws.com" {
				continue // EC2 has a CreateImage of its own
			}
			if json.Unmarshal([]byte(aws.ToString(event.CloudTrailEvent)), &detail) == nil {
				states[strings.TrimSpace(detail.ServiceEventDetails.ImageState)]++
			}
		}
	}
	return doctor.Given(states)
}
