package handler_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/handler"
	emulator "appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/notify"
)

// scheduleOf is the schedule's payload of the night so many days after the first.
func scheduleOf(day int) string {
	return fmt.Sprintf(`{"source":"aws.scheduler","resources":["nightly"],"time":%q}`, two.AddDate(0, 0, day).Format(time.RFC3339))
}

// The rest of a night's run ends quietly once a later night has started something: that one carries the same images.
func TestLaterNightCarriesTheRest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		template string
		quiet    bool
	}{
		{"the same AMIs", "{image}-{created}", true},
		{"each night its own", "{image}-{date}", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			name, err := export.ParseNameTemplate(test.template)
			n.must(err)
			n.with(func(d *handler.Dependencies) { d.Config.Name, d.Config.Stack = name, "exporter@eu-west-1" })
			n.build("a", "b")
			_, err = n.invoke(scheduleOf(0))
			n.must(err)
			rest := n.queued()[0]
			n.pass(24 * time.Hour)
			n.put("new")
			_, err = n.invoke(scheduleOf(1))
			n.must(err)
			rest.Deadline = two.Add(25 * time.Hour)

			if test.quiet {
				before := len(n.gateway.Calls())
				check(t, "kept", nil, n.batch(1, rest))
				check(t, "calls", []string{"ListExportImageTasks"}, n.actions(before))
				check(t, "told", 1, len(n.documents())) // the start of new
				if !strings.Contains(n.metrics.String(), `"SweepsCarriedOn":1`) {
					t.Error("the run that another one carries on is not counted")
				}
				return
			}
			check(t, "kept", []int{0}, n.batch(1, rest))
			n.pass(time.Hour)
			check(t, "kept at its deadline", nil, n.batch(1, rest))
			last := n.documents()[1]
			check(t, "told", "ExportGivenUp *", string(last.Type)+" "+last.ImageName)
		})
	}
}

// Where an earlier night's images still wait for room, a new night reads no tags of those that it cannot start.
func TestBacklogIsNotReadEachNight(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		blocker string // what started the export that takes all the room
		least   int    // tags read
		most    int
	}{
		{"somebody's export", `{"images":["blocker"]}`, 39, 39},
		{"an export of the night before", scheduleOf(-1), 1, 8}, // as many as are looked at together before the limit is known
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			n.put("blocker")
			n.stream.SetOutcome("blocker", emulator.Outcome{End: types.ExportImageTaskStateExporting})
			_, err := n.invoke(test.blocker)
			n.must(err)
			for i := range 39 {
				n.put(fmt.Sprintf("image-%02d", i))
			}
			n.refuse(400, "LimitExceededException", "CreateExportImageTask")
			tags, starts := n.calls("ListTagsForResource"), n.calls("CreateExportImageTask")
			_, err = n.invoke(schedule)
			n.must(err)
			if read := n.calls("ListTagsForResource") - tags; read < test.least || read > test.most {
				t.Errorf("the tags of %d images were read, want %d to %d", read, test.least, test.most)
			}
			check(t, "starts in vain", 1, n.calls("CreateExportImageTask")-starts)
			queued := n.queued()
			check(t, "waiting", 39, len(queued[len(queued)-1].Request.Only))
		})
	}
}

// What AppStream refuses night after night is told once a week by sweeps. Whoever asks is answered.
func TestRejectionIsToldOnceAWeek(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.put("base")
	n.refuse(400, "InvalidRoleException", "CreateExportImageTask")
	told := func() (count int) {
		for _, d := range n.documents() {
			if d.Type == notify.ExportRejected {
				count++
			}
		}
		return count
	}
	for day, want := range []int{1, 1, 1, 1, 1, 1, 1, 2, 2} {
		_, err := n.invoke(scheduleOf(day))
		n.must(err)
		check(t, fmt.Sprintf("rejections told after night %d", day), want, told())
	}
	_, err := n.invoke(`{"imageName":"base"}`)
	n.must(err)
	check(t, "told to somebody who asks", 3, told())
	n.refuse(400, "OperationNotPermittedException", "CreateExportImageTask")
	_, err = n.invoke(scheduleOf(9))
	n.must(err)
	check(t, "told for another reason", 4, told())

	// Where it cannot be remembered it is told each night.
	n.refuse(400, "InvalidRoleException", "CreateExportImageTask", "TagResource")
	for day := range 2 {
		_, err = n.invoke(scheduleOf(10 + day))
		n.must(err)
		check(t, "told where it cannot be remembered", 5+day, told())
	}
}

// A sweep sets the mark that an image has lost, while AppStream still remembers the export.
func TestLostMarkHeals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		stack  string
		age    time.Duration
		remake bool
		want   string
	}{
		{"it was lost", "exporter@eu-west-1", 24 * time.Hour, false, amiOf("base")},
		{"an export of two weeks ago", "exporter@eu-west-1", 14 * 24 * time.Hour, false, ""},
		{"another stack's export", "other@eu-west-1", 24 * time.Hour, false, ""},
		{"an earlier version's export", "", 24 * time.Hour, false, amiOf("base")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := newNight(t)
			n.with(func(d *handler.Dependencies) { d.Config.Stack = test.stack })
			n.begin("base") // and its watch dies
			n.with(func(d *handler.Dependencies) { d.Config.Stack = "exporter@eu-west-1" })
			n.pass(test.age)
			_, err := n.invoke(scheduleOf(int(test.age.Hours() / 24)))
			n.must(err)
			marks := n.stream.TagsOf("base")
			check(t, "mark", test.want, marks["appstream-ami-exporter:ami-name"])
			if test.want != "" && !strings.HasPrefix(marks["appstream-ami-exporter:ami-id"], "ami-") {
				t.Errorf("marks = %v", marks)
			}

			// The trigger that started it comes again: a mark by a sweep does not say that anybody was told.
			told := len(n.documents())
			n.with(func(d *handler.Dependencies) { d.Config.Stack = test.stack })
			_, err = n.invoke(schedule)
			n.must(err)
			check(t, "told again", told+1, len(n.documents()))
			check(t, "tasks", 1, len(n.stream.Tasks()))
		})
	}
}

// Of many exports some are looked at each night, in turn.
func TestMarksAreLookedForInTurn(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	const images = 120
	for i := range images {
		n.put(fmt.Sprintf("image-%03d", i))
	}
	_, err := n.invoke(schedule)
	n.must(err)
	n.pass(time.Hour)
	for night := 1; night <= 3; night++ {
		before := n.calls("ListTagsForResource")
		_, err := n.invoke(scheduleOf(night))
		n.must(err)
		check(t, "tags read", 50, n.calls("ListTagsForResource")-before)
		n.pass(24 * time.Hour)
	}
	for i := range images {
		name := fmt.Sprintf("image-%03d", i)
		check(t, "mark of "+name, amiOf(name), n.stream.TagsOf(name)["appstream-ami-exporter:ami-name"])
	}
}
