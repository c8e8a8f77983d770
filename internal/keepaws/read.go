package keepaws

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"appstream-ami-exporter/internal/keep"
	"appstream-ami-exporter/internal/tags"
)

const (
	// imagesPage is the most that DescribeImages returns in one page.
	// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
	imagesPage = 1000

	// idsAtOnce is how many ids one call names: filters take 200 values.
	// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html
	idsAtOnce = 200

	// allVersions of a launch template are looked at, not the latest ten.
	// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ResourceTypeOption.html
	allVersions = "10000"
)

func ownAMIs() *ec2.DescribeImagesInput {
	return &ec2.DescribeImagesInput{
		Owners:            []string{"self"},
		IncludeDeprecated: aws.Bool(true),
		IncludeDisabled:   aws.Bool(true),
	}
}

// AMIs implements keep.Reader.
func (r *Region) AMIs(ctx context.Context, stack string) (keep.Listing, error) {
	input := ownAMIs()
	input.MaxResults = aws.Int32(imagesPage)
	input.Filters = []types.Filter{{Name: aws.String("tag:" + tags.Stack), Values: []string{escape(stack)}}}
	var listing keep.Listing
	listed := map[string]bool{}
	err := pages(func(token *string) (*string, error) {
		input.NextToken = token
		page, err := r.ec2.DescribeImages(ctx, input)
		if err != nil {
			return nil, classify("DescribeImages", err)
		}
		if at, ok := awsmiddleware.GetServerTime(page.ResultMetadata); ok {
			listing.ServerTime = at
		}
		for _, image := range page.Images {
			ami, err := amiOf(image)
			if err != nil {
				return nil, err
			}
			if !listed[ami.ID] { // a page may show again what the one before has shown
				listed[ami.ID] = true
				listing.AMIs = append(listing.AMIs, ami)
			}
		}
		return page.NextToken, nil
	})
	if err != nil {
		return keep.Listing{}, err
	}
	return listing, nil
}

// AMIsByID implements keep.Reader. EC2 answers one unknown id with an error for all: each is then asked for alone.
func (r *Region) AMIsByID(ctx context.Context, ids []string) ([]keep.AMI, error) {
	var amis []keep.AMI
	for some := range slices.Chunk(ids, idsAtOnce) {
		seen, err := r.describe(ctx, some)
		if isMissing(err) && len(some) > 1 {
			seen, err = nil, nil
			for _, id := range some {
				one, oneErr := r.describe(ctx, []string{id})
				if oneErr != nil && !isMissing(oneErr) {
					return nil, oneErr
				}
				seen = append(seen, one...)
			}
		}
		if err != nil && !isMissing(err) {
			return nil, err
		}
		amis = append(amis, seen...)
	}
	return amis, nil
}

func (r *Region) describe(ctx context.Context, ids []string) ([]keep.AMI, error) {
	input := ownAMIs()
	input.ImageIds = ids
	var amis []keep.AMI
	err := pages(func(token *string) (*string, error) {
		input.NextToken = token
		page, err := r.ec2.DescribeImages(ctx, input)
		if err != nil {
			return nil, classify("DescribeImages", err)
		}
		for _, image := range page.Images {
			ami, err := amiOf(image)
			if err != nil {
				return nil, err
			}
			amis = append(amis, ami)
		}
		return page.NextToken, nil
	})
	if err != nil {
		return nil, err
	}
	return amis, nil
}

// ForeignAMI implements keep.Reader.
func (r *Region) ForeignAMI(ctx context.Context, stack string) (string, error) {
	input := ownAMIs()
	input.MaxResults = aws.Int32(imagesPage)
	found := ""
	err := pages(func(token *string) (*string, error) {
		input.NextToken = token
		page, err := r.ec2.DescribeImages(ctx, input)
		if err != nil {
			return nil, classify("DescribeImages", err)
		}
		for _, image := range page.Images {
			if tagged(image.Tags)[tags.Stack] != stack {
				found = aws.ToString(image.ImageId)
				return nil, nil
			}
		}
		return page.NextToken, nil
	})
	return found, err
}

// References implements keep.Reader. The resource types are named one by one, so that one that AWS adds is not left out
// unnoticed by its defaults, and each with the most that it can be asked for.
func (r *Region) References(ctx context.Context, ids []string) (map[string][]string, error) {
	input := &ec2.DescribeImageReferencesInput{
		ImageIds: ids,
		ResourceTypes: []types.ResourceTypeRequest{
			{ResourceType: types.ImageReferenceResourceTypeEc2Instance},
			{ResourceType: types.ImageReferenceResourceTypeEc2LaunchTemplate, ResourceTypeOptions: []types.ResourceTypeOption{
				{OptionName: types.ImageReferenceOptionNameVersionDepth, OptionValues: []string{allVersions}},
			}},
			{ResourceType: types.ImageReferenceResourceTypeSsmParameter},
			{ResourceType: types.ImageReferenceResourceTypeImageBuilderImageRecipe},
			{ResourceType: types.ImageReferenceResourceTypeImageBuilderContainerRecipe},
		},
	}
	found := map[string][]string{}
	err := pages(func(token *string) (*string, error) {
		input.NextToken = token
		page, err := r.ec2.DescribeImageReferences(ctx, input)
		if err != nil {
			return nil, classify("DescribeImageReferences", err)
		}
		for _, reference := range page.ImageReferences {
			id := aws.ToString(reference.ImageId)
			found[id] = append(found[id], string(reference.ResourceType)+" "+aws.ToString(reference.Arn))
		}
		return page.NextToken, nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// SharedWith implements keep.Reader.
func (r *Region) SharedWith(ctx context.Context, ami keep.AMI) ([]string, error) {
	image, err := r.ec2.DescribeImageAttribute(ctx, &ec2.DescribeImageAttributeInput{
		ImageId: aws.String(ami.ID), Attribute: types.ImageAttributeNameLaunchPermission,
	})
	if err != nil {
		return nil, classify("DescribeImageAttribute", err)
	}
	var with []string
	add := func(names ...string) {
		for _, name := range names {
			if name != "" && !slices.Contains(with, name) {
				with = append(with, name)
			}
		}
	}
	for _, p := range image.LaunchPermissions {
		add(string(p.Group), aws.ToString(p.UserId), aws.ToString(p.OrganizationArn), aws.ToString(p.OrganizationalUnitArn))
	}
	for _, id := range ami.SnapshotIDs() {
		snapshot, err := r.ec2.DescribeSnapshotAttribute(ctx, &ec2.DescribeSnapshotAttributeInput{
			SnapshotId: aws.String(id), Attribute: types.SnapshotAttributeNameCreateVolumePermission,
		})
		if err != nil {
			return nil, classify("DescribeSnapshotAttribute", err)
		}
		for _, p := range snapshot.CreateVolumePermissions {
			add(string(p.Group), aws.ToString(p.UserId))
		}
	}
	return with, nil
}

// SnapshotTags implements keep.Reader. It filters by the ids instead of naming them, since one that is gone must not hide the
// others.
func (r *Region) SnapshotTags(ctx context.Context, ids []string) (map[string]map[string]string, error) {
	seen := map[string]map[string]string{}
	for some := range slices.Chunk(ids, idsAtOnce) {
		input := &ec2.DescribeSnapshotsInput{
			OwnerIds:   []string{"self"},
			Filters:    []types.Filter{{Name: aws.String("snapshot-id"), Values: some}},
			MaxResults: aws.Int32(imagesPage),
		}
		err := pages(func(token *string) (*string, error) {
			input.NextToken = token
			page, err := r.ec2.DescribeSnapshots(ctx, input)
			if err != nil {
				return nil, classify("DescribeSnapshots", err)
			}
			for _, snapshot := range page.Snapshots {
				seen[aws.ToString(snapshot.SnapshotId)] = tagged(snapshot.Tags)
			}
			return page.NextToken, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return seen, nil
}

// amiOf reads what EC2 shows of an AMI. A time that cannot be read is an error: it could be the one that keeps the AMI.
func amiOf(image types.Image) (keep.AMI, error) {
	ami := keep.AMI{
		ID:                       aws.ToString(image.ImageId),
		Name:                     aws.ToString(image.Name),
		OwnerID:                  aws.ToString(image.OwnerId),
		State:                    string(image.State),
		DeregistrationProtection: aws.ToString(image.DeregistrationProtection),
		Public:                   aws.ToBool(image.Public),
		SourceImageID:            aws.ToString(image.SourceImageId),
		SourceImageRegion:        aws.ToString(image.SourceImageRegion),
		Tags:                     tagged(image.Tags),
		Architecture:             string(image.Architecture),
		VirtualizationType:       string(image.VirtualizationType),
		BootMode:                 string(image.BootMode),
		TPMSupport:               string(image.TpmSupport),
		ENASupport:               aws.ToBool(image.EnaSupport),
		PlatformDetails:          aws.ToString(image.PlatformDetails),
	}
	if image.StateReason != nil {
		ami.StateReason = aws.ToString(image.StateReason.Message)
	}
	for _, device := range image.BlockDeviceMappings {
		volume := keep.BlockDevice{DeviceName: aws.ToString(device.DeviceName)}
		if ebs := device.Ebs; ebs != nil {
			volume.SnapshotID, volume.VolumeType = aws.ToString(ebs.SnapshotId), string(ebs.VolumeType)
			volume.VolumeSize, volume.Encrypted = int(aws.ToInt32(ebs.VolumeSize)), aws.ToBool(ebs.Encrypted)
		}
		ami.BlockDevices = append(ami.BlockDevices, volume)
	}
	for _, read := range []struct {
		name string
		text *string
		into *time.Time
	}{
		{"CreationDate", image.CreationDate, &ami.CreationDate},
		{"DeprecationTime", image.DeprecationTime, &ami.DeprecationTime},
		{"LastLaunchedTime", image.LastLaunchedTime, &ami.LastLaunchedTime},
	} {
		if aws.ToString(read.text) == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, *read.text)
		if err != nil {
			return keep.AMI{}, fmt.Errorf("the %s of %s is no time: %w", read.name, ami.ID, err)
		}
		*read.into = at
	}
	return ami, nil
}

func tagged(list []types.Tag) map[string]string {
	all := make(map[string]string, len(list))
	for _, tag := range list {
		all[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return all
}
