package export

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/google/go-cmp/cmp"
)

// All that AppStream tells of a task is kept, under whatever state.
func TestReadTask(t *testing.T) {
	whole := Task{ID: "task", ImageARN: winARN, AMIName: winAMI, State: "NEW", AMIID: "ami-1", Created: due, Description: "of win",
		Tags: map[string]string{"a": "b"}, Errors: []TaskError{{"A", "a"}, {"", "b"}}}
	tests := map[string]struct {
		task Task
		says string
	}{
		"whole":       {whole, ""},
		"nearly bare": {Task{ID: "task"}, ""},
		"another one": {Task{ID: "other"}, "GetExportImageTask: ResourceNotFoundException: why"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := (&fake{tasks: []Task{test.task}}).exporter().ReadTask(t.Context(), "task")
			if test.says != "" {
				if err == nil || err.Error() != test.says {
					t.Errorf("error %v, want %q", err, test.says)
				}
				return
			}
			if diff := cmp.Diff(test.task, got); diff != "" || err != nil {
				t.Errorf("error %v; task (-want +got):\n%s", err, diff)
			}
		})
	}
}

// silent is an AppStream whose answer to the question for one task holds none.
type silent struct{ *fake }

func (silent) GetExportImageTask(context.Context, *appstream.GetExportImageTaskInput, ...options) (*appstream.GetExportImageTaskOutput,
	error) {
	return &appstream.GetExportImageTaskOutput{}, nil
}

func TestReadTaskThatTheAnswerLacks(t *testing.T) {
	exporter := (&fake{}).exporter()
	exporter.AppStream = silent{}
	task, err := exporter.ReadTask(t.Context(), "task")
	if want := "GetExportImageTask: AppStream's answer holds no task"; err == nil || err.Error() != want || task.ID != "" {
		t.Errorf("task %+v, error %v, want %q", task, err, want)
	}
}

// A failed export has a twin where another one of the image may yet make the AMI of that name, or has. Two AMIs of one name are told.
func TestFindTwinAndDuplicate(t *testing.T) {
	this := exportTask("FAILED", id("this"))
	running, completed := exportTask("EXPORTING", id("running")), exportTask("COMPLETED", id("completed"), ami("ami-2"))
	foreign := exportTask("COMPLETED", id("foreign"), of(place.ImageARN("other")), ami("ami-3"))
	throttledRead := map[string]func() error{"GetExportImageTask": throttled}
	tests := map[string]struct {
		world     *fake
		twin      string
		duplicate string
		says      string // of both, where they say so
	}{
		"none":                    {&fake{tasks: []Task{foreign}}, "", "", ""},
		"one that runs":           {&fake{tasks: []Task{running, foreign}}, "running", "", ""},
		"one that completed":      {&fake{tasks: []Task{foreign, completed}}, "completed", "completed", ""},
		"completed counts, first": {&fake{tasks: []Task{completed, running}}, "completed", "completed", ""},
		"completed counts, last":  {&fake{tasks: []Task{running, completed}}, "completed", "completed", ""},
		"the list tells little":   {&fake{tasks: []Task{running, completed}, terse: true}, "completed", "completed", ""},
		"of the very same AMI":    {&fake{tasks: []Task{exportTask("COMPLETED", id("b"), ami("ami-1"))}}, "b", "", ""},
		"nobody can see the list": {&fake{on: map[string]func() error{"ListExportImageTasks": throttled}}, "", "",
			"ListExportImageTasks: ThrottlingException: why"},
		"nobody can see the task": {&fake{tasks: []Task{completed}, terse: true, on: throttledRead}, "", "",
			"GetExportImageTask: ThrottlingException: why"},
		"nobody need see the task": {&fake{tasks: []Task{completed}, on: throttledRead}, "completed", "completed", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.world.tasks = append(test.world.tasks, this)
			exporter := test.world.exporter()
			of := this
			of.AMIID = "ami-1"
			check := func(what string, got Task, found bool, err error, want string) {
				t.Helper()
				if test.says != "" {
					if err == nil || err.Error() != test.says {
						t.Errorf("%s: error %v, want %q", what, err, test.says)
					}
					return
				}
				if err != nil || found != (want != "") || found && (got.ID != want || len(got.Tags) == 0) {
					t.Errorf("%s: %v, %+v, error %v; want %q", what, found, got, err, want)
				}
			}
			twin, found, err := exporter.FindTwin(t.Context(), of)
			check("twin", twin, found, err, test.twin)
			duplicate, found, err := exporter.FindDuplicate(t.Context(), of)
			check("duplicate", duplicate, found, err, test.duplicate)
		})
	}
}

func ami(id string) func(*Task) { return func(task *Task) { task.AMIID = id } }

// The trigger's own starts are known by their tags. A task whose tags the list does not tell is asked for alone, if it may be one: it is
// not older than the trigger, and of an image that is meant.
func TestReadHistory(t *testing.T) {
	untagged := func(task *Task) { task.Tags = nil }
	at := func(d time.Duration) func(*Task) { return func(task *Task) { task.Created = due.Add(d) } }
	undated := func(task *Task) { task.Created = time.Time{} }
	tests := map[string]struct {
		task  Task
		terse bool
		names []string
		own   bool
		reads int // of the task alone
	}{
		"told":                        {taskOf("win", "EXPORTING", own), false, nil, true, 0},
		"not told":                    {taskOf("win", "EXPORTING", own), true, nil, true, 1},
		"nobody's":                    {taskOf("win", "EXPORTING", untagged), true, nil, false, 1},
		"not told, of an image meant": {taskOf("win", "EXPORTING", own), true, []string{"a", "win"}, true, 1},
		"not told, of another image":  {taskOf("win", "EXPORTING", own), true, []string{"a"}, false, 0},
		"told, of another image":      {taskOf("win", "EXPORTING", own), false, []string{"a"}, true, 0},
		"nor when it began":           {taskOf("win", "EXPORTING", own, undated), true, nil, true, 1},
		"within an hour":              {taskOf("win", "EXPORTING", own, at(time.Nanosecond-time.Hour)), true, nil, true, 1},
		"an hour before":              {taskOf("win", "EXPORTING", own, at(-time.Hour)), true, nil, false, 0},
		"later":                       {taskOf("win", "EXPORTING", own, at(time.Hour)), true, nil, true, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			appStream := &fake{tasks: []Task{test.task}, terse: test.terse}
			read, err := appStream.exporter().readHistory(t.Context(), nightly, test.names)
			if err != nil {
				t.Fatal(err)
			}
			if got := read.own[place.ImageARN("win")] != nil; got != test.own {
				t.Errorf("the own: %v, want %v", got, test.own)
			}
			if read.running != 1 || read.byAMIName[winAMI].live == nil {
				t.Errorf("of all tasks %d run, of this name %+v", read.running, read.byAMIName[winAMI].live)
			}
			if reads := appStream.count("GetExportImageTask"); reads != test.reads {
				t.Errorf("the task is read %d times, want %d", reads, test.reads)
			}
		})
	}
}

// A task that is forgotten between the list and the look at it counts as it was listed. What cannot be read is no history.
func TestReadHistoryOfATaskThatIsForgotten(t *testing.T) {
	for name, test := range map[string]struct {
		answer func() error
		says   string
	}{
		"forgotten": {gone, ""},
		"trouble":   {throttled, "GetExportImageTask: ThrottlingException: why"},
	} {
		t.Run(name, func(t *testing.T) {
			appStream := &fake{tasks: []Task{exportTask("COMPLETED", own)}, terse: true,
				on: map[string]func() error{"GetExportImageTask": test.answer}}
			read, err := appStream.exporter().readHistory(t.Context(), nightly, nil)
			if test.says != "" {
				if err == nil || err.Error() != test.says || read != nil {
					t.Errorf("error %v, want %q", err, test.says)
				}
				return
			}
			if err != nil || read.byAMIName[winAMI].live == nil || len(read.own) > 0 {
				t.Errorf("history %+v, error %v", read, err)
			}
		})
	}
}

// Tasks are read to the end of their list, in as large pages as AppStream gives.
func TestAllTasks(t *testing.T) {
	appStream := &fake{}
	for i := range 2*tasksPage + 1 {
		appStream.tasks = append(appStream.tasks, taskOf(fmt.Sprintf("i%04d", i), "EXPORTING"))
	}
	read, err := appStream.exporter().readHistory(t.Context(), nightly, nil)
	if err != nil || read.running != len(appStream.tasks) {
		t.Errorf("%d tasks run, error %v", read.running, err)
	}
	if calls := []string{"ListExportImageTasks 500", "ListExportImageTasks 500", "ListExportImageTasks 500"}; !slices.Equal(calls,
		appStream.calls) {
		t.Errorf("calls: %q", appStream.calls)
	}
}

// Whether a later night has come is asked of the youngest tasks only: a run starts some at the least, and they are the latest run's.
func TestLaterNightIsUntold(t *testing.T) {
	night := func(i int, at time.Time) Task {
		return taskOf(fmt.Sprintf("i%03d", i), "EXPORTING", ofNight(at), func(task *Task) {
			task.Created = due.Add(time.Duration(i) * time.Minute)
		})
	}
	const count, most = 30, 25
	for name, test := range map[string]struct {
		later int // which task is a later night's
		want  bool
	}{
		"the youngest":             {count - 1, true},
		"the oldest that is asked": {count - most, true},
		"the youngest that is not": {count - most - 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			appStream := &fake{terse: true}
			for i := range count {
				at := due
				if i == test.later {
					at = due.AddDate(0, 0, 1)
				}
				appStream.tasks = append(appStream.tasks, night(i, at))
			}
			exporter := appStream.exporter()
			read, err := exporter.readHistory(t.Context(), nightly, []string{})
			if err != nil {
				t.Fatal(err)
			}
			if got := exporter.laterNightIsUntold(t.Context(), read); got != test.want {
				t.Errorf("a later night has come: %v", got)
			}
			if reads := appStream.count("GetExportImageTask"); reads != most {
				t.Errorf("%d tasks are asked for", reads)
			}
		})
	}
}
