package export

import (
	"maps"
	"slices"
	"time"

	"appstream-ami-exporter/internal/tags"
)

// ownTags are those that say where an AMI comes from. One that is not known is left out: whoever manages AMIs by them takes none
// that lacks one.
func (o Order) ownTags(stack string, image Image, imageARN, amiName string) map[string]string {
	own := map[string]string{
		tags.TriggerID:  o.Trigger.ID,
		tags.Trigger:    string(o.Trigger.Type),
		tags.ImageARN:   imageARN,
		tags.ExportedAt: o.Trigger.Time.UTC().Format(time.RFC3339),
		tags.AMIName:    tags.Marker(amiName),
	}
	if stack != "" {
		own[tags.Stack] = stack
	}
	if !image.Created.IsZero() {
		own[tags.ImageCreated] = image.Created.UTC().Format(time.RFC3339)
	}
	return own
}

// amiTags merges the tags of an AMI: ours, under them the request's, the stack's, and the image's own. Where there is no room for
// all of them, the image's own give way first, then the stack's; dropped names the keys of those. What AWS or this function keeps
// for itself is not copied.
func amiTags(own, request, stack, image map[string]string) (merged map[string]string, dropped []string) {
	merged = maps.Clone(own)
	most := len(own) + tags.MaxOthers
	for _, source := range []map[string]string{request, stack, image} {
		for _, key := range slices.Sorted(maps.Keys(source)) {
			if _, taken := merged[key]; taken || tags.Reserved(key) {
				continue
			}
			if len(merged) == most {
				dropped = append(dropped, key)
				continue
			}
			merged[key] = source[key]
		}
	}
	return merged, dropped
}
