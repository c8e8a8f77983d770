package ec2_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"appstream-ami-exporter/internal/localaws/ec2"
)

func TestDescribeImages(t *testing.T) {
	t.Parallel()
	a := newAccount(t, ec2.Options{})
	mine := map[string]string{"appstream-ami-exporter:stack": "s@eu-west-1"}
	one := a.PutImage(ec2.Image{Region: home, Name: "win-1", Tags: mine})
	two := a.PutImage(ec2.Image{Region: home, Name: "win-2", Ready: a.now.Add(time.Hour)})
	off := a.PutImage(ec2.Image{Region: home, Name: "win-off", Disabled: true, Tags: mine})
	broken := a.PutImage(ec2.Image{Region: home, Name: "broken", FailReason: "No luck."})
	foreign := a.PutImage(ec2.Image{Region: home, Name: "foreign", Owner: "999999999999", Permissions: []ec2.Permission{{Group: "all"}},
		Tags: mine})
	a.PutImage(ec2.Image{Region: home, Name: "hidden", Owner: "999999999999"})
	a.PutImage(ec2.Image{Region: abroad, Name: "win-1"})
	for _, test := range []struct {
		name       string
		parameters []string
		want       []string
	}{
		{"own", nil, []string{one, two, broken}},
		{"with disabled ones", []string{"IncludeDisabled=true"}, []string{one, two, off, broken}},
		{"a disabled one by its id", []string{"ImageId.1=" + off}, []string{off}},
		{"by a tag", []string{"Filter.1.Name=tag:appstream-ami-exporter:stack", "Filter.1.Value.1=s@eu-west-1"}, []string{one}},
		{"by a tag's key", []string{"Filter.1.Name=tag-key", "Filter.1.Value.1=appstream*", "IncludeDisabled=true"}, []string{one, off}},
		{"by another value", []string{"Filter.1.Name=tag:appstream-ami-exporter:stack", "Filter.1.Value.1=t@eu-west-1"}, nil},
		{"by name", []string{"Filter.1.Name=name", "Filter.1.Value.1=win-?", "Filter.1.Value.2=x"}, []string{one, two}},
		{"by state", []string{"Filter.1.Name=state", "Filter.1.Value.1=pending"}, []string{two}},
		{"by two filters", []string{"Filter.1.Name=name", "Filter.1.Value.1=win-*", "Filter.2.Name=state", "Filter.2.Value.1=available"},
			[]string{one}},
	} {
		t.Run(test.name, func(t *testing.T) { wantIDs(t, a.listed(home, test.parameters...), test.want...) })
	}
	if got := a.must(home, "DescribeImages").texts["imagesSet/item/imageId"]; !slices.Contains(got, foreign) || len(got) != 4 {
		t.Errorf("visible are %v", got)
	}
	if got := a.must(home, "DescribeImages", "ImageId.1="+broken).texts["imagesSet/item/stateReason/message"]; !slices.Equal(got,
		[]string{"No luck."}) {
		t.Errorf("the reason is %v", got)
	}
	a.pass(time.Hour)
	wantIDs(t, a.listed(home, "Filter.1.Name=state", "Filter.1.Value.1=pending"))
}

func TestPages(t *testing.T) {
	t.Parallel()
	a := newAccount(t, ec2.Options{MaxPage: 2})
	var all, got []string
	for i := range 5 {
		all = append(all, a.PutImage(ec2.Image{Region: home, Name: fmt.Sprintf("win-%d", i)}))
	}
	token, pages := []string{}, 0
	for {
		r := a.must(home, "DescribeImages", append(token, "MaxResults=1000")...)
		got, pages = append(got, r.texts["imagesSet/item/imageId"]...), pages+1
		next := r.texts["nextToken"]
		if len(next) == 0 {
			break
		}
		token = []string{"NextToken=" + next[0]}
	}
	if !slices.Equal(got, all) || pages != 3 {
		t.Errorf("in %d pages come %v, want %v in 3", pages, got, all)
	}
	wantIDs(t, a.listed(home), all...) // whoever wants no pages gets none
	r := a.must(home, "DescribeImages", "Filter.1.Name=name", "Filter.1.Value.1=win-0", "Filter.1.Value.2=win-1", "MaxResults=1000")
	if len(r.texts["nextToken"]) > 0 {
		t.Error("a page that holds all that is left leads to another")
	}
}

// TestLastLaunched has EC2 tell a launch a day late, and of one's own AMIs only.
func TestLastLaunched(t *testing.T) {
	t.Parallel()
	a := newAccount(t, ec2.Options{})
	id := a.PutImage(ec2.Image{Region: home, Name: "win-1", LastLaunched: a.now})
	shown := func() []string {
		return append(a.must(home, "DescribeImages", "ImageId.1="+id).texts["imagesSet/item/lastLaunchedTime"],
			a.must(home, "DescribeImageAttribute", "ImageId="+id, "Attribute=lastLaunchedTime").texts["lastLaunchedTime/value"]...)
	}
	if got := shown(); len(got) > 0 {
		t.Errorf("shown at once is %v", got)
	}
	a.pass(24 * time.Hour)
	if got := shown(); !slices.Equal(got, []string{"2026-11-26T08:00:00.000Z", "2026-11-26T08:00:00.000Z"}) {
		t.Errorf("shown a day later is %v", got)
	}
}

// TestExported has AppStream's AMIs appear by themselves, pending and then available, and only once.
func TestExported(t *testing.T) {
	t.Parallel()
	var exported []ec2.Image
	a := newAccount(t, ec2.Options{Exported: func(after int) []ec2.Image { return exported[after:] }})
	wantIDs(t, a.listed(home))
	exported = append(exported, ec2.Image{ID: "ami-1", Region: home, Name: "win-1", Ready: a.now.Add(time.Hour)})
	wantIDs(t, a.listed(home, "Filter.1.Name=state", "Filter.1.Value.1=pending"), "ami-1")
	a.pass(time.Hour)
	a.must(home, "CreateTags", "ResourceId.1=ami-1", "Tag.1.Key=a", "Tag.1.Value=b")
	exported = append(exported, ec2.Image{ID: "ami-2", Region: home, Name: "win-2"})
	wantIDs(t, a.listed(home, "Filter.1.Name=state", "Filter.1.Value.1=available"), "ami-1", "ami-2")
	if image, _ := a.Image(home, "ami-1"); image.Tags["a"] != "b" {
		t.Errorf("the first was taken over again: %+v", image)
	}
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	a := newAccount(t, ec2.Options{})
	id := a.PutImage(ec2.Image{Region: home, Name: "win-1", Description: "A backup"})
	image, _ := a.Image(home, id)
	snapshot := image.Volumes[0].SnapshotID
	a.must(home, "ModifyImageAttribute", "ImageId="+id, "LaunchPermission.Add.1.UserId=999999999999", "LaunchPermission.Add.2.Group=all")
	a.must(home, "ModifyImageAttribute", "ImageId="+id, "LaunchPermission.Remove.1.Group=all")
	a.must(home, "ModifySnapshotAttribute", "SnapshotId="+snapshot, "CreateVolumePermission.Add.1.UserId=888888888888")
	for _, test := range []struct {
		action, attribute, path, want string
	}{
		{"DescribeImageAttribute", "launchPermission", "launchPermission/item/userId", "999999999999"},
		{"DescribeImageAttribute", "description", "description/value", "A backup"},
		{"DescribeImageAttribute", "deregistrationProtection", "deregistrationProtection/value", "disabled"},
		{"DescribeSnapshotAttribute", "createVolumePermission", "createVolumePermission/item/userId", "888888888888"},
	} {
		name := "ImageId=" + id
		if test.action == "DescribeSnapshotAttribute" {
			name = "SnapshotId=" + snapshot
		}
		if got := a.must(home, test.action, name, "Attribute="+test.attribute).texts[test.path]; !slices.Equal(got, []string{test.want}) {
			t.Errorf("%s of %s is %v, want %s", test.attribute, name, got, test.want)
		}
	}
	if got := a.must(home, "DescribeImageAttribute", "ImageId="+id,
		"Attribute=launchPermission").texts["launchPermission/item/group"]; len(got) > 0 {
		t.Errorf("the share taken back is still there: %v", got)
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	a := newAccount(t, ec2.Options{
		MaxPage:             1,
		ParameterReferences: func(_, id string) []string { return []string{"parameter of " + id} },
	})
	id := a.PutImage(ec2.Image{Region: home, Name: "win-1"})
	a.SetReferences(home, id,
		ec2.Reference{Type: "ec2:Instance", ARN: "running", State: "running"},
		ec2.Reference{Type: "ec2:Instance", ARN: "terminated", State: "terminated"},
		ec2.Reference{Type: "ec2:LaunchTemplate", ARN: "new", Depth: 1},
		ec2.Reference{Type: "ec2:LaunchTemplate", ARN: "old", Depth: 11},
		ec2.Reference{Type: "imagebuilder:ImageRecipe", ARN: "recipe"},
	)
	template := []string{"ResourceType.1.ResourceType=ec2:LaunchTemplate"}
	for _, test := range []struct {
		name       string
		parameters []string
		want       []string
	}{
		{"all", []string{"IncludeAllResourceTypes=true"}, []string{"running", "terminated", "new", "recipe", "parameter of " + id}},
		{"instances", []string{"ResourceType.1.ResourceType=ec2:Instance"}, []string{"running", "terminated"}},
		{"running instances", []string{"ResourceType.1.ResourceType=ec2:Instance",
			"ResourceType.1.ResourceTypeOption.1.OptionName=state-name",
			"ResourceType.1.ResourceTypeOption.1.OptionValue.1=running"}, []string{"running"}},
		{"templates", template, []string{"new"}},
		{"all versions of templates", append(template, "ResourceType.1.ResourceTypeOption.1.OptionName=version-depth",
			"ResourceType.1.ResourceTypeOption.1.OptionValue.1=10000"), []string{"new", "old"}},
		{"container recipes", []string{"ResourceType.1.ResourceType=imagebuilder:ContainerRecipe"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := a.must(home, "DescribeImageReferences", append(test.parameters, "ImageId.1="+id)...)
			wantIDs(t, r.texts["imageReferenceSet/item/arn"], test.want...)
		})
	}
	r := a.must(home, "DescribeImageReferences", "IncludeAllResourceTypes=true", "ImageId.1="+id, "MaxResults=100")
	if len(r.texts["nextToken"]) != 1 || len(r.texts["imageReferenceSet/item/arn"]) != 1 {
		t.Errorf("the first page is %v", r.texts)
	}
}
