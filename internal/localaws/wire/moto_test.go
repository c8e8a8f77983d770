//go:build !race

package wire_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	sdkssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/localtest"
)

// TestMoto sends the same calls to moto and to the emulators: both succeed or fail with the same code, and what is told in
// an answer of the one has the same form in the other's.
func TestMoto(t *testing.T) {
	t.Parallel()
	url := localtest.Moto(t)
	moto := newClients(home, url, url, url)
	l := newLocal(t)
	id := l.ec2.PutImage(ec2.Image{Region: home, Name: "win-1", Description: "A backup"})

	volume := must(moto.ec2.CreateVolume(t.Context(),
		&sdkec2.CreateVolumeInput{AvailabilityZone: aws.String(home + "a"), Size: aws.Int32(200)}))(t)
	snapshot := must(moto.ec2.CreateSnapshot(t.Context(), &sdkec2.CreateSnapshotInput{VolumeId: volume.VolumeId}))(t)
	registered := must(moto.ec2.RegisterImage(t.Context(), &sdkec2.RegisterImageInput{
		Name: aws.String("win-1"), Description: aws.String("A backup"), Architecture: "x86_64", RootDeviceName: aws.String("/dev/sda1"),
		BlockDeviceMappings: []ec2types.BlockDeviceMapping{{DeviceName: aws.String("/dev/sda1"),
			Ebs: &ec2types.EbsBlockDevice{SnapshotId: snapshot.SnapshotId}}},
	}))(t)

	image, _ := l.ec2.Image(home, id)
	here := run(t.Context(), l.home, id, image.Volumes[0].SnapshotID)
	there := run(t.Context(), moto, *registered.ImageId, *snapshot.SnapshotId)
	for i, call := range there {
		ours := here[i]
		if call.code != ours.code {
			t.Errorf("%s: moto answers %q, the emulator %q", call.name, call.code, ours.code)
		}
		for _, path := range slices.Sorted(maps.Keys(call.forms)) {
			form, told := ours.forms[path]
			switch {
			case !told:
				t.Errorf("%s: moto tells %s, as %s, and the emulator does not", call.name, path, call.forms[path])
			case form != call.forms[path]:
				t.Errorf("%s: moto tells %s as %s, the emulator as %s", call.name, path, call.forms[path], form)
			}
		}
	}
}

// answer is how a call went: an error's code, or the form of each text that was told.
type answer struct {
	name  string
	code  string
	forms map[string]string
}

// run makes the calls, of which each depends on the ones before.
func run(ctx context.Context, c clients, id, snapshotID string) []answer {
	var answers []answer
	keep := func(name string, out any, err error) {
		answers = append(answers, answer{name: name, code: code(err), forms: formsOf(out, err)})
	}
	one := func(out any, err error) func(name string) {
		return func(name string) { keep(name, out, err) }
	}
	ami, nobody := []string{id}, "ami-0123456789abcdef0"
	one(c.ec2.CreateTags(ctx, &sdkec2.CreateTagsInput{Resources: []string{id, snapshotID},
		Tags: []ec2types.Tag{tag("stack", "s"), tag("x", "y")}}))("CreateTags")
	one(c.ec2.DeleteTags(ctx, &sdkec2.DeleteTagsInput{Resources: ami, Tags: []ec2types.Tag{{Key: aws.String("x")}}}))("DeleteTags")
	one(c.ec2.DescribeImages(ctx, &sdkec2.DescribeImagesInput{Owners: []string{"self"}, Filters: []ec2types.Filter{
		{Name: aws.String("tag:stack"), Values: []string{"s"}},
	}}))("DescribeImages")
	one(c.ec2.DescribeImages(ctx, &sdkec2.DescribeImagesInput{ImageIds: []string{nobody}}))("DescribeImages of none")
	one(c.ec2.ModifyImageAttribute(ctx, &sdkec2.ModifyImageAttributeInput{ImageId: &id,
		LaunchPermission: &ec2types.LaunchPermissionModifications{
			Add: []ec2types.LaunchPermission{{UserId: aws.String("999999999999")}},
		}}))("ModifyImageAttribute")
	one(c.ec2.DescribeImageAttribute(ctx, &sdkec2.DescribeImageAttributeInput{ImageId: &id,
		Attribute: "launchPermission"}))("DescribeImageAttribute")
	one(c.ec2.DescribeSnapshots(ctx, &sdkec2.DescribeSnapshotsInput{SnapshotIds: []string{snapshotID}}))("DescribeSnapshots")
	one(c.ec2.DescribeSnapshotAttribute(ctx,
		&sdkec2.DescribeSnapshotAttributeInput{SnapshotId: &snapshotID, Attribute: "createVolumePermission"}))("DescribeSnapshotAttribute")
	one(c.ec2.CopyImage(ctx, &sdkec2.CopyImageInput{Name: aws.String("copy"), SourceImageId: &id,
		SourceRegion: aws.String(home)}))("CopyImage")
	one(c.ec2.CopyImage(ctx, &sdkec2.CopyImageInput{Name: aws.String("copy"), SourceImageId: &nobody,
		SourceRegion: aws.String(home)}))("CopyImage of none")
	one(c.ec2.DeregisterImage(ctx, &sdkec2.DeregisterImageInput{ImageId: &id, DryRun: aws.Bool(true)}))("DeregisterImage dry")
	one(c.ec2.DeregisterImage(ctx, &sdkec2.DeregisterImageInput{ImageId: &id}))("DeregisterImage")
	one(c.ec2.DeregisterImage(ctx, &sdkec2.DeregisterImageInput{ImageId: &id}))("DeregisterImage again")
	one(c.ec2.DeregisterImage(ctx, &sdkec2.DeregisterImageInput{ImageId: &nobody}))("DeregisterImage of none")

	name := aws.String("/amis/win")
	put := sdkssm.PutParameterInput{Name: name, Value: aws.String("x"), Type: "String",
		Tags: []ssmtypes.Tag{{Key: aws.String("stack"), Value: aws.String("s")}}}
	one(c.ssm.PutParameter(ctx, &put))("PutParameter")
	one(c.ssm.PutParameter(ctx, &put))("PutParameter again")
	one(c.ssm.GetParameter(ctx, &sdkssm.GetParameterInput{Name: name}))("GetParameter")
	one(c.ssm.GetParameter(ctx, &sdkssm.GetParameterInput{Name: aws.String("/amis/none")}))("GetParameter of none")
	one(c.ssm.GetParameters(ctx, &sdkssm.GetParametersInput{Names: []string{*name, "/amis/none"}}))("GetParameters")
	one(c.ssm.ListTagsForResource(ctx, &sdkssm.ListTagsForResourceInput{ResourceType: "Parameter",
		ResourceId: name}))("ListTagsForResource")
	one(c.ssm.PutParameter(ctx, &sdkssm.PutParameterInput{Name: name, Value: aws.String("y"),
		Overwrite: aws.Bool(true)}))("PutParameter over it")
	one(c.ssm.PutParameter(ctx, &sdkssm.PutParameterInput{Name: aws.String("/aws/x"), Value: aws.String("y"),
		Type: "String"}))("PutParameter of AWS")
	one(c.ssm.DeleteParameter(ctx, &sdkssm.DeleteParameterInput{Name: name}))("DeleteParameter")
	return answers
}

// formsOf writes down what an answer tells, by its path, without what is different in every account.
func formsOf(out any, err error) map[string]string {
	forms := map[string]string{}
	if err != nil {
		return forms
	}
	var tree map[string]any
	text, _ := json.Marshal(out)
	_ = json.Unmarshal(text, &tree) // an answer of the SDK is an object
	delete(tree, "ResultMetadata")
	write(forms, "", tree)
	return forms
}

func write(forms map[string]string, path string, value any) {
	switch value := value.(type) {
	case nil:
	case map[string]any:
		for key, inner := range value {
			write(forms, path+"."+key, inner)
		}
	case []any:
		for _, inner := range value {
			write(forms, path, inner)
		}
	case string:
		if value != "" { // an enumeration that is not told
			forms[path] = form(value)
		}
	default:
		forms[path] = fmt.Sprintf("%T", value)
	}
}

var accountsOwn = []struct {
	form    string
	pattern *regexp.Regexp
}{
	{"an AMI's id", regexp.MustCompile(`^ami-[0-9a-f]{17}$|^ami-[0-9a-f]{8}$`)},
	{"a snapshot's id", regexp.MustCompile(`^snap-[0-9a-f]{17}$|^snap-[0-9a-f]{8}$`)},
	{"a time", regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`)},
	{"an ARN", regexp.MustCompile(`^arn:aws:[a-z0-9]+:[a-z0-9-]*:\d*:\S+$`)},
	{"text", regexp.MustCompile(``)},
}

func form(text string) string {
	for _, known := range accountsOwn {
		if known.pattern.MatchString(strings.TrimSpace(text)) {
			return known.form
		}
	}
	return text
}
