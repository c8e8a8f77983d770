package export

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A listing that comes to no end would use up every invocation, each with thousands of calls.
func TestListingWithoutAnEnd(t *testing.T) {
	const want = "AppStream repeats a page of its listing instead of going on"
	exporter := func() *Exporter { return (&fake{repeats: true}).exporter() }
	_, imagesErr := exporter().allImages(t.Context())
	tasksErr := exporter().eachTask(t.Context(), func(Task) {})
	_, runErr := exporter().Run(t.Context(), sweep(t), func(d Decision) { t.Errorf("reported: %+v", d) })
	for what, err := range map[string]error{"images": imagesErr, "tasks": tasksErr, "a run": runErr} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", what, err, want)
		}
	}
}

// An image whose owner AppStream does not tell is not exported, and not passed over in silence either. What belongs to others is no
// news.
func TestImageWithoutARN(t *testing.T) {
	for name, arn := range map[string]*string{"none": nil, "empty": aws.String("")} {
		t.Run(name, func(t *testing.T) {
			appStream := &fake{images: []types.Image{
				image("lost", func(i *types.Image) { i.Arn = arn }),
				image("other", func(i *types.Image) { i.Arn = aws.String("arn:aws:appstream:eu-west-1:999999999999:image/other") }),
			}}
			told, _ := appStream.run(t, t.Context(), sweep(t))
			if len(told) > 0 {
				t.Errorf("told: %q", told)
			}
			want := []string{"AppStream tells no ARN of an image, so nobody knows whose it is, and it is left outimageNamelost"}
			if diff := cmp.Diff(want, appStream.warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// What is kept of an image, and how one that failed says why.
func TestToImage(t *testing.T) {
	reason := func(message *string) func(*types.Image) {
		return func(i *types.Image) { i.StateChangeReason = &types.ImageStateChangeReason{Message: message} }
	}
	for name, test := range map[string]struct {
		reported types.Image
		want     Image
	}{
		"all":             {image("win", reason(aws.String("disk full"))), win(func(i *Image) { i.Trouble = ": disk full" })},
		"no reason":       {image("win"), win()},
		"a reason untold": {image("win", reason(nil)), win()},
		"an empty reason": {image("win", reason(aws.String(""))), win()},
		"no creation time": {image("win", func(i *types.Image) { i.CreatedTime = nil }),
			win(func(i *Image) { i.Created = time.Time{} })},
		"nothing is told": {types.Image{}, Image{}},
	} {
		if diff := cmp.Diff(test.want, toImage(test.reported)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A sweep sees every image of the account once, over however many pages, and also those that are shared with others.
func TestAllImages(t *testing.T) {
	all := images(60)
	appStream := &fake{images: all[:55], shared: all[50:]}
	got, err := appStream.exporter().allImages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names, want []string
	for _, image := range got {
		names = append(names, image.Name)
	}
	for _, image := range all {
		want = append(want, aws.ToString(image.Name))
	}
	slices.Sort(names)
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"DescribeImages PRIVATE 25", "DescribeImages PRIVATE 25", "DescribeImages PRIVATE 25",
		"DescribeImages SHARED 25"}, appStream.sorted()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// Half a list must not pass for the whole.
func TestListingThatBreaksOff(t *testing.T) {
	for _, call := range []string{"DescribeImages PRIVATE 25", "DescribeImages SHARED 25"} {
		appStream := &fake{images: images(3), on: map[string]func() error{call: throttled}}
		if images, err := appStream.exporter().allImages(t.Context()); err == nil || images != nil {
			t.Errorf("%s: %d images, error %v", call, len(images), err)
		}
	}
}

// AppStream answers an unknown name with an error for the whole call. Of two or more names each is then asked for alone.
func TestImagesNamed(t *testing.T) {
	tests := map[string]struct {
		names    []string
		on       map[string]func() error
		images   []string
		notFound []string
		says     string
		calls    []string
	}{
		"one":                   {[]string{"a"}, nil, []string{"a"}, nil, "", []string{"DescribeImages a"}},
		"two":                   {[]string{"a", "b"}, nil, []string{"a", "b"}, nil, "", []string{"DescribeImages a b"}},
		"one that is not there": {[]string{"x"}, nil, nil, []string{"x"}, "", []string{"DescribeImages x"}},
		"one of two is not there": {[]string{"a", "x"}, nil, []string{"a"}, []string{"x"}, "",
			[]string{"DescribeImages a", "DescribeImages a x", "DescribeImages x"}},
		"trouble": {[]string{"a", "b"}, map[string]func() error{"DescribeImages": throttled}, nil, nil,
			"DescribeImages: ThrottlingException: why", []string{"DescribeImages a b"}},
		"trouble with one of two": {[]string{"a", "x"}, map[string]func() error{"DescribeImages a": throttled}, nil, nil,
			"DescribeImages: ThrottlingException: why", []string{"DescribeImages a", "DescribeImages a x", "DescribeImages x"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			appStream := &fake{images: []types.Image{image("a"), image("b")}, on: test.on}
			images, notFound, err := appStream.exporter().imagesNamed(t.Context(), test.names)
			if (err == nil) != (test.says == "") || err != nil && err.Error() != test.says {
				t.Errorf("error %v, want %q", err, test.says)
			}
			var names []string
			for _, image := range images {
				names = append(names, image.Name)
			}
			if diff := cmp.Diff(test.images, names); diff != "" {
				t.Errorf("images (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.notFound, notFound, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("not found (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.calls, appStream.sorted()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}
