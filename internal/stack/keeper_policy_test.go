package stack

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/iam"
)

// These tests know nothing of the keeper's code. They do with its role what broken code might, and what must not succeed then.

const (
	mine     = "appstream-ami-exporter@eu-west-1"
	stackTag = "appstream-ami-exporter:stack"
)

func keeperStatements(t *testing.T, parameters map[string]string) []iam.Statement {
	t.Helper()
	var statements []iam.Statement
	for _, s := range projectStack(t, parameters).Keeper.Statements {
		statements = append(statements, iam.Statement{Effect: s.Effect, Actions: s.Actions, Resources: s.Resources, Condition: s.Condition})
	}
	return statements
}

// asKeeper calls EC2 with the keeper's role, and returns the error code.
func asKeeper(t *testing.T, e *ec2.EC2, region, action string, parameters ...string) string {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for _, p := range parameters {
		name, value, _ := strings.Cut(p, "=")
		form.Set(name, value)
	}
	request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20261126/"+region+"/ec2/aws4_request")
	recorder := httptest.NewRecorder()
	e.ServeHTTP(recorder, request)
	if recorder.Code == http.StatusOK {
		return ""
	}
	_, after, _ := strings.Cut(recorder.Body.String(), "<Code>")
	code, _, _ := strings.Cut(after, "</Code>")
	return code
}

func underRole(t *testing.T, parameters map[string]string) *ec2.EC2 {
	statements := keeperStatements(t, parameters)
	return ec2.New(ec2.Options{
		Regions:   []string{"eu-west-1", "us-east-1", "ap-south-1"},
		Authorize: func(r iam.Request) bool { return iam.Allows(statements, r) },
	})
}

// completeTag makes an AMI one that is known to be complete: it has the AMI's own id.
const completeTag = "appstream-ami-exporter:complete"

// ownAMI is an AMI of this stack as the keeper has tagged it.
func ownAMI(e *ec2.EC2, region string) string {
	id := e.PutImage(ec2.Image{Region: region, Name: "win-1"})
	e.EditImage(region, id, func(image *ec2.Image) { image.Tags = map[string]string{stackTag: mine, completeTag: id} })
	return id
}

// TestPersonsCopiesAreSafe has a copy that a person made with all tags neither be deprecated nor deregistered: its tags name the
// original.
func TestPersonsCopiesAreSafe(t *testing.T) {
	for _, region := range []string{"eu-west-1", "us-east-1"} {
		e := underRole(t, everythingKept)
		original := ownAMI(e, region)
		for _, tags := range []map[string]string{
			{stackTag: mine, completeTag: original},
			{stackTag: mine},
			{stackTag: mine, completeTag: ""},
			{stackTag: mine, completeTag: "${ec2:ImageID}"},
		} {
			id := e.PutImage(ec2.Image{Region: region, Name: "copy", Tags: tags})
			for _, call := range [][]string{
				{"DeregisterImage", "ImageId=" + id, "DeleteAssociatedSnapshots=true"},
				{"EnableImageDeprecation", "ImageId=" + id, "DeprecateAt=2027-01-01T00:00:00Z"},
			} {
				if code := asKeeper(t, e, region, call[0], call[1:]...); code != "UnauthorizedOperation" {
					t.Errorf("%v of a copy with the tags %v is answered with %q", call, tags, code)
				}
			}
		}
	}
}

// TestForeignAMIsAreSafe tries everything that changes an AMI on AMIs that are not this stack's.
func TestForeignAMIsAreSafe(t *testing.T) {
	for _, test := range []struct {
		name   string
		region string
		image  ec2.Image
	}{
		{"of another stack", "eu-west-1", ec2.Image{Tags: map[string]string{stackTag: "other@eu-west-1"}}},
		{"of the stack of the same name in another Region", "us-east-1",
			ec2.Image{Tags: map[string]string{stackTag: "appstream-ami-exporter@us-east-1"}}},
		{"without our tags", "eu-west-1", ec2.Image{Tags: map[string]string{"Name": "golden"}}},
		{"without any tag", "us-east-1", ec2.Image{}},
		{"with the tag in another case", "eu-west-1", ec2.Image{Tags: map[string]string{stackTag: strings.ToUpper(mine)}}},
		{"with the tag's value in another key", "eu-west-1",
			ec2.Image{Tags: map[string]string{"appstream-ami-exporter:stack2": mine, "stack": mine}}},
		{"this stack's by its tag, in a Region that is none of ours", "ap-south-1", ec2.Image{Tags: map[string]string{stackTag: mine}}},
		{"this stack's by its tag, of another account", "eu-west-1", ec2.Image{
			Owner: "999999999999", Permissions: []ec2.Permission{{Group: "all"}}, Tags: map[string]string{stackTag: mine},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := underRole(t, everythingKept)
			test.image.Region, test.image.Name = test.region, "win-1"
			id := e.PutImage(test.image)
			e.EditImage(test.region, id, func(image *ec2.Image) {
				image.Tags = maps.Clone(image.Tags)
				if image.Tags != nil {
					image.Tags[completeTag] = id // everything else agrees
				}
			})
			before, _ := e.Image(test.region, id)
			snapshots := e.Snapshots(test.region)
			snapshot := before.Volumes[0].SnapshotID
			for _, call := range [][]string{
				{"DeregisterImage", "ImageId=" + id},
				{"DeregisterImage", "ImageId=" + id, "DeleteAssociatedSnapshots=true"},
				{"EnableImageDeprecation", "ImageId=" + id, "DeprecateAt=2027-01-01T00:00:00Z"},
				{"DisableImageDeprecation", "ImageId=" + id},
				{"DisableImage", "ImageId=" + id},
				{"ModifyImageAttribute", "ImageId=" + id, "LaunchPermission.Add.1.Group=all"},
				{"ModifySnapshotAttribute", "SnapshotId=" + snapshot, "CreateVolumePermission.Add.1.Group=all"},
				{"CreateTags", "ResourceId.1=" + id, "Tag.1.Key=" + stackTag, "Tag.1.Value=" + mine},
				{"CreateTags", "ResourceId.1=" + id, "Tag.1.Key=appstream-ami-exporter:complete", "Tag.1.Value=" + id},
				{"CreateTags", "ResourceId.1=" + id, "Tag.1.Key=Name", "Tag.1.Value=x"},
				{"DeleteTags", "ResourceId.1=" + id, "Tag.1.Key=appstream-ami-exporter:keep"},
				{"DeleteTags", "ResourceId.1=" + id},
			} {
				code := asKeeper(t, e, test.region, call[0], call[1:]...)
				if hidden := code == "InvalidSnapshot.NotFound" && test.image.Owner != ""; code != "UnauthorizedOperation" && !hidden {
					t.Errorf("%v is answered with %q", call, code)
				}
			}
			after, _ := e.Image(test.region, id)
			if diff := cmp.Diff(before, after, cmp.AllowUnexported(ec2.Image{})); diff != "" {
				t.Errorf("the AMI has changed (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(snapshots, e.Snapshots(test.region), cmp.AllowUnexported(ec2.Snapshot{})); diff != "" {
				t.Errorf("its snapshot has changed (-before +after):\n%s", diff)
			}
		})
	}
}

// TestOwnAMIs has the role allow what the keeper needs, on AMIs of this stack, and no other tags than the keeper's.
func TestOwnAMIs(t *testing.T) {
	const home = "eu-west-1"
	plan := map[string]string{"Keep": "last=1"}
	for _, test := range []struct {
		call     []string
		on, plan bool // allowed with KeepMode ON and PLAN
	}{
		{[]string{"EnableImageDeprecation", "ImageId=AMI", "DeprecateAt=2027-01-01T00:00:00Z"}, true, false},
		{[]string{"DisableImageDeprecation", "ImageId=AMI"}, true, true},
		{[]string{"CreateTags", "ResourceId.1=AMI", "Tag.1.Key=appstream-ami-exporter:complete", "Tag.1.Value=x"}, true, true},
		{[]string{"CreateTags", "ResourceId.1=AMI", "Tag.1.Key=appstream-ami-exporter:told", "Tag.1.Value=x"}, true, true},
		{[]string{"CreateTags", "ResourceId.1=AMI", "Tag.1.Key=" + stackTag, "Tag.1.Value=" + mine}, false, false},
		{[]string{"CreateTags", "ResourceId.1=AMI", "Tag.1.Key=appstream-ami-exporter:keep", "Tag.1.Value=x"}, false, false},
		{[]string{"CreateTags", "ResourceId.1=AMI", "Tag.1.Key=appstream-ami-exporter:told", "Tag.1.Value=x", "Tag.2.Key=Name",
			"Tag.2.Value=x"}, false, false},
		{[]string{"DeleteTags", "ResourceId.1=AMI", "Tag.1.Key=appstream-ami-exporter:retire-at"}, true, true},
		{[]string{"DeleteTags", "ResourceId.1=AMI", "Tag.1.Key=" + stackTag}, false, false},
		{[]string{"DeleteTags", "ResourceId.1=AMI", "Tag.1.Key=appstream-ami-exporter:keep"}, false, false},
		{[]string{"DeleteTags", "ResourceId.1=AMI"}, false, false},
		{[]string{"CreateTags", "ResourceId.1=SNAPSHOT", "Tag.1.Key=" + stackTag, "Tag.1.Value=" + mine}, true, false},
		{[]string{"CreateTags", "ResourceId.1=SNAPSHOT", "Tag.1.Key=" + stackTag, "Tag.1.Value=other@eu-west-1"}, false, false},
		{[]string{"CreateTags", "ResourceId.1=SNAPSHOT", "Tag.1.Key=Name", "Tag.1.Value=x"}, false, false},
		{[]string{"CreateTags", "ResourceId.1=OTHERS", "Tag.1.Key=" + stackTag, "Tag.1.Value=" + mine}, false, false},
		{[]string{"DeleteTags", "ResourceId.1=SNAPSHOT", "Tag.1.Key=" + stackTag}, false, false},
		{[]string{"DescribeImages", "Owner.1=self"}, true, true},
		{[]string{"DescribeSnapshots", "SnapshotId.1=SNAPSHOT"}, true, true},
		{[]string{"DescribeImageAttribute", "ImageId=AMI", "Attribute=launchPermission"}, true, true},
		{[]string{"DescribeSnapshotAttribute", "SnapshotId=SNAPSHOT", "Attribute=createVolumePermission"}, true, true},
		{[]string{"DescribeImageReferences", "ImageId.1=AMI", "IncludeAllResourceTypes=true"}, true, true},
		{[]string{"DisableImage", "ImageId=AMI"}, false, false},
		{[]string{"ModifyImageAttribute", "ImageId=AMI", "LaunchPermission.Add.1.Group=all"}, false, false},
		{[]string{"DeregisterImage", "ImageId=AMI", "DeleteAssociatedSnapshots=true"}, true, false},
	} {
		for _, mode := range []struct {
			parameters map[string]string
			allowed    bool
		}{{everythingKept, test.on}, {plan, test.plan}} {
			e := underRole(t, mode.parameters)
			id := ownAMI(e, home)
			other := e.PutImage(ec2.Image{Region: home, Name: "other", Tags: map[string]string{stackTag: "other@eu-west-1"}})
			image, _ := e.Image(home, id)
			otherImage, _ := e.Image(home, other)
			others := otherImage.Volumes[0].SnapshotID
			e.EditSnapshot(home, others, func(s *ec2.Snapshot) { s.Tags = map[string]string{stackTag: "other@eu-west-1"} })
			var call []string
			for _, part := range test.call {
				call = append(call, strings.NewReplacer("AMI", id, "SNAPSHOT", image.Volumes[0].SnapshotID, "OTHERS", others).Replace(part))
			}
			code := asKeeper(t, e, home, call[0], call[1:]...)
			if code != "" && code != "UnauthorizedOperation" || (code == "") != mode.allowed {
				t.Errorf("%v with %v is answered with %q", test.call, mode.parameters, code)
			}
		}
	}
}

// TestSnapshotsOfOthers has a snapshot without the stack's tag outlive its AMI.
func TestSnapshotsOfOthers(t *testing.T) {
	e := underRole(t, everythingKept)
	id := ownAMI(e, "eu-west-1")
	image, _ := e.Image("eu-west-1", id)
	if code := asKeeper(t, e, "eu-west-1", "DeregisterImage", "ImageId="+id, "DeleteAssociatedSnapshots=true"); code != "" {
		t.Fatalf("the answer is %q", code)
	}
	if _, there := e.Snapshots("eu-west-1")[image.Volumes[0].SnapshotID]; !there {
		t.Error("a snapshot without the tag was deleted")
	}
}

// TestCopies has the role copy to the Regions of the parameter only, and make nothing that is not tagged as this stack's.
func TestCopies(t *testing.T) {
	e := underRole(t, everythingKept)
	id := ownAMI(e, "eu-west-1")
	foreign := e.PutImage(ec2.Image{Region: "eu-west-1", Name: "win-1", Owner: "999999999999",
		Permissions: []ec2.Permission{{Group: "all"}}})
	tagged := func(resource, value string) []string {
		return []string{
			"TagSpecification.1.ResourceType=" + resource, "TagSpecification.1.Tag.1.Key=" + stackTag, "TagSpecification.1.Tag.1.Value=" +
				value,
			"TagSpecification.1.Tag.2.Key=Name", "TagSpecification.1.Tag.2.Value=x",
		}
	}
	both := slices.Concat(tagged("image", mine), []string{
		"TagSpecification.2.ResourceType=snapshot", "TagSpecification.2.Tag.1.Key=" + stackTag, "TagSpecification.2.Tag.1.Value=" + mine,
	})
	for _, test := range []struct {
		name, region, source string
		tags                 []string
		want                 bool
	}{
		{"as the keeper does", "us-east-1", id, both, true},
		{"without tags", "us-east-1", id, nil, false},
		{"only the AMI tagged", "us-east-1", id, tagged("image", mine), false},
		{"only the snapshots tagged", "us-east-1", id, tagged("snapshot", mine), false},
		{"tagged as another stack's", "us-east-1", id, tagged("image", "other@eu-west-1"), false},
		{"at home", "eu-west-1", id, both, false},
		{"to another Region", "ap-south-1", id, both, false},
		{"of another account", "us-east-1", foreign, both, false},
	} {
		code := asKeeper(t, e, test.region, "CopyImage",
			append(test.tags, "Name=copy", "SourceImageId="+test.source, "SourceRegion=eu-west-1")...)
		if code != "" && code != "UnauthorizedOperation" || (code == "") != test.want {
			t.Errorf("%s: the answer is %q", test.name, code)
		}
	}
}

// TestKeeperMayNot asks for what no call above tries.
func TestKeeperMayNot(t *testing.T) {
	statements := keeperStatements(t, everythingKept)
	const account = "123456789012"
	at := func(region string) map[string][]string { return map[string][]string{"aws:RequestedRegion": {region}} }
	with := func(keys map[string][]string, key string, values ...string) map[string][]string {
		keys[key] = values
		return keys
	}
	for _, test := range []struct {
		action, resource string
		keys             map[string][]string
		want             bool
	}{
		{"ec2:DescribeInstances", "*", at("eu-west-1"), false},
		{"ec2:DescribeInstances", "*", with(at("eu-west-1"), "aws:CalledVia", "cloudformation.amazonaws.com"), false},
		{"ec2:DescribeInstances", "*", with(at("eu-west-1"), "aws:CalledVia", "ec2-images.amazonaws.com"), true},
		{"ssm:GetParameters", "*", at("eu-west-1"), false},
		{"ssm:PutParameter", "arn:aws:ssm:us-east-1:" + account + ":parameter/appstream-amis/win", at("us-east-1"), true},
		{"ssm:PutParameter", "arn:aws:ssm:us-east-1:" + account + ":parameter/appstream-amis", at("us-east-1"), false},
		{"ssm:PutParameter", "arn:aws:ssm:us-east-1:" + account + ":parameter/appstream-amis-2/win", at("us-east-1"), false},
		{"ssm:PutParameter", "arn:aws:ssm:us-east-1:999999999999:parameter/appstream-amis/win", at("us-east-1"), false},
		{"ssm:PutParameter", "arn:aws:ssm:ap-south-1:" + account + ":parameter/appstream-amis/win", at("ap-south-1"), false},
		{"ssm:DeleteParameter", "arn:aws:ssm:us-east-1:" + account + ":parameter/appstream-amis/win", at("us-east-1"), false},
		{"ssm:AddTagsToResource", "arn:aws:ssm:us-east-1:" + account + ":parameter/appstream-amis/win",
			with(with(at("us-east-1"), "aws:RequestTag/"+stackTag, mine), "aws:TagKeys", stackTag), true},
		{"ssm:AddTagsToResource", "arn:aws:ssm:us-east-1:" + account + ":parameter/appstream-amis/win",
			with(with(at("us-east-1"), "aws:RequestTag/"+stackTag, "other"), "aws:TagKeys", stackTag), false},
		{"appstream:TagResource", "arn:aws:appstream:eu-west-1:" + account + ":image/win-1",
			with(with(at("eu-west-1"), "aws:RequestTag/appstream-ami-exporter:ami-id", "retired"), "aws:TagKeys",
				"appstream-ami-exporter:ami-id"), true},
		{"appstream:TagResource", "arn:aws:appstream:eu-west-1:" + account + ":image/win-1",
			with(with(at("eu-west-1"), "aws:RequestTag/appstream-ami-exporter:ami-id", "ami-1"), "aws:TagKeys",
				"appstream-ami-exporter:ami-id"), false},
		{"appstream:UntagResource", "arn:aws:appstream:eu-west-1:" + account + ":image/win-1", at("eu-west-1"), false},
		{"appstream:DeleteImage", "arn:aws:appstream:eu-west-1:" + account + ":image/win-1", at("eu-west-1"), false},
		{"appstream:CreateExportImageTask", "*", at("eu-west-1"), false},
		{"iam:PassRole", projectRoles + "ExportRole", at("eu-west-1"), false},
		{"rbin:ListRules", "*", at("us-east-1"), true},
		{"rbin:DeleteRule", "arn:aws:rbin:eu-west-1:" + account + ":rule/x", at("eu-west-1"), false},
		{"sns:Publish", ownTopic, at("eu-west-1"), true},
		{"sns:Publish", existingTopic, at("eu-west-1"), false},
		{"sns:Subscribe", ownTopic, at("eu-west-1"), false},
		{"ec2:RestoreImageFromRecycleBin", "arn:aws:ec2:eu-west-1::image/ami-1", at("eu-west-1"), false},
		{"kms:CreateGrant", "arn:aws:kms:us-east-1:" + account + ":key/1", at("us-east-1"), false},
		{"kms:CreateGrant", "arn:aws:kms:us-east-1:" + account + ":key/1", with(at("us-east-1"), "kms:GrantIsForAWSResource", "true"),
			true},
		{"kms:Decrypt", "arn:aws:kms:eu-west-1:" + account + ":key/2",
			with(at("eu-west-1"), "kms:ViaService", "ec2.eu-west-1.amazonaws.com"),
			true},
		{"kms:Decrypt", "arn:aws:kms:eu-west-1:" + account + ":key/2",
			with(at("eu-west-1"), "kms:ViaService", "s3.eu-west-1.amazonaws.com"),
			false},
	} {
		if got := iam.Allows(statements, iam.Request{Action: test.action, Resource: test.resource, Keys: test.keys}); got != test.want {
			t.Errorf("%s on %s with %v: allowed is %v", test.action, test.resource, test.keys, got)
		}
	}
}

// TestExporterDeletesNothing has the exporter's role stay what it was: no action of it changes or deletes an AMI.
func TestExporterDeletesNothing(t *testing.T) {
	for _, s := range projectStack(t, everythingKept).Statements {
		for _, action := range s.Actions {
			service, name, _ := strings.Cut(action, ":")
			if service == "ec2" || strings.HasPrefix(name, "Delete") && action != "sqs:DeleteMessage" || strings.Contains(action, "*") {
				t.Errorf("the exporter may %s", action)
			}
		}
	}
}

// TestRolePoliciesAreSmall has the policies of each role fit into what IAM takes, with long names and every parameter used.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func TestRolePoliciesAreSmall(t *testing.T) {
	parameters := map[string]string{
		"Keep": "last=3", "KeepMode": "ON", "CopyRegions": "ap-southeast-1,ap-southeast-2,ap-southeast-3,ap-southeast-4,ap-southeast-5",
		"LatestAmiParameter": "/" + strings.Repeat("x", 100), "KmsKeyArn": "arn:aws:kms:ap-southeast-1:123456789012:key/" +
			strings.Repeat("1",
				36),
	}
	var keys []string
	for range 6 {
		keys = append(keys, parameters["KmsKeyArn"])
	}
	parameters["CopyKmsKeys"] = strings.Join(keys, ",")
	loaded, err := load(parameters)
	if err != nil {
		t.Fatal(err)
	}
	roles, err := loaded.Resources("AWS::IAM::Role")
	if err != nil {
		t.Fatal(err)
	}
	for id, role := range roles {
		size := 0
		for _, policy := range role["Policies"].([]any) {
			text, err := json.Marshal(policy.(map[string]any)["PolicyDocument"])
			if err != nil {
				t.Fatal(err)
			}
			size += len(text) + 40*strings.Count(string(text), "appstream-ami-exporter@") // a longer name of the stack
		}
		if size > 10_240 {
			t.Errorf("the policies of %s have %d characters, and IAM takes 10,240", id, size)
		}
	}
}
