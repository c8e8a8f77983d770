package appstream

import (
	"maps"
	"time"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

type listTagsInput struct{ ResourceArn *string }

type listTagsOutput struct{ Tags map[string]string }

func (s *Server) listTagsForResource(now time.Time, input listTagsInput) (listTagsOutput, error) {
	var v validation
	image, err := s.taggedImage(now, &v, input.ResourceArn)
	if err != nil {
		return listTagsOutput{}, err
	}
	return listTagsOutput{Tags: maps.Clone(image.Tags)}, nil
}

type tagResourceInput struct {
	ResourceArn *string
	Tags        map[string]string
}

func (s *Server) tagResource(now time.Time, input tagResourceInput) (struct{}, error) {
	var v validation
	v.required("tags", input.Tags != nil)
	v.tags("tags", input.Tags)
	image, err := s.taggedImage(now, &v, input.ResourceArn)
	if err != nil {
		return struct{}{}, err
	}
	tags := maps.Clone(image.Tags)
	maps.Copy(tags, input.Tags)
	if len(tags) > maxTags {
		return struct{}{}, awsreply.Refuse("LimitExceededException", "A resource can have %d tags; this would make %d.", maxTags, len(tags))
	}
	image.Tags = tags
	return struct{}{}, nil
}

type untagResourceInput struct {
	ResourceArn *string
	TagKeys     []string
}

func (s *Server) untagResource(now time.Time, input untagResourceInput) (struct{}, error) {
	var v validation
	v.required("tagKeys", input.TagKeys != nil)
	v.count("tagKeys", input.TagKeys != nil, len(input.TagKeys))
	v.texts("tagKeys", input.TagKeys, tagKeyRule)
	image, err := s.taggedImage(now, &v, input.ResourceArn)
	if err != nil {
		return struct{}{}, err
	}
	for _, key := range input.TagKeys {
		delete(image.Tags, key)
	}
	return struct{}{}, nil
}

// taggedImage ends the validation of a request with its ARN, and finds what the ARN means: only own images have tags.
func (s *Server) taggedImage(now time.Time, v *validation, arn *string) (*storedImage, error) {
	v.required("resourceArn", arn != nil)
	v.text("resourceArn", arn, arnRule)
	if err := v.err(); err != nil {
		return nil, err
	}
	image := s.imageByARN(now, *arn)
	if image == nil || image.Owner != s.options.Account {
		return nil, awsreply.Refuse("ResourceNotFoundException", "The resource %s was not found.", *arn)
	}
	return image, nil
}

// TagsOf returns the tags of this account's image of that name, and nil where there is no such image.
func (s *Server) TagsOf(name string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	image := s.imageByARN(s.options.Now(), s.ImageARN(name))
	if image == nil {
		return nil
	}
	return maps.Clone(image.Tags)
}

// Untag removes tags of this account's image of that name, as a person does.
func (s *Server) Untag(name string, keys ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if image := s.imageByARN(s.options.Now(), s.ImageARN(name)); image != nil {
		for _, key := range keys {
			delete(image.Tags, key)
		}
	}
}
