package export

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"appstream-ami-exporter/internal/trigger"
)

// Tag keys of ours. All begin with tagPrefix, so that none of them is copied from an image to its AMI.
const (
	tagPrefix = "appstream-ami-exporter:"

	// On the AMI: which trigger started its export, and of which image it is.
	TagTriggerID = tagPrefix + "trigger-id"
	TagTrigger   = tagPrefix + "trigger"
	TagImageARN  = tagPrefix + "image-arn"

	// On the image, once its export has completed: the marker.
	TagAMIName = tagPrefix + "ami-name"
	TagAMIID   = tagPrefix + "ami-id"
)

// markerOf is the value of the marker that stands for an AMI name: the name itself, or a hash of it where it holds a
// parenthesis, which AMI names may and tag values may not.
func markerOf(amiName string) string {
	if only(amiName, tagRune) {
		return amiName
	}
	sum := sha256.Sum256([]byte(amiName))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Limits of AppStream's own.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_CreateExportImageTask.html
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256

	// maxOwnTags is what is left beside the three tags of ours.
	maxOwnTags = maxTags - 3
)

// CheckTag says what is wrong with a tag that somebody asks for.
func CheckTag(key, value string) error {
	switch {
	case key == "" || utf8.RuneCountInString(key) > maxTagKey || !only(key, tagRune):
		return fmt.Errorf("%.140q is not a tag key: 1 to 128 letters, digits, spaces and _ . : / = + - @", key)
	case strings.HasPrefix(strings.ToLower(key), "aws:"):
		return fmt.Errorf("the tag key %.140q begins with aws:, which AWS keeps for itself", key)
	case utf8.RuneCountInString(value) > maxTagValue || !only(value, tagRune):
		return fmt.Errorf("the tag %.140q has a value that is not allowed: at most 256 letters, digits, spaces and _ . : / = + - @", key)
	}
	return nil
}

// CheckTags says everything that is wrong with tags that somebody wants on the AMIs.
func CheckTags(tags map[string]string) error {
	var problems []error
	if len(tags) > maxOwnTags {
		problems = append(problems, fmt.Errorf("%d tags are too many: an AMI has %d, and 3 of them say where it comes from", len(tags), maxTags))
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if err := CheckTag(key, tags[key]); err != nil {
			problems = append(problems, err)
		} else if strings.HasPrefix(key, tagPrefix) {
			problems = append(problems, fmt.Errorf("the tag key %.140q begins with %s, which this function keeps for itself", key, tagPrefix))
		}
	}
	return errors.Join(problems...)
}

// amiTags merges the tags of an AMI: the image's own, over them the stack's, over those the request's, and
// ours. Where that is more than an AMI can have, the image's own give way first, then the stack's;
// left names the keys that found no room. What AWS or this function keeps for itself is not copied.
func amiTags(image, stack, request map[string]string, t trigger.Trigger, imageARN string) (tags map[string]string, left []string) {
	tags = map[string]string{
		TagTriggerID: t.ID,
		TagTrigger:   string(t.Type),
		TagImageARN:  imageARN,
	}
	for _, source := range []map[string]string{request, stack, image} {
		for _, key := range slices.Sorted(maps.Keys(source)) {
			if _, taken := tags[key]; taken || strings.HasPrefix(key, tagPrefix) || strings.HasPrefix(strings.ToLower(key), "aws:") {
				continue
			}
			if len(tags) == maxTags {
				left = append(left, key)
				continue
			}
			tags[key] = source[key]
		}
	}
	return tags, left
}
