package trigger_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/trigger"
)

// tagValue is AppStream's pattern of a tag value, copied from its API reference.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_CreateExportImageTask.html
var tagValue = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$`)

// event is an EventBridge envelope of here's account and Region, with fields put over it.
func event(t testing.TB, fields map[string]any) []byte {
	t.Helper()
	whole := map[string]any{
		"version": "0", "id": "0d7be7d3-6f2b-4a38-8f1a-5d94b0c1e3aa", "source": "aws.appstream", "detail-type": "AWS API Call via CloudTrail",
		"account": here.Account, "region": here.Region, "time": "2026-11-23T11:30:12Z", "resources": []string{}, "detail": map[string]any{},
	}
	for name, value := range fields {
		if value == nil {
			delete(whole, name)
			continue
		}
		whole[name] = value
	}
	payload, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// call is the detail of an API call as CloudTrail tells it.
func call(name string, parameters map[string]any, more ...any) map[string]any {
	detail := map[string]any{"eventID": "7f1b5c1c-49a5-4a63-9c53-6d4b93f3de02", "eventName": name, "requestParameters": parameters}
	for i := 0; i+1 < len(more); i += 2 {
		detail[more[i].(string)] = more[i+1]
	}
	return detail
}

func imageReady(name string) trigger.Input {
	return trigger.Input{
		Trigger: trigger.Trigger{Type: trigger.ImageReady, ID: "7f1b5c1c-49a5-4a63-9c53-6d4b93f3de02", Time: at("2026-11-23T11:30:12Z")},
		Spec:    trigger.Spec{ImageName: name},
	}
}

func request(ask trigger.Spec) trigger.Input {
	return trigger.Input{Trigger: trigger.Trigger{Type: trigger.Request, ID: here.RequestID, Time: invoked}, Spec: ask}
}

func TestDecodeAccepts(t *testing.T) {
	const scheduleARN = "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/nightly"
	nightly := trigger.Input{Trigger: trigger.Trigger{Type: trigger.Schedule, ID: scheduleARN + "@2026-11-23T02:00:00Z", Time: at("2026-11-23T02:00:00Z")}}
	byHand := trigger.Input{Trigger: trigger.Trigger{Type: trigger.Schedule, ID: here.RequestID, Time: invoked}}
	tests := map[string]struct {
		payload string
		want    trigger.Input
	}{
		"nothing at all":        {`{}`, byHand},
		"with white space":      {" \n{ }\t", byHand},
		"a schedule":            {`{"source":"aws.scheduler","resources":["` + scheduleARN + `"],"time":"2026-11-23T02:00:00Z","detail":{}}`, nightly},
		"detail as a string":    {`{"source":"aws.scheduler","resources":["` + scheduleARN + `"],"time":"2026-11-23T02:00:00Z","detail":"{}"}`, nightly},
		"no detail":             {`{"source":"aws.scheduler","resources":["` + scheduleARN + `"],"time":"2026-11-23T02:00:00Z"}`, nightly},
		"in another time zone":  {`{"source":"aws.scheduler","resources":["` + scheduleARN + `"],"time":"2026-11-23T03:00:00+01:00"}`, nightly},
		"schedule by hand":      {`{"source":"aws.scheduler"}`, byHand},
		"schedule without time": {`{"source":"aws.events","resources":["` + scheduleARN + `"]}`, byHand},
		"schedule without ARN": {`{"source":"aws.events","time":"2026-11-23T02:00:00Z"}`,
			trigger.Input{Trigger: trigger.Trigger{Type: trigger.Schedule, ID: here.RequestID, Time: at("2026-11-23T02:00:00Z")}}},
		"no time at all":             {`{"source":"aws.scheduler","resources":["x"],"time":"<aws.scheduler.scheduled-time>"}`, byHand},
		"a year that is no JSON":     {`{"source":"aws.scheduler","resources":["x"],"time":"0001-01-01T00:00:00+01:00"}`, byHand},
		"a year of five digits":      {`{"source":"aws.scheduler","resources":["x"],"time":"9999-12-31T23:59:59-01:00"}`, byHand},
		"fields that AWS adds later": {`{"source":"aws.scheduler","resources":["` + scheduleARN + `"],"time":"2026-11-23T02:00:00Z","detail":{"new":1},"new-field":{"deep":[1]}}`, nightly},

		"one image":         {`{"imageName":"win"}`, request(trigger.Spec{ImageName: "win"})},
		"with its AMI name": {`{"images":["win"],"amiName":"win-golden"}`, request(trigger.Spec{Images: []string{"win"}, AMIName: "win-golden"})},
		"tag only":          {`{"tag":{"Backup":"yes"}}`, request(trigger.Spec{Tag: map[string]string{"Backup": "yes"}})},
		"only a dry run":    {`{"dryRun":true}`, request(trigger.Spec{DryRun: true})},
		"no description":    {`{"amiDescription":"","tags":{}}`, request(trigger.Spec{Tags: map[string]string{}})},
		"a name twice: the later one counts, as in every JSON reader": {`{"imageName":"a","imageName":"b"}`, request(trigger.Spec{ImageName: "b"})},

		"an update": {string(event(t, map[string]any{"detail": call("CreateUpdatedImage", map[string]any{"newImageName": "win-8"})})), imageReady("win-8")},
		"an import": {string(event(t, map[string]any{"detail": call("CreateImportedImage", map[string]any{"name": "win-8"})})), imageReady("win-8")},
		"a copy here": {string(event(t, map[string]any{"detail": call("CopyImage", map[string]any{
			"sourceImageName": "win-7", "destinationImageName": "win-8", "destinationRegion": "eu-west-1"})})), imageReady("win-8")},
		"a copy elsewhere": {string(event(t, map[string]any{"detail": call("CopyImage", map[string]any{
			"destinationImageName": "win-8", "destinationRegion": "us-east-1"})})),
			trigger.Input{Ignored: `the image is copied to Region "us-east-1", this function exports images of eu-west-1`}},
		"a call that was refused": {string(event(t, map[string]any{"detail": call("CopyImage", nil, "errorCode", "ResourceNotFoundException")})),
			trigger.Input{Ignored: "CopyImage was refused by AppStream (ResourceNotFoundException), so no image is made"}},
		"a dry run": {string(event(t, map[string]any{"detail": call("CreateImportedImage", map[string]any{"name": "win-8", "dryRun": true})})),
			trigger.Input{Ignored: "CreateImportedImage was a dry run, so no image is made"}},
		"a dry run that is none": {string(event(t, map[string]any{"detail": call("CreateImportedImage", map[string]any{"name": "win-8", "dryRun": false})})), imageReady("win-8")},
		"unknown CloudTrail fields": {string(event(t, map[string]any{"new": 1, "detail": call("CreateImportedImage", map[string]any{"name": "win-8", "new": []int{1}}, "new", true)})),
			imageReady("win-8")},
		"a service event of an image builder": {string(event(t, map[string]any{"detail-type": "AWS Service Event via CloudTrail",
			"detail": call("CreateImage", nil, "serviceEventDetails", map[string]any{"ImageName": "win-8", "ImageState": "PENDING"})})), imageReady("win-8")},
		"without an event id of CloudTrail's": {string(event(t, map[string]any{"id": "7f1b5c1c-49a5-4a63-9c53-6d4b93f3de02",
			"detail": call("CreateImportedImage", map[string]any{"name": "win-8"}, "eventID", "")})), imageReady("win-8")},
		"somebody's own event": {string(event(t, map[string]any{"id": "7f1b5c1c-49a5-4a63-9c53-6d4b93f3de02", "source": "my.pipeline", "detail-type": "AppStream Image Ready",
			"detail": map[string]any{"imageName": "win-8", "more": 1}})), imageReady("win-8")},
		"somebody's own event, by hand": {`{"detail-type":"AppStream Image Ready","detail":{"imageName":"win-8"}}`,
			trigger.Input{Trigger: trigger.Trigger{Type: trigger.ImageReady, ID: here.RequestID, Time: invoked}, Spec: trigger.Spec{ImageName: "win-8"}}},

		"a batch": {`{"Records":[
			{"messageId":"m1","receiptHandle":"r1","body":"{}","eventSource":"aws:sqs","attributes":{"ApproximateReceiveCount":"7","SentTimestamp":"1"},"awsRegion":"eu-west-1"},
			{"messageId":"m2","receiptHandle":"r2","body":"x","eventSource":"aws:sqs"}]}`,
			trigger.Input{Batch: []trigger.Record{
				{MessageID: "m1", ReceiptHandle: "r1", Body: "{}", Receives: 7},
				{MessageID: "m2", ReceiptHandle: "r2", Body: "x", Receives: 1},
			}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := trigger.Decode([]byte(test.payload), here)
			if err != nil {
				t.Fatalf("refused: %v", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Decode (-want +got):\n%s", diff)
			}
		})
	}
}

// accepted is a part of what every refusal of an unknown payload lists.
const accepted = `accepted are: an EventBridge schedule`

func TestDecodeRefuses(t *testing.T) {
	tests := map[string]struct {
		payload string
		want    []string // all of it is in the sentence
	}{
		"nothing":             {``, []string{"not a JSON object", accepted}},
		"no JSON":             {`export everything`, []string{"not a JSON object", "invalid character 'e'", accepted}},
		"half a JSON":         {`{"imageName":`, []string{"not a JSON object", accepted}},
		"invalid UTF-8":       {"\xff\xfe{}", []string{"not a JSON object", accepted}},
		"null":                {`null`, []string{"the payload is null", accepted}},
		"a list":              {`["win"]`, []string{"not a JSON object (it is a JSON array)", accepted}},
		"a number":            {`42`, []string{"it is a JSON number", accepted}},
		"a string":            {`"win"`, []string{"it is a JSON string", accepted}},
		"true":                {`true`, []string{"it is a JSON bool", accepted}},
		"two payloads":        {`{"imageName":"a"}{"imageName":"b"}`, []string{"not a JSON object", "after top-level value"}},
		"something behind it": {`{} x`, []string{"after top-level value"}},

		"an unknown field":         {`{"imgaes":["*"]}`, []string{`no field "imgaes"`, "images, imageName, tag, amiName, amiNameTemplate, amiDescription, tags, dryRun", accepted}},
		"a field in other letters": {`{"Images":[]}`, []string{`no field "Images"`}},
		"one beside known ones":    {`{"imageName":"win","dryrun":true}`, []string{`no field "dryrun"`}},
		"the role":                 {`{"imageName":"win","iamRoleArn":"arn:aws:iam::1:role/x"}`, []string{`no field "iamRoleArn"`}},
		"images is a string":       {`{"images":"win"}`, []string{`field "images" is a JSON string, not a list of strings`}},
		"an image is a number":     {`{"images":["win",7]}`, []string{`field "images" is a JSON number, not a string`}},
		"dryRun is a string":       {`{"dryRun":"true"}`, []string{`field "dryRun" is a JSON string, not true or false`}},
		"tags is a list":           {`{"tags":[{"Key":"a","Value":"b"}]}`, []string{`field "tags" is a JSON array, not an object of strings`}},
		"a tag is a number":        {`{"tags":{"a":1}}`, []string{`is a JSON number, not a string`}},
		"no image":                 {`{"images":[]}`, []string{"images is empty", "leave it out"}},
		"images is null":           {`{"images":null}`, []string{"images is empty"}},
		"an empty image":           {`{"images":["win",""]}`, []string{"images holds an empty name"}},
		"imageName is empty":       {`{"imageName":""}`, []string{"imageName is empty"}},
		"imageName is null":        {`{"imageName":null}`, []string{"imageName is empty"}},
		"tag is empty":             {`{"tag":{}}`, []string{"tag is empty", "leave it out"}},
		"amiName is empty":         {`{"imageName":"a","amiName":""}`, []string{"amiName is empty"}},
		"template is empty":        {`{"amiNameTemplate":""}`, []string{"amiNameTemplate is empty"}},
		"both kinds of images":     {`{"images":["a"],"imageName":"b"}`, []string{"images and imageName are both there"}},
		"both kinds of AMI names":  {`{"imageName":"a","amiName":"b","amiNameTemplate":"{image}"}`, []string{"amiName and amiNameTemplate are both there"}},
		"several problems at once": {`{"images":[""],"tag":{},"amiNameTemplate":""}`, []string{"images holds an empty name", "tag is empty", "amiNameTemplate is empty"}},

		"another service's event": {string(event(t, map[string]any{"source": "aws.ec2", "detail-type": "EC2 AMI State Change"})),
			[]string{`source "aws.ec2"`, `detail-type "EC2 AMI State Change"`, accepted}},
		"AppStream's session event":    {string(event(t, map[string]any{"detail-type": "AppStream Session Notification"})), []string{`"AppStream Session Notification"`, accepted}},
		"an event without a source":    {`{"detail":{}}`, []string{`source ""`, accepted}},
		"source is a number":           {`{"source":7}`, []string{`field "source" is a JSON number, not a string`}},
		"another account":              {string(event(t, map[string]any{"account": "999999999999"})), []string{`"999999999999"`, "123456789012"}},
		"another Region":               {string(event(t, map[string]any{"region": "us-east-1"})), []string{`"us-east-1"`, "eu-west-1"}},
		"another account's schedule":   {`{"source":"aws.scheduler","account":"999999999999"}`, []string{`"999999999999"`}},
		"a call that makes no image":   {string(event(t, map[string]any{"detail": call("DeleteImage", map[string]any{"name": "x"})})), []string{`"DeleteImage" makes no image`, accepted}},
		"no detail":                    {string(event(t, map[string]any{"detail": nil})), []string{`the CloudTrail event "" makes no image`}},
		"the detail is a string":       {string(event(t, map[string]any{"detail": "{}"})), []string{"the detail of the CloudTrail event cannot be read", "JSON string"}},
		"the parameters are a string":  {string(event(t, map[string]any{"detail": call("CopyImage", nil, "requestParameters", "x")})), []string{"cannot be read", "requestParameters"}},
		"CreateImage without its name": {string(event(t, map[string]any{"detail": call("CreateImage", map[string]any{"name": "x"})})), []string{"detail.serviceEventDetails.ImageName is missing"}},
		"an update without its name":   {string(event(t, map[string]any{"detail": call("CreateUpdatedImage", map[string]any{"name": "x"})})), []string{"detail.requestParameters.newImageName is missing"}},
		"an import without its name":   {string(event(t, map[string]any{"detail": call("CreateImportedImage", nil)})), []string{"detail.requestParameters.name is missing"}},
		"a copy without its name": {string(event(t, map[string]any{"detail": call("CopyImage", map[string]any{"destinationRegion": "eu-west-1"})})),
			[]string{"detail.requestParameters.destinationImageName is missing"}},
		"own event without a detail": {`{"detail-type":"AppStream Image Ready"}`, []string{"detail.imageName is missing"}},
		"own event without a name":   {`{"detail-type":"AppStream Image Ready","detail":{"image":"x"}}`, []string{"detail.imageName is missing"}},
		"own event, name a number":   {`{"detail-type":"AppStream Image Ready","detail":{"imageName":7}}`, []string{`field "imageName" is a JSON number, not a string`}},

		"no Records":                  {`{"Records":[]}`, []string{"the batch has no Records", accepted}},
		"Records is null":             {`{"Records":null}`, []string{"the batch has no Records"}},
		"Records is an object":        {`{"Records":{}}`, []string{"the Records cannot be read", `field "Records"`}},
		"Records of S3":               {`{"Records":[{"eventSource":"aws:s3","s3":{}}]}`, []string{`Records[0] comes from "aws:s3"`, accepted}},
		"a record without an id":      {`{"Records":[{"eventSource":"aws:sqs","messageId":"m1"},{"eventSource":"aws:sqs"}]}`, []string{"Records[1] has no messageId"}},
		"Records beside other things": {`{"Records":[{"eventSource":"aws:sns","Sns":{}}],"images":["*"]}`, []string{`Records[0] comes from "aws:sns"`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := trigger.Decode([]byte(test.payload), here)
			if err == nil {
				t.Fatalf("accepted as %+v", got)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the sentence\n\t%s\nlacks\n\t%s", err, want)
				}
			}
			if diff := cmp.Diff(trigger.Input{}, got); diff != "" {
				t.Errorf("a refused payload still asks for something:\n%s", diff)
			}
		})
	}
}

// What was sent must not flood the log or break its text.
func TestRefusalsAreShort(t *testing.T) {
	long := strings.Repeat("ü", 100_000)
	for name, payload := range map[string]string{
		"an unknown field": `{"` + long + `":1}`,
		"a wrong type":     `{"tags":{"` + long + `":1}}`,
		"a source":         `{"source":"` + long + `"}`,
		"an account":       `{"source":"aws.scheduler","account":"` + long + `"}`,
		"a Region":         `{"source":"aws.scheduler","region":"` + long + `"}`,
		"an API call":      `{"source":"aws.appstream","detail-type":"AWS API Call via CloudTrail","detail":{"eventName":"` + long + `"}}`,
		"a queue":          `{"Records":[{"eventSource":"` + long + `"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := trigger.Decode([]byte(payload), here)
			if err == nil {
				t.Fatal("accepted")
			}
			if len(err.Error()) > 1500 || !utf8.ValidString(err.Error()) {
				t.Errorf("%d bytes, valid UTF-8 %v: %.300q", len(err.Error()), utf8.ValidString(err.Error()), err)
			}
		})
	}
}

// The trigger id is what finds a redelivered trigger's own tasks again.
func TestIDIsStableOverRedelivery(t *testing.T) {
	again := here
	again.Now = here.Now.Add(3 * time.Minute) // Lambda repeats an asynchronous invocation later, with the same request id
	newInvocation := again
	newInvocation.RequestID = "00000000-0000-4000-8000-000000000000" // the source itself delivers twice

	decode := func(t *testing.T, payload string, inv trigger.Invocation) trigger.Trigger {
		t.Helper()
		input, err := trigger.Decode([]byte(payload), inv)
		if err != nil {
			t.Fatal(err)
		}
		return input.Trigger
	}
	const schedule = `{"source":"aws.scheduler","resources":["arn:a"],"time":"2026-11-23T02:00:00Z"}`
	for name, payload := range map[string]string{
		"schedule":   schedule,
		"rule":       `{"id":"one-per-delivery","source":"aws.events","resources":["arn:a"],"time":"2026-11-23T02:00:00Z"}`,
		"CloudTrail": string(event(t, map[string]any{"detail": call("CreateImportedImage", map[string]any{"name": "win-8"})})),
		"own event":  `{"id":"e1","detail-type":"AppStream Image Ready","detail":{"imageName":"x"},"time":"2026-11-23T02:00:00Z"}`,
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(decode(t, payload, here), decode(t, payload, newInvocation)); diff != "" {
				t.Errorf("the same trigger delivered twice (-first +second):\n%s", diff)
			}
		})
	}
	for name, payload := range map[string]string{"empty": `{}`, "request": `{"imageName":"x"}`, "schedule by hand": `{"source":"aws.scheduler"}`} {
		t.Run(name, func(t *testing.T) {
			if first, second := decode(t, payload, here).ID, decode(t, payload, again).ID; first != second {
				t.Errorf("the same invocation tried twice has the ids %q and %q", first, second)
			}
			if first, second := decode(t, payload, here).ID, decode(t, payload, newInvocation).ID; first == second {
				t.Errorf("two invocations have the same id %q", first)
			}
		})
	}
	t.Run("two nights differ", func(t *testing.T) {
		next := strings.Replace(schedule, "11-23", "11-24", 1)
		if first, second := decode(t, schedule, here).ID, decode(t, next, here).ID; first == second {
			t.Errorf("both have the id %q", first)
		}
	})
	t.Run("two schedules differ", func(t *testing.T) {
		other := strings.Replace(schedule, "arn:a", "arn:b", 1)
		if first, second := decode(t, schedule, here).ID, decode(t, other, here).ID; first == second {
			t.Errorf("both have the id %q", first)
		}
	})
}

func TestIDFitsATagValue(t *testing.T) {
	id := func(requestID string) string {
		inv := here
		inv.RequestID = requestID
		input, err := trigger.Decode([]byte(`{}`), inv)
		if err != nil {
			t.Fatal(err)
		}
		return input.Trigger.ID
	}
	tests := []struct {
		name, id string
		kept     bool
	}{
		{"256 characters", strings.Repeat("a", 256), true},
		{"256 letters of two bytes", strings.Repeat("é", 256), true},
		{"every sign allowed", "a _.:/=+-@", true},
		{"257 characters", strings.Repeat("a", 257), false},
		{"empty", "", false},
		{"a comma", "a,b", false},
		{"parentheses", "a(1)", false},
		{"a line break", "a\nb", false},
		{"invalid UTF-8", "a\xff", false},
		{"an emoji", "a\U0001F600", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := id(test.id)
			if !tagValue.MatchString(got) || got == "" {
				t.Errorf("%q is no tag value", got)
			}
			if test.kept != (got == test.id) {
				t.Errorf("id = %q, want it kept: %v", got, test.kept)
			}
			if !test.kept && !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(got) {
				t.Errorf("id = %q, want a hash", got)
			}
			if got != id(test.id) {
				t.Error("the id changes")
			}
		})
	}
	if id(strings.Repeat("a", 257)) == id(strings.Repeat("a", 258)) {
		t.Error("two long ids have the same hash")
	}
}

// No trigger can choose the role, the account or the Region: there is no such field to fill.
func TestAskHasNoOtherFields(t *testing.T) {
	encoded, err := json.Marshal(trigger.Spec{Images: []string{"a"}, ImageName: "a", Tag: map[string]string{"a": ""}, AMIName: "a",
		AMINameTemplate: "a", AMIDescription: "a", Tags: map[string]string{"a": ""}, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"images":["a"],"imageName":"a","tag":{"a":""},"amiName":"a","amiNameTemplate":"a","amiDescription":"a","tags":{"a":""},"dryRun":true}`
	if diff := cmp.Diff(want, string(encoded)); diff != "" {
		t.Errorf("fields of a request (-want +got):\n%s", diff)
	}
}

func FuzzDecode(f *testing.F) {
	for _, payload := range []string{
		``, `{}`, `null`, `[]`, `{"Records":[{"eventSource":"aws:sqs","messageId":"m","body":"{}","attributes":{"ApproximateReceiveCount":"2"}}]}`,
		`{"source":"aws.scheduler","detail":"{}","resources":["arn:aws:scheduler:eu-west-1:123456789012:schedule/default/n"],"time":"2026-11-23T02:00:00Z"}`,
		`{"source":"aws.events","time":"0000-01-01T00:00:00+01:00","resources":["x"]}`,
		`{"detail-type":"AppStream Image Ready","detail":{"imageName":"win"},"id":"é\n","time":"9999-12-31T23:59:59-23:59"}`,
		`{"source":"aws.appstream","detail-type":"AWS API Call via CloudTrail","detail":{"eventName":"CopyImage","requestParameters":{"destinationRegion":"eu-west-1","destinationImageName":"x"}}}`,
		`{"source":"aws.appstream","detail-type":"AWS Service Event via CloudTrail","detail":{"eventName":"CreateImage","serviceEventDetails":{"ImageName":"x"}}}`,
		`{"images":["prod-*","!prod-test"],"tag":{"a":"b"},"amiNameTemplate":"{image}","amiDescription":"d","tags":{"c":"d"},"dryRun":true}`,
		`{"imageName":"a","amiName":"b"}`, `{"Images":[]}`,
	} {
		f.Add([]byte(payload), "8f5b7a3e-1c2d-4e5f-8a9b-0c1d2e3f4a5b")
	}
	f.Fuzz(func(t *testing.T, payload []byte, requestID string) {
		inv := here
		inv.RequestID = requestID
		input, err := trigger.Decode(payload, inv)
		if err != nil {
			if len(err.Error()) > 3000 || !utf8.ValidString(err.Error()) {
				t.Errorf("the refusal is %d bytes long, valid UTF-8: %v", len(err.Error()), utf8.ValidString(err.Error()))
			}
			if diff := cmp.Diff(trigger.Input{}, input); diff != "" {
				t.Errorf("a refused payload still asks for something:\n%s", diff)
			}
			return
		}
		kinds := 0
		for _, there := range []bool{input.Batch != nil, input.Ignored != "", input.Trigger.Type != ""} {
			if there {
				kinds++
			}
		}
		if kinds != 1 {
			t.Fatalf("not exactly one of batch, ignored and trigger: %+v", input)
		}
		if input.Trigger.Type == "" {
			return
		}
		checkTrigger(t, input)
		again, err := trigger.Decode(payload, inv)
		if diff := cmp.Diff(input, again); err != nil || diff != "" {
			t.Errorf("decoded again: %v\n%s", err, diff)
		}
	})
}

func checkTrigger(t *testing.T, input trigger.Input) {
	t.Helper()
	got := input.Trigger
	switch got.Type {
	case trigger.Schedule, trigger.Request:
	case trigger.ImageReady:
		if diff := cmp.Diff(trigger.Spec{ImageName: input.Spec.ImageName}, input.Spec); input.Spec.ImageName == "" || diff != "" {
			t.Errorf("an event asks for more than one image by name: %+v", input.Spec)
		}
	default:
		t.Errorf("type = %q", got.Type)
	}
	if got.ID == "" || !tagValue.MatchString(got.ID) {
		t.Errorf("id = %q is no tag value", got.ID)
	}
	if got.Time.Location() != time.UTC {
		t.Errorf("time = %v is not in UTC", got.Time)
	}
	// A trigger travels in work messages and notifications; one that cannot would start exports and announce none.
	encoded, err := json.Marshal(struct {
		trigger.Trigger
		trigger.Spec
	}{got, input.Spec})
	if err != nil {
		t.Fatalf("it cannot be encoded: %v", err)
	}
	var decoded struct{ trigger.Trigger }
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		t.Fatalf("it cannot be decoded again: %v", err)
	}
	if diff := cmp.Diff(got, decoded.Trigger); diff != "" {
		t.Errorf("encoded and decoded (-want +got):\n%s", diff)
	}
}
