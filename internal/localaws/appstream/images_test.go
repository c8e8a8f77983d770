package appstream_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"appstream-ami-exporter/internal/localaws/appstream"
)

const otherAccount = "999999999999"

// describe returns the names of the images that answer a request.
func (s *scene) describe(t *testing.T, input sdk.DescribeImagesInput) ([]string, error) {
	t.Helper()
	output, err := s.client.DescribeImages(t.Context(), &input)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, image := range output.Images {
		names = append(names, *image.Name)
	}
	return names, nil
}

// stateOf is an image's state, or ImageGone where AppStream does not find it.
func (s *scene) stateOf(t *testing.T, name string) types.ImageState {
	t.Helper()
	output, err := s.client.DescribeImages(t.Context(), &sdk.DescribeImagesInput{Names: []string{name}})
	if err != nil {
		wantError(t, err, "ResourceNotFoundException", name)
		return appstream.Absent
	}
	return output.Images[0].State
}

func TestDescribesEveryField(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	created := start.Add(-24 * time.Hour)
	scene.PutImage(appstream.Image{
		Name: "win", State: types.ImageStateFailed, Platform: types.PlatformTypeWindowsServer2025, CreatedTime: created,
		Description: "the base", SharedWithOthers: true,
		StateChangeReason: appstream.StateChangeReason{Code: types.ImageStateChangeReasonCodeInternalError, Message: "sorry"},
		Errors:            []appstream.ImageError{{Code: "INTERNAL_SERVICE_ERROR", Message: "very", Time: created.Add(time.Minute)}},
	})
	output, err := scene.client.DescribeImages(t.Context(), &sdk.DescribeImagesInput{})
	if err != nil {
		t.Fatal(err)
	}
	want := []types.Image{{
		Name:         aws.String("win"),
		Arn:          aws.String("arn:aws:appstream:eu-west-1:123456789012:image/win"),
		BaseImageArn: aws.String("arn:aws:appstream:eu-west-1::image/AppStream-Base-WINDOWS_SERVER_2025"),
		DisplayName:  aws.String("win"),
		Description:  aws.String("the base"),
		State:        types.ImageStateFailed,
		StateChangeReason: &types.ImageStateChangeReason{
			Code: types.ImageStateChangeReasonCodeInternalError, Message: aws.String("sorry"),
		},
		ImageErrors: []types.ResourceError{{
			ErrorCode: types.FleetErrorCodeInternalServiceError, ErrorMessage: aws.String("very"),
			ErrorTimestamp: aws.Time(created.Add(time.Minute)),
		}},
		Platform:                    types.PlatformTypeWindowsServer2025,
		Visibility:                  types.VisibilityTypePrivate,
		CreatedTime:                 &created,
		PublicBaseImageReleasedDate: aws.Time(created.AddDate(0, -1, 0)),
		ImageBuilderName:            aws.String("win-builder"),
		ImageBuilderSupported:       aws.Bool(true),
		ImagePermissions:            &types.ImagePermissions{AllowFleet: aws.Bool(true), AllowImageBuilder: aws.Bool(true)},
		ImageSharedWithOthers:       types.ImageSharedWithOthersTrue,
		ImageType:                   types.ImageTypeNative,
		ManagedSoftwareIncluded:     aws.Bool(false),
		AppstreamAgentVersion:       aws.String("06-17-2026"),
		LatestAppstreamAgentVersion: types.LatestAppstreamAgentVersionFalse,
		DynamicAppProvidersEnabled:  types.DynamicAppProvidersEnabledDisabled,
	}}
	ignore := cmpopts.IgnoreUnexported(types.Image{}, types.ImagePermissions{},
		types.ImageStateChangeReason{}, types.ResourceError{})
	if diff := cmp.Diff(want, output.Images, ignore); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestImageStateOverTime(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{
		Name:  "good",
		State: types.ImageStatePending,
		Becomes: []appstream.StateChange{
			{After: 10 * time.Minute, State: types.ImageStateCreating},
			{At: start.Add(40 * time.Minute), State: types.ImageStateAvailable},
			{After: 60 * time.Minute, State: appstream.Absent},
		},
	})
	scene.PutImage(appstream.Image{
		Name:              "bad",
		State:             appstream.Absent,
		StateChangeReason: appstream.StateChangeReason{Message: "sorry"},
		Becomes: []appstream.StateChange{
			{After: 10 * time.Minute, State: "DREAMING"},
			{After: 40 * time.Minute, State: types.ImageStateFailed},
		},
	})
	tests := []struct {
		after     time.Duration
		good, bad types.ImageState
	}{
		{0, types.ImageStatePending, appstream.Absent},
		{10*time.Minute - 1, types.ImageStatePending, appstream.Absent},
		{10 * time.Minute, types.ImageStateCreating, "DREAMING"},
		{40 * time.Minute, types.ImageStateAvailable, types.ImageStateFailed},
		{60 * time.Minute, appstream.Absent, types.ImageStateFailed},
	}
	for _, test := range tests {
		scene.pass(start.Add(test.after).Sub(scene.clock()))
		if got := scene.stateOf(t, "good"); got != test.good {
			t.Errorf("after %s good is %s, want %s", test.after, got, test.good)
		}
		if got := scene.stateOf(t, "bad"); got != test.bad {
			t.Errorf("after %s bad is %s, want %s", test.after, got, test.bad)
		}
	}
}

func TestFailureShowsOnlyOnceFailed(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{
		Name: "bad", State: types.ImageStateCreating,
		StateChangeReason: appstream.StateChangeReason{Message: "sorry"},
		Errors:            []appstream.ImageError{{Code: "INTERNAL_SERVICE_ERROR"}},
		Becomes:           []appstream.StateChange{{After: time.Minute, State: types.ImageStateFailed}},
	})
	for _, want := range []bool{false, true} {
		output, err := scene.client.DescribeImages(t.Context(), &sdk.DescribeImagesInput{})
		if err != nil {
			t.Fatal(err)
		}
		image := output.Images[0]
		if (image.StateChangeReason != nil) != want || (len(image.ImageErrors) > 0) != want {
			t.Errorf("a %s image shows %+v and %+v", image.State, image.StateChangeReason, image.ImageErrors)
		}
		scene.pass(time.Minute)
	}
}

func TestSelectsImages(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "own"})
	scene.PutImage(appstream.Image{Name: "aws", Visibility: types.VisibilityTypePublic})
	scene.PutImage(appstream.Image{Name: "theirs", Visibility: types.VisibilityTypeShared, Owner: otherAccount})
	ownARN := scene.ImageARN("own")
	theirARN := "arn:aws:appstream:eu-west-1:" + otherAccount + ":image/theirs"
	awsARN := "arn:aws:appstream:eu-west-1::image/aws"

	tests := []struct {
		name  string
		input sdk.DescribeImagesInput
		want  []string
		code  string
	}{
		{name: "all", want: []string{"own", "aws", "theirs"}},
		{name: "private", input: sdk.DescribeImagesInput{Type: types.VisibilityTypePrivate}, want: []string{"own"}},
		{name: "public", input: sdk.DescribeImagesInput{Type: types.VisibilityTypePublic}, want: []string{"aws"}},
		{name: "shared", input: sdk.DescribeImagesInput{Type: types.VisibilityTypeShared}, want: []string{"theirs"}},
		{name: "by name", input: sdk.DescribeImagesInput{Names: []string{"aws", "own", "own"}}, want: []string{"own", "aws"}},
		{name: "by ARN", input: sdk.DescribeImagesInput{Arns: []string{ownARN, theirARN, awsARN}}, want: []string{"own", "aws", "theirs"}},
		{name: "shared by name", input: sdk.DescribeImagesInput{Names: []string{"theirs"}}, code: "ResourceNotFoundException"},
		{name: "unknown name", input: sdk.DescribeImagesInput{Names: []string{"own", "none"}}, code: "ResourceNotFoundException"},
		{name: "unknown ARN", input: sdk.DescribeImagesInput{Arns: []string{scene.ImageARN("none")}}, code: "ResourceNotFoundException"},
		{name: "name of another type", input: sdk.DescribeImagesInput{Names: []string{"aws"}, Type: types.VisibilityTypePrivate},
			code: "ResourceNotFoundException"},
		{name: "names and ARNs", input: sdk.DescribeImagesInput{Names: []string{"own"}, Arns: []string{ownARN}},
			code: "InvalidParameterCombinationException"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := scene.describe(t, test.input)
			if test.code != "" {
				wantError(t, err, test.code, "")
				return
			}
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestIgnoresUnknownNames(t *testing.T) {
	scene := newScene(t, appstream.Options{IgnoreUnknownNames: true})
	scene.PutImage(appstream.Image{Name: "own"})
	for want, names := range map[string][]string{"[own]": {"none", "own"}, "[]": {"none"}} {
		got, err := scene.describe(t, sdk.DescribeImagesInput{Names: names})
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%v: %v %v, want %s", names, got, err, want)
		}
	}
}

func TestPagesImages(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	var want []string
	for n := range 60 {
		name := fmt.Sprintf("win-%02d", n)
		scene.PutImage(appstream.Image{Name: name})
		want = append(want, name)
	}
	tests := []struct {
		name  string
		size  *int32
		pages []int
	}{
		{"by default", nil, []int{25, 25, 10}},
		{"zero is the default", aws.Int32(0), []int{25, 25, 10}},
		{"to the last without an empty page", aws.Int32(20), []int{20, 20, 20}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var names []string
			var pages []int
			paginator := sdk.NewDescribeImagesPaginator(scene.client, &sdk.DescribeImagesInput{MaxResults: test.size})
			for paginator.HasMorePages() {
				page, err := paginator.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				pages = append(pages, len(page.Images))
				for _, image := range page.Images {
					names = append(names, *image.Name)
				}
			}
			if diff := cmp.Diff(test.pages, pages); diff != "" {
				t.Errorf("page sizes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, names); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}

// An image that goes while a client turns the page must not make it miss or repeat another.
func TestPagesSurviveRemoval(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	for _, name := range []string{"a", "b", "c", "d"} {
		scene.PutImage(appstream.Image{Name: name})
	}
	first, err := scene.client.DescribeImages(t.Context(), &sdk.DescribeImagesInput{MaxResults: aws.Int32(2)})
	if err != nil {
		t.Fatal(err)
	}
	scene.RemoveImage("b")
	scene.PutImage(appstream.Image{Name: "e"})
	got, err := scene.describe(t, sdk.DescribeImagesInput{NextToken: first.NextToken})
	if diff := cmp.Diff([]string{"c", "d", "e"}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestRefusesForeignTokens(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "a"})
	scene.PutImage(appstream.Image{Name: "b"})
	page, err := scene.client.DescribeImages(t.Context(), &sdk.DescribeImagesInput{MaxResults: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = scene.client.ListExportImageTasks(t.Context(), &sdk.ListExportImageTasksInput{NextToken: page.NextToken})
	wantError(t, err, "ValidationException", "nextToken")
	for _, token := range []string{"1", "!", *page.NextToken + "A"} {
		_, err := scene.client.DescribeImages(t.Context(), &sdk.DescribeImagesInput{NextToken: &token})
		wantError(t, err, "ValidationException", "nextToken")
	}
}

func TestImages(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	put := appstream.Image{
		Name: "win", State: types.ImageStatePending, Tags: map[string]string{"a": "b"},
		Becomes: []appstream.StateChange{{After: time.Minute, State: types.ImageStateAvailable}},
	}
	scene.PutImage(put)
	put.Tags["a"] = "changed by the caller"
	scene.PutImage(appstream.Image{Name: "gone", State: appstream.Absent})
	scene.PutImage(appstream.Image{Name: "aws", Visibility: types.VisibilityTypePublic})
	scene.PutImage(appstream.Image{Name: "removed"})
	scene.RemoveImage("removed")
	scene.RemoveImage("aws") // not this account's
	scene.pass(time.Minute)

	want := []appstream.Image{
		{
			Name: "win", State: types.ImageStateAvailable, Platform: types.PlatformTypeWindowsServer2022,
			Visibility: types.VisibilityTypePrivate, Owner: "123456789012", CreatedTime: start, Tags: map[string]string{"a": "b"},
		},
		{
			Name: "aws", State: types.ImageStateAvailable, Platform: types.PlatformTypeWindowsServer2022,
			Visibility: types.VisibilityTypePublic, CreatedTime: start, Tags: map[string]string{},
		},
	}
	if diff := cmp.Diff(want, scene.Images()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	scene.PutImage(appstream.Image{Name: "win", Description: "made again"})
	images := scene.Images()
	if last := images[len(images)-1]; len(images) != 2 || last.Description != "made again" {
		t.Errorf("after a second put: %+v", images)
	}
}

func TestDeletesImage(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "own"})
	scene.PutImage(appstream.Image{Name: "lent", SharedWithOthers: true})
	scene.PutImage(appstream.Image{Name: "aws", Visibility: types.VisibilityTypePublic})
	for name, code := range map[string]string{
		"none": "ResourceNotFoundException",
		"lent": "ResourceInUseException",
		"aws":  "OperationNotPermittedException",
	} {
		_, err := scene.client.DeleteImage(t.Context(), &sdk.DeleteImageInput{Name: &name})
		wantError(t, err, code, name)
	}
	output, err := scene.client.DeleteImage(t.Context(), &sdk.DeleteImageInput{Name: aws.String("own")})
	if err != nil || *output.Image.Name != "own" {
		t.Fatalf("delete: %v, %v", output, err)
	}
	if state := scene.stateOf(t, "own"); state != appstream.Absent {
		t.Errorf("the deleted image is %s", state)
	}
}
