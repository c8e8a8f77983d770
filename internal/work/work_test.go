package work_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/trigger"
	"appstream-ami-exporter/internal/work"
)

var since = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

func base() work.Item {
	return work.Item{
		Trigger: trigger.Trigger{Type: trigger.Schedule,
			ID: "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/nightly@2026-11-23T02:00:00Z", Time: since},
		Since:    since,
		Deadline: since.Add(72 * time.Hour),
	}
}

func request() work.Item {
	item := base()
	item.Request = &work.Request{
		Spec: trigger.Spec{Images: []string{"prod-*", "!prod-test"}, Tag: map[string]string{"Backup": "yes"},
			AMINameTemplate: "{image}-{date}",
			AMIDescription:  "Ünïcode <&>\n\"quoted\"", Tags: map[string]string{"a": "b"}},
		Only: []string{"prod-1", "prod-2"},
	}
	return item
}

func watch() work.Item {
	item := base()
	item.Watch = &work.Watch{TaskID: "3f0c2f0e-8a55-4c1c-9f0e-0d3c5b0c7a11", ImageARN: "arn:aws:appstream:eu-west-1:123456789012:image/win",
		AMIName:   "win-1",
		ImageName: "win", Created: since.Add(3 * time.Second), EndPublished: true}
	return item
}

func notice() work.Item {
	item := base()
	item.Notice = &notify.Document{
		Summary: "s", SchemaVersion: notify.SchemaVersion, ID: "i:COMPLETED", Type: notify.ExportCompleted, Time: since,
		Account: "123456789012", Region: "eu-west-1",
		ImageName: "win", Trigger: notify.Trigger{Type: "schedule", ID: "t", Time: since},
		Task: &notify.Task{TaskID: "i", ImageARN: "arn", AMIName: "n", CreatedDate: aws.Time(since),
			TagSpecifications: map[string]string{"a": "b"}, ErrorDetails: []notify.ErrorDetail{{ErrorCode: "c"}}},
		DurationSeconds: aws.Int64(0), Error: &notify.Error{Code: "c", Message: "m", Hint: "h"}, Links: &notify.Links{AMI: "https://x"},
	}
	return item
}

func TestRoundTrip(t *testing.T) {
	whole := request()
	whole.Request.Only = nil
	sweep := base()
	sweep.Request = &work.Request{}
	for name, item := range map[string]work.Item{"request": request(), "a whole request": whole, "a sweep": sweep, "watch": watch(),
		"notice": notice()} {
		t.Run(name, func(t *testing.T) {
			encoded, err := json.Marshal(item)
			if err != nil {
				t.Fatal(err)
			}
			decoded, err := work.Decode(string(encoded))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(item, decoded); diff != "" {
				t.Errorf("sent and received (-want +got):\n%s", diff)
			}
		})
	}
}

// The form of the messages is a contract between the versions of the function: those of the old one are in the queue
// when the new one is deployed.
func TestForm(t *testing.T) {
	const want = `{"trigger":{"type":"schedule","id":"t","time":"2026-11-23T02:00:00Z"},"since":"2026-11-23T02:00:00Z",` +
		`"deadline":"2026-11-26T02:00:00Z",` +
		`"watch":{"taskId":"i","imageArn":"arn","amiName":"n","imageName":"win","created":"2026-11-23T02:00:00Z"}}`
	item := base()
	item.Trigger.ID = "t"
	item.Watch = &work.Watch{TaskID: "i", ImageARN: "arn", AMIName: "n", ImageName: "win", Created: since}
	encoded, err := json.Marshal(item)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(encoded)); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	newer := strings.Replace(want, `"watch":{`, `"new":[1],"watch":{"newer":true,`, 1)
	decoded, err := work.Decode(newer)
	if diff := cmp.Diff(item, decoded); err != nil || diff != "" {
		t.Errorf("a message with fields of a newer version: %v\n%s", err, diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := map[string]struct {
		body string
		says string
	}{
		"nothing":      {``, "not a work message: unexpected end"},
		"no JSON":      {`hello`, "not a work message: invalid character"},
		"null":         {`null`, "exactly one of request, watch and notice"},
		"a list":       {`[]`, "not a work message: json: cannot unmarshal array"},
		"two messages": {encode(t, watch()) + encode(t, watch()), "after top-level value"},
		"an event":     {`{"source":"aws.scheduler"}`, "exactly one of request, watch and notice"},
		"no kind":      {encode(t, base()), "exactly one of request, watch and notice"},
		"two kinds": {encode(t, func() work.Item { i := watch(); i.Request = request().Request; return i }()),
			"exactly one of request, watch and notice"},
		"no trigger id": {encode(t, func() work.Item { i := watch(); i.Trigger.ID = ""; return i }()), "the trigger is missing"},
		"no trigger type": {encode(t, func() work.Item { i := watch(); i.Trigger.Type = ""; return i }()),
			"the trigger is missing"},
		"no deadline": {encode(t, func() work.Item { i := watch(); i.Deadline = time.Time{}; return i }()),
			"since or deadline is missing"},
		"no since": {encode(t, func() work.Item { i := watch(); i.Since = time.Time{}; return i }()),
			"since or deadline is missing"},
		"a watch of no task": {encode(t, func() work.Item { i := watch(); i.Watch.TaskID = ""; return i }()),
			"the watch names no task or no image"},
		"a watch of no image": {encode(t, func() work.Item { i := watch(); i.Watch.ImageName = ""; return i }()),
			"the watch names no task or no image"},
		"a notice without an id": {encode(t, func() work.Item { i := notice(); i.Notice.ID = ""; return i }()),
			"the notice has no id, type or image"},
		"a notice without a type": {encode(t, func() work.Item { i := notice(); i.Notice.Type = ""; return i }()),
			"the notice has no id, type or image"},
		"a notice of no image": {encode(t, func() work.Item { i := notice(); i.Notice.ImageName = ""; return i }()),
			"the notice has no id, type or image"},
		"a time that is none":      {`{"since":"yesterday","watch":{}}`, "not a work message: parsing time"},
		"only is no list of names": {`{"request":{"only":"win"}}`, "not a work message: json: cannot unmarshal string"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			item, err := work.Decode(test.body)
			if err == nil || !strings.HasPrefix(err.Error(), "not a work message: ") || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error = %v, want %q in it", err, test.says)
			}
			if diff := cmp.Diff(work.Item{}, item); diff != "" {
				t.Errorf("a refused message still is work:\n%s", diff)
			}
		})
	}
}

func encode(t *testing.T, item work.Item) string {
	t.Helper()
	encoded, err := json.Marshal(item)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

func FuzzDecode(f *testing.F) {
	for _, item := range []work.Item{request(), watch(), notice()} {
		encoded, err := json.Marshal(item)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(encoded))
	}
	f.Add(`{"trigger":{"type":"x","id":"y"},"since":"0000-01-01T00:00:00+23:59","deadline":"9999-12-31T23:59:59-23:59","request":{}}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, body string) {
		item, err := work.Decode(body)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "not a work message: ") {
				t.Errorf("error = %v", err)
			}
			return
		}
		kinds := 0
		for _, there := range []bool{item.Request != nil, item.Watch != nil, item.Notice != nil} {
			if there {
				kinds++
			}
		}
		if kinds != 1 || item.Trigger.ID == "" || item.Since.IsZero() || item.Deadline.IsZero() {
			t.Fatalf("taken as work: %+v", item)
		}
		// What is left of a request is sent again.
		encoded, err := json.Marshal(item)
		if err != nil {
			t.Fatalf("it cannot be sent again: %v", err)
		}
		again, err := work.Decode(string(encoded))
		if err != nil {
			t.Fatalf("sent again it is refused: %v", err)
		}
		second, err := json.Marshal(again)
		if diff := cmp.Diff(string(encoded), string(second)); err != nil || diff != "" {
			t.Errorf("sent again: %v (-first +second)\n%s", err, diff)
		}
	})
}
