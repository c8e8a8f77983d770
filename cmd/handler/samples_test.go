package main_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/notify"
)

// sample is what becomes of one of the sample events. In the reply, $ID is the request id of the invocation and $NOW its time.
type sample struct {
	images []string // those that the account has, all of them tagged Backup=yes
	reply  string
	rule   bool // the stack's rule takes it
	told   map[string][]notify.Type
}

// one is the reply where one image is started and nothing else is to be said.
func one(triggerType, id, when, image, ami string) string {
	return fmt.Sprintf(`{"trigger":{"type":%q,"id":%q,"time":%q},"started":[{"imageName":%q,"amiName":%q,"taskId":%q}],"waiting":[],`+
		`"skipped":[],"rejected":[]}`,
		triggerType, id, when, image, ami, taskID(1))
}

// ignored is the reply to an event that asks for nothing.
func ignored(why string) string {
	return fmt.Sprintf(`{"ignored":%q,"started":[],"waiting":[],"skipped":[],"rejected":[]}`, why)
}

// nightly is the schedule of the samples.
const nightly = "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/appstream-ami-exporter-ExportFunctionNightly"

// samples are all the files of events/ that are no batches of the queue.
var samples = map[string]sample{
	"schedule.json":          sweep(nightly+"@2026-11-23T02:00:00Z", "2026-11-23T02:00:00Z"),
	"scheduler-default.json": sweep(nightly+"@2026-11-23T02:00:00Z", "2026-11-23T02:00:00Z"),
	"scheduled-rule.json": sweep("arn:aws:events:eu-west-1:123456789012:rule/nightly-image-export@2026-11-23T02:00:00Z",
		"2026-11-23T02:00:00Z"),
	"empty.json": sweep("$ID", "$NOW"),

	"create-image.json":          event("win2022-base-7", "c41c1d9e-31a3-4f5e-bb6c-2f9f3c6a7d10", "2026-11-23T10:15:00Z"),
	"create-updated-image.json":  event("win2022-base-8", "7f1b5c1c-49a5-4a63-9c53-6d4b93f3de02", "2026-11-23T11:30:12Z"),
	"create-imported-image.json": event("win2025-imported-1", "1e3d5c7b-9a8f-4e6d-8c4b-2a1f0e9d8c7b", "2026-11-23T12:05:31Z"),
	"copy-image.json":            event("win2022-base-7-copy", "3c5b7a99-8e7d-4c6b-9a5f-4e3d2c1b0a9f", "2026-11-23T13:45:09Z"),
	"image-ready.json":           event("win2025-dev-3", "d3e5f709-1b2c-4d3e-9f40-5162738495a6", "2026-11-23T14:20:00Z"),

	"create-updated-image-dry-run.json": {reply: ignored("CreateUpdatedImage was a dry run, so no image is made"),
		images: []string{"win2022-base-8"}},
	"create-updated-image-denied.json": {reply: ignored("CreateUpdatedImage was refused by AppStream (AccessDenied), so no image is made"),
		images: []string{"win2022-base-8"}},
	"copy-image-other-region.json": {reply: ignored(`the image is copied to Region "us-east-1", this function exports images of eu-west-1`),
		images: []string{"win2022-base-7-copy"}},

	"request-image.json": {
		images: []string{"win2022-base-7", "other"},
		reply:  one("request", "$ID", "$NOW", "win2022-base-7", "win2022-base-7-golden"),
		told:   map[string][]notify.Type{"win2022-base-7": startedAndCompleted},
	},
	"request.json": {
		images: []string{"prod-office-1", "prod-test", "other"},
		reply: `{"trigger":{"type":"request","id":"$ID","time":"$NOW"},
			"started":[{"imageName":"prod-office-1","amiName":"prod-office-1-before-migration-$DATE",
				"taskId":"00000000-0000-4000-8000-000000000001"}],"waiting":[],
			"skipped":[{"imageName":"other","reason":"not selected"},{"imageName":"prod-test","reason":"not selected"}],"rejected":[]}`,
		told: map[string][]notify.Type{"prod-office-1": startedAndCompleted},
	},
	"request-dry-run.json": {
		images: []string{"base", "office"},
		reply: `{"trigger":{"type":"request","id":"$ID","time":"$NOW"},"dryRun":true,"wouldStart":[
			{"imageName":"base","amiName":"base-20261120T101500Z"},{"imageName":"office","amiName":"office-20261120T101500Z"}],
			"started":[],"waiting":[],"skipped":[],"rejected":[]}`,
	},
}

func sweep(id, when string) sample {
	return sample{
		images: []string{"base"},
		reply:  one("schedule", id, when, "base", amiOf("base")),
		told:   map[string][]notify.Type{"base": startedAndCompleted},
	}
}

func event(image, id, when string) sample {
	return sample{
		images: []string{image, "other"},
		rule:   true,
		reply:  one("image-ready", id, when, image, amiOf(image)),
		told:   map[string][]notify.Type{image: startedAndCompleted},
	}
}

// Each sample gets the reply that its page says, and then, sent once more the way that AWS would send it, changes nothing:
// the image has its AMI.
func TestSamples(t *testing.T) {
	t.Parallel()
	for name, want := range samples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := localtest.Start(t, localaws.AccountOptions{AppStream: appstream.Options{NewID: counted()}})
			for _, image := range want.images {
				a.AppStream.PutImage(appstream.Image{Name: image, CreatedTime: made, Tags: map[string]string{"Backup": "yes"}})
			}
			payload := localtest.Event(t, name)
			result := localtest.Invoke(t, a, payload)
			if result.Failed() {
				t.Fatalf("%s: %s", result.ErrorType, result.ErrorMessage)
			}
			now := triggerTime(t, result)
			reply := strings.NewReplacer("$ID", result.RequestID, "$NOW", now.Format(time.RFC3339), "$DATE",
				now.Format("20060102")).Replace(want.reply)
			checkJSON(t, "reply", reply, result.Payload)
			localtest.Settle(t, a)
			if want.told == nil {
				want.told = map[string][]notify.Type{}
			}
			check(t, "notifications", want.told, told(t, a))

			matched, err := a.PutEvent(payload)
			if err != nil || matched != want.rule {
				t.Errorf("the stack's rule takes it: %v, %v; want %v", matched, err, want.rule)
			}
			localtest.Settle(t, a)
			check(t, "notifications after a second delivery", want.told, told(t, a))
			checkQueues(t, a, 0, 0, 0)
		})
	}
}

// triggerTime is the time of the trigger in the reply. Where that is the invocation's own, it is checked; the others are the
// samples'.
func triggerTime(t *testing.T, result localaws.InvokeResult) time.Time {
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

// A sample that no test sends could be wrong for years.
func TestEverySampleIsSent(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(localtest.Root(t), "events", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		names = append(names, filepath.Base(file))
	}
	sent := slices.Sorted(maps.Keys(samples))
	sent = append(sent, "sqs-request.json", "sqs-watch.json")
	check(t, "samples", names, sent)

	// And every one is explained.
	readme, err := os.ReadFile(filepath.Join(localtest.Root(t), "events", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !strings.Contains(string(readme), "`"+name+"`") {
			t.Errorf("events/README.md does not explain %s", name)
		}
	}
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
	a := localtest.Start(t, localaws.AccountOptions{AppStream: appstream.Options{
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
			a := localtest.Start(t, localaws.AccountOptions{Scale: 1})
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
				checkJSON(t, "request", test.left, []byte(requests[0]))
			}
			want := map[string][]notify.Type{}
			for _, image := range test.available {
				want[image] = []notify.Type{notify.ExportStarted}
			}
			check(t, "notifications", want, told(t, a))
		})
	}
}
