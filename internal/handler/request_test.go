package handler_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/handler"
	emulator "appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/trigger"
	"appstream-ami-exporter/internal/work"
)

// build adds images that are not available yet.
func (n *night) build(names ...string) {
	for _, name := range names {
		n.stream.PutImage(emulator.Image{Name: name, CreatedTime: made, State: types.ImageStateCreating})
	}
}

// requestItem is a request in the queue, of the nightly schedule.
func requestItem(only ...string) work.Item {
	return work.Item{Trigger: nightly, Since: two, Deadline: two.Add(waitDeadline), Request: &work.Request{Only: only}}
}

// What cannot be started now is queued with everything that it takes to start it later as it was asked for.
func TestWhatWaits(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.put("base")
	n.build("building", "other")
	_, err := n.invoke(`{"images":["base","build*"],"amiNameTemplate":"{image}-x","amiDescription":"d","tags":{"Ticket":"7"}}`)
	n.must(err)
	want := work.Item{
		Trigger: trigger.Trigger{Type: trigger.Request, ID: "request-1", Time: two}, Since: two, Deadline: two.Add(waitDeadline),
		Request: &work.Request{
			Spec: trigger.Spec{Images: []string{"build*"}, AMINameTemplate: "{image}-x", AMIDescription: "d",
				Tags: map[string]string{"Ticket": "7"}},
			Only: []string{"building"}, Progress: two,
		},
	}
	items := n.queued()
	check(t, "messages", 2, len(items))
	check(t, "request", want, items[1])
	var delays []string
	for _, call := range n.gateway.Calls() {
		if call.Action == "SendMessage" {
			delays = append(delays, call.Param("DelaySeconds"))
		}
	}
	check(t, "delays", []string{"60", "900"}, delays)
}

// Once AppStream's limit is reached, only what needs an export waits for one, under the name that its AMI will have.
func TestOnlyWhatNeedsAnExportWaitsForOne(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	want := []string{}
	for i := range 20 {
		name := fmt.Sprintf("new-%02d", i)
		n.put(name)
		want = append(want, name+" "+amiOf(name))
	}
	for i := range 20 { // of each the mark, but no task that AppStream remembers
		name := fmt.Sprintf("old-%02d", i)
		n.stream.PutImage(emulator.Image{Name: name, CreatedTime: made, Tags: map[string]string{markName: amiOf(name)}})
	}
	n.refuse(400, "LimitExceededException", "CreateExportImageTask")
	answer, err := n.invoke(schedule)
	n.must(err)
	var reply struct {
		Waiting, Skipped []struct{ ImageName, AMIName string }
	}
	n.must(json.Unmarshal([]byte(answer), &reply))
	got := []string{}
	for _, entry := range reply.Waiting {
		got = append(got, entry.ImageName+" "+entry.AMIName)
	}
	slices.Sort(got)
	check(t, "waiting", want, got)
	check(t, "skipped", 20, len(reply.Skipped))
	if calls := n.calls("CreateExportImageTask"); calls > 8 { // as many as go at a time
		t.Errorf("%d starts were tried after the limit was reached", calls)
	}
}

// A request shrinks as its images are started, and keeps its age and its deadline: it cannot go on for ever.
func TestRequestShrinks(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.build("a", "b", "c")
	item := requestItem("a", "b", "c")

	n.pass(10 * time.Minute)
	check(t, "kept whole while nothing can be started", []int{0}, n.batch(1, item))
	check(t, "messages", 0, len(n.queued()))
	n.put("b")
	n.pass(10 * time.Minute)
	check(t, "kept when one is started", nil, n.batch(2, item))
	want := requestItem("a", "c")
	want.Request.Progress = two.Add(20 * time.Minute)
	left := n.queued()[1]
	check(t, "what is left", want, left)

	n.put("a")
	n.stream.RemoveImage("c")
	check(t, "kept when the rest is decided", nil, n.batch(1, left))
	check(t, "messages", 3, len(n.queued())) // the watches of b and a, and what was left before
	told := map[string]bool{}
	for _, id := range n.ids() {
		told[id] = true
	}
	// Nobody named c: a sweep passes over an image that is gone.
	check(t, "told", map[string]bool{taskID(1) + ":EXPORTING": true, taskID(2) + ":EXPORTING": true}, told)
}

// Where the smaller request cannot be sent, the whole one stays. Nothing is lost, and nothing is started twice.
func TestRequestThatCannotShrink(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.put("a")
	n.build("b")
	n.gateway.SetFault(func(call gateway.Call) gateway.Effect {
		var item work.Item
		if call.Action == "SendMessage" && json.Unmarshal([]byte(call.Param("MessageBody")), &item) == nil && item.Request != nil {
			return gateway.Effect{Kind: gateway.Refuse, Status: 400, Code: "OverLimit", Message: "No."}
		}
		return gateway.Effect{}
	})
	item := requestItem("a", "b")
	check(t, "kept", []int{0}, n.batch(1, item))
	n.gateway.SetFault(nil)
	check(t, "kept when it can", nil, n.batch(2, item))
	check(t, "tasks", 1, len(n.stream.Tasks()))
	want := requestItem("b")
	want.Request.Progress = two
	check(t, "what is left", want, n.queued()[2])
	// The start is told again, under the same id.
	check(t, "told", []string{taskID(1) + ":EXPORTING", taskID(1) + ":EXPORTING"}, n.ids())
}

// A trigger that meets an AppStream that cannot be read waits as a whole.
func TestWholeRequestWaits(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.put("base", "other")
	n.refuse(503, "ServiceUnavailable", "DescribeImages")
	got, err := n.invoke(`{"imageName":"base"}`)
	n.must(err)
	const reason = "cannot read AppStream's images and export tasks: DescribeImages: ServiceUnavailable: No."
	check(t, "reply", fmt.Sprintf(`{"trigger":{"type":"request","id":"request-1","time":"2026-11-23T02:00:00Z"},"started":[],`+
		`"waiting":[{"reason":%q}],"skipped":[],"rejected":[]}`, reason), got)
	item := n.queued()[0]
	check(t, "request", work.Item{
		Trigger: trigger.Trigger{Type: trigger.Request, ID: "request-1", Time: two}, Since: two, Deadline: two.Add(waitDeadline),
		Request: &work.Request{Spec: trigger.Spec{ImageName: "base"}, Only: []string{"base"}},
	}, item)

	check(t, "kept while AppStream cannot be read", []int{0}, n.batch(1, item))
	n.gateway.SetFault(nil)
	check(t, "kept when it can", nil, n.batch(2, item))
	check(t, "told", []string{taskID(1) + ":EXPORTING"}, n.ids())
}

// A dry run and a refusal for good are answered to whoever asked; waiting would mend neither.
func TestUnreadableForGood(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status        int
		code, payload string
	}{
		"denied":    {400, "AccessDeniedException", schedule},
		"a dry run": {503, "ServiceUnavailable", `{"imageName":"base","dryRun":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			n.put("base")
			n.refuse(test.status, test.code, "DescribeImages")
			_, err := n.invoke(test.payload)
			check(t, "error", "*handler.AppStreamUnreadable", fmt.Sprintf("%T", err))
			check(t, "messages", 0, len(n.queued()))
		})
	}
}

// What could not be started in time is told, each image with its own reason, and not tried any more.
func TestRequestGivenUp(t *testing.T) {
	t.Parallel()
	asked := requestItem("a", "b")
	asked.Request.Spec.Images = []string{"a", "b"}
	const noLaterRun = "No later run of the schedule is seen to carry them. If the schedule is on, the next run does; otherwise request " +
		"the " +
		"images. If exports wait for room every night, ask AWS Support for a higher limit or raise WaitDeadlineHours."
	for _, test := range []struct {
		name    string
		item    work.Item
		arrange func(n *night)
		want    map[string]string // the error's message of each image
		hint    string            // if not the usual one
		trouble bool              // of AWS's, which may pass
	}{
		{"images that never became available", asked, func(n *night) { n.build("a", "b") }, map[string]string{
			"a": "waited for 24h: the image is CREATING", "b": "waited for 24h: the image is CREATING",
		}, "", false},
		{"images of a scheduled run, told once", requestItem("a", "b"), func(n *night) { n.build("a", "b") }, map[string]string{
			"*": "waited for 25h: the image is CREATING; not started: a, b",
		}, noLaterRun, true},
		{"AppStream could never be read", requestItem(), func(n *night) { n.refuse(503, "ServiceUnavailable", "DescribeImages") },
			map[string]string{
				"*": "waited for 25h: cannot read AppStream's images and export tasks: DescribeImages: ServiceUnavailable: No.",
			}, "", true},
		{"nor for the images that are left", asked,
			func(n *night) { n.refuse(503, "ServiceUnavailable", "DescribeImages") }, map[string]string{
				"a": "waited for 25h: cannot read AppStream's images and export tasks: DescribeImages: ServiceUnavailable: No.",
				"b": "waited for 25h: cannot read AppStream's images and export tasks: DescribeImages: ServiceUnavailable: No.",
			}, "", true},
		{"nor for those of a scheduled run", requestItem("a", "b"),
			func(n *night) { n.refuse(503, "ServiceUnavailable", "DescribeImages") }, map[string]string{
				"*": "waited for 25h: cannot read AppStream's images and export tasks: DescribeImages: ServiceUnavailable: No.; " +
					"not started: a, b",
			}, noLaterRun, true},
		{"a request that the stack no longer allows", work.Item{
			Trigger: nightly, Since: two, Deadline: two.Add(30 * waitDeadline),
			Request: &work.Request{Spec: trigger.Spec{ImageName: "a", AMINameTemplate: "gone"}, Only: []string{"a"}},
		}, nil, map[string]string{"a": `waited for 24h: the AMI name template "gone" lacks {image}: all images would get one name`},
			"When the cause is mended, request it again.", false},
		{"an AMI name that nightly runs do not make", work.Item{
			Trigger: nightly, Since: two, Deadline: two.Add(waitDeadline),
			Request: &work.Request{Spec: trigger.Spec{ImageName: "a", AMIName: "golden"}, Only: []string{"a"}},
		}, func(n *night) { n.build("a") }, map[string]string{"a": "waited for 24h: the image is CREATING"},
			"When the cause is mended, request it again.", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			if test.arrange != nil {
				test.arrange(n)
			}
			n.pass(waitDeadline)
			if test.trouble {
				check(t, "kept at the deadline", []int{0}, n.batch(1, test.item))
				n.pass(time.Hour)
			}
			check(t, "kept", nil, n.batch(1, test.item))
			got := map[string]string{}
			for _, d := range n.documents() {
				check(t, "type", notify.ExportGivenUp, d.Type)
				about := d.ImageName
				if test.hint == noLaterRun {
					about = "* a" // and the other
				}
				check(t, "id", notify.IDWithoutTask(nightly.ID, about, "GIVEN_UP"), d.ID)
				check(t, "code", "DeadlinePassed", d.Error.Code)
				hint := "When the cause is mended, request the image by name, or leave it to a nightly run that selects it."
				if about == "*" { // nobody knows what the run has started before
					hint += " Should a process have died after it had started exports for this run, nobody follows them: " +
						"aws appstream list-export-image-tasks shows them."
				}
				check(t, "hint", cmp.Or(test.hint, hint), d.Error.Hint)
				got[d.ImageName] = d.Error.Message
			}
			check(t, "given up", test.want, got)
			check(t, "messages", 0, len(n.queued()))
		})
	}
}

// At the last moment what can be started is started: giving up is for the rest.
func TestStartedAtTheDeadline(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.put("a")
	n.build("b")
	n.pass(waitDeadline)
	check(t, "kept", nil, n.batch(1000, requestItem("a", "b")))
	var told []notify.Type
	for _, d := range n.documents() {
		told = append(told, d.Type)
	}
	check(t, "told", []notify.Type{notify.ExportStarted, notify.ExportGivenUp}, told)
}

// Giving up that cannot be told is no end: the message stays.
func TestGivingUpIsTold(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.build("a")
	n.pass(waitDeadline)
	n.refuse(403, "AccessDenied", "Publish", "SendMessage")
	check(t, "kept", []int{0}, n.batch(996, requestItem("a")))
	n.gateway.SetFault(nil)
	check(t, "kept when it is told", nil, n.batch(997, requestItem("a")))
	check(t, "documents", 1, len(n.documents()))
}

// What SNS does not take waits in the queue, whole, and is published later under the same id.
func TestNotice(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.put("base")
	n.refuse(500, "InternalError", "Publish")
	_, err := n.invoke(schedule)
	n.must(err) // the trigger is done: it must not come again for that
	check(t, "documents", 0, len(n.documents()))
	var notice work.Item
	watches := 0
	for _, item := range n.queued() {
		if item.Watch != nil {
			watches++
			continue
		}
		notice = item
	}
	check(t, "watches", 1, watches)
	if notice.Notice == nil {
		t.Fatal("no notice is queued")
	}
	check(t, "trigger", nightly, notice.Trigger)
	check(t, "deadline", two.Add(waitDeadline), notice.Deadline)

	check(t, "kept while SNS is out", []int{0}, n.batch(1, notice))
	n.pass(time.Hour)
	n.gateway.SetFault(nil)
	check(t, "kept when it is back", nil, n.batch(2, notice))
	documents := n.documents()
	check(t, "documents", []notify.Document{*notice.Notice}, documents)
	check(t, "id", taskID(1)+":EXPORTING", documents[0].ID)
	check(t, "time, of the start", two, documents[0].Time)
}

// SQS would move it with the age that it has, and keep it for the rest of 14 days only.
func TestNoticeThatNobodyTakes(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.put("base")
	n.refuse(403, "AuthorizationError", "Publish")
	_, err := n.invoke(schedule)
	n.must(err)
	queued := n.queued()
	notice := queued[slices.IndexFunc(queued, func(item work.Item) bool { return item.Notice != nil })]
	check(t, "kept at the last but five receives", []int{0}, n.batch(995, notice))
	check(t, "dead letters", 0, len(n.queues.Messages(n.deadQueue)))
	n.refuse(403, "AccessDenied", "Publish", "SendMessage")
	check(t, "kept while SQS is out as well", []int{0}, n.batch(996, notice))
	n.refuse(403, "AuthorizationError", "Publish")
	check(t, "kept", nil, n.batch(997, notice))
	letters := n.queues.Messages(n.deadQueue)
	if len(letters) != 1 {
		t.Fatalf("%d dead letters", len(letters))
	}
	letter, err := work.Decode(letters[0].Body)
	n.must(err)
	check(t, "letter", notice, letter)
}

// Without SNS and SQS the trigger has to come again; it then finds what it started.
func TestNotHandedOver(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.put("base")
	n.build("building")
	n.refuse(403, "AccessDenied", "Publish", "SendMessage")
	_, err := n.invoke(schedule)
	check(t, "error", "*handler.NotHandedOver", fmt.Sprintf("%T", err))
	n.gateway.SetFault(nil)
	n.pass(time.Minute)
	_, err = n.invoke(schedule)
	n.must(err)
	check(t, "tasks", 1, len(n.stream.Tasks()))
	check(t, "told", []string{taskID(1) + ":EXPORTING"}, n.ids())
	check(t, "messages", 2, len(n.queued())) // the watch, and the request for the other
}

// A trigger that is delivered again announces what it started, whatever became of that meanwhile, until the mark says that
// all was told. Another trigger passes over it.
func TestOwnTasks(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		after   time.Duration
		end     types.ExportImageTaskState
		reply   string
		message int // that are queued by the second delivery
	}{
		{"it runs", time.Minute, types.ExportImageTaskStateCompleted, "started by this trigger before", 1},
		{"it completed, and nobody saw", time.Hour, types.ExportImageTaskStateCompleted, "started by this trigger before", 1},
		{"it failed, and nobody saw", time.Hour, types.ExportImageTaskStateFailed, "started by this trigger before", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			n.put("base")
			n.stream.SetOutcome("base", emulator.Outcome{End: test.end})
			_, err := n.invoke(schedule)
			n.must(err)
			n.pass(test.after)
			again, err := n.invoke(schedule)
			n.must(err)
			check(t, "reply", fmt.Sprintf(`{"trigger":{"type":"schedule","id":"nightly@2026-11-23T02:00:00Z",`+
				`"time":"2026-11-23T02:00:00Z"},"started":[{"imageName":"base","amiName":"base-20261120T101500Z","taskId":%q,`+
				`"reason":%q}],"waiting":[],"skipped":[],"rejected":[]}`, taskID(1), test.reply), again)
			check(t, "told", []string{taskID(1) + ":EXPORTING", taskID(1) + ":EXPORTING"}, n.ids())
			items := n.queued()
			if len(items) != 2 || items[0].Watch == nil || items[1].Watch == nil {
				t.Fatalf("queued: %+v", items)
			}
			check(t, "watch", *items[0].Watch, *items[1].Watch)
			check(t, "tasks", 1, len(n.stream.Tasks()))
		})
	}

	t.Run("it completed and is marked", func(t *testing.T) {
		t.Parallel()
		n := newNight(t)
		watch := n.begin("base")
		n.pass(time.Hour)
		n.batch(1, watch)
		_, err := n.invoke(schedule)
		n.must(err)
		check(t, "told", []string{taskID(1) + ":EXPORTING", taskID(1) + ":COMPLETED"}, n.ids())
	})
}

// What a trigger started before its image was deleted is told once in each delivery: by a request that names the image, which
// misses it too, as by a sweep.
func TestOwnTaskOfAnImageThatIsGone(t *testing.T) {
	t.Parallel()
	for name, payload := range map[string]string{"named": `{"imageName":"base"}`, "one of two named": `{"images":["base","other"]}`,
		"a sweep": schedule} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			n.put("base")
			n.stream.PutImage(emulator.Image{Name: "other", CreatedTime: made, Tags: map[string]string{markName: amiOf("other")}})
			_, err := n.invoke(payload)
			n.must(err)
			n.stream.RemoveImage("base")
			for delivery := 2; delivery <= 3; delivery++ {
				_, err = n.invoke(payload)
				n.must(err)
				check(t, "told", slices.Repeat([]string{taskID(1) + ":EXPORTING"}, delivery), n.ids())
				check(t, "watches", delivery, len(n.queued()))
			}
		})
	}
}

// CloudTrail reports the call that makes an image, not that the image can be seen. One that cannot be seen a quarter of an hour
// later was never made.
func TestImageThatCannotBeSeenYet(t *testing.T) {
	t.Parallel()
	const ready = `{"source":"pipeline","id":"e-1","time":"2026-11-23T02:00:00Z","detail-type":"AppStream Image Ready",` +
		`"detail":{"imageName":"base"}}`
	n := newNight(t)
	_, err := n.invoke(ready)
	n.must(err)
	item := n.queued()[0]
	n.pass(15*time.Minute - time.Second)
	check(t, "kept for a quarter of an hour", []int{0}, n.batch(1, item))
	check(t, "documents", 0, len(n.documents()))

	n.pass(time.Second)
	check(t, "kept after that", nil, n.batch(2, item))
	check(t, "told", []string{notify.IDWithoutTask("e-1", "base", "REJECTED")}, n.ids())

	// Had it come into sight, it would have been exported.
	n.put("base")
	check(t, "kept", nil, n.batch(2, item))
	check(t, "told", []string{notify.IDWithoutTask("e-1", "base", "REJECTED"), taskID(1) + ":EXPORTING"}, n.ids())
}

// fakeAppStream is an account with more images than the emulator could list in reasonable time, none of them available.
type fakeAppStream struct {
	export.AppStream
	images []types.Image
	tags   map[string]string // of each image
}

func (f fakeAppStream) DescribeImages(_ context.Context, input *appstream.DescribeImagesInput,
	_ ...func(*appstream.Options)) (*appstream.DescribeImagesOutput, error) {
	if input.Type == types.VisibilityTypeShared {
		return &appstream.DescribeImagesOutput{}, nil
	}
	return &appstream.DescribeImagesOutput{Images: f.images}, nil
}

func (fakeAppStream) ListExportImageTasks(context.Context, *appstream.ListExportImageTasksInput,
	...func(*appstream.Options)) (*appstream.ListExportImageTasksOutput, error) {
	return &appstream.ListExportImageTasksOutput{}, nil
}

func (f fakeAppStream) ListTagsForResource(context.Context, *appstream.ListTagsForResourceInput,
	...func(*appstream.Options)) (*appstream.ListTagsForResourceOutput, error) {
	return &appstream.ListTagsForResourceOutput{Tags: f.tags}, nil
}

// However many images wait, each is in exactly one message that SQS takes; also where a request names them all.
func TestMoreThanOneMessageHolds(t *testing.T) {
	t.Parallel()
	const count = 10_000
	var names []string
	var images []types.Image
	for i := range count {
		// 25 characters, as such names go.
		name := fmt.Sprintf("win2022-department-%06d", i)
		names = append(names, name)
		images = append(images, types.Image{
			Name: aws.String(name), Arn: aws.String(imageARN(name)), State: types.ImageStatePending, CreatedTime: aws.Time(made),
			Platform: types.PlatformTypeWindowsServer2022,
		})
	}
	tags := map[string]string{}
	for i := range 35 {
		tags[fmt.Sprintf("%0128d", i)] = fmt.Sprintf("%0256d", i)
	}
	named, err := json.Marshal(trigger.Spec{Images: names, Tags: tags})
	if err != nil {
		t.Fatal(err)
	}
	for name, payload := range map[string]string{"a sweep": schedule, "all of them named": string(named)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			n.with(func(d *handler.Dependencies) { d.AppStream = fakeAppStream{images: images} })
			reply, err := n.invoke(payload)
			n.must(err)
			const most = 6 << 20 // what Lambda returns
			if len(reply) > most {
				t.Errorf("the reply has %d bytes", len(reply))
			}
			var queued []string
			for _, message := range n.queues.Messages(n.workQueue) {
				if len(message.Body) > 256<<10 {
					t.Errorf("a message has %d bytes", len(message.Body))
				}
				item, err := work.Decode(message.Body)
				n.must(err)
				queued = append(queued, item.Request.Only...)
				if name != "a sweep" {
					check(t, "images that the message asks for by their names", item.Request.Only, item.Request.Spec.Images)
				}
			}
			slices.Sort(queued)
			check(t, "images in the queue", names, queued)

		})
	}
}

// Beside the images that wait, a message holds the whole request: also one with the longest patterns and tags fits.
func TestLargestRequest(t *testing.T) {
	t.Parallel()
	var names []string
	var images []types.Image
	for i := range 1500 {
		name := fmt.Sprintf("w%0100d", i) // 101 characters, the most
		names = append(names, name)
		images = append(images, types.Image{
			Name: aws.String(name), Arn: aws.String(imageARN(name)), State: types.ImageStatePending, CreatedTime: aws.Time(made),
			Platform: types.PlatformTypeWindowsServer2022,
		})
	}
	tags := func(count int) map[string]string {
		tags := map[string]string{}
		for i := range count {
			tags[strings.Repeat("\U00010400", 125)+fmt.Sprintf("%03d", i)] = strings.Repeat("\U00010400", 256) // letters of four bytes
		}
		return tags
	}
	ask := trigger.Spec{
		Images: names, Tag: tags(50), Tags: tags(35),
		AMINameTemplate: "{image}" + strings.Repeat("x", 1017), AMIDescription: strings.Repeat("&", 255), // \u0026 in JSON
	}
	for i := range 190 {
		ask.Images = append(ask.Images, fmt.Sprintf("*%0100d", i)) // 20 KB of patterns
	}
	payload, err := json.Marshal(ask)
	if err != nil {
		t.Fatal(err)
	}
	n := newNight(t)
	n.with(func(d *handler.Dependencies) { d.AppStream = fakeAppStream{images: images, tags: ask.Tag} })
	_, err = n.invoke(string(payload))
	n.must(err)
	var queued []string
	largest := 0
	for _, call := range n.gateway.Calls() {
		if call.Action == "SendMessage" {
			largest = max(largest, len(call.Param("MessageBody")))
		}
	}
	for _, item := range n.queued() {
		queued = append(queued, item.Request.Only...)
	}
	slices.Sort(queued)
	check(t, "images in the queue", names, queued)
	if largest > 262_144 {
		t.Errorf("a message has %d bytes, SQS takes 262144", largest)
	}
}

// actions are what was called since there were so many calls.
func (n *night) actions(since int) (actions []string) {
	for _, call := range n.gateway.Calls()[since:] {
		actions = append(actions, call.Action)
	}
	slices.Sort(actions)
	return actions
}

// limited is a request in the queue that knows how many exports may run.
func limited(limit int, only ...string) work.Item {
	item := requestItem(only...)
	item.Request.Limit = limit
	return item
}

// While as many exports run as may, a look costs one listing of the tasks; whatever is left waits unread.
func TestNoRoomCostsOneListing(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.begin("base")
	n.put("a", "b")
	n.build("c")
	before := len(n.gateway.Calls())
	check(t, "kept", []int{0}, n.batch(1, limited(1, "a", "b", "c")))
	check(t, "calls", []string{"ChangeMessageVisibility", "ListExportImageTasks"}, n.actions(before))
	calls := n.gateway.Calls()
	check(t, "looked at again", "60", calls[len(calls)-1].Param("VisibilityTimeout"))
}

// What AppStream refuses for its limit is tried once, and remembered.
func TestLimitIsLearned(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.begin("base")
	n.put("a", "b", "c")
	n.refuse(400, "LimitExceededException", "CreateExportImageTask")
	check(t, "kept", nil, n.batch(1, requestItem("a", "b", "c")))
	check(t, "starts", 2, n.calls("CreateExportImageTask")) // the one of base, and one in vain
	queued := n.queued()
	check(t, "what is left", limited(1, "a", "b", "c"), queued[len(queued)-1])

	// Once it is known, one export that has ended makes room for one, and one more is tried.
	n.pass(time.Hour)
	n.gateway.SetFault(nil)
	before := len(n.gateway.Calls())
	check(t, "kept", nil, n.batch(1, limited(1, "a", "b", "c")))
	queued = n.queued()
	want := limited(1, "c")
	want.Request.Progress = two.Add(time.Hour)
	check(t, "what is left", want, queued[len(queued)-1])
	check(t, "calls", []string{
		"CreateExportImageTask", "CreateExportImageTask", "DescribeImages", "ListExportImageTasks", "ListTagsForResource",
		"ListTagsForResource",
		"Publish", "Publish", "SendMessage", "SendMessage", "SendMessage",
	}, n.actions(before))

	// More run than were thought to be let: the limit was raised, and is not known any more.
	n.pass(time.Minute)
	n.put("d", "e")
	check(t, "kept", nil, n.batch(1, limited(1, "c", "d", "e")))
	check(t, "tasks", 6, len(n.stream.Tasks()))
}

// An image that waits for room does not keep what its own trigger has started from being told.
func TestOwnStartIsToldWithoutRoom(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.begin("base")
	n.put("a")
	check(t, "kept", nil, n.batch(1, limited(1, "base", "a")))
	check(t, "told", []string{taskID(1) + ":EXPORTING", taskID(1) + ":EXPORTING"}, n.ids())
	queued := n.queued()
	check(t, "what is left", []string{"a"}, queued[len(queued)-1].Request.Only)
}

// Images that cannot be read keep the others waiting, but not from being asked for again.
func TestOneOddImageDoesNotTakeTheRoom(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.begin("base")
	n.build("a")
	n.put("c")
	n.pass(time.Hour)
	n.put("base2")
	check(t, "kept", nil, n.batch(1, limited(1, "a", "b", "c")))
	check(t, "tasks", 2, len(n.stream.Tasks()))
	queued := n.queued()
	check(t, "what is left", []string{"a"}, queued[len(queued)-1].Request.Only)
}

// Two stacks that are sent one event have one trigger id. Only the one that started the export tells of it and follows it.
func TestTwoStacksOfOneEvent(t *testing.T) {
	t.Parallel()
	const ready = `{"source":"pipeline","id":"e-1","time":"2026-11-23T02:00:00Z","detail-type":"AppStream Image Ready",` +
		`"detail":{"imageName":"base"}}`
	n := newNight(t)
	n.put("base")
	as := func(stack string) { n.with(func(d *handler.Dependencies) { d.Config.Stack = stack }) }
	for _, test := range []struct {
		stack      string
		told, sent int // in all
	}{
		{"one@eu-west-1", 1, 1},
		{"two@eu-west-1", 1, 1},
		{"one@eu-west-1", 2, 2}, // delivered again: nobody can know whether it was told
		{"two@eu-west-1", 2, 2},
		{"", 3, 3}, // the environment is not updated yet
	} {
		as(test.stack)
		_, err := n.invoke(ready)
		n.must(err)
		check(t, "told after "+test.stack, test.told, len(n.documents()))
		check(t, "watches after "+test.stack, test.sent, len(n.queued()))
	}
	check(t, "tasks", 1, len(n.stream.Tasks()))
	check(t, "stack of the task", "one@eu-west-1", n.stream.Tasks()[0].Tags["appstream-ami-exporter:stack"])
}
