package export

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/tags"
	"appstream-ami-exporter/internal/trigger"
)

const (
	winARN = "arn:aws:appstream:eu-west-1:123456789012:image/win"
	winAMI = "win-20261120T101500Z"
)

// win is an image that can be exported, with changes.
func win(changes ...func(*Image)) Image {
	image := Image{Name: "win", State: "AVAILABLE", Platform: "WINDOWS_SERVER_2022", Created: created}
	for _, change := range changes {
		change(&image)
	}
	return image
}

func state(state string) func(*Image)   { return func(i *Image) { i.State = state } }
func platform(name string) func(*Image) { return func(i *Image) { i.Platform = name } }

// exportTask is a task for win by another trigger, with changes.
func exportTask(state string, changes ...func(*Task)) Task {
	task := Task{ID: "task-" + state, ImageARN: winARN, AMIName: winAMI, Created: due, State: state,
		Tags: map[string]string{tags.TriggerID: "another"}}
	for _, change := range changes {
		change(&task)
	}
	return task
}

func own(task *Task) {
	task.Tags = map[string]string{tags.TriggerID: nightly.ID}
}
func id(id string) func(*Task) {
	return func(task *Task) { task.ID = id }
}
func called(amiName string) func(*Task) {
	return func(task *Task) { task.AMIName = amiName }
}
func described(as string) func(*Task) {
	return func(task *Task) { task.Description = as }
}
func of(arn string) func(*Task) {
	return func(task *Task) { task.ImageARN = arn }
}

func selected(t testing.TB, patterns []string, tag map[string]string) Selection {
	t.Helper()
	selection, err := ParseSelection(patterns, tag)
	if err != nil {
		t.Fatal(err)
	}
	return selection
}

func remembered(tasks ...Task) *history {
	past := newHistory(nightly, "exporter@eu-west-1")
	for _, task := range tasks {
		past.add(task)
	}
	return past
}

// undecided is the action of a decision that hangs on the image's tags.
const undecided Action = ""

func decide(order Order, image Image, history *history, tags map[string]string) Decision {
	c := newCandidate(&order, place, history, image, tags, due)
	if made := c.decide(); made == (c.Action == undecided) {
		panic(fmt.Sprintf("decided: %v, but the decision is %+v", made, c.Decision))
	}
	return c.Decision
}

// TestDecide is the decision table, row by row. What a named image and a sweep decide alike is tried with both.
func TestDecide(t *testing.T) {
	const (
		failedHint   = "Build the image again; AppStream exports only images that are AVAILABLE."
		deletedHint  = "Nothing can be done any more: AppStream exports only images that are AVAILABLE."
		platformHint = "AppStream exports images of Windows Server 2022 and 2025 only."
		takenHint    = "Choose another AMI name: AMI names are unique in an account and Region."
	)
	none := map[string]string{}
	failedOnce := exportTask("FAILED")
	failedThrice := []Task{exportTask("FAILED"), exportTask("TIMED_OUT"), exportTask("FAILED", id("third"))}
	ownRunning, ownFailed, ownCompleted := exportTask("EXPORTING", own), exportTask("FAILED", own), exportTask("COMPLETED", own)
	ownTimedOut := exportTask("TIMED_OUT", own)
	ownUnderOldName := exportTask("EXPORTING", own, called("old-template-win"))
	running := exportTask("EXPORTING", own, id("live"))

	export := Decision{Action: Export, ImageName: "win", AMIName: winAMI}
	wait := func(reason string) Decision {
		return Decision{Action: Wait, ImageName: "win", AMIName: winAMI, Reason: reason, Awaits: AvailableImage, ImageCreated: created}
	}
	skip := func(reason, taskID string) Decision {
		return Decision{Action: Skip, ImageName: "win", AMIName: winAMI, Reason: reason, TaskID: taskID}
	}
	undated := func(d Decision) Decision { d.AMIName, d.ImageCreated = "", time.Time{}; return d }
	unnamed := func(d Decision) Decision { d.AMIName = ""; return d }
	announce := func(task Task) Decision {
		return Decision{Action: Announce, ImageName: "win", AMIName: task.AMIName, Reason: "started by this trigger before",
			TaskID: task.ID, Task: &task}
	}
	const (
		tooLong          = ", more than a day after it was made and no state that this version knows"
		unknownStateHint = "AppStream exports only images that are AVAILABLE: see the image in the AppStream console, and request it " +
			"again when it is."
	)
	young := func(i *Image) { i.Created = due.Add(time.Nanosecond - 24*time.Hour) }
	dayOld := func(i *Image) { i.Created = due.Add(-24 * time.Hour) }
	dayOldAMI := "win-" + due.Add(-24*time.Hour).UTC().Format(timeForm) // of both
	named := func(d Decision, amiName string) Decision { d.AMIName = amiName; return d }
	youngWait := func(reason string) Decision {
		d := named(wait(reason), dayOldAMI)
		d.ImageCreated = due.Add(time.Nanosecond - 24*time.Hour)
		return d
	}
	needsTags := Decision{ImageName: "win", AMIName: winAMI}
	reject := func(reason, hint string) Decision {
		return Decision{Action: Reject, ImageName: "win", Reason: reason, Hint: hint}
	}

	type row struct {
		image Image
		tasks []Task
		tags  map[string]string
		named Decision
		sweep Decision
	}
	tests := map[string]row{
		"new":                   {win(), nil, none, export, export},
		"Windows Server 2025":   {win(platform("WINDOWS_SERVER_2025")), nil, none, export, export},
		"its tags not yet read": {win(), nil, nil, needsTags, needsTags},

		"FAILED": {win(state("FAILED"), func(i *Image) { i.Trouble = ": disk full" }), nil, none,
			reject("the image failed: disk full", failedHint), unnamed(skip("the image failed: disk full", ""))},
		"DELETING": {win(state("DELETING")), nil, none, reject("the image is being deleted", deletedHint),
			unnamed(skip("the image is being deleted", ""))},
		"FAILED counts more than a task": {win(state("FAILED")), []Task{exportTask("EXPORTING")}, none,
			reject("the image failed", failedHint), unnamed(skip("the image failed", ""))},

		"Windows Server 2019": {win(platform("WINDOWS_SERVER_2019")), nil, none,
			reject("platform WINDOWS_SERVER_2019 cannot be exported", platformHint),
			unnamed(skip("platform WINDOWS_SERVER_2019 cannot be exported", ""))},
		"Linux": {win(platform("UBUNTU_PRO_2404")), nil, none,
			reject("platform UBUNTU_PRO_2404 cannot be exported", platformHint),
			unnamed(skip("platform UBUNTU_PRO_2404 cannot be exported", ""))},
		"Linux, not even available": {win(platform("AMAZON_LINUX2"), state("PENDING")), nil, nil,
			reject("platform AMAZON_LINUX2 cannot be exported", platformHint),
			unnamed(skip("platform AMAZON_LINUX2 cannot be exported", ""))},
		"a platform that AppStream does not tell yet": {win(platform(""), state("CREATING")), nil, none, wait("the image is CREATING"),
			wait("the image is CREATING")},

		"a task is EXPORTING": {win(), []Task{exportTask("EXPORTING")}, nil, skip("in progress", "task-EXPORTING"),
			skip("in progress", "task-EXPORTING")},
		"a task in a state not known": {win(), []Task{exportTask("RUNNING")}, nil, skip("in progress", "task-RUNNING"),
			skip("in progress", "task-RUNNING")},
		"a task without a state": {win(), []Task{exportTask("")}, nil, skip("in progress", "task-"),
			skip("in progress", "task-")},
		"a task is COMPLETED": {win(), []Task{exportTask("COMPLETED")}, nil, skip("already exported", "task-COMPLETED"),
			skip("already exported", "task-COMPLETED")},
		"COMPLETED after a failure": {win(), []Task{failedOnce, exportTask("COMPLETED")}, none,
			skip("already exported", "task-COMPLETED"), skip("already exported", "task-COMPLETED")},
		"the own task COMPLETED, marked by a sweep": {win(), []Task{ownCompleted},
			map[string]string{tags.AMIName: winAMI, tags.Healed: winAMI}, announce(ownCompleted), announce(ownCompleted)},
		"a task counts while PENDING, too": {win(state("PENDING")), []Task{exportTask("EXPORTING")}, none,
			skip("in progress", "task-EXPORTING"), skip("in progress", "task-EXPORTING")},
		"a task under another AMI name": {win(), []Task{exportTask("COMPLETED", called("win-20261119"))}, none, export, export},
		"another image has the AMI name": {win(), []Task{exportTask("COMPLETED",
			of("arn:aws:appstream:eu-west-1:123456789012:image/other"))}, none,
			Decision{Action: Reject, ImageName: "win", AMIName: winAMI, TaskID: "task-COMPLETED",
				Reason: "the AMI name belongs to the export of image other", Hint: takenHint},
			skip("the AMI name belongs to the export of image other", "task-COMPLETED")},

		"the own task is EXPORTING":         {win(), []Task{ownRunning}, nil, announce(ownRunning), announce(ownRunning)},
		"the own task FAILED":               {win(), []Task{ownFailed}, nil, announce(ownFailed), announce(ownFailed)},
		"the own task TIMED_OUT":            {win(), []Task{ownTimedOut}, none, announce(ownTimedOut), announce(ownTimedOut)},
		"the own task COMPLETED, tags open": {win(), []Task{ownCompleted}, nil, needsTags, needsTags},
		"the own task COMPLETED, unmarked":  {win(), []Task{ownCompleted}, none, announce(ownCompleted), announce(ownCompleted)},
		"the own task COMPLETED, marked": {win(), []Task{ownCompleted}, map[string]string{tags.AMIName: winAMI},
			skip("already exported", "task-COMPLETED"), skip("already exported", "task-COMPLETED")},
		"the own task under another name": {win(), []Task{ownUnderOldName}, none, announce(ownUnderOldName), announce(ownUnderOldName)},
		"own twins, the live one first":   {win(), []Task{running, ownFailed}, none, announce(running), announce(running)},
		"own twins, the live one last":    {win(), []Task{ownFailed, running}, none, announce(running), announce(running)},

		"marked": {win(), nil, map[string]string{tags.AMIName: winAMI}, skip("already exported", ""),
			skip("already exported", "")},
		"marked after a failure": {win(), []Task{failedOnce}, map[string]string{tags.AMIName: winAMI}, skip("already exported", ""),
			skip("already exported", "")},
		"marked while it is VALIDATING": {win(state("VALIDATING")), nil, map[string]string{tags.AMIName: winAMI},
			skip("already exported", ""), skip("already exported", "")},
		"marked for another AMI":     {win(), nil, map[string]string{tags.AMIName: "win-20261119"}, export, export},
		"an AMI id alone is no mark": {win(), nil, map[string]string{tags.AMIID: "ami-1"}, export, export},
		"PENDING":                    {win(state("PENDING")), nil, none, wait("the image is PENDING"), wait("the image is PENDING")},
		"CREATING":                   {win(state("CREATING")), nil, none, wait("the image is CREATING"), wait("the image is CREATING")},
		"COPYING":                    {win(state("COPYING")), nil, none, wait("the image is COPYING"), wait("the image is COPYING")},
		"IMPORTING": {win(state("IMPORTING")), nil, none, wait("the image is IMPORTING"),
			wait("the image is IMPORTING")},
		"VALIDATING": {win(state("VALIDATING")), nil, none, wait("the image is VALIDATING"),
			wait("the image is VALIDATING")},
		"DEPRECATED": {win(state("DEPRECATED")), nil, none, reject("the image is DEPRECATED", deprecatedHint),
			unnamed(skip("the image is DEPRECATED", ""))},
		"a state not known, and just made": {win(state("POLISHING"), young), nil, none, youngWait("the image is POLISHING"),
			youngWait("the image is POLISHING")},
		"no state, and just made": {win(state(""), young), nil, none, youngWait("the image is in a state that AppStream does not tell"),
			youngWait("the image is in a state that AppStream does not tell")},
		"a state not known, a day later": {win(state("POLISHING"), dayOld), nil, none,
			named(reject("the image is POLISHING"+tooLong, unknownStateHint), dayOldAMI),
			named(skip("the image is POLISHING"+tooLong, ""), dayOldAMI)},
		"no state, days later": {win(state("")), nil, none,
			named(reject("the image is in a state that AppStream does not tell"+tooLong, unknownStateHint), winAMI),
			skip("the image is in a state that AppStream does not tell"+tooLong, "")},
		"a state not known, but exported": {win(state("POLISHING")), []Task{exportTask("COMPLETED")}, none,
			skip("already exported", "task-COMPLETED"), skip("already exported", "task-COMPLETED")},
		"a state not known, but marked": {win(state("POLISHING")), nil, map[string]string{tags.AMIName: winAMI},
			skip("already exported", ""), skip("already exported", "")},
		"no creation time": {win(func(i *Image) { i.Created = time.Time{} }), nil, none,
			undated(wait("AppStream reports no creation time yet")), undated(wait("AppStream reports no creation time yet"))},
		"failed under another trigger": {win(), []Task{failedOnce}, none, export, export},
		"timed out twice": {win(), []Task{exportTask("TIMED_OUT"), exportTask("TIMED_OUT", id("second"))}, none, export,
			export},
		"failed three times":           {win(), failedThrice, none, export, skip("failed 3 times", "")},
		"failed three times by itself": {win(), append(failedThrice[:2:2], ownFailed), none, announce(ownFailed), announce(ownFailed)},
		"failed three times, other AMIs": {win(), []Task{exportTask("FAILED", called("a-1")), exportTask("FAILED", called("a-2")),
			exportTask("FAILED", called("a-3"))}, none, export, export},
	}
	for _, failed := range []string{"FAILED", "TIMED_OUT"} {
		said := func(description string) []Task {
			return []Task{exportTask(failed, described(description)), exportTask(failed, described(description), id("second")),
				exportTask(failed, described(description), id("third"))}
		}
		tests[failed+" three times, with the description of today"] = row{win(),
			said("win - 20261120T101500Z"), none, export, skip("failed 3 times", "")}
		tests[failed+" three times, with one that was corrected since"] = row{win(),
			said("win – 20261120T101500Z"), none, export, export}
		tests[failed+" three times, with no description told"] = row{win(), said(""), none, export, skip("failed 3 times", "")}
		tests[failed+" twice with that of today"] = row{win(),
			append(said("win – x"), said("win - 20261120T101500Z")[:2]...), none, export, export}
	}
	description, err := ParseDescriptionTemplate("{image} - {created}")
	if err != nil {
		t.Fatal(err)
	}
	order := Order{Trigger: nightly, Name: nameTemplate(t, "{image}-{created}"), Description: description}
	for name, test := range tests {
		for kind, want := range map[string]Decision{"named": test.named, "sweep": test.sweep, "sweep over names": test.sweep} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				order := order
				switch kind {
				case "named":
					order.Selection = selected(t, []string{"win"}, nil)
				case "sweep":
					order.Selection, order.Sweep = selected(t, []string{"w*"}, nil), true
				default: // the stack's own selection may be a list of names, without anybody having asked
					order.Selection, order.Sweep = selected(t, []string{"win"}, nil), true
				}
				got := decide(order, test.image, remembered(test.tasks...), test.tags)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("decision (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestDecideSelects(t *testing.T) {
	none := map[string]string{}
	backup := map[string]string{"Backup": "yes"}
	tests := map[string]struct {
		selection, bounds Selection
		tags              map[string]string
		action            Action
		reason            string
	}{
		"not by name": {selected(t, []string{"prod-*"}, nil), Selection{}, none, Skip, wrongName},
		"excluded":    {selected(t, []string{"*", "!win"}, nil), Selection{}, none, Skip, wrongName},
		"named, outside the stack's": {selected(t, []string{"win"}, nil), selected(t, []string{"prod-*"}, nil), none, Skip,
			wrongName},
		"named, inside the stack's": {selected(t, []string{"win"}, nil), selected(t, []string{"w*"}, nil), none, Export, ""},
		"the tag is there":          {selected(t, nil, backup), Selection{}, backup, Export, ""},
		"the tag is not there":      {selected(t, nil, backup), Selection{}, none, Skip, "not selected: it has no tag Backup=yes"},
		"the tag has another value": {selected(t, nil, backup), Selection{}, map[string]string{"Backup": "no"}, Skip,
			`not selected: its tag Backup is "no", not "yes"`},
		"the tag has capitals": {selected(t, nil, backup), Selection{}, map[string]string{"Backup": "Yes"}, Skip,
			`not selected: its tag Backup is "Yes", not "yes"; Backup=Yes differs from it in upper and lower case only`},
		"the tag's key has none": {selected(t, nil, backup), Selection{}, map[string]string{"backup": "yes", "b": "1"}, Skip,
			"not selected: it has no tag Backup=yes; backup=yes differs from it in upper and lower case only"},
		"another value, and the right one in capitals": {selected(t, nil, backup), Selection{},
			map[string]string{"BACKUP": "YES", "Backup": "no"}, Skip,
			`not selected: its tag Backup is "no", not "yes"; BACKUP=YES differs from it in upper and lower case only`},
		"one of two tags": {selected(t, nil, map[string]string{"A": "1", "B": "2"}), Selection{},
			map[string]string{"A": "1", "a": "3"}, Skip,
			"not selected: it has no tag B=2"},
		"an empty value": {selected(t, nil, map[string]string{"A": ""}), Selection{}, map[string]string{"A": ""}, Export, ""},
		"an empty value, no tag": {selected(t, nil, map[string]string{"A": ""}), Selection{}, none, Skip,
			"not selected: it has no tag A="},
		"the stack's tag counts first": {selected(t, nil, map[string]string{"A": "1"}), selected(t, nil, backup), none, Skip,
			"not selected: it has no tag Backup=yes"},
		"its tags are not known yet": {selected(t, nil, backup), Selection{}, nil, undecided, ""},
		"the stack's tag is there":   {selected(t, []string{"win"}, nil), selected(t, nil, backup), backup, Export, ""},
		"the stack's tag is not there": {selected(t, []string{"win"}, nil), selected(t, nil, backup), none, Skip,
			"not selected: it has no tag Backup=yes"},
		"the stack's tag, not read yet": {selected(t, []string{"win"}, nil), selected(t, nil, backup), nil, undecided, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			order := Order{Trigger: nightly, Selection: test.selection, Bounds: test.bounds, Name: nameTemplate(t, "{image}-{created}")}
			got := decide(order, win(), remembered(), test.tags)
			if got.Action != test.action || got.Reason != test.reason {
				t.Errorf("decision = %+v, want %s %q", got, test.action, test.reason)
			}
		})
	}
	t.Run("what is outside is not rejected either", func(t *testing.T) {
		order := Order{Trigger: nightly, Selection: selected(t, []string{"win"}, nil), Bounds: selected(t, []string{"prod-*"}, nil),
			Name: nameTemplate(t, "{image}")}
		if got := decide(order, win(state("FAILED")), remembered(), none); got.Action != Skip || got.Reason != wrongName {
			t.Errorf("decision = %+v", got)
		}
	})
}

// Who makes an image may tag it until it is there, so the event at the start of its making waits for the tag. Nobody else does.
func TestDecideByTagsWhileTheImageIsMade(t *testing.T) {
	ready := trigger.Trigger{Type: trigger.ImageReady, ID: "e", Time: due}
	const missing = "not selected: it has no tag Backup=yes"
	tests := map[string]struct {
		trigger trigger.Trigger
		image   Image
		action  Action
		reason  string
	}{
		"made":                          {ready, win(state("PENDING")), Wait, "the image is PENDING"},
		"made, for all that is known":   {ready, win(state("NEW"), func(i *Image) { i.Created = due }), Wait, "the image is NEW"},
		"made, since nobody knows when": {ready, win(state("NEW"), func(i *Image) { i.Created = time.Time{} }), Wait, "the image is NEW"},
		"in a state nobody knows":       {ready, win(state("NEW")), Skip, missing},
		"there":                         {ready, win(), Skip, missing},
		"made, seen by a sweep":         {nightly, win(state("PENDING")), Skip, missing},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			order := Order{Trigger: test.trigger, Selection: selected(t, nil, map[string]string{"Backup": "yes"}),
				Name: nameTemplate(t, "{image}")}
			got := decide(order, test.image, remembered(), map[string]string{})
			if got.Action != test.action || got.Reason != test.reason {
				t.Errorf("decision = %+v, want %s %q", got, test.action, test.reason)
			}
		})
	}
}

// Who does not mean an image is told apart from who cannot export it.
func TestIsNotSelected(t *testing.T) {
	for reason, want := range map[string]bool{
		wrongName: true, NotSelected + ": it has no tag a=b": true, AlreadyExported: false, "": false,
	} {
		if got := IsNotSelected(reason); got != want {
			t.Errorf("%q: %v", reason, got)
		}
	}
}

func TestDecideWithACustomName(t *testing.T) {
	order := Order{Trigger: nightly, Selection: selected(t, []string{"win"}, nil), AMIName: "golden",
		Name: nameTemplate(t, "{image}-{created}")}
	none := map[string]string{}
	tests := map[string]struct {
		image Image
		tasks []Task
		tags  map[string]string
		want  Action
	}{
		"new":                        {win(), nil, none, Export},
		"without a creation time":    {win(func(i *Image) { i.Created = time.Time{} }), nil, none, Export},
		"exported by the template":   {win(), []Task{exportTask("COMPLETED")}, map[string]string{tags.AMIName: winAMI}, Export},
		"exported under that name":   {win(), []Task{exportTask("COMPLETED", called("golden"))}, none, Skip},
		"marked under that name":     {win(), nil, map[string]string{tags.AMIName: "golden"}, Skip},
		"another image has the name": {win(), []Task{exportTask("EXPORTING", called("golden"), of(place.ImageARN("other")))}, none, Reject},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := decide(order, test.image, remembered(test.tasks...), test.tags)
			if got.Action != test.want || got.AMIName != "golden" {
				t.Errorf("decision = %+v, want %s of golden", got, test.want)
			}
		})
	}
}

// A tag takes no parentheses, so the mark of an AMI name that has some is another text than the name.
func TestDecideByTheMarkOfANameWithParentheses(t *testing.T) {
	const amiName = "win(backup)"
	mark := map[string]string{tags.AMIName: tags.Marker(amiName)}
	if mark[tags.AMIName] == amiName {
		t.Fatal("the mark is the name, which no tag can hold")
	}
	for name, tasks := range map[string][]Task{
		"exported long ago":          nil,
		"by this trigger, completed": {exportTask("COMPLETED", own, called(amiName))},
	} {
		for kind, order := range map[string]Order{
			"template":    {Trigger: nightly, Name: nameTemplate(t, "{image}(backup)")},
			"chosen name": {Trigger: nightly, Selection: selected(t, []string{"win"}, nil), AMIName: amiName},
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				if got := decide(order, win(), remembered(tasks...), mark); got.Action != Skip || got.Reason != "already exported" ||
					got.AMIName != amiName {
					t.Errorf("decision = %+v", got)
				}
			})
		}
	}
}

// An export cannot be described anew: where any text of it tells when the image was made, it waits until that is known.
func TestDecideWithoutACreationTime(t *testing.T) {
	none := map[string]string{}
	for _, test := range []struct {
		amiName, name, description string
		want                       Action
	}{
		{"", "{image}", "", Export},
		{"", "{image}", "made of {image}", Export},
		{"", "{image}", "made {created}", Wait},
		{"", "{image}-{created}", "", Wait},
		{"golden", "{image}-{created}", "", Export},
		{"golden", "{image}-{created}", "made {created}", Wait},
	} {
		description, err := ParseDescriptionTemplate(test.description)
		if err != nil {
			t.Fatal(err)
		}
		order := Order{Trigger: nightly, Selection: selected(t, []string{"win"}, nil), AMIName: test.amiName,
			Name: nameTemplate(t, test.name), Description: description}
		got := decide(order, win(func(i *Image) { i.Created = time.Time{} }), remembered(), none)
		if got.Action != test.want || test.want == Wait && got.Reason != "AppStream reports no creation time yet" {
			t.Errorf("%+v: decision = %+v", test, got)
		}
	}
}

func TestDecideNotFound(t *testing.T) {
	ready := trigger.Trigger{Type: trigger.ImageReady, ID: "e", Time: due}
	named := selected(t, []string{"win"}, nil)
	tests := map[string]struct {
		order  Order
		now    time.Time
		action Action
		reason string
	}{
		"named by a request":           {Order{Trigger: nightly, Selection: named}, due, Reject, "the image was not found"},
		"in the stack's list of names": {Order{Trigger: nightly, Selection: named, Sweep: true}, due, Skip, "the image was not found"},
		"vanished from a sweep": {Order{Trigger: nightly, Selection: selected(t, []string{"w*"}, nil), Only: []string{"win"}}, due,
			Skip, "the image was not found"},
		"outside the stack's selection": {Order{Trigger: ready, Selection: named, Bounds: selected(t, []string{"prod-*"}, nil)}, due, Skip,
			wrongName},
		"its event came just now": {Order{Trigger: ready, Selection: named}, due.Add(14 * time.Minute), Wait,
			"the image cannot be seen yet"},
		"its event came from the future": {Order{Trigger: ready, Selection: named}, due.Add(-time.Hour), Wait,
			"the image cannot be seen yet"},
		"its event came long ago": {Order{Trigger: ready, Selection: named}, due.Add(15 * time.Minute), Reject,
			"the image was not found"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := test.order.decideNotFound("win", place, test.now)
			if got.Action != test.action || got.Reason != test.reason || got.ImageName != "win" {
				t.Errorf("decision = %+v, want %s %q", got, test.action, test.reason)
			}
			if hint := "account 123456789012 has no AppStream image of that name of its own in eu-west-1"; got.Action == Reject &&
				!strings.Contains(got.Hint, hint) {
				t.Errorf("hint = %q, want %q in it", got.Hint, hint)
			}
		})
	}
}
