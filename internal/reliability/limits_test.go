package reliability

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/notify"
)

// TestNamesAtTheirLimits exports images with the shortest and the longest names, under templates that AMI names have no room for.
func TestNamesAtTheirLimits(t *testing.T) {
	long := strings.Repeat("x", 100)
	names := []string{"a", "7", long + "1", long + "2"} // the long ones differ in their 101st character only
	legal := regexp.MustCompile(`^[a-zA-Z0-9().\-/_]{3,128}$`)
	for _, template := range []string{"{image}", "{image}-{created}", "{image}-{created}-{region}-{account}", "{region}/{account}/" +
		strings.Repeat("y", 60) + "/{image}"} {
		t.Run(template, func(t *testing.T) {
			inWorld(t, worldOptions{parameters: map[string]string{"AmiNameTemplate": template}}, func(t *testing.T, w *world) {
				for _, name := range names {
					w.appStream.PutImage(appstream.Image{Name: name})
				}
				w.fireSchedule(time.Now())
				w.settle(24 * time.Hour)
				w.fireSchedule(time.Now()) // the names are the same the next night
				w.settle(24 * time.Hour)
				amis := map[string]string{}
				for _, ami := range w.appStream.AMIs() {
					if other, taken := amis[ami.Name]; taken || !legal.MatchString(ami.Name) {
						t.Errorf("the AMI of %s is called %s; of %q", ami.ImageName, ami.Name, other)
					}
					amis[ami.Name] = ami.ImageName
				}
				if len(amis) != len(names) || len(w.appStream.Tasks()) != len(names) {
					t.Errorf("there are %d AMIs of %d exports, want %d of as many", len(amis), len(w.appStream.Tasks()), len(names))
				}
				for _, p := range w.mailbox {
					checkSubjectIsSafe(t, p)
				}
			})
		})
	}
}

// TestTagsAtTheirLimits exports images with as many tags as there can be, in many alphabets.
func TestTagsAtTheirLimits(t *testing.T) {
	inWorld(t, worldOptions{parameters: map[string]string{"AmiTags": "Equipo=Diseño"}}, func(t *testing.T, w *world) {
		full := map[string]string{"Ключ": "значение", "鍵": "値 値", strings.Repeat("長", 128): strings.Repeat("字", 256), "AWS:like": "x",
			"empty": ""}
		for i := len(full); i < 50; i++ {
			full[fmt.Sprintf("tag-%02d", i)] = "x"
		}
		w.appStream.PutImage(appstream.Image{Name: "full", Tags: full})
		w.appStream.PutImage(appstream.Image{Name: "unicode", Tags: map[string]string{"Ключ": "значение", "鍵": "値 値"}})
		w.fireSchedule(time.Now())
		w.run(time.Now().Add(5 * time.Hour))

		for _, task := range w.appStream.Tasks() {
			if task.Tags["appstream-ami-exporter:trigger-id"] == "" || task.Tags["appstream-ami-exporter:image-arn"] == "" ||
				task.Tags["Equipo"] != "Diseño" {
				t.Errorf("the AMI of %s lacks our tags or the stack's: %v", task.ImageName, task.Tags)
			}
			if want := map[string]int{"full": 42, "unicode": 10}[task.ImageName]; len(task.Tags) != want {
				t.Errorf("the AMI of %s has %d tags, want %d", task.ImageName, len(task.Tags), want)
			}
			if task.ImageName == "unicode" && (task.Tags["Ключ"] != "значение" || task.Tags["鍵"] != "値 値") {
				t.Errorf("the AMI of %s lacks the image's tags: %v", task.ImageName, task.Tags)
			}
		}
		// An image with 50 tags has no room for the mark, which its owner hears of, once.
		unmarked := 0
		for _, d := range w.documents() {
			if d.Error != nil && d.Error.Code == "NotMarked" && d.ImageName == "full" && d.Type == notify.ExportCompleted &&
				strings.Contains(d.Error.Hint, "remove") {
				unmarked++
			}
		}
		if len(w.appStream.Tasks()) != 2 || unmarked != 1 {
			t.Errorf("%d exports were started, want 2; of the mark was told %d times, want once: %+v", len(w.appStream.Tasks()), unmarked,
				w.documents())
		}
		// Room is made, and the mark is set after all.
		delete(full, "tag-48")
		delete(full, "tag-49")
		created := w.appStream.Images()[0].CreatedTime
		w.appStream.PutImage(appstream.Image{Name: "full", Tags: full, CreatedTime: created})
		w.settle(4 * 24 * time.Hour)
		if w.appStream.TagsOf("full")["appstream-ami-exporter:ami-id"] == "" {
			t.Error("the image is not marked, though there is room now")
		}
	})
}

// TestHugeSweep has ten thousand images with long names meet an export limit: what waits fills several messages, each of which
// SQS takes, and none is forgotten.
func TestHugeSweep(t *testing.T) {
	count := 10_000
	if raceDetector {
		count = 3_000 // make test runs it again without
	}
	inWorld(t, worldOptions{appStream: appstream.Options{MaxConcurrentExports: 2}}, func(t *testing.T, w *world) {
		for i := range count {
			w.appStream.PutImage(appstream.Image{Name: fmt.Sprintf("win-%s-%05d", strings.Repeat("x", 90), i)})
		}
		w.fireSchedule(time.Now())
		w.run(time.Now().Add(30 * time.Second)) // before anything comes out of the queue
		kept := map[string]int{}
		requests := 0
		for _, body := range w.work.bodies() {
			var item struct{ Request *struct{ Only []string } }
			if err := json.Unmarshal([]byte(body), &item); err != nil {
				t.Fatal(err)
			}
			if item.Request == nil {
				continue
			}
			requests++
			for _, name := range item.Request.Only {
				kept[name]++
			}
		}
		for _, task := range w.appStream.Tasks() {
			kept[task.ImageName]++
		}
		if len(kept) != count || requests < 3 {
			t.Errorf("%d images are exported or wait in %d requests, want %d in several", len(kept), requests, count)
		}
		for name, n := range kept {
			if n != 1 {
				t.Fatalf("%s is there %d times", name, n)
			}
		}
		starts := 0
		for _, call := range w.calls {
			if call.Action == "CreateExportImageTask" {
				starts++
			}
		}
		if starts > 2+16 { // those that are on their way when the limit shows
			t.Errorf("%d exports were asked for, though AppStream makes two at a time", starts)
		}
		if len(w.failed.messages) > 0 {
			t.Error("the sweep failed")
		}
	})
}

// TestClocksThatJump has the function's clock jump by hours from one look to the next, back and forth.
func TestClocksThatJump(t *testing.T) {
	jumps := []time.Duration{0, 5 * time.Hour, -3 * time.Hour, 30 * time.Minute, -26 * time.Hour, 26 * time.Hour, -time.Second}
	var looks atomic.Int64
	options := worldOptions{skew: func() time.Duration { return jumps[looks.Add(1)%int64(len(jumps))] }}
	inWorld(t, options, func(t *testing.T, w *world) {
		w.appStream.PutImage(appstream.Image{Name: "win-2"})
		w.appStream.PutImage(appstream.Image{Name: "win-1", State: types.ImageStatePending,
			Becomes: []appstream.StateChange{{After: time.Hour, State: types.ImageStateAvailable}}})
		w.fireSchedule(time.Now())
		w.settle(3 * 24 * time.Hour)
		if got := len(w.appStream.AMIs()); got != 2 {
			t.Errorf("there are %d AMIs, want 2", got)
		}
		for _, d := range w.documents() {
			if d.Type != notify.ExportStarted && d.Type != notify.ExportCompleted || d.DurationSeconds != nil && *d.DurationSeconds < 0 {
				t.Errorf("told was %+v", d)
			}
		}
		checkNothingLeft(t, w)
	})
}

// TestClockBehindAtTheLastReceive has no negative waits be told. A message comes to its last receive only where it cannot be renewed.
func TestClockBehindAtTheLastReceive(t *testing.T) {
	begun := time.Time{}
	options := worldOptions{variables: map[string]string{"MAX_RECEIVE_COUNT": "10"}, skew: func() time.Duration {
		if time.Since(begun) > time.Minute {
			return -5 * time.Hour
		}
		return 0
	}}
	options.fault = func(call gateway.Call) gateway.Effect {
		if call.Action == "SendMessage" && time.Since(begun) > time.Minute {
			return gateway.Effect{Kind: gateway.Refuse, Code: "InternalError", Status: 500}
		}
		return gateway.Effect{}
	}
	inWorld(t, options, func(t *testing.T, w *world) {
		begun = time.Now()
		w.work.MaxReceiveCount = 10
		neverReady(w)
		w.settle(24 * time.Hour)
		got := w.documents()
		if len(got) != 1 || got[0].Type != notify.ExportGivenUp || !strings.Contains(got[0].Summary, "within 0s") {
			t.Errorf("told was %+v", got)
		}
		checkNothingLeft(t, w)
	})
}

// hostile is what nobody should be able to bring into a log or the subject of an e-mail.
const hostile = "x\n{\"level\":\"ERROR\"}\r\x00\x1b[31m\x7f\u0085\u009b\u2028\u2029\ufffe\U0001F4A3 ünï\xff\t\"'<script>"

// TestNothingHostileIsShown sends odd text wherever somebody else's text comes in: in events, requests, work and AppStream's own
// answers. No line of the log breaks, and no subject holds more than printable ASCII.
func TestNothingHostileIsShown(t *testing.T) {
	quoted, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	payloads := []string{
		hostile, string(quoted), "[" + string(quoted) + "]",
		fmt.Sprintf(`{"detail-type":"AppStream Image Ready","source":%s,"id":%[1]s,"detail":{"imageName":%[1]s}}`, quoted),
		fmt.Sprintf(`{"detail-type":%s,"source":"aws.appstream","detail":{}}`, quoted),
		fmt.Sprintf(`{"detail-type":"AppStream Image Ready","source":"me","id":%s,"detail":{"imageName":"win-1"}}`, quoted),
		fmt.Sprintf(`{"detail-type":"AppStream Image Ready","source":"me","account":%s,"detail":{"imageName":"win-1"}}`, quoted),
		fmt.Sprintf(`{"source":"aws.scheduler","resources":[%s],"time":"2026-11-23T02:00:00Z"}`, quoted),
		fmt.Sprintf(`{"images":[%s]}`, quoted), fmt.Sprintf(`{%s:1}`, quoted),
		fmt.Sprintf(`{"images":["win-*"],"amiDescription":%s}`, quoted),
		fmt.Sprintf(`{"images":["win-1"],"amiName":%s}`, quoted), fmt.Sprintf(`{"images":["win-1"],"tags":{%s:%[1]s}}`, quoted),
		fmt.Sprintf(`{"tag":{%s:%[1]s}}`, quoted),
		fmt.Sprintf(`{"images":["win-[%s"]}`, "\\n"), fmt.Sprintf(`{"images":["win-1"],"amiNameTemplate":%s}`, quoted),
		fmt.Sprintf(`{"detail-type":"AWS API Call via CloudTrail","source":"aws.appstream","detail":{"eventName":"CopyImage",`+
			`"errorCode":%s}}`, quoted),
		fmt.Sprintf(`{"detail-type":"AWS API Call via CloudTrail","source":"aws.appstream","detail":{"eventName":"CopyImage",`+
			`"requestParameters":{"destinationRegion":%s}}}`, quoted),
		fmt.Sprintf(`{"detail-type":"AWS API Call via CloudTrail","source":"aws.appstream","detail":{"eventName":%s}}`, quoted),
		fmt.Sprintf(`{"Records":[{"messageId":%s,"receiptHandle":%[1]s,"eventSource":"aws:sqs","eventSourceARN":%[1]s,"body":%[1]s}]}`,
			quoted),
		fmt.Sprintf(`{"Records":[{"messageId":"1","eventSource":%s,"body":""}]}`, quoted),
		`{"images":["broken","win-1","` + strings.Repeat("x", 101) + `"]}`,
	}
	var log bytes.Buffer
	inWorld(t, worldOptions{log: &log, fault: func(call gateway.Call) gateway.Effect {
		if call.Action == "CreateExportImageTask" && call.Param("ImageName") == "win-1" {
			return gateway.Effect{Kind: gateway.Refuse, Code: "OperationNotPermittedException", Message: hostile}
		}
		return gateway.Effect{}
	}}, func(t *testing.T, w *world) {
		w.appStream.PutImage(appstream.Image{Name: "win-1"})
		w.appStream.PutImage(appstream.Image{Name: strings.Repeat("x", 101), Tags: map[string]string{"a": "ü"}})
		w.appStream.PutImage(appstream.Image{Name: "broken", State: types.ImageStateFailed,
			StateChangeReason: appstream.StateChangeReason{Code: types.ImageStateChangeReasonCodeInternalError, Message: hostile}})
		for _, payload := range payloads {
			if result := w.invoke([]byte(payload)); result.Failed() && hasControl(result.ErrorMessage) {
				t.Errorf("the error of %q has control characters: %q", payload, result.ErrorMessage)
			}
		}
		w.settle(5 * 24 * time.Hour)
		if len(w.mailbox) == 0 || !strings.Contains(log.String(), "broken") {
			t.Error("nothing was told or logged")
		}
		for _, p := range w.mailbox {
			checkSubjectIsSafe(t, p)
			if hasControl(strings.ReplaceAll(p.body, "\n", "")) {
				t.Errorf("a notification has control characters: %q", p.body)
			}
		}
		for line := range strings.Lines(log.String()) {
			text := strings.TrimSuffix(line, "\n")
			if !json.Valid([]byte(text)) || !utf8.ValidString(text) || hasControl(text) {
				t.Errorf("a line of the log is not safe: %q", text)
			}
		}
	})
}

// hasControl tells whether the text has characters that a terminal or a mail program acts on instead of showing.
func hasControl(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }) >= 0
}

func checkSubjectIsSafe(t *testing.T, p publication) {
	t.Helper()
	unprintable := strings.IndexFunc(p.subject, func(r rune) bool { return r < ' ' || r > '~' }) >= 0
	if p.subject == "" || len(p.subject) > 99 || unprintable {
		t.Errorf("the subject is %q", p.subject)
	}
}
