package main_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/notify"
)

// badInputs are payloads that ask for nothing this function can do. Each is refused with a sentence that names the culprit
// and says what would have worked.
var badInputs = []struct {
	name    string
	payload string
	says    []string // all of these
}{
	{"nothing at all", ``, []string{"not a JSON object", "accepted are:"}},
	{"not JSON", `images: prod-*`, []string{"not a JSON object", "invalid character 'i'", "accepted are:"}},
	{"JSON cut short", `{"images":["prod-*"`, []string{"not a JSON object", "unexpected end", "accepted are:"}},
	{"two documents", `{} {}`, []string{"not a JSON object", "accepted are:"}},
	{"a list", `["prod-*"]`, []string{"it is a JSON array", "accepted are:"}},
	{"a string", `"prod-*"`, []string{"it is a JSON string", "accepted are:"}},
	{"a number", `7`, []string{"it is a JSON number", "accepted are:"}},
	{"null", `null`, []string{"null", "accepted are:"}},
	{"an unknown field", `{"image":"base"}`, []string{`no field "image"`, "imageName", "accepted are:"}},
	{"a field in other letters", `{"Images":["base"]}`, []string{`no field "Images"`, "images"}},
	{"images as a string", `{"images":"base"}`, []string{`field "images" is a JSON string, not a list of strings`}},
	{"a number among the images", `{"images":["base",7]}`, []string{"images", "a JSON number, not a string"}},
	{"dryRun as a string", `{"imageName":"base","dryRun":"yes"}`, []string{`field "dryRun" is a JSON string, not true or false`}},
	{"dryRun as null", `{"imageName":"base","dryRun":null}`, []string{`"dryRun" is null`}},
	{"tags as a list", `{"imageName":"base","tags":["a"]}`, []string{`field "tags" is a JSON array, not an object of strings`}},
	{"a tag with a number", `{"imageName":"base","tags":{"Cost":7}}`, []string{"tags", "a JSON number, not a string"}},
	{"no image", `{"images":[]}`, []string{"images is empty", "leave it out"}},
	{"an empty image name", `{"images":["base",""]}`, []string{"images holds an empty name"}},
	{"an empty imageName", `{"imageName":""}`, []string{"imageName is empty"}},
	{"images twice", `{"images":["base"],"imageName":"base"}`, []string{"images and imageName are both there; use one"}},
	{"no tag", `{"tag":{}}`, []string{"tag is empty", "leave it out"}},
	{"an illegal image name", `{"imageName":"base image"}`, []string{`"base image" is not an image name`, "letters, digits"}},
	{"a pattern for a name", `{"imageName":"base-*"}`, []string{`"base-*" is not an image name`}},
	{"a broken pattern", `{"images":["prod-[a"]}`, []string{`"prod-[a" is not an image pattern`, "* stands for any characters"}},
	{"an illegal tag to select by", `{"tag":{"Back#up":"yes"}}`, []string{`"Back#up" is not a tag key`}},
	{"an illegal AMI name", `{"imageName":"base","amiName":"my base!"}`,
		[]string{`"my base!" is not an AMI name`, "3 to 128 letters, digits"}},
	{"an AMI name that is too short", `{"imageName":"base","amiName":"ab"}`, []string{`"ab" is not an AMI name`, "3 to 128"}},
	{"one AMI name for two images", `{"images":["base","office"],"amiName":"golden"}`,
		[]string{"amiName needs exactly one image", "amiNameTemplate"}},
	{"one AMI name for a pattern", `{"images":["base-*"],"amiName":"golden"}`,
		[]string{"amiName needs exactly one image", "amiNameTemplate"}},
	{"two AMI names", `{"imageName":"base","amiName":"golden","amiNameTemplate":"{image}-x"}`,
		[]string{"amiName and amiNameTemplate are both there; use one"}},
	{"a template without the image", `{"imageName":"base","amiNameTemplate":"golden-{date}"}`, []string{`"golden-{date}" lacks {image}`}},
	{"a template with an unknown placeholder", `{"imageName":"base","amiNameTemplate":"{image}-{day}"}`,
		[]string{"{day}", "placeholders are {image}"}},
	{"a description with an unknown placeholder", `{"imageName":"base","amiDescription":"{name}"}`,
		[]string{"AMI description", "{name}", "placeholders are {image}"}},
	{"an illegal tag key", `{"imageName":"base","tags":{"Co$t":"7"}}`, []string{`"Co$t" is not a tag key`, "1 to 128 letters"}},
	{"a tag of AWS", `{"imageName":"base","tags":{"aws:cost":"7"}}`, []string{`"aws:cost" begins with aws:`}},
	{"a tag of ours", `{"imageName":"base","tags":{"appstream-ami-exporter:trigger":"7"}}`,
		[]string{"begins with appstream-ami-exporter:"}},
	{"an illegal tag value", `{"imageName":"base","tags":{"Cost":"7$"}}`, []string{`"Cost" has a value that is not allowed`}},
	{"a tag value that is too long", `{"imageName":"base","tags":{"Cost":"` + strings.Repeat("7", 257) + `"}}`,
		[]string{`"Cost" has a value that is not allowed`, "at most 256"}},
	{"51 tags", `{"imageName":"base","tags":` + tags(51) + `}`, []string{"51 tags are too many", "an AMI has 50"}},
	{"several problems at once", `{"imageName":"base!","amiName":"a","tags":{"Co$t":"7"}}`,
		[]string{`"base!"`, `"a" is not an AMI name`, `"Co$t"`}},
	{"an event of another service", `{"source":"aws.ec2","detail-type":"EC2 AMI State Change","detail":{"State":"available"}}`,
		[]string{`source "aws.ec2"`, `detail-type "EC2 AMI State Change"`, "accepted are:"}},
	{"another event of AppStream", `{"source":"aws.appstream","detail-type":"AppStream Session Notification","detail":{}}`,
		[]string{`source "aws.appstream"`, `detail-type "AppStream Session Notification"`, "accepted are:"}},
	{"another call of AppStream", `{"source":"aws.appstream","detail-type":"AWS API Call via CloudTrail",` +
		`"detail":{"eventName":"DeleteImage"}}`,
		[]string{`"DeleteImage" makes no image`, "accepted are:"}},
	{"an image event without an image", `{"source":"pipeline","detail-type":"AppStream Image Ready","detail":{}}`,
		[]string{"names no image", "detail.imageName is missing"}},
	{"an image event with a pattern", `{"source":"pipeline","detail-type":"AppStream Image Ready","detail":{"imageName":"*"}}`,
		[]string{`"*" is not an image name`}},
	{"an event of another account", `{"source":"aws.scheduler","account":"210987654321","detail":{}}`,
		[]string{`account "210987654321"`, "123456789012"}},
	{"an event of another Region", `{"source":"aws.scheduler","region":"us-east-1","detail":{}}`,
		[]string{`Region "us-east-1"`, "eu-west-1"}},
	{"a batch of something else", `{"Records":[{"messageId":"1","eventSource":"aws:sns","body":"{}"}]}`,
		[]string{"Records[0]", `"aws:sns"`, "accepted are:"}},
	{"a batch of nothing", `{"Records":[]}`, []string{"the batch has no Records", "accepted are:"}},
}

func tags(count int) string {
	all := map[string]string{}
	for i := range count {
		all[fmt.Sprintf("Tag%d", i)] = "yes"
	}
	encoded, err := json.Marshal(all)
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return string(encoded)
}

// A refusal comes before anything is done: AWS is not even called, and the next one to ask is served.
func TestBadInput(t *testing.T) {
	t.Parallel()
	a := localtest.Start(t, localaws.Options{})
	put(a, "base", "office", "prod-1")
	for _, test := range badInputs {
		t.Run(test.name, func(t *testing.T) {
			result := localtest.Invoke(t, a, []byte(test.payload))
			check(t, "errorType", "InvalidInput", result.ErrorType)
			if !strings.HasPrefix(result.ErrorMessage, "nothing was started: ") {
				t.Errorf("the message does not say that nothing was started: %s", result.ErrorMessage)
			}
			for _, part := range test.says {
				if !strings.Contains(result.ErrorMessage, part) {
					t.Errorf("the message does not say %q: %s", part, result.ErrorMessage)
				}
			}
			// Somebody has to read it, whatever was sent.
			if len(result.ErrorMessage) > 1500 || !isSentence(result.ErrorMessage) {
				t.Errorf("the message is no sentence of %d characters: %s", len(result.ErrorMessage), result.ErrorMessage)
			}
		})
	}
	check(t, "calls to AWS", 0, len(a.Gateway.Calls()))
	checkQueues(t, a, 0, 0, 0)
	check(t, "fates of a good request", map[string]string{"base": "started"}, request(t, a, `{"imageName":"base"}`).fates())
}

func isSentence(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' }) && !strings.Contains(text, "trigger.") &&
		!strings.Contains(text, "map[")
}

// Long and strange input is quoted in part only.
func TestRefusalsAreShort(t *testing.T) {
	t.Parallel()
	a := localtest.Start(t, localaws.Options{})
	long := strings.Repeat("x\\u0000", 30_000)
	for _, payload := range []string{
		`{"` + long + `":1}`, `{"imageName":"` + long + `"}`, `{"source":"` + long + `"}`,
		`{"imageName":"base","amiNameTemplate":"` + long + `"}`,
		`{"imageName":"base","tags":{"` + long + `":"` + long + `"}}`, `{"images":["[` + long + `"]}`, strings.Repeat("x", 100_000),
	} {
		result := localtest.Invoke(t, a, []byte(payload))
		if result.ErrorType != "InvalidInput" || len(result.ErrorMessage) > 3000 {
			t.Errorf("%.40s: %s of %d characters: %.200s", payload, result.ErrorType, len(result.ErrorMessage), result.ErrorMessage)
		}
	}
}

// Bad input that nobody waits for: Lambda tries it three times under one request id and then keeps it, with what was wrong,
// for an administrator. What comes meanwhile is handled.
func TestBadInputEndsInTheFailedEventsQueue(t *testing.T) {
	t.Parallel()
	const unnamed = `{"source":"pipeline","detail-type":"AppStream Image Ready","account":"123456789012","region":"eu-west-1",` +
		`"detail":{"image":"base"}}`
	log := &localtest.Log{}
	a := localtest.Start(t, localaws.Options{OnLog: log.Add})
	put(a, "base")
	ids := []string{a.Function.InvokeAsync([]byte(`not JSON`)), a.Function.InvokeAsync([]byte(`{"images":[]}`))}
	if matched, err := a.PutEvent([]byte(unnamed)); err != nil || !matched {
		t.Fatalf("the rule takes the event: %v, %v", matched, err)
	}
	if matched, err := a.PutEvent(localtest.Event(t, "create-updated-image-denied.json")); err != nil || matched {
		t.Fatalf("the rule takes an event that it should not: %v, %v", matched, err)
	}
	fire(t, a, scheduled)

	type record struct {
		RequestContext struct {
			RequestID              string `json:"requestId"`
			Condition              string `json:"condition"`
			ApproximateInvokeCount int    `json:"approximateInvokeCount"`
		} `json:"requestContext"`
		RequestPayload  json.RawMessage `json:"requestPayload"`
		ResponsePayload struct {
			ErrorType    string `json:"errorType"`
			ErrorMessage string `json:"errorMessage"`
		} `json:"responsePayload"`
	}
	payloads := map[string]string{} // by errorMessage's beginning
	for _, message := range a.Queues.Messages(a.FailedEventsQueue) {
		var r record
		if err := json.Unmarshal([]byte(message.Body), &r); err != nil {
			t.Fatal(err)
		}
		check(t, "attempts", 3, r.RequestContext.ApproximateInvokeCount)
		check(t, "condition", "RetriesExhausted", r.RequestContext.Condition)
		check(t, "errorType", "InvalidInput", r.ResponsePayload.ErrorType)
		payloads[string(r.RequestPayload)] = r.ResponsePayload.ErrorMessage
		ids = slices.DeleteFunc(ids, func(id string) bool { return id == r.RequestContext.RequestID })

		var logged []string
		for _, line := range log.Entries(t, "invocation failed") {
			if line["requestId"] == r.RequestContext.RequestID {
				logged = append(logged, fmt.Sprint(line["error"]))
			}
		}
		check(t, "what the log says under this request id", []string{r.ResponsePayload.ErrorMessage, r.ResponsePayload.ErrorMessage,
			r.ResponsePayload.ErrorMessage}, logged)
	}
	if len(ids) > 0 {
		t.Errorf("no record has the request ids %v", ids)
	}
	for payload, says := range map[string]string{`"not JSON"`: "not a JSON object", `{"images":[]}`: "images is empty",
		unnamed: "names no image"} {
		if !strings.Contains(payloads[payload], says) {
			t.Errorf("the record of %s does not say %q: %q", payload, says, payloads[payload])
		}
	}
	check(t, "notifications", map[string][]notify.Type{"base": startedAndCompleted}, told(t, a))
	checkQueues(t, a, 0, 0, 3)
}

// batchOf is an SQS batch by hand, so that a test says which messages come together.
func batchOf(t *testing.T, bodies ...string) []byte {
	t.Helper()
	type attributes struct{ ApproximateReceiveCount string }
	type record struct {
		MessageID     string     `json:"messageId"`
		ReceiptHandle string     `json:"receiptHandle"`
		Body          string     `json:"body"`
		EventSource   string     `json:"eventSource"`
		QueueARN      string     `json:"eventSourceARN"`
		Attributes    attributes `json:"attributes"`
	}
	var batch struct{ Records []record }
	for i, body := range bodies {
		batch.Records = append(batch.Records, record{fmt.Sprintf("message-%d", i+1), "handle", body, "aws:sqs", localaws.SampleQueueARN,
			attributes{"1"}})
	}
	payload, err := json.Marshal(batch)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

const workTrigger = `"trigger":{"type":"request","id":"r-1","time":"2026-11-23T02:00:00Z"},"since":"2026-11-23T02:00:00Z",` +
	`"deadline":"2036-11-23T02:00:00Z"`

// A message that cannot be read goes to the dead-letter queue at once, not after a thousand receives, and the rest of its
// batch is handled as if it were not there.
func TestUnreadableMessages(t *testing.T) {
	t.Parallel()
	log := &localtest.Log{}
	a := localtest.Start(t, localaws.Options{OnLog: log.Add})
	put(a, "base", "office")
	unreadable := []string{
		`not JSON`, `{}`, `{` + workTrigger + `}`, `{` + workTrigger + `,"watch":{}}`,
		`{` + workTrigger + `,"request":{"ask":{}},"watch":{"taskId":"x","imageName":"y"}}`,
		`{"request":{"ask":{}}}`,
	}
	good := []string{
		`{` + workTrigger + `,"request":{"ask":{},"only":["base"]}}`,
		// From a newer version, which was rolled back since.
		`{` + workTrigger + `,"request":{"ask":{},"only":["office"]},"colour":"blue"}`,
	}
	bodies := slices.Concat(good[:1], unreadable, good[1:])
	checkJSON(t, "reply", done, localtest.Invoke(t, a, batchOf(t, bodies...)).Payload)
	// And one more through the queue itself.
	if _, err := a.Queues.Send(a.WorkQueue, "hello"); err != nil {
		t.Fatal(err)
	}
	localtest.Settle(t, a)

	var dead []string
	for _, message := range a.Queues.Messages(a.DeadLetterQueue) {
		dead = append(dead, message.Body)
	}
	slices.Sort(dead)
	want := slices.Sorted(slices.Values(append(unreadable, "hello")))
	check(t, "dead letters", want, dead)
	check(t, "notifications", map[string][]notify.Type{"base": startedAndCompleted, "office": startedAndCompleted}, told(t, a))
	lines := log.Entries(t, "a work message cannot be read and goes to the dead-letter queue")
	check(t, "log lines", len(want), len(lines))
	for _, line := range lines {
		if line["level"] != "ERROR" || line["messageId"] == "" || line["error"] == "" || line["requestId"] == "" {
			t.Errorf("the log says: %v", line)
		}
	}
}

// Where the dead-letter queue takes nothing, the message comes again, alone.
func TestUnreadableMessageThatCannotBeMoved(t *testing.T) {
	t.Parallel()
	a := localtest.Start(t, localaws.Options{})
	put(a, "base")
	a.Gateway.SetFault(func(call gateway.Call) gateway.Effect {
		if call.Action == "SendMessage" && call.Param("MessageBody") == "hello" {
			return gateway.Effect{Kind: gateway.Refuse, Status: 403, Code: "AccessDenied", Message: "no"}
		}
		return gateway.Effect{}
	})
	reply := localtest.Invoke(t, a, batchOf(t, "hello", `{`+workTrigger+`,"request":{"ask":{},"only":["base"]}}`)).Payload
	checkJSON(t, "reply", fmt.Sprintf(kept, "message-1"), reply)
	localtest.Settle(t, a)
	if diff := cmp.Diff(map[string][]notify.Type{"base": startedAndCompleted}, told(t, a)); diff != "" {
		t.Errorf("notifications (-want +got):\n%s", diff)
	}
}
