package export

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/tags"
	"appstream-ami-exporter/internal/trigger"
)

// What AppStream takes as tags; the key's "(?!aws:)" is checked apart, since Go's patterns have no such thing.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_CreateExportImageTask.html
var (
	tagKeyPattern   = regexp.MustCompile(`^(?s:.)[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
	tagValuePattern = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
)

func isTag(key, value string) bool {
	runes := len([]rune(key))
	return runes >= 1 && runes <= 128 && tagKeyPattern.MatchString(key) && !strings.HasPrefix(key, "aws:") &&
		len([]rune(value)) <= 256 && tagValuePattern.MatchString(value)
}

var nightly = trigger.Trigger{Type: trigger.Schedule, ID: "nightly@2026-11-23T02:00:00Z", Time: due}

// ours are the tags that every AMI has.
func ours() map[string]string {
	return map[string]string{
		"appstream-ami-exporter:trigger-id": "nightly@2026-11-23T02:00:00Z",
		"appstream-ami-exporter:trigger":    "schedule",
		"appstream-ami-exporter:image-arn":  "arn:aws:appstream:eu-west-1:123456789012:image/win",

		"appstream-ami-exporter:stack":         "exporter@eu-west-1",
		"appstream-ami-exporter:image-created": "2026-11-20T10:15:00Z",
		"appstream-ami-exporter:exported-at":   "2026-11-22T23:30:00Z",
		"appstream-ami-exporter:ami-name":      winAMI,
	}
}

func with(tags map[string]string, more map[string]string) map[string]string {
	maps.Copy(tags, more)
	return tags
}

// many are count tags whose keys begin with prefix and sort by their number.
func many(prefix string, count int) map[string]string {
	tags := map[string]string{}
	for i := range count {
		tags[fmt.Sprintf("%s%02d", prefix, i)] = prefix
	}
	return tags
}

// Where an AMI comes from is told as far as it is known.
func TestOwnTags(t *testing.T) {
	order := Order{Trigger: nightly}
	if diff := cmp.Diff(ours(), order.ownTags("exporter@eu-west-1", win(), winARN, winAMI)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	bare := ours()
	delete(bare, tags.Stack)
	delete(bare, tags.ImageCreated)
	bare[tags.AMIName] = tags.Marker("win(1)")
	if diff := cmp.Diff(bare, order.ownTags("", win(func(i *Image) { i.Created = time.Time{} }), winARN, "win(1)")); diff != "" {
		t.Errorf("tags where little is known (-want +got):\n%s", diff)
	}
}

func TestAMITags(t *testing.T) {
	tests := map[string]struct {
		image, stack, request map[string]string
		want                  map[string]string
		left                  []string
	}{
		"none": {nil, nil, nil, ours(), nil},
		"of all three": {map[string]string{"i": "1"}, map[string]string{"s": "2"}, map[string]string{"r": "3"},
			with(ours(), map[string]string{"i": "1", "s": "2", "r": "3"}), nil},
		"the request's win, then the stack's": {
			map[string]string{"a": "image", "b": "image", "c": "image"}, map[string]string{"a": "stack", "b": "stack"},
			map[string]string{"a": "request"},
			with(ours(), map[string]string{"a": "request", "b": "stack", "c": "image"}), nil},
		"an empty value wins as well": {map[string]string{"a": "image"}, nil, map[string]string{"a": ""},
			with(ours(), map[string]string{"a": ""}), nil},
		"what AWS keeps is not copied": {map[string]string{"aws:cloudformation:stack-name": "x", "AWS:x": "y", "awsome": "z"}, nil, nil,
			with(ours(), map[string]string{"awsome": "z"}), nil},
		"what we keep is not copied": {
			map[string]string{tags.AMIName: "old", tags.AMIID: "ami-1", tags.TriggerID: "old", "appstream-ami-exporter:new": "x"},
			map[string]string{tags.Trigger: "forged"}, map[string]string{tags.ImageARN: "forged"}, ours(), nil},
		"as many as leave room for eight later": {many("i", 35), nil, nil, with(ours(), many("i", 35)), nil},
		"the image's last do not":               {many("i", 38), nil, nil, with(ours(), many("i", 35)), []string{"i35", "i36", "i37"}},
		"the image's give way first": {many("i", 10), many("s", 20), many("r", 8),
			with(with(with(ours(), many("r", 8)), many("s", 20)), many("i", 7)), []string{"i07", "i08", "i09"}},
		"then the stack's": {many("i", 1), many("s", 10), many("r", 28),
			with(with(ours(), many("r", 28)), many("s", 7)), []string{"s07", "s08", "s09", "i00"}},
		"one of the image's own, replaced, needs no room": {map[string]string{"r00": "image"}, nil, many("r", 35),
			with(ours(), many("r", 35)), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, left := amiTags(ours(), test.request, test.stack, test.image)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.left, left); diff != "" {
				t.Errorf("left out (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever tags there are: those that AppStream took on the image and those that were checked make tags that it takes on the AMI.
func FuzzTags(f *testing.F) {
	f.Add("Owner", "me", "Team", "a", "Ticket", "CHG-1", uint8(0))
	f.Add("aws:x", "y", "AWS:x", "y", tags.AMIName, "n", uint8(50))
	f.Add("é", "ü", "a\n", "b", "c", "\xff", uint8(47))
	f.Add("(x", "1", "x", "2", "x", "3", uint8(49))
	f.Fuzz(func(t *testing.T, imageKey, imageValue, stackKey, stackValue, requestKey, requestValue string, more uint8) {
		image, stack, request := many("t", int(more)%51), map[string]string{}, map[string]string{}
		if isTag(imageKey, imageValue) {
			image[imageKey] = imageValue
		}
		stack[stackKey], request[requestKey] = stackValue, requestValue
		if tags.CheckAll(stack) != nil || tags.CheckAll(request) != nil {
			return // refused before it comes to tags
		}
		tags, left := amiTags(ours(), request, stack, image)
		if len(tags) < 7 || len(tags) > 42 {
			t.Errorf("%d tags", len(tags))
		}
		for key, value := range tags {
			if !isTag(key, value) {
				t.Errorf("AppStream does not take the tag %q=%q", key, value)
			}
		}
		for key, value := range ours() {
			if tags[key] != value {
				t.Errorf("our own tag %s is %q", key, tags[key])
			}
		}
		if got := tags[requestKey]; got != requestValue {
			t.Errorf("the request asked for %q=%q, the AMI has %q", requestKey, requestValue, got)
		}
		for _, key := range left {
			if _, there := tags[key]; there || !slices.Contains(slices.Collect(maps.Keys(image)), key) && key != stackKey {
				t.Errorf("%q is said to be left out", key)
			}
		}
	})
}
