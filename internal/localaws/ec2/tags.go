package ec2

import (
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"appstream-ami-exporter/internal/localaws/iam"
)

// maxTags is how many tags a resource may have.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
const maxTags = 50

// tagged is what CreateTags and DeleteTags change: an AMI or a snapshot.
type tagged struct {
	id, arn string
	tags    map[string]string
	keys    map[string][]string // those that IAM is sent
	set     func(map[string]string)
}

// tagged finds the resources of a request, in whatever state they are.
func (r *region) tagged(ids []string) ([]tagged, error) {
	if len(ids) == 0 {
		return nil, refuse("MissingParameter", "The request must contain the parameter resourceIdSet")
	}
	var resources []tagged
	for _, id := range ids {
		switch {
		case strings.HasPrefix(id, "ami-"):
			image := r.image(id)
			if image == nil {
				return nil, r.notFound(id)
			}
			resources = append(resources, tagged{id, r.imageARN(id), image.Tags, imageKeys(image),
				func(t map[string]string) { image.Tags = t }})
		case strings.HasPrefix(id, "snap-"):
			s, err := r.snapshot(id)
			if err != nil {
				return nil, err
			}
			resources = append(resources, tagged{id, r.snapshotARN(id), s.Tags, snapshotKeys(s), func(t map[string]string) { s.Tags = t }})
		default:
			return nil, refuse("InvalidID", "The ID '%s' is not valid", id)
		}
	}
	return resources, nil
}

// validTags refuses what EC2 does not take as tags.
func validTags(tags []tag) error {
	seen := map[string]bool{}
	for _, t := range tags {
		switch {
		case t.key == "" || utf8.RuneCountInString(t.key) > 128:
			return refuse("InvalidParameterValue", "Tag key '%s' must have 1 to 128 characters", t.key)
		case strings.HasPrefix(strings.ToLower(t.key), "aws:"):
			return refuse("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
		case utf8.RuneCountInString(t.value) > 256:
			return refuse("InvalidParameterValue", "Tag value exceeds the maximum length of 256 characters")
		case seen[t.key]:
			return refuse("InvalidParameterValue", "Duplicate tag key '%s' specified.", t.key)
		}
		seen[t.key] = true
	}
	return nil
}

// merged returns tags with others set over them.
func merged(tags map[string]string, set []tag) (map[string]string, error) {
	after := map[string]string{}
	maps.Copy(after, tags)
	for _, t := range set {
		after[t.key] = t.value
	}
	if len(after) > maxTags {
		return nil, refuse("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
	}
	return after, nil
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html
func (r *region) createTags(_ time.Time, q *query) (answer, error) {
	ids, tags, dryRun := q.list("ResourceId"), q.tags("Tag"), q.boolean("DryRun")
	if err := q.done(); err != nil {
		return nil, err
	}
	if len(tags) == 0 {
		return nil, refuse("MissingParameter", "The request must contain the parameter tagSet")
	}
	if err := validTags(tags); err != nil {
		return nil, err
	}
	resources, err := r.tagged(ids)
	if err != nil {
		return nil, err
	}
	var requests []iam.Request
	after := make([]map[string]string, len(resources))
	for i, resource := range resources {
		requests = append(requests, r.asked("ec2:CreateTags", resource.arn, requestTags(resource.keys, tags)))
		if after[i], err = merged(resource.tags, tags); err != nil {
			return nil, err
		}
	}
	if err := r.authorize(dryRun, requests...); err != nil {
		return nil, err
	}
	for i, resource := range resources {
		resource.set(after[i])
	}
	return &succeeded{Return: true}, nil
}

// deleteTags without any tag deletes all user tags of a resource, as EC2's does.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html
func (r *region) deleteTags(_ time.Time, q *query) (answer, error) {
	ids, tags, dryRun := q.list("ResourceId"), q.tags("Tag"), q.boolean("DryRun")
	if err := q.done(); err != nil {
		return nil, err
	}
	resources, err := r.tagged(ids)
	if err != nil {
		return nil, err
	}
	var requests []iam.Request
	for _, resource := range resources {
		delete(resource.keys, "ec2:Owner") // by the Service Authorization Reference, DeleteTags does not send it
		for _, t := range tags {
			resource.keys["aws:TagKeys"] = append(resource.keys["aws:TagKeys"], t.key)
			if t.hasValue {
				resource.keys["aws:RequestTag/"+t.key] = []string{t.value}
			}
		}
		requests = append(requests, r.asked("ec2:DeleteTags", resource.arn, resource.keys))
	}
	if err := r.authorize(dryRun, requests...); err != nil {
		return nil, err
	}
	for _, resource := range resources {
		after := map[string]string{}
		maps.Copy(after, resource.tags)
		if len(tags) == 0 {
			clear(after)
		}
		for _, t := range tags {
			if value, ok := after[t.key]; ok && (!t.hasValue || t.value == value) {
				delete(after, t.key)
			}
		}
		resource.set(after)
	}
	return &succeeded{Return: true}, nil
}
