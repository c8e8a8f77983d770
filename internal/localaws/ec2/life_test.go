package ec2_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/iam"
)

func TestTags(t *testing.T) {
	t.Parallel()
	a := newAccount(t, ec2.Options{})
	id := a.PutImage(ec2.Image{Region: home, Name: "win-1"})
	image, _ := a.Image(home, id)
	snapshot := image.Volumes[0].SnapshotID
	a.must(home, "CreateTags", "ResourceId.1="+id, "ResourceId.2="+snapshot, "Tag.1.Key=a", "Tag.1.Value=1", "Tag.2.Key=b", "Tag.2.Value=")
	tags := func() map[string]string { image, _ := a.Image(home, id); return image.Tags }
	want := map[string]string{"a": "1", "b": ""}
	if !maps.Equal(tags(), want) || !maps.Equal(a.Snapshots(home)[snapshot].Tags, want) {
		t.Errorf("tags are %v and %v, want %v", tags(), a.Snapshots(home)[snapshot].Tags, want)
	}
	a.must(home, "DeleteTags", "ResourceId.1="+id, "Tag.1.Key=a", "Tag.1.Value=2") // another value: nothing
	a.must(home, "DeleteTags", "ResourceId.1="+id, "Tag.1.Key=b")
	if want := map[string]string{"a": "1"}; !maps.Equal(tags(), want) {
		t.Errorf("tags are %v, want %v", tags(), want)
	}
	var many []string
	for i := range 50 {
		many = append(many, fmt.Sprintf("Tag.%d.Key=k%d", i+1, i), fmt.Sprintf("Tag.%d.Value=", i+1))
	}
	wantCode(t, a.call(home, "CreateTags", append(many, "ResourceId.1="+id)...), "TagLimitExceeded")
	a.must(home, "DeleteTags", "ResourceId.1="+id) // without keys: all of them
	if len(tags()) > 0 {
		t.Errorf("tags are %v", tags())
	}
	a.must(home, "CreateTags", append(many, "ResourceId.1="+id)...)
}

func TestDeprecation(t *testing.T) {
	t.Parallel()
	a := newAccount(t, ec2.Options{})
	id := a.PutImage(ec2.Image{Region: home, Name: "win-1"})
	shown := func() []string {
		return a.must(home, "DescribeImages", "ImageId.1="+id).texts["imagesSet/item/deprecationTime"]
	}
	for asked, want := range map[string]string{
		"2026-12-24T00:00:00Z":      "2026-12-24T00:00:00.000Z",
		"2026-12-24T00:00:29Z":      "2026-12-24T00:00:00.000Z",
		"2026-12-24T00:00:30Z":      "2026-12-24T00:01:00.000Z",
		"2026-12-24T01:00:00+01:00": "2026-12-24T00:00:00.000Z",
	} {
		a.must(home, "EnableImageDeprecation", "ImageId="+id, "DeprecateAt="+asked)
		if got := shown(); !slices.Equal(got, []string{want}) {
			t.Errorf("%s is shown as %v, want %s", asked, got, want)
		}
	}
	a.must(home, "DisableImageDeprecation", "ImageId="+id)
	if got := shown(); len(got) > 0 {
		t.Errorf("taken back is %v", got)
	}
}

func TestDisableLosesShares(t *testing.T) {
	t.Parallel()
	a := newAccount(t, ec2.Options{})
	id := a.PutImage(ec2.Image{Region: home, Name: "win-1", Permissions: []ec2.Permission{{UserID: "999999999999"}}})
	a.must(home, "DisableImage", "ImageId="+id)
	wantIDs(t, a.listed(home))
	a.must(home, "EnableImage", "ImageId="+id)
	if image, _ := a.Image(home, id); image.State != ec2.Available || len(image.Permissions) > 0 {
		t.Errorf("enabled again it is %+v", image)
	}
}

func TestDeregister(t *testing.T) {
	t.Parallel()
	type outcome struct {
		code      string // of the refusal
		snapshots []string
	}
	for _, test := range []struct {
		name  string
		image ec2.Image
		edit  func(a *account, id, snapshot string)
		want  outcome
	}{
		{name: "a plain one", want: outcome{snapshots: []string{"success"}}},
		{name: "protected", image: ec2.Image{Protection: "enabled-with-cooldown"}, want: outcome{code: "OperationNotPermitted"}},
		{name: "of AWS Backup", image: ec2.Image{BackupManaged: true}, want: outcome{code: "InvalidParameterValue"}},
		{name: "of somebody else", image: ec2.Image{Owner: "999999999999", Permissions: []ec2.Permission{{Group: "all"}}},
			want: outcome{code: "AuthFailure"}},
		{name: "hidden", image: ec2.Image{Owner: "999999999999"}, want: outcome{code: "InvalidAMIID.NotFound"}},
		{name: "disabled", image: ec2.Image{Disabled: true}, want: outcome{snapshots: []string{"success"}}},
		{name: "its snapshot in use by another", edit: func(a *account, _, snapshot string) {
			a.PutImage(ec2.Image{Region: home, Name: "twin",
				Volumes: []ec2.Volume{{Device: "/dev/sda1", SnapshotID: snapshot, SizeGiB: 200, Type: "gp3"}}})
		}, want: outcome{snapshots: []string{"skipped"}}},
		{name: "its snapshot may not be deleted", edit: func(a *account, _, snapshot string) {
			a.EditSnapshot(home, snapshot, func(s *ec2.Snapshot) { s.Tags = map[string]string{"locked": ""} })
		}, want: outcome{snapshots: []string{"missing-permissions"}}},
		{name: "its snapshot fails", edit: func(a *account, _, snapshot string) {
			a.EditSnapshot(home, snapshot, func(s *ec2.Snapshot) { s.DeleteCode = "internal-error" })
		}, want: outcome{snapshots: []string{"internal-error"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, ec2.Options{Authorize: func(r iam.Request) bool { return r.Keys["aws:ResourceTag/locked"] == nil }})
			test.image.Region, test.image.Name = home, "win-1"
			id := a.PutImage(test.image)
			image, _ := a.Image(home, id)
			snapshot := image.Volumes[0].SnapshotID
			if test.edit != nil {
				test.edit(a, id, snapshot)
			}
			r := a.call(home, "DeregisterImage", "ImageId="+id, "DeleteAssociatedSnapshots=true")
			got := outcome{code: r.code(), snapshots: r.texts["deleteSnapshotResultSet/item/returnCode"]}
			if got.code != test.want.code || !slices.Equal(got.snapshots, test.want.snapshots) {
				t.Errorf("the answer is %+v, want %+v", got, test.want)
			}
			_, there := a.Snapshots(home)[snapshot]
			if deleted := slices.Equal(got.snapshots, []string{"success"}); there == deleted {
				t.Errorf("told is %v, and the snapshot being there is %v", got.snapshots, there)
			}
			if image, _ := a.Image(home, id); (image.State == ec2.Deregistered) != (got.code == "") {
				t.Errorf("the image is %s after %q", image.State, got.code)
			}
		})
	}
}

// TestGhosts has listings show for a while what is gone, and not yet what has come back; a look by id knows better.
func TestGhosts(t *testing.T) {
	t.Parallel()
	kept := 7 * 24 * time.Hour
	a := newAccount(t, ec2.Options{GhostsFor: 5 * time.Minute,
		Retention: func(string, string, map[string]string) time.Duration { return kept }})
	id := a.PutImage(ec2.Image{Region: home, Name: "win-1", Tags: map[string]string{"a": "b"}, DeprecationTime: a.now.Add(time.Hour)})
	a.must(home, "DeregisterImage", "ImageId="+id, "DeleteAssociatedSnapshots=true")
	wantIDs(t, a.listed(home, "Filter.1.Name=state", "Filter.1.Value.1=available"), id)
	wantIDs(t, a.listed(home, "ImageId.1="+id))
	wantCode(t, a.call(home, "DeregisterImage", "ImageId="+id), "InvalidAMIID.Unavailable")
	a.pass(5 * time.Minute)
	wantIDs(t, a.listed(home))

	wantIDs(t, a.must(home, "ListImagesInRecycleBin").texts["imageSet/item/imageId"], id)
	wantCode(t, a.call(home, "RestoreImageFromRecycleBin", "ImageId="+id), "InvalidSnapshot.NotFound") // its snapshots first
	if !a.BringBack(home, id) {
		t.Fatal("it was not in the bin")
	}
	wantIDs(t, a.listed(home))
	wantIDs(t, a.listed(home, "ImageId.1="+id), id)
	a.pass(5 * time.Minute)
	wantIDs(t, a.listed(home), id)
	if image, _ := a.Image(home, id); image.Tags["a"] != "b" || image.DeprecationTime.IsZero() || image.BroughtBack.IsZero() {
		t.Errorf("brought back is %+v", image)
	}

	a.must(home, "DeregisterImage", "ImageId="+id, "DeleteAssociatedSnapshots=true")
	a.pass(kept)
	wantIDs(t, a.must(home, "ListImagesInRecycleBin").texts["imageSet/item/imageId"])
	if a.BringBack(home, id) {
		t.Error("it came back after its time")
	}
}

func TestCopy(t *testing.T) {
	t.Parallel()
	a := newAccount(t, ec2.Options{BadKeys: []string{"bad"}, EncryptsByDefault: []string{"eu-central-1"}, MaxCopies: 6})
	source := a.PutImage(ec2.Image{
		Region: home, Name: "win-1", Tags: map[string]string{"Team": "Desktop", "aws:x": "y"}, DeprecationTime: a.now.Add(time.Hour),
		Permissions: []ec2.Permission{{UserID: "999999999999"}}, LastLaunched: a.now,
	})
	request := []string{"Name=win-1", "SourceImageId=" + source, "SourceRegion=" + home, "ClientToken=t1", "CopyImageTags=true",
		"TagSpecification.1.ResourceType=image", "TagSpecification.1.Tag.1.Key=s", "TagSpecification.1.Tag.1.Value=1",
		"TagSpecification.2.ResourceType=snapshot", "TagSpecification.2.Tag.1.Key=s", "TagSpecification.2.Tag.1.Value=2"}
	id := a.must(abroad, "CopyImage", request...).texts["imageId"][0]
	if again := a.must(abroad, "CopyImage", request...).texts["imageId"][0]; again != id {
		t.Errorf("the same token makes %s and %s", id, again)
	}
	wantCode(t, a.call(abroad, "CopyImage", append(request, "Description=another")...), "IdempotentParameterMismatch")

	r := a.must(abroad, "DescribeImages", "ImageId.1="+id)
	if state := r.texts["imagesSet/item/imageState"]; !slices.Equal(state, []string{"pending"}) ||
		r.texts["imagesSet/item/blockDeviceMapping/item/ebs/snapshotId"] != nil {
		t.Errorf("at first it is %v with snapshots %v", state, r.texts["imagesSet/item/blockDeviceMapping/item/ebs/snapshotId"])
	}
	a.pass(20 * time.Minute)
	image, _ := a.Image(abroad, id)
	if want := map[string]string{"Team": "Desktop", "s": "1"}; !maps.Equal(image.Tags, want) {
		t.Errorf("its tags are %v, want %v", image.Tags, want)
	}
	if image.State != ec2.Available || image.SourceImageID != source || image.SourceImageRegion != home ||
		!image.DeprecationTime.IsZero() || image.Permissions != nil || !image.LastLaunched.IsZero() {
		t.Errorf("it is %+v", image)
	}
	if got := a.Snapshots(abroad)[image.Volumes[0].SnapshotID].Tags; !maps.Equal(got, map[string]string{"s": "2"}) {
		t.Errorf("its snapshot's tags are %v", got)
	}
	if original, _ := a.Image(home, source); original.Volumes[0].SnapshotID == image.Volumes[0].SnapshotID {
		t.Error("copy and original have one snapshot")
	}

	a.FailCopies(abroad, "Out of disks.")
	copied := func(region string, more ...string) ec2.Image {
		id := a.must(region, "CopyImage", append([]string{"Name=win-1", "SourceImageId=" + source, "SourceRegion=" + home},
			more...)...).texts["imageId"][0]
		a.pass(20 * time.Minute)
		image, _ := a.Image(region, id)
		return image
	}
	for name, got := range map[string]ec2.Image{
		"made to fail": copied(abroad),
		"bad key":      copied(abroad, "Encrypted=true", "KmsKeyId=bad"),
	} {
		if got.State != ec2.Failed || got.FailReason == "" {
			t.Errorf("%s: it is %s", name, got.State)
		}
	}
	if got := copied(abroad, "Encrypted=true", "KmsKeyId=good").Volumes[0]; !got.Encrypted || got.KMSKeyID != "good" {
		t.Errorf("the encrypted copy has %+v", got)
	}
	if got := copied("eu-central-1").Volumes[0]; !got.Encrypted {
		t.Errorf("encryption by default gives %+v", got)
	}
	for range 6 {
		a.must(abroad, "CopyImage", "Name=win-1", "SourceImageId="+source, "SourceRegion="+home)
	}
	wantCode(t, a.call(abroad, "CopyImage", "Name=win-1", "SourceImageId="+source, "SourceRegion="+home), "ResourceLimitExceeded")
}

func TestCopyTwins(t *testing.T) {
	t.Parallel()
	a := newAccount(t, ec2.Options{RefusesTwins: true})
	source := a.PutImage(ec2.Image{Region: home, Name: "win-1"})
	pending := a.PutImage(ec2.Image{Region: home, Name: "win-2", Ready: a.now.Add(time.Hour)})
	request := []string{"Name=win-1", "SourceImageId=" + source, "SourceRegion=" + home}
	a.must(abroad, "CopyImage", request...)
	wantCode(t, a.call(abroad, "CopyImage", request...), "InvalidAMIName.Duplicate")
	wantCode(t, a.call(abroad, "CopyImage", "Name=win-2", "SourceImageId="+pending, "SourceRegion="+home), "InvalidAMIID.Unavailable")
}

// TestAuthorize has EC2 ask IAM what the Service Authorization Reference says it asks.
func TestAuthorize(t *testing.T) {
	t.Parallel()
	var asked []iam.Request
	allow := true
	a := newAccount(t, ec2.Options{Authorize: func(r iam.Request) bool { asked = append(asked, r); return allow }})
	id := a.PutImage(ec2.Image{Region: home, Name: "win-1", Tags: map[string]string{"s": "mine"}})
	image, _ := a.Image(home, id)
	imageARN, snapshotARN := "arn:aws:ec2:eu-west-1::image/"+id, "arn:aws:ec2:eu-west-1::snapshot/"+image.Volumes[0].SnapshotID
	for _, test := range []struct {
		name       string
		region     string
		action     string
		parameters []string
		want       []string // action resource key=value
	}{
		{"listing", home, "DescribeImages", nil, []string{"ec2:DescribeImages * aws:RequestedRegion=eu-west-1"}},
		{"dry run", home, "DeregisterImage", []string{"ImageId=" + id},
			[]string{"ec2:DeregisterImage " + imageARN + " aws:ResourceTag/s=mine"}},
		{"deprecation", home, "EnableImageDeprecation", []string{"ImageId=" + id, "DeprecateAt=2027-01-01T00:00:00Z"}, []string{
			"ec2:EnableImageDeprecation " + imageARN + " ec2:Owner=123456789012",
		}},
		{"tags", home, "CreateTags", []string{"ResourceId.1=" + id, "ResourceId.2=" + image.Volumes[0].SnapshotID, "Tag.1.Key=k",
			"Tag.1.Value=v"}, []string{
			"ec2:CreateTags " + imageARN + " aws:ResourceTag/s=mine aws:RequestTag/k=v aws:TagKeys=k ec2:Owner=123456789012",
			"ec2:CreateTags " + snapshotARN + " aws:RequestTag/k=v",
		}},
		{"tags taken away", home, "DeleteTags", []string{"ResourceId.1=" + id, "Tag.1.Key=k"}, []string{
			"ec2:DeleteTags " + imageARN + " aws:ResourceTag/s=mine aws:TagKeys=k ec2:Owner= aws:RequestTag/k=",
		}},
		{"all tags taken away", home, "DeleteTags", []string{"ResourceId.1=" + id},
			[]string{"ec2:DeleteTags " + imageARN + " aws:TagKeys="}},
		{"copy", abroad, "CopyImage", []string{"Name=win-1", "SourceImageId=" + id, "SourceRegion=" + home,
			"TagSpecification.1.ResourceType=image",
			"TagSpecification.1.Tag.1.Key=s", "TagSpecification.1.Tag.1.Value=mine"}, []string{
			"ec2:CopyImage " + imageARN + " aws:RequestedRegion=us-east-1 ec2:Owner=123456789012 aws:ResourceTag/s=",
			"ec2:CopyImage arn:aws:ec2:us-east-1::image/* aws:RequestTag/s=mine",
			"ec2:CopyImage arn:aws:ec2:us-east-1::snapshot/* aws:RequestTag/s=",
			"ec2:CreateTags arn:aws:ec2:us-east-1::image/* ec2:CreateAction=CopyImage aws:RequestTag/s=mine",
		}},
		{"references", home, "DescribeImageReferences", []string{"ImageId.1=" + id, "ResourceType.1.ResourceType=imagebuilder:ImageRecipe"},
			[]string{
				"ec2:DescribeImageReferences * aws:CalledVia=",
				"imagebuilder:ListImageRecipes * aws:CalledVia=ec2-images.amazonaws.com",
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := a.Images(home)
			for _, allow = range []bool{true, false} {
				asked = nil
				r := a.call(test.region, test.action, append(test.parameters, "DryRun=true")...)
				want, status := "DryRunOperation", http.StatusPreconditionFailed
				if !allow {
					want, status = "UnauthorizedOperation", http.StatusForbidden
				}
				if r.code() != want || r.status != status {
					t.Errorf("with allowed %v the dry run answers %d %q", allow, r.status, r.code())
				}
				if allow {
					wantAsked(t, asked, test.want)
				}
			}
			if after := a.Images(home); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("the dry run changed %v to %v", before, after)
			}
		})
	}
}

// wantAsked compares questions to IAM, of whose keys only those are looked at that are written: key=value, or key= where it
// must not be sent.
func wantAsked(t *testing.T, asked []iam.Request, want []string) {
	t.Helper()
	if len(asked) != len(want) {
		t.Errorf("asked is %+v, want %d questions", asked, len(want))
		return
	}
	for i, line := range want {
		words := strings.Fields(line)
		if got := asked[i].Action + " " + asked[i].Resource; got != words[0]+" "+words[1] {
			t.Errorf("question %d is %s, want %s %s", i, got, words[0], words[1])
		}
		for _, word := range words[2:] {
			key, value, _ := strings.Cut(word, "=")
			got := asked[i].Keys[key]
			if value == "" && got != nil || value != "" && !slices.Equal(got, []string{value}) {
				t.Errorf("question %d sends %s=%v, want %q", i, key, got, value)
			}
		}
	}
}
