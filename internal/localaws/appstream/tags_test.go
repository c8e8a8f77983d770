package appstream_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/appstream"
)

func TestTags(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "win", Tags: map[string]string{"a": "1", "b": "1"}})
	arn := aws.String(scene.ImageARN("win"))
	check := func(want map[string]string) {
		t.Helper()
		output, err := scene.client.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceArn: arn})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, output.Tags); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, scene.TagsOf("win")); diff != "" {
			t.Errorf("TagsOf (-want +got):\n%s", diff)
		}
	}
	check(map[string]string{"a": "1", "b": "1"})

	_, err := scene.client.TagResource(t.Context(), &sdk.TagResourceInput{
		ResourceArn: arn, Tags: map[string]string{"b": "2", "appstream-ami-exporter:ami-name": "win-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	check(map[string]string{"a": "1", "b": "2", "appstream-ami-exporter:ami-name": "win-1"})

	_, err = scene.client.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a", "none"}})
	if err != nil {
		t.Fatal(err)
	}
	check(map[string]string{"b": "2", "appstream-ami-exporter:ami-name": "win-1"})

	if tags := scene.TagsOf("none"); tags != nil {
		t.Errorf("an image that is not there has tags %v", tags)
	}
}

func TestLimitsTags(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "win", Tags: manyTags(49)})
	tag := func(tags map[string]string) error {
		_, err := scene.client.TagResource(t.Context(), &sdk.TagResourceInput{
			ResourceArn: aws.String(scene.ImageARN("win")), Tags: tags,
		})
		return err
	}
	wantError(t, tag(map[string]string{"one": "", "two": ""}), "LimitExceededException", "51")
	if got := len(scene.TagsOf("win")); got != 49 {
		t.Errorf("a refused request left %d tags", got)
	}
	if err := tag(map[string]string{"one": "", "key-00": "changed"}); err != nil {
		t.Errorf("the 50th tag: %v", err)
	}
}

func TestTagsOnlyOwnImages(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "aws", Visibility: types.VisibilityTypePublic})
	scene.PutImage(appstream.Image{Name: "gone", State: appstream.Absent})
	for _, arn := range []string{scene.ImageARN("none"), scene.ImageARN("gone"), "arn:aws:appstream:eu-west-1::image/aws"} {
		_, err := scene.client.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceArn: &arn})
		wantError(t, err, "ResourceNotFoundException", arn)
		_, err = scene.client.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"a": "b"}})
		wantError(t, err, "ResourceNotFoundException", arn)
		_, err = scene.client.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"a"}})
		wantError(t, err, "ResourceNotFoundException", arn)
	}
}
