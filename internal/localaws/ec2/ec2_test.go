package ec2_test

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"appstream-ami-exporter/internal/localaws/ec2"
)

const home, abroad = "eu-west-1", "us-east-1"

// account is an emulator in virtual time, and whoever calls it.
type account struct {
	*ec2.EC2
	t   *testing.T
	now time.Time
}

func newAccount(t *testing.T, options ec2.Options) *account {
	a := &account{t: t, now: time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)}
	options.Now = func() time.Time { return a.now }
	a.EC2 = ec2.New(options)
	return a
}

func (a *account) pass(d time.Duration) { a.now = a.now.Add(d) }

// reply is an answer: its status, and the texts of its elements by their path below the root.
type reply struct {
	status int
	texts  map[string][]string
}

func (r reply) code() string { return strings.Join(r.texts["Errors/Error/Code"], "") }

// call sends an action with its parameters, written as Name=value.
func (a *account) call(region, action string, parameters ...string) reply {
	a.t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for _, p := range parameters {
		name, value, _ := strings.Cut(p, "=")
		form.Set(name, value)
	}
	request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20261126/"+region+"/ec2/aws4_request")
	recorder := httptest.NewRecorder()
	a.ServeHTTP(recorder, request)
	return reply{status: recorder.Code, texts: texts(a.t, recorder.Body)}
}

// must is call where only success will do.
func (a *account) must(region, action string, parameters ...string) reply {
	a.t.Helper()
	r := a.call(region, action, parameters...)
	if r.status != http.StatusOK {
		a.t.Fatalf("%s answers %d: %v", action, r.status, r.texts)
	}
	return r
}

// listed are the ids that a listing of the account's own AMIs shows.
func (a *account) listed(region string, parameters ...string) []string {
	a.t.Helper()
	return a.must(region, "DescribeImages", append(parameters, "Owner.1=self")...).texts["imagesSet/item/imageId"]
}

func texts(t *testing.T, r io.Reader) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	var path []string
	for decoder := xml.NewDecoder(r); ; {
		token, err := decoder.Token()
		if err == io.EOF {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			path = append(path, token.Name.Local)
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if len(path) > 1 {
				at := strings.Join(path[1:], "/")
				found[at] = append(found[at], string(token))
			}
		}
	}
}

func wantIDs(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("listed are %v, want %v", got, want)
	}
}

func wantCode(t *testing.T, r reply, want string) {
	t.Helper()
	if r.code() != want {
		t.Errorf("the answer is %d %q, want %q", r.status, r.code(), want)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	a := newAccount(t, ec2.Options{})
	id := a.PutImage(ec2.Image{Region: home, Name: "win-1"})
	long := strings.Repeat("x", 129)
	for _, test := range []struct {
		action     string
		parameters []string
		want       string
	}{
		{"RunInstances", nil, "InvalidAction"},
		{"DescribeImages", []string{"Colour=red"}, "UnknownParameter"},
		{"DescribeImages", []string{"ImageId.1=ami-0"}, "InvalidAMIID.NotFound"},
		{"DescribeImages", []string{"ImageId.1=" + id, "MaxResults=5"}, "InvalidParameterCombination"},
		{"DescribeImages", []string{"MaxResults=0"}, "InvalidParameterValue"},
		{"DescribeImages", []string{"IncludeDisabled=yes"}, "InvalidParameterValue"},
		{"DescribeImages", []string{"NextToken=x"}, "InvalidNextToken"},
		{"DescribeImages", []string{"Filter.1.Name=colour", "Filter.1.Value.1=red"}, "InvalidParameterValue"},
		{"DescribeSnapshots", []string{"SnapshotId.1=snap-0"}, "InvalidSnapshot.NotFound"},
		{"DescribeSnapshotAttribute", []string{"SnapshotId=snap-0", "Attribute=createVolumePermission"}, "InvalidSnapshot.NotFound"},
		{"DescribeImageAttribute", []string{"ImageId=" + id, "Attribute=colour"}, "InvalidParameterValue"},
		{"DescribeImageReferences", []string{"ImageId.1=" + id}, "MissingParameter"},
		{"DescribeImageReferences", []string{"IncludeAllResourceTypes=true"}, "InvalidParameterValue"},
		{"DescribeImageReferences", []string{"ImageId.1=" + id, "ResourceType.1.ResourceType=ec2:Volume"}, "InvalidParameterValue"},
		{"DeregisterImage", nil, "MissingParameter"},
		{"DeregisterImage", []string{"ImageId=ami-0"}, "InvalidAMIID.NotFound"},
		{"EnableImageDeprecation", []string{"ImageId=" + id, "DeprecateAt=tomorrow"}, "InvalidParameterValue"},
		{"EnableImageDeprecation", []string{"ImageId=" + id, "DeprecateAt=2026-11-26T07:59:00Z"}, "InvalidParameterValue"},
		{"EnableImageDeprecation", []string{"ImageId=" + id, "DeprecateAt=2037-11-26T07:59:00Z"}, "InvalidParameterValue"},
		{"CreateTags", []string{"ResourceId.1=" + id}, "MissingParameter"},
		{"CreateTags", []string{"Tag.1.Key=a", "Tag.1.Value=b"}, "MissingParameter"},
		{"CreateTags", []string{"ResourceId.1=i-1", "Tag.1.Key=a", "Tag.1.Value=b"}, "InvalidID"},
		{"CreateTags", []string{"ResourceId.1=" + id, "Tag.1.Key=aws:a", "Tag.1.Value=b"}, "InvalidParameterValue"},
		{"CreateTags", []string{"ResourceId.1=" + id, "Tag.1.Key=" + long, "Tag.1.Value=b"}, "InvalidParameterValue"},
		{"CreateTags", []string{"ResourceId.1=" + id, "Tag.1.Key=a", "Tag.1.Value=" + long + long}, "InvalidParameterValue"},
		{"CopyImage", []string{"Name=copy", "SourceImageId=" + id}, "MissingParameter"},
		{"CopyImage", []string{"Name=copy", "SourceImageId=" + id, "SourceRegion=mars-1"}, "InvalidParameterValue"},
		{"CopyImage", []string{"Name=copy", "SourceImageId=ami-0", "SourceRegion=" + home}, "InvalidAMIID.NotFound"},
		{"CopyImage", []string{"Name=copy", "SourceImageId=" + id, "SourceRegion=" + home, "ClientToken=" + long}, "InvalidParameterValue"},
		{"CopyImage", []string{"Name=copy", "SourceImageId=" + id, "SourceRegion=" + home, "KmsKeyId=k"}, "InvalidParameterDependency"},
		{"RestoreImageFromRecycleBin", []string{"ImageId=" + id}, "InvalidAMIID.NotFound"},
	} {
		if r := a.call(home, test.action, test.parameters...); r.code() != test.want || r.status != http.StatusBadRequest {
			t.Errorf("%s %v answers %d %q, want %q", test.action, test.parameters, r.status, r.code(), test.want)
		}
	}
	wantCode(t, a.call("mars-1", "DescribeImages"), "OptInRequired")
	if image, _ := a.Image(home, id); len(image.Tags) > 0 || !image.DeprecationTime.IsZero() || image.State != ec2.Available {
		t.Errorf("what was refused was done: %+v", image)
	}
	a.FailNext("DescribeImages", "", "RequestLimitExceeded")
	a.must(home, "DescribeImages")
	if r := a.call(home, "DescribeImages"); r.code() != "RequestLimitExceeded" || r.status != http.StatusServiceUnavailable {
		t.Errorf("the answer made to fail is %d %q", r.status, r.code())
	}
	if got := a.Calls()[home+" DescribeImages"]; got != 9 {
		t.Errorf("counted are %d listings, want 9", got)
	}
}
