package export

import (
	"maps"
	"slices"

	"appstream-ami-exporter/internal/tags"
	"appstream-ami-exporter/internal/trigger"
)

// amiTags merges the tags of an AMI: the image's own, over them the stack's, over those the request's, and
// ours. Where that is more than an AMI can have, the image's own give way first, then the stack's;
// dropped names the keys that found no room. What AWS or this function keeps for itself is not copied.
func amiTags(image, stack, request map[string]string, t trigger.Trigger, imageARN string) (merged map[string]string, dropped []string) {
	merged = map[string]string{
		tags.TriggerID: t.ID,
		tags.Trigger:   string(t.Type),
		tags.ImageARN:  imageARN,
	}
	for _, source := range []map[string]string{request, stack, image} {
		for _, key := range slices.Sorted(maps.Keys(source)) {
			if _, taken := merged[key]; taken || tags.Reserved(key) {
				continue
			}
			if len(merged) == tags.Max {
				dropped = append(dropped, key)
				continue
			}
			merged[key] = source[key]
		}
	}
	return merged, dropped
}
