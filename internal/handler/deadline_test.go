package handler_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/work"
)

// A run that is short of time starts nothing new and queues the rest, in the time that it kept back for that. The rest then
// starts what is left, and adopts what was started without an answer. Not in parallel, since it is about time.
func TestShortOfTime(t *testing.T) {
	n := newNight(t)
	const images = 40 // five rounds of eight at a time
	want := map[string]bool{}
	for i := range images {
		name := fmt.Sprintf("image-%02d", i)
		n.put(name)
		want[name] = true
	}
	n.gateway.SetFault(func(call gateway.Call) gateway.Effect {
		if call.Action == "CreateExportImageTask" {
			return gateway.Effect{Delay: 600 * time.Millisecond}
		}
		return gateway.Effect{}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2800*time.Millisecond)
	defer cancel()
	if _, err := n.Invoke(request(ctx), []byte(schedule)); err != nil {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatal("the invocation took longer than it may")
	}
	n.gateway.SetFault(nil)

	var rest []work.Item
	announced := map[string]int{}
	for _, item := range n.queued() {
		if item.Request != nil {
			rest = append(rest, item)
		}
	}
	if len(rest) != 1 {
		t.Fatalf("%d requests are queued, want one", len(rest))
	}
	left := len(rest[0].Request.Only)
	if told := len(n.documents()); left < 8 || left >= images || told != images-left {
		t.Errorf("%d images are left of %d, and %d were announced", left, images, told)
	}

	check(t, "kept", nil, n.batch(1, rest...))
	for _, d := range n.documents() {
		announced[d.ImageName]++
		check(t, "type", notify.ExportStarted, d.Type)
	}
	for name := range want {
		if announced[name] != 1 {
			t.Errorf("%s was announced %d times", name, announced[name])
		}
	}
	check(t, "tasks", images, len(n.stream.Tasks()))
	watches := 0
	for _, item := range n.queued() {
		if item.Watch != nil {
			watches++
		}
	}
	check(t, "watches", images, watches)
}

// One call that hangs does not take the invocation with it: what was asked for waits in the queue.
func TestHangingCalls(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"DescribeImages", "ListExportImageTasks", "CreateExportImageTask"} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			n.put("base")
			n.gateway.SetFault(func(call gateway.Call) gateway.Effect {
				if call.Action == action {
					return gateway.Effect{Kind: gateway.HangBefore}
				}
				return gateway.Effect{}
			})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if _, err := n.Invoke(request(ctx), []byte(schedule)); err != nil {
				t.Fatal(err)
			}
			n.gateway.SetFault(nil)
			items := n.queued()
			if len(items) != 1 || items[0].Request == nil {
				t.Fatalf("queued: %+v", items)
			}
			check(t, "kept", nil, n.batch(1, items[0]))
			check(t, "told", []string{taskID(1) + ":EXPORTING"}, n.ids())
		})
	}

	t.Run("GetExportImageTask", func(t *testing.T) {
		t.Parallel()
		n := newNight(t)
		watch := n.begin("base")
		n.pass(time.Hour)
		n.gateway.SetFault(func(call gateway.Call) gateway.Effect {
			if call.Action == "GetExportImageTask" {
				return gateway.Effect{Kind: gateway.HangBefore}
			}
			return gateway.Effect{}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		check(t, "kept", []int{0}, n.batchWithin(ctx, 1, watch))
		if ctx.Err() != nil {
			t.Error("the invocation took longer than it may")
		}
		check(t, "delays set", 1, n.calls("ChangeMessageVisibility"))
	})
}
