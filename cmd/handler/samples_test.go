package main_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/lambda"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/trigger/triggertest"
)

// outcome is what becomes of one of the sample events. In the reply, $ID is the request id of the invocation and $NOW its time.
type outcome struct {
	images []string // those that the account has, all of them tagged Backup=yes
	reply  string
	told   map[string][]notify.Type
}

// requests are the outcomes of the samples that choose images for themselves.
var requests = map[string]outcome{
	"request-image.json": {
		images: []string{"win2022-base-7", "other"},
		reply: `{"trigger":{"type":"request","id":"$ID","time":"$NOW"},
			"started":[{"imageName":"win2022-base-7","amiName":"win2022-base-7-golden","taskId":"00000000-0000-4000-8000-000000000001"}],
			"waiting":[],"skipped":[],"rejected":[]}`,
		told: map[string][]notify.Type{"win2022-base-7": startedAndCompleted},
	},
	"request.json": {
		images: []string{"prod-office-1", "prod-test", "other"},
		reply: `{"trigger":{"type":"request","id":"$ID","time":"$NOW"},
			"started":[{"imageName":"prod-office-1","amiName":"prod-office-1-before-migration-$DATE",
				"taskId":"00000000-0000-4000-8000-000000000001"}],
			"waiting":[],
			"skipped":[{"imageName":"other","reason":"not selected: its name does not fit"},{"imageName":"prod-test",
				"reason":"not selected: its name does not fit"}],
			"rejected":[]}`,
		told: map[string][]notify.Type{"prod-office-1": startedAndCompleted},
	},
	"request-dry-run.json": {
		images: []string{"base", "office"},
		reply: `{"trigger":{"type":"request","id":"$ID","time":"$NOW"},"dryRun":true,"wouldStart":[
			{"imageName":"base","amiName":"base-20261120T101500Z"},{"imageName":"office","amiName":"office-20261120T101500Z"}],
			"started":[],"waiting":[],"skipped":[],"rejected":[]}`,
		told: map[string][]notify.Type{},
	},
}

// outcomeOf is what becomes of a sample: what is ignored exports nothing, an event the image that it names, a schedule the one
// image that there is.
func outcomeOf(t *testing.T, sample triggertest.Sample) outcome {
	t.Helper()
	input := sample.Input
	switch {
	case input.Ignored != "":
		return outcome{
			images: []string{"base"},
			reply:  fmt.Sprintf(`{"ignored":%q,"started":[],"waiting":[],"skipped":[],"rejected":[]}`, input.Ignored),
			told:   map[string][]notify.Type{},
		}
	case input.Trigger.ChoosesImages():
		want, known := requests[sample.File]
		if !known {
			t.Fatalf("no test says what becomes of %s", sample.File)
		}
		return want
	}
	image := cmp.Or(input.Spec.ImageName, "base")
	images := []string{image}
	if input.Trigger.AnnouncesImage() {
		images = append(images, "other")
	}
	id, when := input.Trigger.ID, input.Trigger.Time.Format(time.RFC3339)
	if id == triggertest.Invocation.RequestID {
		id, when = "$ID", "$NOW"
	}
	return outcome{
		images: images,
		reply: fmt.Sprintf(`{"trigger":{"type":%q,"id":%q,"time":%q},"started":[{"imageName":%q,"amiName":%q,"taskId":%q}],
			"waiting":[],"skipped":[],"rejected":[]}`, input.Trigger.Type, id, when, image, amiOf(image), taskID(1)),
		told: map[string][]notify.Type{image: startedAndCompleted},
	}
}

// Each sample gets the reply that its page says, and then, sent once more the way that AWS would send it, changes nothing:
// the image has its AMI.
func TestSamples(t *testing.T) {
	t.Parallel()
	for _, sample := range triggertest.Samples {
		if sample.Input.Batch != nil {
			continue // TestSampleWatch and TestSampleRequest
		}
		t.Run(sample.File, func(t *testing.T) {
			t.Parallel()
			want := outcomeOf(t, sample)
			a := localtest.Start(t, localaws.Options{AppStream: appstream.Options{NewID: counted()}})
			for _, image := range want.images {
				a.AppStream.PutImage(appstream.Image{Name: image, CreatedTime: made, Tags: map[string]string{"Backup": "yes"}})
			}
			payload := localtest.Event(t, sample.File)
			result := localtest.Invoke(t, a, payload)
			if result.Failed() {
				t.Fatalf("%s: %s", result.ErrorType, result.ErrorMessage)
			}
			now := triggerTime(t, result)
			values := strings.NewReplacer("$ID", result.RequestID, "$NOW", now.Format(time.RFC3339), "$DATE", now.Format("20060102"))
			checkJSON(t, "reply", values.Replace(want.reply), result.Payload)
			localtest.Settle(t, a)
			check(t, "notifications", want.told, told(t, a))

			matched, err := a.PutEvent(payload)
			if err != nil || matched != sample.PassesRule {
				t.Errorf("the stack's rule takes it: %v, %v; want %v", matched, err, sample.PassesRule)
			}
			localtest.Settle(t, a)
			check(t, "notifications after a second delivery", want.told, told(t, a))
			checkQueues(t, a, 0, 0, 0)
		})
	}
}

// triggerTime is the time of the trigger in the reply. Where that is the invocation's own, it is checked; the others are the
// samples'.
func triggerTime(t *testing.T, result lambda.Result) time.Time {
	t.Helper()
	var reply struct {
		Trigger struct {
			ID   string    `json:"id"`
			Time time.Time `json:"time"`
		} `json:"trigger"`
	}
	if err := json.Unmarshal(result.Payload, &reply); err != nil {
		t.Fatal(err)
	}
	now := reply.Trigger.Time
	if reply.Trigger.ID == result.RequestID && (now.Before(result.Started.Truncate(time.Second)) ||
		now.After(result.Started.Add(result.Duration))) {
		t.Errorf("the invocation of %v has the time %v", result.Started, now)
	}
	return now
}

// exportByHand starts an export past the function, as somebody at the console would.
func exportByHand(t *testing.T, a *localaws.Account, image, ami string) {
	t.Helper()
	body := fmt.Sprintf(`{"ImageName":%q,"AmiName":%q,"IamRoleArn":"arn:aws:iam::123456789012:role/export"}`, image, ami)
	call := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	call.Header.Set("Content-Type", "application/x-amz-json-1.1")
	call.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-west-1/appstream/aws4_request, "+
		"SignedHeaders=host, Signature=00")
	call.Header.Set("X-Amz-Target", "PhotonAdminProxyService.CreateExportImageTask")
	answer := httptest.NewRecorder()
	a.AppStream.ServeHTTP(answer, call)
	if answer.Code != http.StatusOK {
		t.Fatalf("CreateExportImageTask: %s", answer.Body)
	}
}

const (
	kept = `{"batchItemFailures":[{"itemIdentifier":%q}]}`
	done = `{"batchItemFailures":[]}`
)

// The watch of the sample is kept while its task runs and is done when it has ended.
func TestSampleWatch(t *testing.T) {
	t.Parallel()
	const id = "3f0c2f0e-8a55-4c1c-9f0e-0d3c5b0c7a11"
	ended := make(chan struct{})
	now := func() time.Time {
		select {
		case <-ended:
			return time.Now().Add(time.Hour)
		default:
			return time.Now()
		}
	}
	a := localtest.Start(t, localaws.Options{AppStream: appstream.Options{
		NewID: func() string { return id }, Now: now, ExportDuration: func(string, string) time.Duration { return time.Hour },
	}})
	put(a, "win2022-base-7")
	exportByHand(t, a, "win2022-base-7", amiOf("win2022-base-7"))
	payload := localtest.Event(t, "sqs-watch.json")

	checkJSON(t, "reply while it runs", fmt.Sprintf(kept, "059f36b4-87a3-44ab-83d2-661975830a7d"), localtest.Invoke(t, a, payload).Payload)
	check(t, "documents while it runs", 0, len(localtest.Documents(t, a)))
	close(ended)
	checkJSON(t, "reply when it has ended", done, localtest.Invoke(t, a, payload).Payload)
	documents := localtest.Documents(t, a)
	if len(documents) != 1 {
		t.Fatalf("%d documents", len(documents))
	}
	check(t, "id", id+":COMPLETED", documents[0].ID)
	check(t, "trigger", notify.Trigger{
		Type: "schedule", ID: "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/nightly@2026-11-23T02:00:00Z", Time: scheduled,
	}, documents[0].Trigger)
	checkMarks(t, a)
}

// The request of the sample is kept whole while none of its images can be started, and shrinks to what is left.
func TestSampleRequest(t *testing.T) {
	t.Parallel()
	const messageID = "2e1424d4-f796-459a-8184-9c92662be6da"
	const trigger = `"trigger":{"type":"schedule",` +
		`"id":"arn:aws:scheduler:eu-west-1:123456789012:schedule/default/nightly@2026-11-23T02:00:00Z","time":"2026-11-23T02:00:00Z"}`
	for _, test := range []struct {
		name      string
		available []string
		reply     string
		left      string // of the request, in the queue
	}{
		{"both wait", nil, fmt.Sprintf(kept, messageID), ""},
		{"one waits", []string{"win2022-cad-3"}, done,
			`{` + trigger + `,"since":"2026-11-23T02:00:03Z","deadline":"2036-11-23T02:00:03Z","request":{"ask":{},` +
				`"only":["win2022-base-7"]}}`},
		{"none waits", []string{"win2022-base-7", "win2022-cad-3"}, done, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			// Time that hardly passes, so that the queue can be looked at.
			a := localtest.Start(t, localaws.Options{Scale: 1})
			put(a, "not asked for")
			for _, image := range []string{"win2022-base-7", "win2022-cad-3"} {
				state := types.ImageStatePending
				if slices.Contains(test.available, image) {
					state = types.ImageStateAvailable
				}
				a.AppStream.PutImage(appstream.Image{Name: image, CreatedTime: made, State: state})
			}
			checkJSON(t, "reply", test.reply, localtest.Invoke(t, a, localtest.Event(t, "sqs-request.json")).Payload)

			var requests, watches []string
			for _, message := range a.Queues.Messages(a.WorkQueue) {
				if strings.Contains(message.Body, `"watch":`) {
					watches = append(watches, message.Body)
					continue
				}
				requests = append(requests, message.Body)
			}
			check(t, "watches", len(test.available), len(watches))
			if test.left == "" {
				check(t, "requests", nil, requests)
			} else if len(requests) != 1 {
				t.Errorf("%d requests, want one: %v", len(requests), requests)
			} else {
				checkJSON(t, "request", test.left, progress.ReplaceAll([]byte(requests[0]), nil))
			}
			want := map[string][]notify.Type{}
			for _, image := range test.available {
				want[image] = []notify.Type{notify.ExportStarted}
			}
			check(t, "notifications", want, told(t, a))
		})
	}
}

// progress is when a request last started something, which is a matter of this machine.
var progress = regexp.MustCompile(`,"progress":"[^"]*"`)
