package handler_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/handler"
	emulator "appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/work"
)

const (
	markName = "appstream-ami-exporter:ami-name"
	markID   = "appstream-ami-exporter:ami-id"
)

// begin starts the nightly export of one image and returns the watch that was queued for it.
func (n *night) begin(image string) work.Item {
	n.t.Helper()
	n.put(image)
	_, err := n.invoke(schedule)
	n.must(err)
	items := n.queued()
	return items[len(items)-1]
}

// What is queued for a task is all that is needed to tell its end, should AppStream say no more than its state.
func TestWatchOfAStart(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	got := n.begin("base")
	check(t, "watch", work.Item{
		Trigger: nightly, Since: two, Deadline: two.Add(exportDeadline),
		Watch: &work.Watch{TaskID: taskID(1), ImageARN: imageARN("base"), AMIName: amiOf("base"), ImageName: "base", Created: two},
	}, got)
	check(t, "told", []string{taskID(1) + ":EXPORTING"}, n.ids())
}

// A watch is one call while its task runs, and then tells the end with its duration.
func TestWatchUntilTheEnd(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	watch := n.begin("base")
	n.pass(40 * time.Minute)
	before := len(n.gateway.Calls())
	check(t, "kept", []int{0}, n.batch(1, watch))
	var calls []string
	for _, call := range n.gateway.Calls()[before:] {
		calls = append(calls, call.Action+" "+call.Param("TaskId")+call.Param("ReceiptHandle")+" "+call.Param("VisibilityTimeout"))
	}
	check(t, "calls", []string{"GetExportImageTask " + taskID(1) + " ", "ChangeMessageVisibility handle-0 75"}, calls)

	n.pass(64 * time.Second)
	check(t, "kept", nil, n.batch(2, watch))
	last := n.documents()[1]
	check(t, "id", taskID(1)+":COMPLETED", last.ID)
	check(t, "duration", new(int64(41*60+4)), last.DurationSeconds)
	check(t, "summary", "Export of base completed: "+last.Task.AMIID+" (base-20261120T101500Z) after 41m", last.Summary)
	check(t, "time", two.Add(41*time.Minute+4*time.Second), last.Time)
	check(t, "mark", map[string]string{markName: amiOf("base"), markID: last.Task.AMIID}, n.stream.TagsOf("base"))
}

// Where the mark cannot be set for now, the AMI is told of at once and the mark is set later, in silence.
func TestMarkLater(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	watch := n.begin("base")
	n.pass(time.Hour)
	n.refuse(500, "InternalFailure", "TagResource")
	check(t, "kept", nil, n.batch(1, watch))
	documents := n.documents()
	check(t, "told", []string{taskID(1) + ":EXPORTING", taskID(1) + ":COMPLETED"}, n.ids())
	check(t, "error", nil, documents[1].Error)

	want := watch
	want.Watch = new(*watch.Watch)
	want.Watch.EndPublished = true
	got := n.queued()[1]
	check(t, "what is left to do", want, got)

	n.pass(15 * time.Minute)
	check(t, "kept while it still fails", []int{0}, n.batch(1, got))
	n.gateway.SetFault(nil)
	check(t, "kept when it is marked", nil, n.batch(2, got))
	check(t, "mark", amiOf("base"), n.stream.TagsOf("base")[markName])
	check(t, "told, no more than before", 2, len(n.documents()))
	check(t, "messages", 2, len(n.queued()))
}

// Where AppStream refuses the mark for good, the notification says so and what to do: a later sweep could export again.
func TestMarkRefused(t *testing.T) {
	t.Parallel()
	const later = " Until it is marked, a sweep could export it again once AppStream has forgotten this task."
	for _, test := range []struct {
		name    string
		arrange func(n *night)
		want    *notify.Error
	}{
		{"not permitted", func(n *night) { n.refuse(400, "AccessDeniedException", "TagResource") }, &notify.Error{
			Code: "NotMarked", Message: "The AMI is complete, but the image could not be marked as exported: AccessDeniedException: No.",
			Hint: "The function's role may not do this: deploy the stack's template again, and check permissions boundaries and service " +
				"control policies." + later,
		}},
		{"no room", func(n *night) {
			tags := map[string]string{}
			for i := range 49 {
				tags[fmt.Sprint("Tag", i)] = ""
			}
			n.stream.PutImage(emulator.Image{Name: "base", CreatedTime: made, Tags: tags})
		}, &notify.Error{
			Code: "NotMarked", Message: "The AMI is complete, but the image could not be marked as exported: LimitExceededException: A " +
				"resource can have 50 tags; this would make 51.",
			Hint: "The image has as many tags as it can have: remove one or two, so that it can be marked as exported." + later,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			watch := n.begin("base")
			test.arrange(n)
			n.pass(time.Hour)
			check(t, "kept", nil, n.batch(1, watch))
			last := n.documents()[1]
			check(t, "type", notify.ExportCompleted, last.Type)
			check(t, "error", test.want, last.Error)
			told := n.queued()[1]
			if !told.Watch.EndPublished {
				t.Errorf("what is left to do: %+v", told.Watch)
			}

			// At its deadline that is given up: it was said.
			n.pass(exportDeadline)
			check(t, "kept after the deadline", nil, n.batch(1, told))
			check(t, "documents", 2, len(n.documents()))
		})
	}
}

// Where what is left to do cannot be queued, the watch comes again whole: else the image would never be marked.
func TestMarkLaterThatCannotBeQueued(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	watch := n.begin("base")
	n.pass(time.Hour)
	n.refuse(500, "InternalFailure", "TagResource", "SendMessage")
	check(t, "kept", []int{0}, n.batch(1, watch))
	n.gateway.SetFault(nil)
	check(t, "kept when it is marked", nil, n.batch(2, watch))
	check(t, "mark", amiOf("base"), n.stream.TagsOf("base")[markName])
	// The end is told again, under the same id.
	check(t, "told", []string{taskID(1) + ":EXPORTING", taskID(1) + ":COMPLETED", taskID(1) + ":COMPLETED"}, n.ids())
}

// An image that is gone, or made again since, needs no mark.
func TestNothingToMark(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(n *night){
		"deleted":    func(n *night) { n.stream.RemoveImage("base") },
		"made again": func(n *night) { n.stream.PutImage(emulator.Image{Name: "base", CreatedTime: two.Add(time.Minute)}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			watch := n.begin("base")
			change(n)
			n.pass(time.Hour)
			check(t, "kept", nil, n.batch(1, watch))
			last := n.documents()[1]
			check(t, "type", notify.ExportCompleted, last.Type)
			check(t, "error", nil, last.Error)
			check(t, "tags set", 0, n.calls("TagResource"))
			check(t, "messages", 1, len(n.queued()))
		})
	}
}

// Sweeps need the mark of the stack's own AMI, so one whose name a request chose does not take its place.
func TestMarkOfAnotherAMIStays(t *testing.T) {
	t.Parallel()
	for _, custom := range []bool{true, false} {
		n := newNight(t)
		watch := n.begin("base")
		n.stream.PutImage(emulator.Image{Name: "base", CreatedTime: two.Add(-time.Hour), Tags: map[string]string{markName: "own"}})
		chosen := *watch.Watch
		chosen.CustomAMIName = custom
		watch.Watch = &chosen
		n.pass(time.Hour)
		check(t, "kept", nil, n.batch(1, watch))
		want := amiOf("base")
		if custom {
			want = "own"
		}
		check(t, "mark", want, n.stream.TagsOf("base")[markName])
	}
}

// A task that does not end, or cannot be seen, is given up: at its deadline, or when the queue is about to lose the message.
func TestWatchGivenUp(t *testing.T) {
	t.Parallel()
	hint := "See how it stands with: aws appstream get-export-image-task --task-id " + taskID(1) +
		". If it hangs, ask AWS Support; the image itself is untouched."
	for _, test := range []struct {
		name     string
		after    time.Duration
		receives int
		arrange  func(n *night)
		want     string // the error's message; empty: it is kept
	}{
		{"a moment before the deadline", exportDeadline - time.Second, 1, nil, ""},
		{"at the deadline", exportDeadline, 1, nil, "the task is still EXPORTING; followed for 48h"},
		{"long after", 3 * exportDeadline, 1, nil, "the task is still EXPORTING; followed for 144h"},
		{"few receives left", 5 * time.Hour, 995, func(n *night) { n.refuse(503, "ServiceUnavailable", "SendMessage") }, ""},
		{"as good as no receives left", 5 * time.Hour, 996, nil, "the task is still EXPORTING; followed for 5h"},
		{"no receives left", 5 * time.Hour, 1000, nil, "the task is still EXPORTING; followed for 5h"},
		{"not to be seen, before the deadline", time.Hour, 1, func(n *night) {
			n.refuse(400, "ResourceNotFoundException",
				"GetExportImageTask")
		}, ""},
		{"not to be seen, at the deadline", exportDeadline, 1, func(n *night) {
			n.refuse(400, "ResourceNotFoundException",
				"GetExportImageTask")
		},
			"AppStream does not tell how the task stands (GetExportImageTask: ResourceNotFoundException: No.); followed for 48h"},
		{"trouble at the deadline", exportDeadline + 39*time.Minute, 1,
			func(n *night) { n.refuse(503, "ServiceUnavailable", "GetExportImageTask") }, ""},
		{"trouble until long after the deadline", exportDeadline + 40*time.Minute, 1,
			func(n *night) { n.refuse(503, "ServiceUnavailable", "GetExportImageTask") },
			"AppStream does not tell how the task stands (GetExportImageTask: ServiceUnavailable: No.); followed for 48h40m"},
		{"trouble and no receives left", time.Hour, 996, func(n *night) { n.refuse(503, "ServiceUnavailable", "GetExportImageTask") },
			"AppStream does not tell how the task stands (GetExportImageTask: ServiceUnavailable: No.); followed for 1h"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			n.stream.SetOutcome("base", emulator.Outcome{End: types.ExportImageTaskStateExporting}) // for ever
			watch := n.begin("base")
			n.pass(test.after)
			if test.arrange != nil {
				test.arrange(n)
			}
			again := n.batch(test.receives, watch)
			if test.want == "" {
				check(t, "kept", []int{0}, again)
				check(t, "documents", 1, len(n.documents()))
				return
			}
			check(t, "kept", nil, again)
			last := n.documents()[1]
			check(t, "id", taskID(1)+":GIVEN_UP", last.ID)
			check(t, "type", notify.ExportGivenUp, last.Type)
			check(t, "error", &notify.Error{Code: "DeadlinePassed", Message: test.want, Hint: hint}, last.Error)
			check(t, "AMI name of the task", amiOf("base"), last.Task.AMIName)
		})
	}
}

// No watch is over before its end is told or waits in the queue to be told, also past all its patience.
func TestEndOfAWatchIsTold(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		end    types.ExportImageTaskState
		unseen []string // actions of AppStream's that are refused as well
		want   string
	}{
		{"it still runs", types.ExportImageTaskStateExporting, nil, "GIVEN_UP"},
		{"it cannot be seen", types.ExportImageTaskStateExporting, []string{"GetExportImageTask"}, "GIVEN_UP"},
		{"it completed", types.ExportImageTaskStateCompleted, nil, "COMPLETED"},
		{"it failed", types.ExportImageTaskStateFailed, nil, "FAILED"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			n.stream.SetOutcome("base", emulator.Outcome{End: test.end})
			watch := n.begin("base")
			n.pass(exportDeadline)
			n.refuse(403, "AccessDenied", append(test.unseen, "Publish", "SendMessage")...)
			check(t, "kept at the deadline", []int{0}, n.batch(1, watch))
			n.pass(time.Hour)
			check(t, "kept long after it", []int{0}, n.batch(996, watch))
			n.refuse(403, "AccessDenied", test.unseen...)
			check(t, "kept when it is told", nil, n.batch(997, watch))
			check(t, "told", []string{taskID(1) + ":EXPORTING", taskID(1) + ":" + test.want}, n.ids())
		})
	}
}

// undated is an AppStream that does not tell when a task was created: the field is optional.
type undated struct{ export.AppStream }

func (u undated) GetExportImageTask(ctx context.Context, input *appstream.GetExportImageTaskInput,
	options ...func(*appstream.Options)) (*appstream.GetExportImageTaskOutput, error) {
	output, err := u.AppStream.GetExportImageTask(ctx, input, options...)
	if err == nil {
		output.ExportImageTask.CreatedDate = nil
	}
	return output, err
}

// Without a time of creation from AppStream the watch's own counts. Where it has none either, no duration is made up and the
// image passes for the one that was exported.
func TestTaskWithoutATimeOfCreation(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		created time.Time
		seconds int64
	}{"the watch knows it": {two, 3600}, "nobody knows it": {time.Time{}, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			watch := n.begin("base")
			watch.Watch.Created = test.created
			n.with(func(d *handler.Dependencies) { d.AppStream = undated{d.AppStream} })
			n.pass(time.Hour)
			check(t, "kept", nil, n.batch(1, watch))
			last := n.documents()[1]
			check(t, "id", taskID(1)+":COMPLETED", last.ID)
			check(t, "duration", &test.seconds, last.DurationSeconds)
			check(t, "the task's own time is told", !test.created.IsZero(), last.Task.CreatedDate != nil)
			check(t, "mark", amiOf("base"), n.stream.TagsOf("base")[markName])
		})
	}
}

// Who gives up marking an image says so, whatever kept it from that.
func TestMarkGivenUp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		after time.Duration
		error string
		left  int // messages in the queue
	}{
		"at the deadline the mark is set later":          {exportDeadline, "", 2},
		"long after the deadline it is not set any more": {exportDeadline + time.Hour, "NotMarked", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			watch := n.begin("base")
			n.refuse(503, "ServiceUnavailable", "TagResource")
			n.pass(test.after)
			check(t, "kept", nil, n.batch(1, watch))
			documents := n.documents()
			check(t, "type", notify.ExportCompleted, documents[1].Type)
			code := ""
			if documents[1].Error != nil {
				code = documents[1].Error.Code
			}
			check(t, "error", test.error, code)
			check(t, "messages", test.left, len(n.queued()))
		})
	}
}

// A task that ended while nobody looked is told as it ended, also after its deadline.
func TestEndAfterTheDeadline(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	watch := n.begin("base")
	n.pass(10 * exportDeadline)
	check(t, "kept", nil, n.batch(1000, watch))
	check(t, "told", []string{taskID(1) + ":EXPORTING", taskID(1) + ":COMPLETED"}, n.ids())
}

// A task that failed only because another made the same AMI is no failed export.
func TestTwin(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		twin types.ExportImageTaskState
		told []string
	}{
		{"the other one completed", types.ExportImageTaskStateCompleted, nil},
		{"the other one failed as well", types.ExportImageTaskStateFailed, []string{taskID(1) + ":FAILED"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			n.stream.SetOutcome("base", emulator.Outcome{End: types.ExportImageTaskStateFailed, After: time.Minute},
				emulator.Outcome{End: test.twin, After: 20 * time.Minute})
			watch := n.begin("base")
			n.pass(2 * time.Minute)
			_, err := n.invoke(`{"imageName":"base"}`) // its name is free again
			n.must(err)
			n.pass(time.Minute)
			check(t, "kept while the other one runs", []int{0}, n.batch(1, watch))
			n.pass(30 * time.Minute)
			check(t, "kept", nil, n.batch(1, watch))
			check(t, "told", append([]string{taskID(1) + ":EXPORTING", taskID(2) + ":EXPORTING"}, test.told...), n.ids())
		})
	}

	t.Run("the other one runs for ever", func(t *testing.T) {
		t.Parallel()
		n := newNight(t)
		n.stream.SetOutcome("base", emulator.Outcome{End: types.ExportImageTaskStateFailed, After: time.Minute},
			emulator.Outcome{End: types.ExportImageTaskStateExporting})
		watch := n.begin("base")
		n.pass(2 * time.Minute)
		_, err := n.invoke(`{"imageName":"base"}`)
		n.must(err)
		n.pass(exportDeadline)
		check(t, "kept", nil, n.batch(1, watch)) // the watch of the other one tells
		check(t, "told", []string{taskID(1) + ":EXPORTING", taskID(2) + ":EXPORTING"}, n.ids())
	})

	t.Run("it cannot be seen whether there is one", func(t *testing.T) {
		t.Parallel()
		n := newNight(t)
		n.stream.SetOutcome("base", emulator.Outcome{End: types.ExportImageTaskStateFailed, After: time.Minute})
		watch := n.begin("base")
		n.pass(2 * time.Minute)
		n.refuse(500, "InternalFailure", "ListExportImageTasks")
		check(t, "kept", []int{0}, n.batch(1, watch))
		check(t, "documents", 1, len(n.documents()))
		// At the end of all patience a failure is told rather than kept quiet.
		n.pass(exportDeadline)
		check(t, "kept at the deadline", []int{0}, n.batch(1, watch))
		n.pass(time.Hour)
		check(t, "kept at the end of all patience", nil, n.batch(1, watch))
		check(t, "told", []string{taskID(1) + ":EXPORTING", taskID(1) + ":FAILED"}, n.ids())
	})
}

// A hint is not to promise what no nightly run does.
func TestHintAfterAFailure(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]string{
		`{"imageName":"base"}`: "A nightly run that selects the image tries again; after three failures " +
			"it leaves the image alone until somebody requests it by name.",
		`{"imageName":"base","amiName":"golden"}`: "Request it again: nightly runs give AMIs the names of the stack's own " +
			"template, not the requested one.",
		`{"images":["b*"],"amiNameTemplate":"golden-{image}"}`: "Request it again: nightly runs give AMIs the names of the stack's own " +
			"template, not the requested one.",
	} {
		t.Run(payload, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			n.put("base")
			n.stream.SetOutcome("base", emulator.Outcome{End: types.ExportImageTaskStateFailed, After: time.Minute})
			_, err := n.invoke(payload)
			n.must(err)
			n.pass(5 * time.Minute)
			check(t, "kept", nil, n.batch(1, n.queued()...))
			documents := n.documents()
			check(t, "documents", 2, len(documents))
			check(t, "hint", want, documents[1].Error.Hint)
		})
	}
}

// Of AppStream's own codes one says what is to be done. The others are told in its words.
func TestReasonOfAFailure(t *testing.T) {
	t.Parallel()
	const again = "A nightly run that selects the image tries again; after three failures it leaves the image alone until somebody " +
		"requests it by name."
	for _, test := range []struct {
		name   string
		errors []emulator.TaskError
		want   *notify.Error
	}{
		{"no reason", nil, &notify.Error{Code: "FAILED", Message: "AppStream gives no reason", Hint: again}},
		{"one", []emulator.TaskError{{Code: "InternalError", Message: "Broken."}},
			&notify.Error{Code: "InternalError", Message: "Broken.", Hint: again}},
		{"one without a code", []emulator.TaskError{{Message: "Broken."}}, &notify.Error{Code: "FAILED", Message: "Broken.", Hint: again}},
		{"two", []emulator.TaskError{{Code: "InternalError", Message: "Broken."}, {Code: "Other", Message: "And more."}},
			&notify.Error{Code: "InternalError", Message: "Broken.; Other: And more.", Hint: again}},
		{"the AMI name is taken", []emulator.TaskError{{Code: "InvalidAMIName.Duplicate", Message: "Taken."}}, &notify.Error{
			Code: "InvalidAMIName.Duplicate", Message: "Taken.",
			Hint: "An AMI of that name exists already. If it is not the export of this image, deregister it or choose another AMI name " +
				"template.",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			n.stream.SetOutcome("base", emulator.Outcome{End: types.ExportImageTaskStateFailed, Errors: test.errors})
			watch := n.begin("base")
			n.pass(time.Hour)
			check(t, "kept", nil, n.batch(1, watch))
			check(t, "error", test.want, n.documents()[1].Error)
		})
	}
}

// Watches of one batch are told apart: each has its own end, and one that hangs keeps nothing from the others.
func TestBatchOfWatches(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.stream.SetOutcome("b", emulator.Outcome{End: types.ExportImageTaskStateExporting})
	n.stream.SetOutcome("c", emulator.Outcome{End: types.ExportImageTaskStateTimedOut})
	watches := []work.Item{n.begin("a"), n.begin("b"), n.begin("c")}
	n.pass(time.Hour)
	check(t, "kept", []int{1}, n.batch(1, watches...))
	told := map[string]notify.Type{}
	for _, d := range n.documents() {
		told[d.ImageName] = d.Type // the last one
	}
	check(t, "told", map[string]notify.Type{"a": notify.ExportCompleted, "b": notify.ExportStarted, "c": notify.ExportFailed}, told)
}

// The delay until the next look grows with the age of the task and stays within SQS's limits.
func TestDelaysOfAWatch(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]string{0: "60", 8 * time.Minute: "60", 40 * time.Minute: "75", 2 * time.Hour: "225",
		40 * time.Hour: "900"} {
		n := newNight(t)
		n.stream.SetOutcome("base", emulator.Outcome{End: types.ExportImageTaskStateExporting})
		watch := n.begin("base")
		n.pass(after)
		n.batch(1, watch)
		calls := n.gateway.Calls()
		check(t, fmt.Sprintf("delay after %v", after), want, calls[len(calls)-1].Param("VisibilityTimeout"))
	}
}

// Where SQS does not take the delay either, the message still comes again.
func TestKeptWithoutADelay(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	watch := n.begin("base")
	n.refuse(400, "InvalidParameterValue", "ChangeMessageVisibility")
	check(t, "kept", []int{0}, n.batch(1, watch))
	if !strings.Contains(n.log.String(), "a work message comes again after the queue's visibility timeout") {
		t.Error("the log does not say so")
	}
}

// A message that has been received half as often as it may be is sent anew, and then let go; where that fails, it stays.
func TestRenewedInTime(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		receives int
		refused  bool
		kept     []int
		messages int // beside those that were there
	}{
		{"received often", 499, false, []int{0}, 0},
		{"received half as often as it may be", 500, false, nil, 1},
		{"received more often, since it could not be sent before", 900, false, nil, 1},
		{"it cannot be sent", 500, true, []int{0}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			n.stream.SetOutcome("base", emulator.Outcome{End: types.ExportImageTaskStateExporting})
			watch := n.begin("base")
			n.build("building")
			request := requestItem("building")
			for _, item := range []work.Item{watch, request} {
				before := n.queued()
				n.pass(time.Hour)
				if test.refused {
					n.refuse(503, "ServiceUnavailable", "SendMessage")
				}
				check(t, "kept", test.kept, n.batch(test.receives, item))
				n.gateway.SetFault(nil)
				queued := n.queued()
				check(t, "messages", len(before)+test.messages, len(queued))
				if test.messages > 0 {
					check(t, "message", item, queued[len(queued)-1])
				}
			}
			check(t, "told", []string{taskID(1) + ":EXPORTING"}, n.ids())
		})
	}
}

// twice is an AppStream that exports an image twice under one AMI name, and whose lists may leave out the AMI's id.
type twice struct {
	export.AppStream
	listed []types.ExportImageTask
}

func (a twice) ListExportImageTasks(context.Context, *appstream.ListExportImageTasksInput,
	...func(*appstream.Options)) (*appstream.ListExportImageTasksOutput, error) {
	return &appstream.ListExportImageTasksOutput{ExportImageTasks: a.listed}, nil
}

// EC2's AMI names are no lock: two exports of one image may both complete. Each is told as completed; the later one says that there
// are two AMIs.
func TestDuplicateAMI(t *testing.T) {
	t.Parallel()
	other := types.ExportImageTask{
		TaskId: aws.String("other"), ImageArn: aws.String(imageARN("base")), AmiName: aws.String(amiOf("base")),
		State: types.ExportImageTaskStateCompleted, AmiId: aws.String("ami-0123456789abcdef0"),
	}
	changed := func(change func(*types.ExportImageTask)) types.ExportImageTask {
		task := other
		change(&task)
		return task
	}
	for _, test := range []struct {
		name   string
		listed types.ExportImageTask
		told   bool
	}{
		{"another has completed", other, true},
		{"another runs", changed(func(t *types.ExportImageTask) { t.State = types.ExportImageTaskStateExporting }), false},
		{"another has failed", changed(func(t *types.ExportImageTask) { t.State = types.ExportImageTaskStateFailed }), false},
		{"under another name", changed(func(t *types.ExportImageTask) { t.AmiName = aws.String("x") }), false},
		{"of another image", changed(func(t *types.ExportImageTask) { t.ImageArn = aws.String(imageARN("x")) }), false},
		{"the very same", changed(func(t *types.ExportImageTask) { t.TaskId = aws.String(taskID(1)) }), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			watch := n.begin("base")
			n.pass(time.Hour)
			n.with(func(d *handler.Dependencies) { d.AppStream = twice{d.AppStream, []types.ExportImageTask{test.listed}} })
			check(t, "kept", nil, n.batch(1, watch))
			d := n.documents()[1]
			check(t, "type", notify.ExportCompleted, d.Type)
			counted := strings.Contains(n.metrics.String(), `"DuplicateAmis":1`)
			if !test.told {
				check(t, "error", nil, d.Error)
				check(t, "counted", false, counted)
				return
			}
			check(t, "code", "DuplicateAmi", d.Error.Code)
			check(t, "counted", true, counted)
			for _, part := range []string{"ami-0123456789abcdef0", d.Task.AMIID, taskID(1), "other", amiOf("base")} {
				if !strings.Contains(d.Error.Message, part) {
					t.Errorf("the message %q lacks %s", d.Error.Message, part)
				}
			}
		})
	}
}

// Whether there is a second AMI is worth a second look, but the news of the first one is worth more.
func TestCompletedWithoutALookForADuplicate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		code  string
		after time.Duration
		kept  []int
	}{
		{"trouble that passes", "InternalFailure", time.Hour, []int{0}},
		{"trouble until long after the deadline", "InternalFailure", exportDeadline + 40*time.Minute, nil},
		{"it may not be looked", "AccessDeniedException", time.Hour, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			watch := n.begin("base")
			n.pass(test.after)
			n.refuse(map[bool]int{true: 500, false: 400}[test.code == "InternalFailure"], test.code, "ListExportImageTasks")
			check(t, "kept", test.kept, n.batch(1, watch))
			want := []string{taskID(1) + ":EXPORTING", taskID(1) + ":COMPLETED"}
			if test.kept != nil {
				want = want[:1]
			}
			check(t, "told", want, n.ids())
		})
	}
}
