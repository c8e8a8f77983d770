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
	"appstream-ami-exporter/internal/trigger/triggertest"
)

// here is the invocation that every payload of these tests comes with.
var here = triggertest.Invocation

// invoked is here.Now as a trigger tells it: in UTC and whole seconds.
var invoked = time.Date(2026, 11, 23, 14, 4, 5, 0, time.UTC)

// due and happened are the times in the schedules and in the events of these tests.
var (
	due      = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	happened = time.Date(2026, 11, 23, 11, 30, 12, 0, time.UTC)
)

// tagValue is AppStream's pattern of a tag value, copied from its API reference.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_CreateExportImageTask.html
var tagValue = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$`)

// accepted are payloads, and what they ask for.
type accepted map[string]struct {
	payload string
	want    trigger.Input
}

func (tests accepted) run(t *testing.T) {
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

// refused are payloads, and what their refusal says.
type refused map[string]struct {
	payload string
	says    string
}

func (tests refused) run(t *testing.T) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := trigger.Decode([]byte(test.payload), here)
			if err == nil {
				t.Fatalf("accepted as %+v", got)
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("the sentence\n\t%s\nlacks\n\t%s", err, test.says)
			}
			if diff := cmp.Diff(trigger.Input{}, got); diff != "" {
				t.Errorf("a refused payload still asks for something:\n%s", diff)
			}
		})
	}
}

// event is an EventBridge envelope of here's account and Region, with fields put over it.
func event(t testing.TB, fields map[string]any) string {
	t.Helper()
	whole := map[string]any{
		"version": "0", "id": "0d7be7d3-6f2b-4a38-8f1a-5d94b0c1e3aa", "source": "aws.appstream",
		"detail-type": "AWS API Call via CloudTrail",
		"account":     here.Account, "region": here.Region, "time": "2026-11-23T11:30:12Z", "resources": []string{},
		"detail": map[string]any{},
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
	return string(payload)
}

// image is what an event asks for that tells of this image.
func image(name, id string) trigger.Input {
	return trigger.Input{Trigger: trigger.Trigger{Type: trigger.ImageReady, ID: id, Time: happened}, Spec: trigger.Spec{ImageName: name}}
}

const everyKind = `; accepted are: an EventBridge schedule (Scheduler, scheduled rule, or {}), ` +
	`the CloudTrail events CreateImage, CreateUpdatedImage, CreateImportedImage and CopyImage of aws.appstream, ` +
	`the event "AppStream Image Ready", a request such as {"images":["prod-*"]}, and batches of this stack's work queue`

func TestWhatIsNoPayloadIsRefused(t *testing.T) {
	refused{
		"nothing": {``, "the payload is not a JSON object (unexpected end of JSON input)" + everyKind},
		"no JSON": {`export everything`,
			"the payload is not a JSON object (invalid character 'e' looking for beginning of value)" + everyKind},
		"half a JSON":         {`{"imageName":`, "not a JSON object (unexpected end of JSON input)"},
		"invalid UTF-8":       {"\xff\xfe{}", "not a JSON object"},
		"null":                {`null`, "the payload is null" + everyKind},
		"a list":              {`["win"]`, "not a JSON object (it is a JSON array)" + everyKind},
		"a number":            {`42`, "it is a JSON number"},
		"a string":            {`"win"`, "it is a JSON string"},
		"true":                {`true`, "it is a JSON bool"},
		"two payloads":        {`{"imageName":"a"}{"imageName":"b"}`, "not a JSON object (invalid character '{' after top-level value)"},
		"something behind it": {`{} x`, "after top-level value"},
	}.run(t)
}

func TestEventsOfOthersAreRefused(t *testing.T) {
	refused{
		"another service's event": {event(t, map[string]any{"source": "aws.ec2", "detail-type": "EC2 AMI State Change"}),
			`an event with source "aws.ec2" and detail-type "EC2 AMI State Change" is not for this function` + everyKind},
		"AppStream's session event": {event(t, map[string]any{"detail-type": "AppStream Session Notification"}),
			`"AppStream Session Notification"`},
		"CloudTrail's of EC2": {event(t, map[string]any{"source": "aws.ec2"}), `source "aws.ec2"`},
		"only a source":       {`{"source":"x"}`, `source "x" and detail-type ""`},
		"only a detail-type":  {`{"detail-type":"x"}`, `source "" and detail-type "x"`},
		"only a detail":       {`{"detail":{}}`, `source "" and detail-type ""` + " is not for this function" + everyKind},
		"source is a number":  {`{"source":7}`, `the event cannot be read: field "source" is a JSON number, not a string` + everyKind},
		"resources is a string": {`{"source":"aws.events","resources":"x"}`,
			`field "resources" is a JSON string, not a list of strings`},
		"another account": {event(t, map[string]any{"account": "999999999999"}),
			`the event is of account "999999999999", this function exports images of account 123456789012 only`},
		"another Region": {event(t, map[string]any{"region": "us-east-1"}),
			`the event is of Region "us-east-1", this function exports images of Region eu-west-1 only`},
		"another account's schedule": {`{"source":"aws.scheduler","account":"999999999999"}`, `"999999999999"`},
		"another Region's own event": {`{"detail-type":"AppStream Image Ready","region":"us-east-1","detail":{"imageName":"x"}}`,
			`"us-east-1"`},
	}.run(t)
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

func TestTriggersAnswerForTheirType(t *testing.T) {
	type answers struct{ Scheduled, AnnouncesImage, ChoosesImages bool }
	for triggerType, want := range map[trigger.Type]answers{
		trigger.Schedule:     {Scheduled: true},
		trigger.ImageReady:   {AnnouncesImage: true},
		trigger.Request:      {ChoosesImages: true},
		"of a later version": {}, // in work that was queued before a rollback
	} {
		trigger := trigger.Trigger{Type: triggerType}
		got := answers{trigger.Scheduled(), trigger.AnnouncesImage(), trigger.ChoosesImages()}
		if got != want {
			t.Errorf("%s: %+v, want %+v", triggerType, got, want)
		}
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
		"CloudTrail": event(t, map[string]any{"detail": call("CreateImportedImage", map[string]any{"name": "win-8"})}),
		"own event":  `{"id":"e1","detail-type":"AppStream Image Ready","detail":{"imageName":"x"},"time":"2026-11-23T02:00:00Z"}`,
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(decode(t, payload, here), decode(t, payload, newInvocation)); diff != "" {
				t.Errorf("the same trigger delivered twice (-first +second):\n%s", diff)
			}
		})
	}
	for name, payload := range map[string]string{
		"empty": `{}`, "request": `{"imageName":"x"}`, "schedule by hand": `{"source":"aws.scheduler"}`,
		"own event by hand": `{"detail-type":"AppStream Image Ready","detail":{"imageName":"x"}}`,
	} {
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

// Every kind of trigger goes through tags.Value, whose own test says what becomes of the id.
func TestIDFitsATagValue(t *testing.T) {
	long := strings.Repeat("a", 300)
	inv := here
	inv.RequestID = long
	for name, payload := range map[string]string{
		"empty":        `{}`,
		"schedule":     `{"source":"aws.scheduler","resources":["` + long + `"],"time":"2026-11-23T02:00:00Z"}`,
		"request":      `{"imageName":"x"}`,
		"CloudTrail":   event(t, map[string]any{"detail": call("CreateImportedImage", map[string]any{"name": "x"}, "eventID", long)}),
		"own event":    `{"detail-type":"AppStream Image Ready","id":"` + long + `","detail":{"imageName":"x"}}`,
		"without text": `{"detail-type":"AppStream Image Ready","id":"(\n)","detail":{"imageName":"x"}}`,
	} {
		input, err := trigger.Decode([]byte(payload), inv)
		if err != nil {
			t.Fatal(err)
		}
		if id := input.Trigger.ID; !strings.HasPrefix(id, "sha256:") || !tagValue.MatchString(id) {
			t.Errorf("%s: id = %q", name, id)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, payload := range []string{
		``, `{}`, `null`, `[]`, `{"imageName":"a","amiName":"b"}`, `{"Images":[]}`,
		`{"Records":[{"eventSource":"aws:sqs","messageId":"m","body":"{}","attributes":{"ApproximateReceiveCount":"2"}}]}`,
		`{"source":"aws.scheduler","detail":"{}","resources":["arn:aws:scheduler:eu-west-1:123456789012:schedule/default/n"],
			"time":"2026-11-23T02:00:00Z"}`,
		`{"source":"aws.events","time":"0000-01-01T00:00:00+01:00","resources":["x"]}`,
		`{"detail-type":"AppStream Image Ready","detail":{"imageName":"win"},"id":"é\n","time":"9999-12-31T23:59:59-23:59"}`,
		`{"source":"aws.appstream","detail-type":"AWS API Call via CloudTrail",
			"detail":{"eventName":"CopyImage","requestParameters":{"destinationRegion":"eu-west-1","destinationImageName":"x"}}}`,
		`{"source":"aws.appstream","detail-type":"AWS Service Event via CloudTrail",
			"detail":{"eventName":"CreateImage","serviceEventDetails":{"ImageName":"x"}}}`,
		`{"images":["prod-*","!prod-test"],"tag":{"a":"b"},"amiNameTemplate":"{image}","amiDescription":"d","tags":{"c":"d"},` +
			`"dryRun":true}`,
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
