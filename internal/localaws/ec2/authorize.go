package ec2

import (
	"strconv"

	"appstream-ami-exporter/internal/localaws/iam"
)

// asked is one question to IAM.
func (r *region) asked(action, resource string, keys map[string][]string) iam.Request {
	sent := map[string][]string{"aws:RequestedRegion": {r.name}, "ec2:Region": {r.name}}
	for key, values := range keys {
		if values != nil {
			sent[key] = values
		}
	}
	return iam.Request{Action: action, Resource: resource, AccessKeyID: r.ec2.caller, Keys: sent}
}

// authorize puts questions to IAM; all must be answered with yes. A dry run ends here.
func (r *region) authorize(dryRun bool, requests ...iam.Request) error {
	for _, request := range requests {
		if !r.ec2.options.Authorize(request) {
			return refuse("UnauthorizedOperation",
				"You are not authorized to perform this operation. The role may not perform: %s on resource: %s", request.Action,
				request.Resource)
		}
	}
	if dryRun {
		return refuse("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
	}
	return nil
}

func (r *region) arn(regionName, kind, id string) string {
	return "arn:" + r.ec2.options.Partition + ":ec2:" + regionName + "::" + kind + "/" + id
}

func (r *region) imageARN(id string) string    { return r.arn(r.name, "image", id) }
func (r *region) snapshotARN(id string) string { return r.arn(r.name, "snapshot", id) }

// imageKeys are the condition keys of an AMI that exists.
func imageKeys(image *Image) map[string][]string {
	keys := resourceTags(image.Tags)
	keys["ec2:ImageID"] = []string{image.ID}
	keys["ec2:Owner"] = []string{image.Owner}
	keys["ec2:Public"] = []string{strconv.FormatBool(image.public())}
	return keys
}

func snapshotKeys(s *Snapshot) map[string][]string {
	keys := resourceTags(s.Tags)
	keys["ec2:SnapshotID"] = []string{s.ID}
	keys["ec2:Owner"] = []string{s.Owner}
	return keys
}

func resourceTags(tags map[string]string) map[string][]string {
	keys := map[string][]string{}
	for key, value := range tags {
		keys["aws:ResourceTag/"+key] = []string{value}
		keys["ec2:ResourceTag/"+key] = []string{value}
	}
	return keys
}

// requestTags adds the keys of the tags that a request brings.
func requestTags(keys map[string][]string, tags []tag) map[string][]string {
	for _, t := range tags {
		keys["aws:RequestTag/"+t.key] = []string{t.value}
		keys["aws:TagKeys"] = append(keys["aws:TagKeys"], t.key)
	}
	return keys
}
