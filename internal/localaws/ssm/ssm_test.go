package ssm_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"appstream-ami-exporter/internal/localaws/iam"
	"appstream-ami-exporter/internal/localaws/ssm"
)

const home = "eu-west-1"

// account is an emulator in virtual time, and whoever calls it.
type account struct {
	*ssm.SSM
	t   *testing.T
	now time.Time
}

func newAccount(t *testing.T, options ssm.Options) *account {
	a := &account{t: t, now: time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)}
	options.Now = func() time.Time { return a.now }
	a.SSM = ssm.New(options)
	return a
}

type reply struct {
	Type          string `json:"__type"`
	Parameter     struct{ Name, Value, Type, DataType, ARN string }
	Parameters    []struct{ Name, Value, Description string }
	NextToken     string
	Version       int64
	TagList       []struct{ Key, Value string }
	InvalidParams []string `json:"InvalidParameters"`
	status        int
}

func (a *account) call(operation, body string) reply {
	a.t.Helper()
	request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	request.Header.Set("X-Amz-Target", "AmazonSSM."+operation)
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20261126/eu-west-1/ssm/aws4_request")
	recorder := httptest.NewRecorder()
	a.ServeHTTP(recorder, request)
	r := reply{status: recorder.Code}
	if err := json.Unmarshal(recorder.Body.Bytes(), &r); err != nil {
		a.t.Fatalf("%s answers %s: %v", operation, recorder.Body, err)
	}
	if (r.Type == "") != (r.status == http.StatusOK) {
		a.t.Fatalf("%s answers %d %s", operation, r.status, recorder.Body)
	}
	return r
}

func (a *account) value(name string) string {
	a.t.Helper()
	return a.call("GetParameter", `{"Name":"`+name+`"}`).Parameter.Value
}

const put = `{"Name":"/amis/win","Value":"ami-0123456789abcdef0","Type":"String","DataType":"aws:ec2:image"`

// TestImageParameter has a parameter that names an AMI be written later, or never, although the answer is the same.
func TestImageParameter(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"ami-0123456789abcdef0": true, "ami-0123456789abcdef1": true}
	a := newAccount(t, ssm.Options{
		ValidationDelay: time.Minute,
		ImageExists:     func(_, id string) bool { return known[id] },
	})
	if r := a.call("PutParameter", put+`,"Tags":[{"Key":"stack","Value":"s"}]}`); r.Version != 1 {
		t.Errorf("the answer is %+v", r)
	}
	if r := a.call("GetParameter", `{"Name":"/amis/win"}`); r.Type != "ParameterNotFound" {
		t.Errorf("at once there is %+v", r)
	}
	if tags := a.call("ListTagsForResource", `{"ResourceType":"Parameter","ResourceId":"/amis/win"}`).TagList; len(tags) != 1 ||
		tags[0].Value != "s" {
		t.Errorf("its tags are %v", tags)
	}
	a.now = a.now.Add(time.Minute)
	r := a.call("GetParameter", `{"Name":"/amis/win"}`).Parameter
	if r.Value != "ami-0123456789abcdef0" || r.DataType != "aws:ec2:image" ||
		r.ARN != "arn:aws:ssm:eu-west-1:123456789012:parameter/amis/win" {
		t.Errorf("a minute later there is %+v", r)
	}
	overwrite := func(id string) reply {
		return a.call("PutParameter", strings.Replace(put, "ami-0123456789abcdef0", id, 1)+`,"Overwrite":true}`)
	}
	for _, test := range []struct{ id, want string }{
		{"ami-0123456789abcdef1", "ami-0123456789abcdef1"},
		{"ami-0123456789abcdef2", "ami-0123456789abcdef1"}, // unknown: dropped without a word
	} {
		if r := overwrite(test.id); r.status != http.StatusOK {
			t.Errorf("%s is answered with %+v", test.id, r)
		}
		a.now = a.now.Add(time.Minute)
		if got := a.value("/amis/win"); got != test.want {
			t.Errorf("after %s there is %s", test.id, got)
		}
	}
	if got := a.References(home, "ami-0123456789abcdef1"); !slices.Equal(got,
		[]string{"arn:aws:ssm:eu-west-1:123456789012:parameter/amis/win"}) {
		t.Errorf("references are %v", got)
	}
	a.call("PutParameter", `{"Name":"/amis/none","Value":"ami-0123456789abcdef2","Type":"String","DataType":"aws:ec2:image"}`)
	a.now = a.now.Add(time.Minute)
	if r := a.call("ListTagsForResource", `{"ResourceType":"Parameter","ResourceId":"/amis/none"}`); r.Type != "InvalidResourceId" {
		t.Errorf("what was never written is %+v", r)
	}
}

// TestHistory has every version be kept with its description, which a write without one leaves.
func TestHistory(t *testing.T) {
	t.Parallel()
	a := newAccount(t, ssm.Options{})
	a.call("PutParameter", put+`,"Description":"first"}`)
	overwrite := strings.Replace(put, "def0", "def1", 1) + `,"Overwrite":true`
	a.call("PutParameter", overwrite+`}`)
	a.call("PutParameter", overwrite+`,"Description":"third"}`)
	var got []string
	token := ""
	for range 3 {
		r := a.call("GetParameterHistory", `{"Name":"/amis/win","MaxResults":1,"NextToken":"`+token+`"}`)
		for _, p := range r.Parameters {
			got = append(got, p.Value+" "+p.Description)
		}
		token = r.NextToken
	}
	if want := []string{"ami-0123456789abcdef0 first", "ami-0123456789abcdef1 first", "ami-0123456789abcdef1 third"}; !slices.Equal(got,
		want) || token != "" {
		t.Errorf("the history is %q, want %q", got, want)
	}
	for range 200 {
		a.call("PutParameter", overwrite+`}`)
	}
	versions := 0
	for token := ""; versions == 0 || token != ""; {
		r := a.call("GetParameterHistory", `{"Name":"/amis/win","MaxResults":50,"NextToken":"`+token+`"}`)
		versions, token = versions+len(r.Parameters), r.NextToken
	}
	if versions != 100 {
		t.Errorf("of 203 versions %d are kept", versions)
	}
	a.Put(home, ssm.Parameter{Name: "/amis/other", Value: "ami-0123456789abcdef0"})
	for filter, want := range map[string]int{`{}`: 2, `{"ParameterFilters":[{"Key":"Name","Values":["/amis/win"]}]}`: 1} {
		if r := a.call("DescribeParameters", filter); len(r.Parameters) != want || r.Parameters[len(r.Parameters)-1].Value != "" {
			t.Errorf("%s shows %+v", filter, r.Parameters)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	a := newAccount(t, ssm.Options{})
	a.Put(home, ssm.Parameter{Name: "/amis/text", Value: "x", DataType: "text"})
	a.Put(home, ssm.Parameter{Name: "/amis/win", Value: "ami-0123456789abcdef0"})
	for _, test := range []struct{ operation, body, want string }{
		{"PutParameter", put + `}`, "ParameterAlreadyExists"},
		{"PutParameter", put + `,"Overwrite":true,"Tags":[{"Key":"a","Value":"b"}]}`, "ValidationException"},
		{"PutParameter", `{"Name":"/amis/text","Value":"ami-0123456789abcdef0","DataType":"aws:ec2:image","Overwrite":true}`,
			"ValidationException"},
		{"PutParameter", `{"Name":"/amis/new","Value":"ami-0123456789abcdef0","DataType":"aws:ec2:image"}`, "ValidationException"},
		{"PutParameter", `{"Name":"/amis/new","Value":"x","Type":"String","DataType":"aws:ec2:image"}`, "ValidationException"},
		{"PutParameter", `{"Name":"/amis/new","Value":"","Type":"String"}`, "ValidationException"},
		{"PutParameter", `{"Name":"/aws/x","Value":"x","Type":"String"}`, "AccessDeniedException"},
		{"PutParameter", `{"Name":"/SSMx","Value":"x","Type":"String"}`, "ValidationException"},
		{"PutParameter", `{"Name":"a/b","Value":"x","Type":"String"}`, "ValidationException"},
		{"PutParameter", `{"Name":"/a b","Value":"x","Type":"String"}`, "ValidationException"},
		{"PutParameter", `{"Name":"/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6","Value":"x","Type":"String"}`, "HierarchyLevelLimitExceededException"},
		{"GetParameter", `{"Name":"/amis/none"}`, "ParameterNotFound"},
		{"GetParameters", `{"Names":[]}`, "ValidationException"},
		{"DeleteParameter", `{"Name":"/amis/none"}`, "ParameterNotFound"},
		{"ListTagsForResource", `{"ResourceType":"Document","ResourceId":"/amis/win"}`, "InvalidResourceType"},
		{"GetParameter", `[]`, "SerializationException"},
		{"GetParameterHistory", `{"Name":"/amis/none"}`, "ParameterNotFound"},
		{"DescribeParameters", `{"ParameterFilters":[{"Key":"Type"}]}`, "InvalidFilterKey"},
		{"LabelParameterVersion", `{}`, "UnknownOperationException"},
	} {
		if r := a.call(test.operation, test.body); r.Type != test.want || r.status != http.StatusBadRequest {
			t.Errorf("%s %s answers %d %q, want %s", test.operation, test.body, r.status, r.Type, test.want)
		}
	}
	if r := a.call("GetParameters", `{"Names":["/amis/win","/amis/none"]}`); len(r.Parameters) != 1 ||
		!slices.Equal(r.InvalidParams, []string{"/amis/none"}) {
		t.Errorf("together they are %+v", r)
	}
	a.FailNext("GetParameter", "", "ThrottlingException")
	if a.value("/amis/win") == "" || a.call("GetParameter", `{"Name":"/amis/win"}`).Type != "ThrottlingException" {
		t.Error("the second look was not made to fail")
	}
	a.call("DeleteParameter", `{"Name":"/amis/win"}`)
	if got := a.Parameters(home); len(got) != 1 || got["/amis/text"].Value != "x" {
		t.Errorf("left are %+v", got)
	}
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	var asked []iam.Request
	a := newAccount(t, ssm.Options{Authorize: func(r iam.Request) bool {
		asked = append(asked,
			r)
		return r.Action != "ssm:DeleteParameter"
	}})
	a.call("PutParameter", put+`,"Tags":[{"Key":"stack","Value":"s"}]}`)
	a.call("GetParameter", `{"Name":"/amis/win"}`)
	if r := a.call("DeleteParameter", `{"Name":"/amis/win"}`); r.Type != "AccessDeniedException" || a.value("/amis/win") == "" {
		t.Errorf("the answer is %+v", r)
	}
	arn := "arn:aws:ssm:eu-west-1:123456789012:parameter/amis/win"
	for i, want := range []struct{ action, key, value string }{
		{"ssm:PutParameter", "ssm:Overwrite", "false"},
		{"ssm:AddTagsToResource", "aws:RequestTag/stack", "s"},
		{"ssm:GetParameter", "aws:ResourceTag/stack", "s"},
	} {
		if got := asked[i]; got.Action != want.action || got.Resource != arn || !slices.Equal(got.Keys[want.key], []string{want.value}) ||
			got.Keys["aws:RequestedRegion"][0] != home {
			t.Errorf("question %d is %+v, want %+v", i, got, want)
		}
	}
}
