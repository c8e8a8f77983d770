package doctor

import (
	"maps"
	"slices"
	"strings"

	"appstream-ami-exporter/internal/tags"
)

// The AMI and the snapshot of which the simulation is asked. They need not exist: IAM is told what EC2 would tell it of them.
const (
	simulatedAMI      = "ami-0123456789abcdef0"
	simulatedSnapshot = "snap-0123456789abcdef0"
	anotherAMI        = "ami-0fedcba9876543210"
)

// The condition keys that are told of AMIs and snapshots.
const (
	stackOf    = "aws:ResourceTag/" + tags.Stack
	completeOf = "aws:ResourceTag/" + tags.Complete
	ownerOf    = "ec2:Owner"
	idOf       = "ec2:ImageID"
)

// keeperQuestions gathers what is asked about the keeper's role.
type keeperQuestions struct {
	Deployment
	rights []Right
}

// keys are condition keys with their values.
type keys = map[string][]string

// with is keys with others beside them.
func with(some keys, others ...keys) keys {
	all := maps.Clone(some)
	for _, other := range others {
		maps.Copy(all, other)
	}
	return all
}

// add asks about actions on a resource in a Region. of is what the resource is, in words, where its ARN does not say it. The Region
// is told of each: without it the role's own policy denies everything.
func (q *keeperQuestions) add(region, resource, of string, context keys, actions ...string) {
	for _, action := range actions {
		q.rights = append(q.rights, Right{
			Action: action, Resource: resource, Of: of, Context: with(keys{"aws:RequestedRegion": {region}}, context),
		})
	}
}

func (q *keeperQuestions) image(region string) string {
	return "arn:" + q.Partition + ":ec2:" + region + "::image/" + simulatedAMI
}

func (q *keeperQuestions) snapshot(region string) string {
	return "arn:" + q.Partition + ":ec2:" + region + "::snapshot/" + simulatedSnapshot
}

// mine is the tag of the stack.
func (d Deployment) mine() string { return d.Stack + "@" + d.Region }

// retires tells whether AMIs are deregistered.
func (d Deployment) retires() bool {
	return d.Parameters["Keep"] != "" && d.Parameters["KeepMode"] == "ON"
}

// list are the values of a parameter that has several.
func (d Deployment) list(parameter string) []string {
	return strings.FieldsFunc(d.Parameters[parameter], func(r rune) bool { return r == ',' })
}

// own is what EC2 tells of an AMI that is this stack's and known to be complete.
func (q *keeperQuestions) own() keys {
	return keys{stackOf: {q.mine()}, completeOf: {simulatedAMI}, idOf: {simulatedAMI}, ownerOf: {q.Account}}
}

// requestTags are tags that a call sets.
func requestTags(key, value string) keys {
	return keys{"aws:RequestTag/" + key: {value}, "aws:TagKeys": {key}}
}

// KeeperRights are the calls that the keeper makes, and EC2 for it. A test compares them with the template.
func (d Deployment) KeeperRights() []Right {
	q := &keeperQuestions{Deployment: d}
	home := d.Region
	q.add(home, d.arn("logs", home, "log-group:"+d.Outputs["KeeperLogGroupName"]+":log-stream:any"), "", nil,
		"logs:CreateLogStream", "logs:PutLogEvents")
	q.add(home, d.Outputs["Topic"], "", nil, "sns:Publish")
	q.add(home, "*", "", nil, "ec2:DescribeImages", "appstream:ListExportImageTasks", "appstream:ListTagsForResource")
	const own = "an AMI of this stack"
	q.add(home, q.image(home), own, q.own(), "ec2:DisableImageDeprecation")
	q.add(home, q.image(home), own, with(q.own(), keys{"aws:TagKeys": {tags.Complete, tags.Told}}), "ec2:CreateTags", "ec2:DeleteTags")
	if d.Parameters["Keep"] != "" {
		q.addGuards()
	}
	if d.retires() {
		q.addRetirement()
	}
	for _, region := range d.list("CopyRegions") {
		q.addCopies(region)
	}
	for _, key := range d.list("CopyKmsKeys") {
		q.addCopyKey(key)
	}
	if path := d.Parameters["LatestAmiParameter"]; path != "" {
		q.add(home, d.arn("ssm", home, "parameter"+path+"/any"), "", requestTags(tags.Stack, d.mine()), "ssm:GetParameter",
			"ssm:GetParameterHistory", "ssm:ListTagsForResource", "ssm:PutParameter", "ssm:AddTagsToResource")
	}
	if key := d.Parameters["KmsKeyArn"]; key != "" {
		q.add(home, key, "", keys{"kms:ViaService": {"sns." + home + "." + d.suffix()}}, "kms:Decrypt", "kms:GenerateDataKey")
	}
	return q.rights
}

// addGuards asks about what is read of AMIs that no rule keeps.
func (q *keeperQuestions) addGuards() {
	home := q.Region
	q.add(home, "*", "", nil, "ec2:DescribeImageReferences", "ec2:DescribeSnapshots")
	q.add(home, q.image(home), "an AMI of this stack", q.own(), "ec2:DescribeImageAttribute")
	q.add(home, q.snapshot(home), "a snapshot", keys{ownerOf: {q.Account}}, "ec2:DescribeSnapshotAttribute")
	q.add(home, "*", "", keys{"aws:CalledVia": {"ec2-images.amazonaws.com"}}, "ec2:DescribeInstances", "ec2:DescribeLaunchTemplates",
		"ec2:DescribeLaunchTemplateVersions", "ssm:DescribeParameters", "ssm:GetParameters", "imagebuilder:ListImageRecipes",
		"imagebuilder:ListContainerRecipes", "imagebuilder:GetContainerRecipe")
}

// addRetirement asks about what retires AMIs at home.
func (q *keeperQuestions) addRetirement() {
	home := q.Region
	q.add(home, q.image(home), "an AMI of this stack", q.own(), "ec2:EnableImageDeprecation", "ec2:DeregisterImage")
	q.add(home, q.snapshot(home), "a snapshot of this stack", keys{stackOf: {q.mine()}, ownerOf: {q.Account}}, "ec2:DeleteSnapshot")
	q.add(home, q.snapshot(home), "a snapshot without tags", with(keys{ownerOf: {q.Account}}, requestTags(tags.Stack, q.mine())),
		"ec2:CreateTags")
	q.add(home, q.arn("appstream", home, "image/any"), "", requestTags(tags.AMIID, "retired"), "appstream:TagResource")
	if q.Parameters["TopicArn"] == "" {
		q.add(home, q.Outputs["Topic"], "", nil, "sns:GetTopicAttributes")
	}
	if q.Parameters["UndoDays"] != "0" {
		q.add(home, "*", "", nil, "rbin:ListRules")
		q.add(home, q.arn("rbin", home, "rule/any"), "", nil, "rbin:GetRule")
	}
}

// addCopies asks whether AMIs can be copied to a Region, seen there, and retired there. A policy of the organization may close some
// Regions and not others.
func (q *keeperQuestions) addCopies(region string) {
	q.add(region, "*", "AMIs in "+region, nil, "ec2:DescribeImages")
	if q.retires() {
		q.add(region, q.image(region), "an AMI of this stack in "+region, q.own(), "ec2:DeregisterImage")
	}
	q.add(region, q.image(q.Region), "an AMI, into "+region, keys{ownerOf: {q.Account}, idOf: {simulatedAMI}}, "ec2:CopyImage")
	made := keys{"aws:RequestTag/" + tags.Stack: {q.mine()}, "aws:TagKeys": {tags.Stack, tags.SourceAMI}, "ec2:CreateAction": {"CopyImage"}}
	for _, resource := range []string{"image/*", "snapshot/*"} {
		q.add(region, "arn:"+q.Partition+":ec2:"+region+"::"+resource, "a copy in "+region, made, "ec2:CopyImage", "ec2:CreateTags")
	}
}

// addCopyKey asks what EC2 does with a key where it copies.
func (q *keeperQuestions) addCopyKey(key string) {
	region := q.Region
	if parts := strings.Split(key, ":"); len(parts) > 3 {
		region = parts[3]
	}
	for _, right := range KeyRights(key) {
		q.add(region, key, "", keys{
			"kms:ViaService": {"ec2." + region + "." + q.suffix()}, "kms:GrantIsForAWSResource": {"true"},
		}, right.Action)
	}
}

// variable is the condition's value in the template that stands for the AMI's own id. An AMI whose tag has just these characters is
// not this stack's; a simulation that says otherwise does not know what the variable means.
const variable = "${ec2:ImageID}"

// KeeperFence are calls that the keeper's role must not be allowed.
func (d Deployment) KeeperFence() []Right {
	q := &keeperQuestions{Deployment: d}
	home := d.Region
	retire := []string{"ec2:DeregisterImage", "ec2:EnableImageDeprecation"}
	foreign := keys{ownerOf: {d.Account}, idOf: {simulatedAMI}}
	q.add(home, q.image(home), "an AMI without tags", foreign, append(retire, "ec2:DisableImageDeprecation", "ec2:DisableImage",
		"ec2:ModifyImageAttribute")...)
	q.add(home, q.image(home), "an AMI of another stack", with(q.own(), keys{stackOf: {"another-" + d.mine()}}), retire...)
	q.add(home, q.image(home), "somebody's copy of an AMI", with(q.own(), keys{completeOf: {anotherAMI}}), retire...)
	q.add(home, q.image(home), "an AMI that is marked by hand", with(q.own(), keys{completeOf: {variable}}), retire...)
	elsewhere := d.elsewhere()
	q.add(elsewhere, q.image(elsewhere), "an AMI in another Region", q.own(), retire...)
	if !d.retires() {
		q.add(home, q.image(home), "an AMI of this stack, while KeepMode is not ON", q.own(), retire...)
	}
	q.add(home, q.snapshot(home), "a snapshot without tags", keys{ownerOf: {d.Account}}, "ec2:DeleteSnapshot",
		"ec2:ModifySnapshotAttribute")
	q.add(home, q.image(home), "an AMI without tags, to be this stack's", with(foreign, requestTags(tags.Stack, d.mine())),
		"ec2:CreateTags")
	q.add(home, q.snapshot(home), "a snapshot of another stack, to be this stack's",
		with(keys{ownerOf: {d.Account}, stackOf: {"another-" + d.mine()}}, requestTags(tags.Stack, d.mine())), "ec2:CreateTags")
	q.add(home, q.image(home), "the tag "+tags.Keep, with(q.own(), keys{"aws:TagKeys": {tags.Keep}}), "ec2:DeleteTags")
	q.add(home, q.image(home), "all tags of an AMI", q.own(), "ec2:DeleteTags")
	q.add(home, "*", "", nil, "appstream:DeleteImage", "ec2:RunInstances", "ec2:TerminateInstances", "iam:PassRole", "iam:PutRolePolicy")
	return q.rights
}

// elsewhere is a Region in which the stack has no business.
func (d Deployment) elsewhere() string {
	used := append(d.list("CopyRegions"), d.Region)
	for _, region := range []string{
		"us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2", "ap-northeast-1", "sa-east-1",
	} {
		if !slices.Contains(used, region) {
			return region
		}
	}
	return "ca-central-1" // a stack has at most six
}
