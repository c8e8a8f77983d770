package trigger_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/trigger"
)

func TestRequest(t *testing.T) {
	request := func(spec trigger.Spec) trigger.Input {
		return trigger.Input{Trigger: trigger.Trigger{Type: trigger.Request, ID: here.RequestID, Time: invoked}, Spec: spec}
	}
	accepted{
		"one image": {`{"imageName":"win"}`, request(trigger.Spec{ImageName: "win"})},
		"with its AMI name": {`{"images":["win"],"amiName":"win-golden"}`,
			request(trigger.Spec{Images: []string{"win"}, AMIName: "win-golden"})},
		"a template":     {`{"amiNameTemplate":"{image}-x"}`, request(trigger.Spec{AMINameTemplate: "{image}-x"})},
		"tag only":       {`{"tag":{"Backup":"yes"}}`, request(trigger.Spec{Tag: map[string]string{"Backup": "yes"}})},
		"only a dry run": {`{"dryRun":true}`, request(trigger.Spec{DryRun: true})},
		"no dry run":     {`{"imageName":"win","dryRun":false}`, request(trigger.Spec{ImageName: "win"})},
		"no tags":        {`{"tags":{}}`, request(trigger.Spec{Tags: map[string]string{}})},
		"an empty tag":   {`{"tags":{"a":""}}`, request(trigger.Spec{Tags: map[string]string{"a": ""}})},
		"a tag in two letter cases is two tags": {`{"tags":{"a":"1","A":"2"},"tag":{"a":"3"}}`,
			request(trigger.Spec{Tags: map[string]string{"a": "1", "A": "2"}, Tag: map[string]string{"a": "3"}})},
		"an image twice": {`{"images":["a","a"]}`, request(trigger.Spec{Images: []string{"a", "a"}})},
	}.run(t)

	const allFields = "; its fields are images, imageName, tag, amiName, amiNameTemplate, amiDescription, tags, dryRun"
	refused{
		"an unknown field": {`{"imgaes":["*"]}`,
			`the request cannot be read: it has no field "imgaes"` + allFields + everyKind},
		"a field in other letters": {`{"Images":[]}`, `no field "Images"`},
		"one beside known ones":    {`{"imageName":"win","dryrun":true}`, `no field "dryrun"`},
		"the first of two":         {`{"b":1,"a":1}`, `no field "a"`},
		"the role":                 {`{"imageName":"win","iamRoleArn":"arn:aws:iam::1:role/x"}`, `no field "iamRoleArn"`},
		"images is a string": {`{"images":"win"}`,
			`the request cannot be read: field "images" is a JSON string, not a list of strings` + allFields + everyKind},
		"an image is a number": {`{"images":["win",7]}`, `field "images" is a JSON number, not a string`},
		"dryRun is a string":   {`{"dryRun":"true"}`, `field "dryRun" is a JSON string, not true or false`},
		"tags is a list": {`{"tags":[{"Key":"a","Value":"b"}]}`,
			`field "tags" is a JSON array, not an object of strings`},
		"a tag is a number": {`{"tags":{"a":1}}`, `is a JSON number, not a string`},
		"no image": {`{"images":[]}`,
			"the request cannot be used: images is empty, so nothing is selected; leave it out"},
		"an empty image":       {`{"images":["win",""]}`, "images holds an empty name"},
		"imageName is empty":   {`{"imageName":""}`, "imageName is empty"},
		"tag is empty":         {`{"tag":{}}`, "tag is empty, so it selects nothing; leave it out"},
		"amiName is empty":     {`{"imageName":"a","amiName":""}`, "amiName is empty"},
		"template is empty":    {`{"amiNameTemplate":""}`, "amiNameTemplate is empty"},
		"description is empty": {`{"amiDescription":""}`, "amiDescription is empty; leave it out to have the stack's own"},
		"both kinds of images": {`{"images":["a"],"imageName":"b"}`, "images and imageName are both there; use one"},
		"both kinds of AMI names": {`{"imageName":"a","amiName":"b","amiNameTemplate":"{image}"}`,
			"amiName and amiNameTemplate are both there; use one"},
		"several problems at once": {`{"images":[""],"tag":{},"amiNameTemplate":""}`,
			"images holds an empty name\ntag is empty, so it selects nothing; leave it out to select by name only\namiNameTemplate is " +
				"empty"},
	}.run(t)
}

// What readers of JSON understand in different ways starts nothing.
func TestRequestsOfTwoReadings(t *testing.T) {
	refused{
		"a field twice": {`{"imageName":"a","imageName":"b"}`,
			`the request cannot be read: the request has "imageName" twice; say it once`},
		"the same value twice":     {`{"dryRun":true,"dryRun":true}`, `the request has "dryRun" twice`},
		"a field twice, escaped":   {`{"dryRun":true,"\u0064ryRun":false}`, `the request has "dryRun" twice`},
		"a tag of the AMI twice":   {`{"tags":{"a":"1","b":"2","a":"3"}}`, `"tags" has "a" twice; say it once`},
		"a tag of the image twice": {`{"images":["a","b"],"tag":{"a":"1","a":"1"}}`, `"tag" has "a" twice`},
		"images is null":           {`{"images":null}`, `"images" is null; give it a value or leave it out`},
		"imageName is null":        {`{"imageName":null}`, `"imageName" is null`},
		"dryRun is null":           {`{"dryRun":null}`, `"dryRun" is null`},
		"tags is null":             {`{"dryRun":true,"tags":null}`, `"tags" is null`},
		"a tag is null":            {`{"tags":{"a":null}}`, `"a" is null`},
		"an image is null":         {`{"images":["a",null]}`, `"images"[1] is null`},
		"a schedule and a request": {`{"source":"aws.scheduler","images":["win"]}`,
			"the payload can be read in two ways: it has the field source, as an event has, and images, as a request has" + everyKind},
		"an event and a request": {event(t, map[string]any{"dryRun": true}),
			"the field source, as an event has, and dryRun, as a request has"},
		"a batch and a request": {`{"Records":[],"imageName":"win"}`,
			"the field imageName, as a request has, and Records, as a batch has"},
		"a batch and an event":     {`{"Records":[],"detail":{}}`, "the field detail, as an event has, and Records, as a batch has"},
		"all three":                {`{"Records":[],"detail":{},"tags":{}}`, "two ways"},
		"behind it something else": {`{"dryRun":true}]`, "after top-level value"},
	}.run(t)
}

func TestCustomAMIName(t *testing.T) {
	for _, test := range []struct {
		spec trigger.Spec
		want bool
	}{
		{trigger.Spec{ImageName: "a", AMIDescription: "d"}, false},
		{trigger.Spec{AMIName: "a"}, true},
		{trigger.Spec{AMINameTemplate: "{image}"}, true},
	} {
		if got := test.spec.CustomAMIName(); got != test.want {
			t.Errorf("%+v: %v", test.spec, got)
		}
	}
}

// No trigger can choose the role, the account or the Region: there is no such field to fill.
func TestSpecHasNoOtherFields(t *testing.T) {
	encoded, err := json.Marshal(trigger.Spec{Images: []string{"a"}, ImageName: "a", Tag: map[string]string{"a": ""}, AMIName: "a",
		AMINameTemplate: "a", AMIDescription: "a", Tags: map[string]string{"a": ""}, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"images":["a"],"imageName":"a","tag":{"a":""},"amiName":"a","amiNameTemplate":"a",` +
		`"amiDescription":"a","tags":{"a":""},"dryRun":true}`
	if diff := cmp.Diff(want, string(encoded)); diff != "" {
		t.Errorf("fields of a request (-want +got):\n%s", diff)
	}
}
