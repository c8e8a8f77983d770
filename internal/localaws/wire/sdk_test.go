//go:build !race

package wire_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	sdkrbin "github.com/aws/aws-sdk-go-v2/service/rbin"
	rbintypes "github.com/aws/aws-sdk-go-v2/service/rbin/types"
	sdkssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/rbin"
)

func code(err error) string {
	if apiErr, ok := errors.AsType[smithy.APIError](err); ok {
		return apiErr.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// must is for calls where only success will do: must(call(...))(t).
func must[T any](out T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func tag(key, value string) ec2types.Tag { return ec2types.Tag{Key: &key, Value: &value} }

// TestImage has the SDK read every field of an AMI that the emulator writes.
func TestImage(t *testing.T) {
	t.Parallel()
	l := newLocal(t)
	id := l.ec2.PutImage(ec2.Image{
		Region: home, Name: "win-1", Description: "A backup", Created: l.now.Add(-48 * time.Hour), Tags: map[string]string{"k": "v"},
		DeprecationTime: l.now.Add(time.Hour), LastLaunched: l.now.Add(-25 * time.Hour), Protection: "enabled-with-cooldown",
		SourceImageID: "ami-source", SourceImageRegion: "eu-north-1",
		Volumes: []ec2.Volume{{Device: "/dev/sda1", SnapshotID: "snap-1", SizeGiB: 200, Type: "gp3", Encrypted: true, KMSKeyID: "key"}},
	})
	out := must(l.home.ec2.DescribeImages(t.Context(), &sdkec2.DescribeImagesInput{ImageIds: []string{id}}))(t)
	want := []ec2types.Image{{
		ImageId: &id, ImageLocation: aws.String("123456789012/win-1"), State: "available", OwnerId: aws.String("123456789012"),
		CreationDate: aws.String("2026-11-24T08:00:00.000Z"), Public: aws.Bool(false), Architecture: "x86_64", ImageType: "machine",
		Platform: "windows", PlatformDetails: aws.String("Windows"), EnaSupport: aws.Bool(true), Name: aws.String("win-1"),
		Description: aws.String("A backup"), RootDeviceType: "ebs", RootDeviceName: aws.String("/dev/sda1"), VirtualizationType: "hvm",
		Hypervisor: "xen", BootMode: "uefi", TpmSupport: "v2.0", Tags: []ec2types.Tag{tag("k", "v")},
		DeprecationTime: aws.String("2026-11-26T09:00:00.000Z"), DeregistrationProtection: aws.String("enabled-with-cooldown"),
		LastLaunchedTime: aws.String("2026-11-25T07:00:00.000Z"),
		SourceImageId:    aws.String("ami-source"), SourceImageRegion: aws.String("eu-north-1"),
		BlockDeviceMappings: []ec2types.BlockDeviceMapping{{DeviceName: aws.String("/dev/sda1"), Ebs: &ec2types.EbsBlockDevice{
			SnapshotId: aws.String("snap-1"), VolumeSize: aws.Int32(200), VolumeType: "gp3", Encrypted: aws.Bool(true),
			KmsKeyId:            aws.String("key"),
			DeleteOnTermination: aws.Bool(true),
		}}},
	}}
	ignored := cmpopts.IgnoreUnexported(ec2types.Image{}, ec2types.Tag{}, ec2types.BlockDeviceMapping{}, ec2types.EbsBlockDevice{})
	if diff := cmp.Diff(want, out.Images, ignored); diff != "" {
		t.Errorf("the AMI (-want +got):\n%s", diff)
	}
}

// TestLife leads an AMI through its life with the SDK: listed, tagged, copied, pointed at, deprecated, deregistered.
func TestLife(t *testing.T) {
	t.Parallel()
	l, ctx := newLocal(t), t.Context()
	mine := tag("stack", "s")
	l.rbin.SetRules(home, rbin.Rule{ID: "r", ResourceType: "EC2_IMAGE", Days: 7, Tags: []rbin.Tag{{Key: "stack", Value: "s"}}})
	id := l.ec2.PutImage(ec2.Image{Region: home, Name: "win-1", Permissions: []ec2.Permission{{UserID: "999999999999"}}})
	for range 6 {
		l.ec2.PutImage(ec2.Image{Region: home, Name: "win-2"})
	}

	var listed int
	pages := sdkec2.NewDescribeImagesPaginator(l.home.ec2, &sdkec2.DescribeImagesInput{Owners: []string{"self"}, MaxResults: aws.Int32(5)})
	for pages.HasMorePages() {
		listed += len(must(pages.NextPage(ctx))(t).Images)
	}
	if listed != 7 {
		t.Errorf("in pages come %d AMIs, want 7", listed)
	}

	must(l.home.ec2.CreateTags(ctx, &sdkec2.CreateTagsInput{Resources: []string{id}, Tags: []ec2types.Tag{mine, tag("x", "")}}))(t)
	must(l.home.ec2.DeleteTags(ctx, &sdkec2.DeleteTagsInput{Resources: []string{id}, Tags: []ec2types.Tag{{Key: aws.String("x")}}}))(t)
	found := must(l.home.ec2.DescribeImages(ctx, &sdkec2.DescribeImagesInput{Filters: []ec2types.Filter{
		{Name: aws.String("tag:stack"), Values: []string{"s"}},
	}}))(t)
	if len(found.Images) != 1 || len(found.Images[0].Tags) != 1 {
		t.Errorf("by its tag is found %+v", found.Images)
	}
	shared := must(l.home.ec2.DescribeImageAttribute(ctx, &sdkec2.DescribeImageAttributeInput{ImageId: &id,
		Attribute: "launchPermission"}))(t)
	if got := shared.LaunchPermissions; len(got) != 1 || *got[0].UserId != "999999999999" {
		t.Errorf("it is shared with %+v", got)
	}

	copied := must(l.abroad.ec2.CopyImage(ctx, &sdkec2.CopyImageInput{
		Name: aws.String("win-1"), SourceImageId: &id, SourceRegion: aws.String(home), ClientToken: aws.String("t"),
		CopyImageTags: aws.Bool(true),
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: "image", Tags: []ec2types.Tag{tag("source", id)}},
			{ResourceType: "snapshot", Tags: []ec2types.Tag{mine}}},
	}))(t)
	l.now = l.now.Add(time.Hour)
	abroadImage := must(l.abroad.ec2.DescribeImages(ctx, &sdkec2.DescribeImagesInput{ImageIds: []string{*copied.ImageId}}))(t).Images[0]
	if abroadImage.State != "available" || *abroadImage.SourceImageId != id || len(abroadImage.Tags) != 2 {
		t.Errorf("the copy is %+v", abroadImage)
	}
	snapshots := must(l.abroad.ec2.DescribeSnapshots(ctx,
		&sdkec2.DescribeSnapshotsInput{SnapshotIds: []string{*abroadImage.BlockDeviceMappings[0].Ebs.SnapshotId}}))(t)
	if got := snapshots.Snapshots[0].Tags; len(got) != 1 || *got[0].Key != "stack" {
		t.Errorf("its snapshot has the tags %+v", got)
	}

	must(l.abroad.ssm.PutParameter(ctx, &sdkssm.PutParameterInput{
		Name: aws.String("/amis/win"), Value: copied.ImageId, Type: "String", DataType: aws.String("aws:ec2:image"),
		Tags: []ssmtypes.Tag{{Key: aws.String("stack"), Value: aws.String("s")}},
	}))(t)
	pointer := must(l.abroad.ssm.GetParameter(ctx, &sdkssm.GetParameterInput{Name: aws.String("/amis/win")}))(t).Parameter
	if *pointer.Value != *copied.ImageId || *pointer.DataType != "aws:ec2:image" || pointer.Version != 1 {
		t.Errorf("the pointer is %+v", pointer)
	}
	_, err := l.abroad.ssm.GetParameter(ctx, &sdkssm.GetParameterInput{Name: aws.String("/amis/none")})
	if _, ok := errors.AsType[*ssmtypes.ParameterNotFound](err); !ok {
		t.Errorf("a parameter that is not there is %v", err)
	}
	tags := must(l.abroad.ssm.ListTagsForResource(ctx,
		&sdkssm.ListTagsForResourceInput{ResourceType: "Parameter", ResourceId: aws.String("/amis/win")}))(t)
	if len(tags.TagList) != 1 || *tags.TagList[0].Value != "s" {
		t.Errorf("the pointer's tags are %+v", tags.TagList)
	}
	references := must(l.abroad.ec2.DescribeImageReferences(ctx, &sdkec2.DescribeImageReferencesInput{
		ImageIds: []string{*copied.ImageId},
		ResourceTypes: []ec2types.ResourceTypeRequest{{ResourceType: "ssm:Parameter"},
			{ResourceType: "ec2:LaunchTemplate", ResourceTypeOptions: []ec2types.ResourceTypeOption{
				{OptionName: "version-depth", OptionValues: []string{"10000"}},
			}}},
	}))(t)
	if got := references.ImageReferences; len(got) != 1 || *got[0].Arn != "arn:aws:ssm:us-east-1:123456789012:parameter/amis/win" {
		t.Errorf("the copy is referred to by %+v", got)
	}

	at := l.now.Add(24 * time.Hour)
	must(l.home.ec2.EnableImageDeprecation(ctx, &sdkec2.EnableImageDeprecationInput{ImageId: &id, DeprecateAt: &at}))(t)
	must(l.home.ec2.DisableImageDeprecation(ctx, &sdkec2.DisableImageDeprecationInput{ImageId: &id}))(t)
	if _, err := l.home.ec2.DeregisterImage(ctx,
		&sdkec2.DeregisterImageInput{ImageId: &id, DryRun: aws.Bool(true)}); code(err) != "DryRunOperation" {
		t.Errorf("the dry run is %v", err)
	}
	gone := must(l.home.ec2.DeregisterImage(ctx, &sdkec2.DeregisterImageInput{ImageId: &id, DeleteAssociatedSnapshots: aws.Bool(true)}))(t)
	if got := gone.DeleteSnapshotResults; len(got) != 1 || got[0].ReturnCode != "success" || !*gone.Return {
		t.Errorf("deregistering tells %+v", gone)
	}
	bin := must(l.home.ec2.ListImagesInRecycleBin(ctx, &sdkec2.ListImagesInRecycleBinInput{}))(t)
	if len(bin.Images) != 1 || !bin.Images[0].RecycleBinExitTime.Equal(l.now.Add(7*24*time.Hour)) {
		t.Errorf("in the bin are %+v", bin.Images)
	}
	if _, err := l.home.ec2.DeregisterImage(ctx, &sdkec2.DeregisterImageInput{ImageId: &id}); code(err) != "InvalidAMIID.Unavailable" {
		t.Errorf("a second time it is %v", err)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	l, ctx := newLocal(t), t.Context()
	l.rbin.SetRules(home, rbin.Rule{ID: "r", ResourceType: "EBS_SNAPSHOT", Days: 7, Tags: []rbin.Tag{{Key: "stack", Value: "s"}}})
	listed := must(l.home.rbin.ListRules(ctx, &sdkrbin.ListRulesInput{ResourceType: rbintypes.ResourceTypeEbsSnapshot}))(t)
	if len(listed.Rules) != 1 || *listed.Rules[0].RetentionPeriod.RetentionPeriodValue != 7 {
		t.Fatalf("rules are %+v", listed.Rules)
	}
	rule := must(l.home.rbin.GetRule(ctx, &sdkrbin.GetRuleInput{Identifier: listed.Rules[0].Identifier}))(t)
	if rule.Status != "available" || len(rule.ResourceTags) != 1 || *rule.ResourceTags[0].ResourceTagValue != "s" {
		t.Errorf("the rule is %+v", rule)
	}
	_, err := l.home.rbin.GetRule(ctx, &sdkrbin.GetRuleInput{Identifier: aws.String("none")})
	if _, ok := errors.AsType[*rbintypes.ResourceNotFoundException](err); !ok {
		t.Errorf("a rule that is not there is %v", err)
	}
}
