package export

import (
	"maps"
	"strings"
	"testing"
	"time"

	"appstream-ami-exporter/internal/tags"
	"appstream-ami-exporter/internal/trigger"
)

func TestEnded(t *testing.T) {
	for state, want := range map[string]bool{
		"COMPLETED": true, "FAILED": true, "TIMED_OUT": true,
		"EXPORTING": false, "PENDING": false, "RUNNING": false, "": false, "completed": false, "NEW_STATE": false,
	} {
		if got := (Task{State: state}).Ended(); got != want {
			t.Errorf("Ended(%q) = %v, want %v", state, got, want)
		}
	}
}

func TestImageNameOf(t *testing.T) {
	for arn, want := range map[string]string{
		winARN: "win",
		"arn:aws-us-gov:appstream:us-gov-west-1::image/AppStream-Base": "AppStream-Base",
		"arn:aws:appstream:eu-west-1:123456789012:fleet/win":           "",
		"": "",
	} {
		if got := imageNameOf(arn); got != want {
			t.Errorf("imageNameOf(%q) = %q, want %q", arn, got, want)
		}
	}
	if got := imageNameOf(place.ImageARN("a.b_c-1")); got != "a.b_c-1" {
		t.Errorf("there and back: %q", got)
	}
}

func TestAge(t *testing.T) {
	at := func(created time.Time) Task { return Task{Created: created} }
	tests := map[string]struct {
		task Task
		want time.Duration
	}{
		"41 minutes":           {at(due.Add(-41 * time.Minute)), 41 * time.Minute},
		"AppStream runs ahead": {at(due.Add(time.Minute)), 0},
		"not told":             {Task{}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.task.Age(due); got != test.want {
				t.Errorf("Age = %v, want %v", got, test.want)
			}
		})
	}
}

func TestHistory(t *testing.T) {
	type want struct {
		live     string // TaskId
		own      string
		failures int
	}
	tests := map[string]struct {
		tasks []Task
		want  want
	}{
		"nothing":                      {nil, want{}},
		"of another name":              {[]Task{exportTask("EXPORTING", called("other"))}, want{}},
		"one that runs":                {[]Task{exportTask("EXPORTING")}, want{live: "task-EXPORTING"}},
		"an unknown state runs":        {[]Task{exportTask("NEW")}, want{live: "task-NEW"}},
		"COMPLETED counts more, first": {[]Task{exportTask("COMPLETED"), exportTask("EXPORTING")}, want{live: "task-COMPLETED"}},
		"COMPLETED counts more, last":  {[]Task{exportTask("EXPORTING"), exportTask("COMPLETED")}, want{live: "task-COMPLETED"}},
		"failures are counted": {[]Task{exportTask("FAILED"), exportTask("COMPLETED"), exportTask("TIMED_OUT")},
			want{live: "task-COMPLETED", failures: 2}},
		"the own": {[]Task{exportTask("EXPORTING"), exportTask("EXPORTING", own, id("mine"))},
			want{live: "task-EXPORTING", own: "mine"}},
		"the own, although it failed": {[]Task{exportTask("FAILED", own, id("mine"))}, want{own: "mine", failures: 1}},
		"of two twins the live one": {[]Task{exportTask("FAILED", own, id("dead")), exportTask("EXPORTING", own, id("alive"))},
			want{live: "alive", own: "alive", failures: 1}},
		"of two twins the live one, first": {[]Task{exportTask("EXPORTING", own, id("alive")), exportTask("FAILED", own, id("dead"))},
			want{live: "alive", own: "alive", failures: 1}},
		"the own for another image is not": {[]Task{exportTask("EXPORTING", own, of(place.ImageARN("other")))},
			want{live: "task-EXPORTING"}},
		"without tags it is nobody's": {[]Task{exportTask("EXPORTING", func(task *Task) { task.Tags = nil })},
			want{live: "task-EXPORTING"}},
		"another stack's of one event": {[]Task{exportTask("EXPORTING", own, ofStack("other@eu-west-1"))}, want{live: "task-EXPORTING"}},
		"the own stack's": {[]Task{exportTask("EXPORTING", own, ofStack("exporter@eu-west-1"))},
			want{live: "task-EXPORTING", own: "task-EXPORTING"}},
		"the own under another name": {[]Task{exportTask("EXPORTING", own, called("old"), id("mine"))}, want{own: "mine"}},
		"own twins under another name": {[]Task{exportTask("FAILED", own, called("old"), id("dead")),
			exportTask("EXPORTING", own, called("old"), id("alive"))}, want{own: "alive"}},
		"the own that lives, of two names": {[]Task{exportTask("EXPORTING", own, called("old"), id("old")),
			exportTask("FAILED", own, id("mine"))}, want{own: "old", failures: 1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			past := remembered(test.tasks...)
			record := past.byAMIName[winAMI]
			var got want
			if record.live != nil {
				got.live = record.live.id
			}
			if own := past.own[winARN]; own != nil {
				got.own = own.ID
			}
			got.failures = len(record.failed)
			if got != test.want {
				t.Errorf("history = %+v, want %+v", got, test.want)
			}
		})
	}
}

// ofStack has a task name its stack, beside the tags that it has.
func ofStack(stack string) func(*Task) {
	return func(task *Task) {
		task.Tags = maps.Clone(task.Tags)
		task.Tags[tags.Stack] = stack
	}
}

// A task is a stack's own by trigger and stack. Before the environment is updated the function does not know its stack, and tasks
// of earlier versions do not tell theirs.
func TestStarted(t *testing.T) {
	for _, test := range []struct {
		stack, told string
		want        bool
	}{
		{"a@eu-west-1", "a@eu-west-1", true},
		{"a@eu-west-1", "b@eu-west-1", false},
		{"a@eu-west-1", "a@eu-west-2", false},
		{"a@eu-west-1", "", true},
		{"", "a@eu-west-1", true},
	} {
		task := exportTask("EXPORTING", own)
		if test.told != "" {
			task = exportTask("EXPORTING", own, ofStack(test.told))
		}
		exporter := &Exporter{Stack: test.stack}
		if got := exporter.Started(task, nightly); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
		if exporter.Started(task, trigger.Trigger{ID: "another"}) {
			t.Errorf("%+v: another trigger's", test)
		}
	}
}

func TestHasTwin(t *testing.T) {
	failed := exportTask("FAILED", id("a"))
	tests := map[string]struct {
		other Task
		want  bool
	}{
		"running":              {exportTask("EXPORTING", id("b")), true},
		"in an unknown state":  {exportTask("NEW", id("b")), true},
		"completed":            {exportTask("COMPLETED", id("b")), true},
		"failed itself":        {exportTask("FAILED", id("b")), false},
		"timed out itself":     {exportTask("TIMED_OUT", id("b")), false},
		"the very same":        {exportTask("EXPORTING", id("a")), false},
		"under another name":   {exportTask("EXPORTING", id("b"), called("other")), false},
		"of another image":     {exportTask("EXPORTING", id("b"), of(place.ImageARN("other"))), false},
		"by the same trigger":  {exportTask("EXPORTING", id("b"), own), true},
		"of which little said": {Task{ID: "b"}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := failed.hasTwin(test.other); got != test.want {
				t.Errorf("hasTwin = %v, want %v", got, test.want)
			}
		})
	}
}

func TestFailure(t *testing.T) {
	const (
		takenHint = "An AMI of that name exists already. If it is not the export of this image, deregister it or choose another AMI name " +
			"template."
		descriptionHint = "EC2 takes at most 255 characters in the description of an AMI, and of these only ASCII: change the stack's " +
			"AmiDescriptionTemplate or the request's amiDescription."
	)
	type failure struct{ code, message, hint string }
	for name, test := range map[string]struct {
		task Task
		want failure
	}{
		"no reason":      {Task{State: "TIMED_OUT"}, failure{"TIMED_OUT", "AppStream gives no reason", ""}},
		"a reason":       {Task{State: "FAILED", Errors: []TaskError{{"A", "a"}}}, failure{"A", "a", ""}},
		"two reasons":    {Task{State: "FAILED", Errors: []TaskError{{"A", "a"}, {"B", "b"}}}, failure{"A", "a; B: b", ""}},
		"only a message": {Task{State: "FAILED", Errors: []TaskError{{"", "a"}}}, failure{"FAILED", "a", ""}},
		"a name that is taken": {Task{State: "FAILED", Errors: []TaskError{{"InvalidAMIName.Duplicate", "taken"}}},
			failure{"InvalidAMIName.Duplicate", "taken", takenHint}},
		"a description that EC2 takes": {Task{State: "FAILED", Description: strings.Repeat("~", 255)},
			failure{"FAILED", "AppStream gives no reason", ""}},
		"a description with a dash": {Task{State: "FAILED", Description: "image – base",
			Errors: []TaskError{{"InvalidParameterValue", "x"}}},
			failure{"InvalidParameterValue", "x", descriptionHint}},
		"a description too long": {Task{State: "FAILED", Description: strings.Repeat("a", 256)},
			failure{"FAILED", "AppStream gives no reason", descriptionHint}},
	} {
		var got failure
		if got.code, got.message, got.hint = test.task.Failure(); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// What other runs of the schedule have started is read from the tags of the tasks.
func TestHistoryOfNights(t *testing.T) {
	at := func(d time.Duration, changes ...func(*Task)) Task {
		task := exportTask("EXPORTING", append([]func(*Task){func(task *Task) {
			task.Tags = map[string]string{tags.Trigger: "schedule", tags.TriggerID: "another", tags.Stack: "exporter@eu-west-1",
				tags.ExportedAt: due.Add(d).UTC().Format(time.RFC3339)}
		}}, changes...)...)
		return task
	}
	tag := func(key, value string) func(*Task) { return func(task *Task) { task.Tags[key] = value } }
	tests := map[string]struct {
		task            Task
		laterNight, old bool
	}{
		"a later night's":                 {at(24 * time.Hour), true, false},
		"an earlier night's, still runs":  {at(-24 * time.Hour), false, true},
		"an earlier night's, ended":       {at(-24*time.Hour, func(task *Task) { task.State = "COMPLETED" }), false, false},
		"a later night's, ended":          {at(24*time.Hour, func(task *Task) { task.State = "FAILED" }), true, false},
		"of the same moment":              {at(0), false, true},
		"of this trigger itself":          {at(24*time.Hour, tag(tags.TriggerID, nightly.ID)), false, false},
		"of a request":                    {at(24*time.Hour, tag(tags.Trigger, "request")), false, false},
		"of another stack":                {at(24*time.Hour, tag(tags.Stack, "other@eu-west-1")), false, false},
		"of an earlier version":           {at(24*time.Hour, tag(tags.ExportedAt, "")), false, false},
		"with a time that cannot be read": {at(24*time.Hour, tag(tags.ExportedAt, "tomorrow")), false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := remembered(test.task)
			if got.laterNight != test.laterNight || got.backlog != test.old {
				t.Errorf("later night %v, backlog %v", got.laterNight, got.backlog)
			}
		})
	}
}

func TestRecurs(t *testing.T) {
	schedule, event := trigger.Trigger{Type: trigger.Schedule}, trigger.Trigger{Type: trigger.ImageReady}
	for _, test := range []struct {
		order Order
		want  bool
	}{
		{Order{Trigger: schedule, Sweep: true, Name: nameTemplate(t, "{image}-{created}")}, true},
		{Order{Trigger: schedule, Sweep: true, Name: nameTemplate(t, "{image}-{date}")}, false},
		{Order{Trigger: schedule, Sweep: true, Name: nameTemplate(t, "{image}-{time}")}, false},
		{Order{Trigger: event, Name: nameTemplate(t, "{image}")}, false},
		{Order{Trigger: trigger.Trigger{Type: trigger.Request}, Sweep: true, Name: nameTemplate(t, "{image}")}, false},
	} {
		if got := test.order.Recurs(); got != test.want {
			t.Errorf("%+v: %v", test.order, got)
		}
	}
}
