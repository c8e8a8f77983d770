package handler_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/handler"
	"appstream-ami-exporter/internal/localaws/appstream"
)

// The reply byte by byte: scripts read it. Lists are never null, and in the order of the images' names.
func TestReply(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, payload, want string }{
		{"everything", `{"images":["office","base","building","running","missing"]}`, `{
  "trigger": {
    "type": "request",
    "id": "request-1",
    "time": "2026-11-23T02:00:00Z"
  },
  "started": [
    {
      "imageName": "base",
      "amiName": "base-20261120T101500Z",
      "taskId": "00000000-0000-4000-8000-000000000002"
    }
  ],
  "waiting": [
    {
      "imageName": "building",
      "amiName": "building-20261120T101500Z",
      "reason": "the image is CREATING"
    }
  ],
  "skipped": [
    {
      "imageName": "running",
      "amiName": "running-20261120T101500Z",
      "taskId": "00000000-0000-4000-8000-000000000001",
      "reason": "in progress"
    }
  ],
  "rejected": [
    {
      "imageName": "missing",
      "reason": "the image was not found",
      "hint": "Check the name: account 123456789012 has no AppStream image of that name of its own in eu-west-1. ` +
			`Images shared by others and AWS's own cannot be exported."
    },
    {
      "imageName": "office",
      "reason": "platform WINDOWS cannot be exported",
      "hint": "AppStream exports images of Windows Server 2022 and 2025 only."
    }
  ]
}`},
		{"a dry run", `{"images":["base"],"dryRun":true}`, `{
  "trigger": {
    "type": "request",
    "id": "request-1",
    "time": "2026-11-23T02:00:00Z"
  },
  "dryRun": true,
  "wouldStart": [
    {
      "imageName": "base",
      "amiName": "base-20261120T101500Z"
    }
  ],
  "started": [],
  "waiting": [],
  "skipped": [],
  "rejected": []
}`},
		{"nothing to do", `{"tag":{"Backup":"yes"},"images":["nothing*"]}`, `{
  "trigger": {
    "type": "request",
    "id": "request-1",
    "time": "2026-11-23T02:00:00Z"
  },
  "started": [],
  "waiting": [],
  "skipped": [
    {
      "imageName": "base",
      "reason": "not selected: its name does not fit"
    },
    {
      "imageName": "building",
      "reason": "not selected: its name does not fit"
    },
    {
      "imageName": "office",
      "reason": "not selected: its name does not fit"
    },
    {
      "imageName": "running",
      "reason": "not selected: its name does not fit"
    }
  ],
  "rejected": []
}`},
		{"an event to ignore", `{"source":"aws.appstream","detail-type":"AWS API Call via CloudTrail",` +
			`"detail":{"eventName":"CreateUpdatedImage","requestParameters":{"dryRun":true}}}`, `{
  "ignored": "CreateUpdatedImage was a dry run, so no image is made",
  "started": [],
  "waiting": [],
  "skipped": [],
  "rejected": []
}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			n.put("running")
			if _, err := n.invoke(schedule); err != nil { // the first task
				t.Fatal(err)
			}
			n.put("base")
			n.stream.PutImage(appstream.Image{Name: "building", CreatedTime: made, State: types.ImageStateCreating})
			n.stream.PutImage(appstream.Image{Name: "office", CreatedTime: made, Platform: types.PlatformTypeWindows})
			got, err := n.invoke(test.payload)
			if err != nil {
				t.Fatal(err)
			}
			var indented strings.Builder
			encoder := json.NewEncoder(&indented)
			encoder.SetEscapeHTML(false)
			encoder.SetIndent("", "  ")
			if err := encoder.Encode(json.RawMessage(got)); err != nil {
				t.Fatal(err)
			}
			check(t, "reply", test.want+"\n", indented.String())
		})
	}
}

// However many images an account has, the reply stays below what Lambda returns; the log has the rest.
func TestReplyNamesAThousandSkippedImages(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	for i := range 1003 {
		n.put(fmt.Sprintf("image-%04d", i))
	}
	got, err := n.invoke(`{"images":["base-*"]}`)
	if err != nil {
		t.Fatal(err)
	}
	var reply handler.Reply
	n.must(json.Unmarshal([]byte(got), &reply))
	check(t, "skipped", 1000, len(reply.Skipped))
	check(t, "skipped beside those", 3, reply.SkippedMore)
	check(t, "lines in the log", 1003, strings.Count(n.log.String(), `"msg":"skip"`))
	if !strings.Contains(n.log.String(), `"images":1003`) {
		t.Error("the summary does not count all images")
	}
}

// What the reply does not name waits all the same.
func TestReplyNamesAThousandWaitingImages(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	for i := range 1003 {
		n.stream.PutImage(appstream.Image{Name: fmt.Sprintf("image-%04d", i), CreatedTime: made, State: types.ImageStatePending})
	}
	got, err := n.invoke(`{}`)
	if err != nil {
		t.Fatal(err)
	}
	var reply handler.Reply
	n.must(json.Unmarshal([]byte(got), &reply))
	check(t, "waiting", 1000, len(reply.Waiting))
	check(t, "waiting beside those", 3, reply.WaitingMore)
	waiting := 0
	for _, item := range n.queued() {
		waiting += len(item.Request.Only)
	}
	check(t, "images in the queue", 1003, waiting)
}
