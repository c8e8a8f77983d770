package rbin_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"appstream-ami-exporter/internal/localaws/iam"
	"appstream-ami-exporter/internal/localaws/rbin"
)

const home = "eu-west-1"

type reply struct {
	Rules        []struct{ Identifier string }
	NextToken    string
	Status       string
	ResourceTags []rbin.Tag
	status       int
	code         string
}

func call(t *testing.T, b *rbin.RecycleBin, method, path, body string) reply {
	t.Helper()
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20261126/eu-west-1/rbin/aws4_request")
	recorder := httptest.NewRecorder()
	b.ServeHTTP(recorder, request)
	r := reply{status: recorder.Code, code: recorder.Header().Get("X-Amzn-ErrorType")}
	if err := json.Unmarshal(recorder.Body.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func ids(r reply) []string {
	var ids []string
	for _, rule := range r.Rules {
		ids = append(ids, rule.Identifier)
	}
	return ids
}

func TestRules(t *testing.T) {
	t.Parallel()
	b := rbin.New(rbin.Options{MaxPage: 1})
	mine := []rbin.Tag{{Key: "stack", Value: "s"}}
	b.SetRules(home,
		rbin.Rule{ID: "a", ResourceType: "EC2_IMAGE", Days: 7, Tags: mine},
		rbin.Rule{ID: "b", ResourceType: "EC2_IMAGE", Days: 30, Tags: []rbin.Tag{{Key: "other"}}, Pending: true},
		rbin.Rule{ID: "c", ResourceType: "EBS_SNAPSHOT", Days: 9, Exclusions: []rbin.Tag{{Key: "waste"}}},
	)
	first := call(t, b, http.MethodPost, "/list-rules", `{"ResourceType":"EC2_IMAGE"}`)
	second := call(t, b, http.MethodPost, "/list-rules", `{"ResourceType":"EC2_IMAGE","NextToken":"`+first.NextToken+`"}`)
	if got := append(ids(first), ids(second)...); !slices.Equal(got, []string{"a", "b"}) || second.NextToken != "" {
		t.Errorf("listed are %v", got)
	}
	tagged := call(t, b, http.MethodPost, "/list-rules",
		`{"ResourceType":"EC2_IMAGE","ResourceTags":[{"ResourceTagKey":"stack","ResourceTagValue":"s"}]}`)
	if got := ids(tagged); !slices.Equal(got, []string{"a"}) {
		t.Errorf("with the tag are listed %v", got)
	}
	for id, want := range map[string]string{"a": "available", "b": "pending"} {
		if r := call(t, b, http.MethodGet, "/rules/"+id, "{}"); r.Status != want || len(r.ResourceTags) != 1 {
			t.Errorf("rule %s is %+v", id, r)
		}
	}
	for _, test := range []struct {
		method, path, body, code string
		status                   int
	}{
		{http.MethodGet, "/rules/none", "", "ResourceNotFoundException", http.StatusNotFound},
		{http.MethodPost, "/list-rules", `{"ResourceType":"CAT"}`, "ValidationException", http.StatusBadRequest},
		{http.MethodPost, "/rules", `{}`, "UnknownOperationException", http.StatusBadRequest},
	} {
		if r := call(t, b, test.method, test.path, test.body); r.code != test.code || r.status != test.status {
			t.Errorf("%s %s answers %d %s", test.method, test.path, r.status, r.code)
		}
	}
	b.FailNext("ListRules", "InternalServerException")
	if r := call(t, b, http.MethodPost, "/list-rules", `{"ResourceType":"EC2_IMAGE"}`); r.status != http.StatusInternalServerError {
		t.Errorf("what was made to fail answers %+v", r)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	b := rbin.New(rbin.Options{})
	b.SetRules(home,
		rbin.Rule{ResourceType: "EC2_IMAGE", Days: 7, Tags: []rbin.Tag{{Key: "stack", Value: "s"}}},
		rbin.Rule{ResourceType: "EC2_IMAGE", Days: 14, Tags: []rbin.Tag{{Key: "long"}}},
		rbin.Rule{ResourceType: "EC2_IMAGE", Days: 99, Tags: []rbin.Tag{{Key: "stack"}}, Pending: true},
		rbin.Rule{ResourceType: "EBS_SNAPSHOT", Days: 9, Exclusions: []rbin.Tag{{Key: "waste"}}},
	)
	for _, test := range []struct {
		region, kind string
		tags         map[string]string
		want         int
	}{
		{home, "EC2_IMAGE", map[string]string{"stack": "s"}, 7},
		{home, "EC2_IMAGE", map[string]string{"stack": "t"}, 0},
		{home, "EC2_IMAGE", map[string]string{"stack": "s", "long": "x"}, 14},
		{home, "EC2_IMAGE", nil, 0},
		{home, "EBS_SNAPSHOT", nil, 9},
		{home, "EBS_SNAPSHOT", map[string]string{"waste": ""}, 0},
		{"us-east-1", "EC2_IMAGE", map[string]string{"stack": "s"}, 0},
	} {
		if got := b.Retention(test.region, test.kind, test.tags); got != time.Duration(test.want)*24*time.Hour {
			t.Errorf("%+v is kept for %s", test, got)
		}
	}
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	var asked []string
	b := rbin.New(rbin.Options{Authorize: func(r iam.Request) bool {
		asked = append(asked, r.Action+" "+r.Resource+" "+r.Keys["aws:RequestedRegion"][0])
		return false
	}})
	b.SetRules(home, rbin.Rule{ID: "a", ResourceType: "EC2_IMAGE"})
	for _, r := range []reply{
		call(t, b, http.MethodPost, "/list-rules", `{"ResourceType":"EC2_IMAGE"}`),
		call(t, b, http.MethodGet, "/rules/a", ""),
	} {
		if r.code != "AccessDeniedException" || r.status != http.StatusForbidden {
			t.Errorf("the answer is %+v", r)
		}
	}
	if want := []string{"rbin:ListRules * eu-west-1",
		"rbin:GetRule arn:aws:rbin:eu-west-1:123456789012:rule/a eu-west-1"}; !slices.Equal(asked, want) {
		t.Errorf("asked is %v, want %v", asked, want)
	}
}
