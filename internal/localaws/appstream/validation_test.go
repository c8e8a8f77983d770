package appstream_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/appstream"
)

func manyTags(count int) map[string]string {
	tags := map[string]string{}
	for n := range count {
		tags[fmt.Sprintf("key-%02d", n)] = "value"
	}
	return tags
}

func TestValidatesExport(t *testing.T) {
	type input = sdk.CreateExportImageTaskInput
	image := func(name string) func(*input) { return func(in *input) { in.ImageName = &name } }
	ami := func(name string) func(*input) { return func(in *input) { in.AmiName = &name } }
	role := func(arn string) func(*input) { return func(in *input) { in.IamRoleArn = &arn } }
	tags := func(tags map[string]string) func(*input) { return func(in *input) { in.TagSpecifications = tags } }
	describe := func(text string) func(*input) { return func(in *input) { in.AmiDescription = &text } }

	longest := strings.Repeat("i", 101)
	tests := []struct {
		name   string
		change func(*input)
		field  string // "" is accepted
	}{
		{"longest image name", image(longest), ""},
		{"image name too long", image(longest + "i"), "imageName"},
		{"image name empty", image(""), "imageName"},
		{"image name with a space", image("win 1"), "imageName"},
		{"image name begins with a dot", image(".win"), "imageName"},
		{"shortest AMI name", ami("a-1"), ""},
		{"every sign in an AMI name", ami("a().-/_Z9"), ""},
		{"longest AMI name", ami(strings.Repeat("a", 128)), ""},
		{"AMI name too short", ami("ab"), "amiName"},
		{"AMI name too long", ami(strings.Repeat("a", 129)), "amiName"},
		{"AMI name with a space, which only EC2 allows", ami("win 1"), "amiName"},
		{"AMI name with a colon", ami("win-10:15"), "amiName"},
		{"AMI name with a line break", ami("win-1\n"), "amiName"},
		{"role is a name", role("export"), "iamRoleArn"},
		{"role with a space", role(exportRole + " "), "iamRoleArn"},
		{"longest role", role("arn:aws:iam::123456789012:role/" + strings.Repeat("r", 1024-len("role/"))), ""},
		{"role too long", role("arn:aws:iam::123456789012:role/" + strings.Repeat("r", 1025-len("role/"))), "iamRoleArn"},
		{"partition the model does not know", role("arn:aws-iso-e:iam::123456789012:role/export"), "iamRoleArn"},
		{"longest description, in characters", describe(strings.Repeat("ü", 256)), ""},
		{"description too long", describe(strings.Repeat("d", 257)), "amiDescription"},
		{"no tags is nil", tags(map[string]string{}), "tagSpecifications"},
		{"50 tags", tags(manyTags(50)), ""},
		{"51 tags", tags(manyTags(51)), "tagSpecifications"},
		{"tag key empty", tags(map[string]string{"": "v"}), "tagSpecifications"},
		{"longest tag key", tags(map[string]string{strings.Repeat("k", 128): "v"}), ""},
		{"tag key too long", tags(map[string]string{strings.Repeat("k", 129): "v"}), "tagSpecifications"},
		{"tag key of AWS", tags(map[string]string{"aws:created": "v"}), "tagSpecifications"},
		{"tag key nearly of AWS", tags(map[string]string{"AWS:created": "v"}), ""},
		{"tag key begins with anything", tags(map[string]string{"#hash": "v"}), ""},
		{"tag key with a hash later", tags(map[string]string{"ha#sh": "v"}), "tagSpecifications"},
		{"every sign in a tag", tags(map[string]string{"Köln _.:/=+-@9": "Köln _.:/=+-@9"}), ""},
		{"tag value empty", tags(map[string]string{"k": ""}), ""},
		{"longest tag value", tags(map[string]string{"k": strings.Repeat("v", 256)}), ""},
		{"tag value too long", tags(map[string]string{"k": strings.Repeat("v", 257)}), "tagSpecifications"},
		{"tag value with a comma", tags(map[string]string{"k": "a,b"}), "tagSpecifications"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			scene := newScene(t, appstream.Options{})
			scene.PutImage(appstream.Image{Name: "win"})
			scene.PutImage(appstream.Image{Name: longest})
			_, err := scene.export(t, "win", "win-1", test.change)
			if test.field == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			wantError(t, err, "ValidationException", "1 validation error detected: ")
			wantError(t, err, "ValidationException", " at '"+test.field+"' failed")
			if tasks := scene.Tasks(); len(tasks) != 0 {
				t.Errorf("started %v", tasks)
			}
		})
	}
}

func TestReportsEveryProblem(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	_, err := scene.export(t, "win 1", "w", func(in *sdk.CreateExportImageTaskInput) {
		in.TagSpecifications = map[string]string{"aws:a": "a,b"}
	})
	for _, part := range []string{"4 validation errors", "'imageName'", "'amiName'", "Map keys", "Map value"} {
		wantError(t, err, "ValidationException", part)
	}
}

func TestValidatesOtherOperations(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "win"})
	arn := aws.String(scene.ImageARN("win"))
	client, ctx := scene.client, t.Context()
	tests := []struct {
		name  string
		call  func() error
		field string
	}{
		{"describe: page too large", func() error {
			_, err := client.DescribeImages(ctx, &sdk.DescribeImagesInput{MaxResults: aws.Int32(26)})
			return err
		}, "maxResults"},
		{"describe: page negative", func() error {
			_, err := client.DescribeImages(ctx, &sdk.DescribeImagesInput{MaxResults: aws.Int32(-1)})
			return err
		}, "maxResults"},
		{"describe: empty name", func() error {
			_, err := client.DescribeImages(ctx, &sdk.DescribeImagesInput{Names: []string{"win", ""}})
			return err
		}, "names.2.member"},
		{"describe: not an ARN", func() error {
			_, err := client.DescribeImages(ctx, &sdk.DescribeImagesInput{Arns: []string{"win"}})
			return err
		}, "arns.1.member"},
		{"describe: unknown type", func() error {
			_, err := client.DescribeImages(ctx, &sdk.DescribeImagesInput{Type: types.VisibilityType("private")})
			return err
		}, "type"},
		{"describe: empty token", func() error {
			_, err := client.DescribeImages(ctx, &sdk.DescribeImagesInput{NextToken: aws.String("")})
			return err
		}, "nextToken"},
		{"list: page empty", func() error {
			_, err := client.ListExportImageTasks(ctx, &sdk.ListExportImageTasksInput{MaxResults: aws.Int32(0)})
			return err
		}, "maxResults"},
		{"list: page too large", func() error {
			_, err := client.ListExportImageTasks(ctx, &sdk.ListExportImageTasksInput{MaxResults: aws.Int32(501)})
			return err
		}, "maxResults"},
		{"get: not a UUID", func() error {
			_, err := client.GetExportImageTask(ctx,
				&sdk.GetExportImageTaskInput{TaskId: aws.String("3F0C2F0E-8A55-4C1C-9F0E-000000000001")})
			return err
		}, "taskId"},
		{"tags: not an ARN", func() error {
			_, err := client.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: aws.String("win")})
			return err
		}, "resourceArn"},
		{"tag: none", func() error {
			_, err := client.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: arn, Tags: map[string]string{}})
			return err
		}, "tags"},
		{"tag: 51", func() error {
			_, err := client.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: arn, Tags: manyTags(51)})
			return err
		}, "tags"},
		{"tag: key of AWS", func() error {
			_, err := client.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"aws:a": "b"}})
			return err
		}, "tags"},
		{"untag: none", func() error {
			_, err := client.UntagResource(ctx, &sdk.UntagResourceInput{ResourceArn: arn, TagKeys: []string{}})
			return err
		}, "tagKeys"},
		{"untag: empty key", func() error {
			_, err := client.UntagResource(ctx, &sdk.UntagResourceInput{ResourceArn: arn, TagKeys: []string{""}})
			return err
		}, "tagKeys.1.member"},
		{"delete: not a name", func() error {
			_, err := client.DeleteImage(ctx, &sdk.DeleteImageInput{Name: arn})
			return err
		}, "name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantError(t, test.call(), "ValidationException", " at '"+test.field+"' failed")
		})
	}
}

// The SDK does not send a request without a required member, so these go by hand.
func TestRequiresMembers(t *testing.T) {
	tests := map[string][]string{
		"CreateExportImageTask": {"imageName", "amiName", "iamRoleArn"},
		"ListTagsForResource":   {"resourceArn"},
		"TagResource":           {"resourceArn", "tags"},
		"UntagResource":         {"resourceArn", "tagKeys"},
		"DeleteImage":           {"name"},
	}
	scene := newScene(t, appstream.Options{})
	for operation, fields := range tests {
		for _, body := range []string{"{}", `{"ImageName":null,"ResourceArn":null}`} {
			got := bodyOf(t, scene.post(t, "PhotonAdminProxyService."+operation, body))
			for _, field := range fields {
				if !strings.Contains(got, "Value null at '"+field+"' failed") {
					t.Errorf("%s of %s answers %s, which does not name %s", operation, body, got, field)
				}
			}
		}
	}
}
