package appstream

import (
	"encoding/json"

	"appstream-ami-exporter/internal/localaws/awsreply"
	"appstream-ami-exporter/internal/localaws/iam"
)

// authorize asks IAM about an operation. AppStream knows resources for tags only, and knows the tags that a request brings.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonappstream2.0.html
func (s *Server) authorize(name, accessKeyID string, parameters []byte) error {
	var input struct {
		ResourceArn string
		Tags        map[string]string
		TagKeys     []string
	}
	_ = json.Unmarshal(parameters, &input) // the operation says what is wrong with it
	request := iam.Request{
		Action: "appstream:" + name, Resource: "*", AccessKeyID: accessKeyID,
		Keys: map[string][]string{"aws:RequestedRegion": {s.options.Region}},
	}
	if input.ResourceArn != "" {
		request.Resource = input.ResourceArn
	}
	for key, value := range input.Tags {
		request.Keys["aws:RequestTag/"+key] = []string{value}
		input.TagKeys = append(input.TagKeys, key)
	}
	if len(input.TagKeys) > 0 {
		request.Keys["aws:TagKeys"] = input.TagKeys
	}
	if !s.options.Authorize(request) {
		return awsreply.Refuse("AccessDeniedException", "The role is not authorized to perform: %s on resource: %s", request.Action,
			request.Resource)
	}
	return nil
}
