package ec2

import (
	"maps"
	"slices"
	"strings"
	"time"

	"appstream-ami-exporter/internal/localaws/iam"
)

// copyMade is what a client token was used for.
type copyMade struct {
	request string
	imageID string
}

type copyImageAnswer struct {
	head
	ImageID string `xml:"imageId"`
}

// copyRequest is what CopyImage is asked for, in the Region that is copied to.
type copyRequest struct {
	name, description, sourceID, sourceRegion string
	token, key                                string
	encrypted, copyTags, dryRun               bool
	imageTags, snapshotTags                   []tag
}

func (q *query) copyRequest() copyRequest {
	c := copyRequest{
		name: q.text("Name"), description: q.text("Description"), sourceID: q.text("SourceImageId"), sourceRegion: q.text("SourceRegion"),
		token: q.text("ClientToken"), key: q.text("KmsKeyId"),
		encrypted: q.boolean("Encrypted"), copyTags: q.boolean("CopyImageTags"), dryRun: q.boolean("DryRun"),
	}
	for _, prefix := range q.items("TagSpecification") {
		switch kind, tags := q.text(prefix+".ResourceType"), q.tags(prefix+".Tag"); kind {
		case "image":
			c.imageTags = append(c.imageTags, tags...)
		case "snapshot":
			c.snapshotTags = append(c.snapshotTags, tags...)
		default:
			q.fail(prefix+".ResourceType", kind, "It must be image or snapshot.")
		}
	}
	return c
}

// check refuses what no copy can be made from, whatever there is to copy.
func (c copyRequest) check() error {
	switch {
	case c.name == "" || c.sourceID == "" || c.sourceRegion == "":
		return refuse("MissingParameter", "The request must contain the parameters Name, SourceImageId and SourceRegion")
	case len(c.name) < 3 || len(c.name) > 128:
		return refuse("InvalidAMIName.Malformed", "AMI names must be between 3 and 128 characters long")
	case len(c.token) > 64:
		return refuse("InvalidParameterValue", "The client token must have at most 64 characters")
	case c.key != "" && !c.encrypted:
		return refuse("InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set.")
	}
	if err := validTags(c.imageTags); err != nil {
		return err
	}
	return validTags(c.snapshotTags)
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html
func (r *region) copyImage(now time.Time, q *query) (answer, error) {
	asked := q.form.Encode()
	c := q.copyRequest()
	if err := q.done(); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	from := r.ec2.regions[c.sourceRegion]
	if from == nil {
		return nil, refuse("InvalidParameterValue", "Value (%s) for parameter sourceRegion is invalid.", c.sourceRegion)
	}
	source := from.image(c.sourceID)
	if source == nil {
		return nil, from.notFound(c.sourceID)
	}
	if err := r.authorize(c.dryRun, r.mayCopy(c, source)...); err != nil {
		return nil, err
	}
	if made, used := r.tokens[c.token]; used && c.token != "" {
		if made.request != asked {
			return nil, refuse("IdempotentParameterMismatch", "The client token %s was used for another request", c.token)
		}
		return &copyImageAnswer{ImageID: made.imageID}, nil
	}
	if state := source.stateAt(now); state != Available {
		return nil, refuse("InvalidAMIID.Unavailable", "The image ID '%s' is %s", c.sourceID, state)
	}
	pending := 0
	for _, image := range r.images {
		if image.stateAt(now) == Pending && image.SourceImageID != "" {
			pending++
		}
		if r.ec2.options.RefusesTwins && image.Name == c.name && image.Deregistered.IsZero() && image.Owner == r.ec2.options.Account {
			return nil, refuse("InvalidAMIName.Duplicate", "AMI name %s is already in use by AMI %s", c.name, image.ID)
		}
	}
	if pending >= r.ec2.options.MaxCopies {
		return nil, refuse("ResourceLimitExceeded", "You have exceeded the number of in-progress AMI copies to %s", r.name)
	}
	made, err := r.makeCopy(now, c, source)
	if err != nil {
		return nil, err
	}
	r.tokens[c.token] = copyMade{request: asked, imageID: made.ID}
	return &copyImageAnswer{ImageID: made.ID}, nil
}

// mayCopy are the questions to IAM: about the AMI copied from, about what is made, and about its tags.
func (r *region) mayCopy(c copyRequest, source *Image) []iam.Request {
	requests := []iam.Request{
		r.asked("ec2:CopyImage", r.arn(c.sourceRegion, "image", c.sourceID), map[string][]string{
			"ec2:Owner": {source.Owner}, "ec2:ImageID": {source.ID},
		}),
		r.asked("ec2:CopyImage", r.imageARN("*"), requestTags(map[string][]string{}, c.imageTags)),
		r.asked("ec2:CopyImage", r.snapshotARN("*"), requestTags(map[string][]string{}, c.snapshotTags)),
	}
	create := func(arn string, tags []tag) {
		if len(tags) > 0 {
			requests = append(requests, r.asked("ec2:CreateTags", arn,
				requestTags(map[string][]string{"ec2:CreateAction": {"CopyImage"}}, tags)))
		}
	}
	create(r.imageARN("*"), c.imageTags)
	create(r.snapshotARN("*"), c.snapshotTags)
	return requests
}

func (r *region) makeCopy(now time.Time, c copyRequest, source *Image) (*Image, error) {
	var brought map[string]string
	if c.copyTags && source.Owner == r.ec2.options.Account {
		brought = maps.Clone(source.Tags)
		maps.DeleteFunc(brought, func(key, _ string) bool { return strings.HasPrefix(key, "aws:") })
	}
	tags, err := merged(brought, c.imageTags)
	if err != nil {
		return nil, err
	}
	snapshotTags, err := merged(nil, c.snapshotTags)
	if err != nil {
		return nil, err
	}
	made := *source
	made.ID, made.Name, made.Description = r.ec2.newID("ami"), c.name, c.description
	made.Region, made.Owner = r.name, r.ec2.options.Account
	made.Created, made.Ready = now, time.Time{}
	made.SourceImageID, made.SourceImageRegion = c.sourceID, c.sourceRegion
	made.Tags, made.SnapshotTags = tags, snapshotTags
	// Nothing else of what the source has been through is copied.
	made.Permissions, made.DeprecationTime, made.LastLaunched, made.Protection = nil, time.Time{}, time.Time{}, ""
	made.BackupManaged, made.BroughtBack, made.binUntil = false, time.Time{}, time.Time{}
	if len(r.copyFails) > 0 {
		made.FailReason, r.copyFails = r.copyFails[0], r.copyFails[1:]
	}
	if slices.Contains(r.ec2.options.BadKeys, c.key) {
		made.FailReason = "Given key ID is not accessible"
	}
	byDefault := slices.Contains(r.ec2.options.EncryptsByDefault, r.name)
	made.Volumes = slices.Clone(source.Volumes)
	for i := range made.Volumes {
		v := &made.Volumes[i]
		v.SnapshotID = ""
		v.Encrypted = v.Encrypted || c.encrypted || byDefault
		v.KMSKeyID = ""
		if v.Encrypted {
			v.KMSKeyID = c.key
		}
	}
	made.Ready = now.Add(r.ec2.options.CopyDuration(made))
	return r.put(made), nil
}
