package localaws

import (
	"maps"
	"time"
)

type asListTagsInput struct{ ResourceArn *string }

type asListTagsOutput struct{ Tags map[string]string }

func (a *AppStream) listTagsForResource(now time.Time, input asListTagsInput) (asListTagsOutput, error) {
	var v asValidation
	image, err := a.taggedImage(now, &v, input.ResourceArn)
	if err != nil {
		return asListTagsOutput{}, err
	}
	return asListTagsOutput{Tags: maps.Clone(image.Tags)}, nil
}

type asTagResourceInput struct {
	ResourceArn *string
	Tags        map[string]string
}

func (a *AppStream) tagResource(now time.Time, input asTagResourceInput) (struct{}, error) {
	var v asValidation
	v.required("tags", input.Tags != nil)
	v.tags("tags", input.Tags)
	image, err := a.taggedImage(now, &v, input.ResourceArn)
	if err != nil {
		return struct{}{}, err
	}
	if a.options.AccountSuspended {
		return struct{}{}, asSuspended()
	}
	tags := maps.Clone(image.Tags)
	maps.Copy(tags, input.Tags)
	if len(tags) > asMaxTags {
		return struct{}{}, asErrorf("LimitExceededException", "A resource can have %d tags; this would make %d.", asMaxTags, len(tags))
	}
	image.Tags = tags
	return struct{}{}, nil
}

type asUntagResourceInput struct {
	ResourceArn *string
	TagKeys     []string
}

func (a *AppStream) untagResource(now time.Time, input asUntagResourceInput) (struct{}, error) {
	var v asValidation
	v.required("tagKeys", input.TagKeys != nil)
	v.count("tagKeys", input.TagKeys != nil, len(input.TagKeys))
	v.texts("tagKeys", input.TagKeys, asTagKey)
	image, err := a.taggedImage(now, &v, input.ResourceArn)
	if err != nil {
		return struct{}{}, err
	}
	for _, key := range input.TagKeys {
		delete(image.Tags, key)
	}
	return struct{}{}, nil
}

// taggedImage ends the validation of a request with its ARN, and finds what the ARN means: only own images have tags.
func (a *AppStream) taggedImage(now time.Time, v *asValidation, arn *string) (*storedImage, error) {
	v.required("resourceArn", arn != nil)
	v.text("resourceArn", arn, asARN)
	if err := v.err(); err != nil {
		return nil, err
	}
	image := a.imageByARN(now, *arn)
	if image == nil || image.Owner != a.options.Account {
		return nil, asErrorf("ResourceNotFoundException", "The resource %s was not found.", *arn)
	}
	return image, nil
}

// TagsOf returns the tags of this account's image of that name, and nil where there is no such image.
func (a *AppStream) TagsOf(name string) map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	image := a.imageByARN(a.options.Now(), a.ImageARN(name))
	if image == nil {
		return nil
	}
	return maps.Clone(image.Tags)
}
