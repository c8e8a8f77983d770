package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Questions are all that AWS does not say and that matters here, with what one export says of each. docs/RELIABILITY.md has them
// as a table.
func Questions() []Question {
	return []Question{
		{"How long does an export take?", "A task is followed until it ends or `ExportDeadlineHours` have passed.", Trial.duration},
		{"Which states does a task have?", "All but COMPLETED, FAILED and TIMED_OUT count as running.", Trial.states},
		{"Which error codes does a failed task have, and does one that timed out have any?", "They are told as AppStream gives them.",
			Trial.errorCodes},
		{"Is the AMI available when its task is COMPLETED?", "The notification names the AMI, not its state.", Trial.available},
		{"Does the AMI have the tags that were asked for?", "The exporter does not rely on it.", Trial.amiTags},
		{"Do the AMI's snapshots have them?", "The exporter does not rely on it.", Trial.snapshotTags},
		{"Is the AMI encrypted, and with which key?", "The doctor's line `EBS encryption` says what the account's default does to it.",
			Trial.encryption},
		{"From where is the AMI copied?", "The export role may copy any AMI, since it cannot be said which.", Trial.source},
		{"Does the list of tasks show one at once?", "After an ambiguous start the list is asked by the AMI's name; if a task could not " +
			"be " +
			"listed then, the start could be made again, and the taken name would stop the second.", Trial.listedAtOnce},
		{"Does the list of tasks tell their tags?", "Where it does not, each task in question is asked for by itself.", Trial.listTells},
		{"In which order is the list of tasks?", "None is relied on.", Trial.order},
		{"Which filters does the list of tasks take?", "It is read unfiltered.", Trial.filter},
		{"How long are tasks remembered?", "An exported image is marked with a tag, which outlives its task.", Trial.memory},
		{"How many exports run at once, and is there a quota?", "A refusal for the limit is waited out.", Trial.atOnce},
		{"Is AppStream asked too often?", "Throttling is waited out.", Trial.throttled},
		{"Which images can be exported besides those of Windows Server 2022 and 2025, and of which types?",
			"Others are never asked for; every type is.", Trial.kinds},
		{"Which states does an image have?", "An unknown one is waited for.", Trial.imageStates},
		{"Is an own image that is shared with others listed as PRIVATE?", "Only images listed as PRIVATE are seen by a sweep.",
			Trial.shared},
		{"Is there an event when an image becomes AVAILABLE?", "The event at the start of its making is waited out.", Trial.events},
		{"Does AppStream send aws:SourceAccount or aws:SourceArn when it assumes the export role?",
			"The stack's own role has no such condition.", Trial.conditions},
		{"Do exports work in this Region?", "A refusal is told.", Trial.region},
		{"What does a second start under the same AMI name answer: a refusal, a task that fails later, or a second AMI?",
			"All three are handled: a twin is no failure, and where both complete each is told.", Trial.second},
		{"Does an export itself cost something?", "Nothing depends on it.",
			notTried("no call tells; look in Cost Explorer for AppStream on the day of this export")},
		{"Is an image of another platform refused at once, or does its task fail?", "It is never asked for.",
			notTried("the function asks for none")},
		{"Does the name of a pending, disabled or deleted AMI count as taken?", "A refusal is told with AppStream's own words.",
			notTried("it would take AMIs in these states")},
		{"Can the name of a deleted image be used again?", "An image is known by its name and when it was made.",
			notTried("it would delete an image")},
		{"Are tags accepted whose key begins with AWS: in capitals?", "A refusal is told with AppStream's own words.",
			notTried("it could have spoilt this export")},
	}
}

// notTried answers a question that a trial leaves alone.
func notTried(why string) func(Trial) string {
	return func(Trial) string { return "Not tried: " + why + "." }
}

// told makes a sentence of an answer, or says why there is none.
func told[T any](a Answer[T], say func(T) string) string {
	if unknown := a.unknown(); unknown != nil {
		return "Not known: " + strings.TrimPrefix(unknown.Seen, "not answered: ") + "."
	}
	return say(a.Value)
}

func (t Trial) duration() string {
	switch {
	case len(t.States) == 0:
		return "Not known: no state was seen."
	case !t.Ended:
		return fmt.Sprintf("Longer than %s: nobody looked any longer, the task was %s.", t.Looked.Sub(t.Asked).Round(time.Second),
			orNone(t.end().State))
	}
	return fmt.Sprintf("%s until it was seen %s, looking %s.", t.end().At.Sub(t.Asked).Round(time.Second), t.end().State,
		things(t.Looks, "time"))
}

func (t Trial) states() string {
	if len(t.States) == 0 {
		return "Not known: no state was seen."
	}
	var seen []string
	for _, s := range t.States {
		seen = append(seen, fmt.Sprintf("%s after %s", orNone(s.State), s.At.Sub(t.Asked).Round(time.Second)))
	}
	others := map[string]int{}
	for _, task := range t.Tasks.Value {
		others[orNone(task.State)]++
	}
	text := "This one: " + strings.Join(seen, ", ") + "."
	if len(others) > 0 {
		text += " All that the list shows: " + counts(others) + "."
	}
	return text
}

func (t Trial) errorCodes() string {
	codes := map[string]int{}
	for _, task := range t.Tasks.Value {
		if !task.Ended || task.State == completed {
			continue
		}
		for _, code := range task.Errors {
			codes[task.State+" "+code]++
		}
		if len(task.Errors) == 0 {
			codes[task.State+" without any"]++
		}
	}
	text := told(t.Tasks, func([]TaskSeen) string {
		if len(codes) == 0 {
			return "None of the tasks in the list has failed."
		}
		return "In the list: " + counts(codes) + "."
	})
	if len(t.Errors) > 0 {
		text += " This one: " + strings.Join(t.Errors, "; ") + "."
	}
	return text
}

func (t Trial) available() string {
	if !t.Completed() {
		return "Not known: the task has not completed."
	}
	return told(t.AMIAtEnd, func(state string) string {
		switch {
		case !t.AMIAtEnd.There():
			state = "not to be seen"
		case state == "available":
			return "Yes."
		}
		if t.Available.There() {
			return fmt.Sprintf("No: it was %s, and available %s later.", state, t.Available.Value.Round(time.Second))
		}
		return "No: it was " + state + ", and not available as long as anybody looked."
	})
}

func (t Trial) amiTags() string {
	return told(t.AMI, func(ami AMI) string { return t.hasTag(ami.Tags) })
}

func (t Trial) snapshotTags() string {
	return told(t.Snapshots, func(snapshots []Snapshot) string {
		var each []string
		for _, s := range snapshots {
			each = append(each, t.hasTag(s.Tags))
		}
		return tallied(each, "snapshot")
	})
}

func (t Trial) hasTag(tags map[string]string) string {
	if _, there := tags[t.Tag]; there {
		return fmt.Sprintf("Yes (%s in all).", things(len(tags), "tag"))
	}
	if len(tags) == 0 {
		return "No, it has no tags."
	}
	return fmt.Sprintf("No, it has others (%d).", len(tags))
}

func (t Trial) encryption() string {
	return told(t.Snapshots, func(snapshots []Snapshot) string {
		var each []string
		for _, s := range snapshots {
			switch {
			case !s.Encrypted:
				each = append(each, fmt.Sprintf("Not encrypted (%d GB).", s.GB))
			case s.Key == "CUSTOMER":
				each = append(each, fmt.Sprintf("Encrypted with a customer's key (%d GB).", s.GB))
			case s.Key == "AWS":
				each = append(each, fmt.Sprintf("Encrypted with a key that AWS manages (%d GB).", s.GB))
			default:
				each = append(each, fmt.Sprintf("Encrypted, with which key is not known (%d GB).", s.GB))
			}
		}
		return tallied(each, "snapshot")
	})
}

// tallied writes what is true of each of several things.
func tallied(each []string, noun string) string {
	switch len(each) {
	case 0:
		return "There is no " + noun + "."
	case 1:
		return each[0]
	}
	return fmt.Sprintf("Of %s: %s", things(len(each), noun), tally(each))
}

func (t Trial) source() string {
	return told(t.AMI, func(ami AMI) string {
		if ami.SourceID == "" {
			return "EC2 does not tell."
		}
		return fmt.Sprintf("From an AMI of %s.", orNone(ami.SourceRegion))
	})
}

func (t Trial) listedAtOnce() string {
	return told(t.ListedAfter, func(after time.Duration) string {
		switch {
		case !t.ListedAfter.There():
			return "No: it never showed this one."
		case after < 5*time.Second:
			return "Yes."
		}
		return fmt.Sprintf("No: after %s.", after.Round(time.Second))
	})
}

func (t Trial) listTells() string {
	return told(t.ListTags, func(tags map[string]string) string {
		text := "No."
		if _, there := tags[t.Tag]; there {
			text = "Yes."
		}
		return text + " " + told(t.TaskTags, func(tags map[string]string) string {
			if _, there := tags[t.Tag]; there {
				return "A look at the task itself does."
			}
			return "A look at the task itself does not."
		})
	})
}

func (t Trial) order() string {
	return told(t.Tasks, func(tasks []TaskSeen) string {
		newest := slices.IsSortedFunc(tasks, func(a, b TaskSeen) int { return b.Created.Compare(a.Created) })
		oldest := slices.IsSortedFunc(tasks, func(a, b TaskSeen) int { return a.Created.Compare(b.Created) })
		switch {
		case newest && oldest:
			return fmt.Sprintf("Not to be seen from %s.", things(len(tasks), "task"))
		case newest:
			return fmt.Sprintf("The newest first (%d tasks).", len(tasks))
		case oldest:
			return fmt.Sprintf("The oldest first (%d tasks).", len(tasks))
		}
		return fmt.Sprintf("Not by when they were started (%d tasks).", len(tasks))
	})
}

func (t Trial) filter() string {
	return told(t.Filter, func(said string) string { return "Asked for `State` = `COMPLETED` it answers: " + said + "." })
}

func (t Trial) memory() string {
	return told(t.Tasks, func(tasks []TaskSeen) string {
		var oldest time.Time
		for _, task := range tasks {
			if task.Ended && (oldest.IsZero() || task.Created.Before(oldest)) {
				oldest = task.Created
			}
		}
		if oldest.IsZero() {
			return "The list shows none that has ended."
		}
		return fmt.Sprintf("At least %s: the oldest in the list that has ended (of %d).", days(t.Looked.Sub(oldest)), len(tasks))
	})
}

func (t Trial) atOnce() string {
	running := told(t.Tasks, func(tasks []TaskSeen) string {
		running := 0 // now: when others ended is not told
		for _, task := range tasks {
			if !task.Ended {
				running++
			}
		}
		return fmt.Sprintf("%d run now.", running)
	})
	return running + " " + told(t.ExportQuotas, func(quotas []string) string {
		if len(quotas) == 0 {
			return "Service Quotas knows none of AppStream that speaks of exports."
		}
		return "Service Quotas: " + strings.Join(quotas, "; ") + "."
	})
}

func (t Trial) throttled() string {
	return fmt.Sprintf("%d of %d looks were throttled.", t.Refused, t.Looks)
}

func (t Trial) kinds() string {
	return told(t.Images, func(images []Image) string {
		for _, image := range images {
			if image.Name == t.ImageName {
				return fmt.Sprintf("This one is %s of the type %s, and its task was last seen %s.", orNone(image.Platform),
					orNone(image.Type),
					orNone(t.end().State))
			}
		}
		return "Not known: the image is not in the list."
	})
}

func (t Trial) imageStates() string {
	return told(t.Images, func(images []Image) string {
		states := map[string]int{}
		for _, image := range images {
			states[orNone(image.State)]++
		}
		return "Here: " + counts(states) + "."
	})
}

func (t Trial) shared() string {
	return told(t.Images, func(images []Image) string {
		n := 0
		for _, image := range images { // which are those listed as PRIVATE
			if image.SharedWithOthers {
				n++
			}
		}
		if n == 0 {
			return "None of those listed as PRIVATE is shared; if you share one, it is not."
		}
		return fmt.Sprintf("Yes: %d.", n)
	})
}

func (t Trial) events() string {
	return told(t.ImageEvents, func(states map[string]int) string {
		if len(states) == 0 {
			return "CloudTrail has no CreateImage event of the last 90 days."
		}
		return "CloudTrail's CreateImage events of the last 90 days, by the image's state: " + counts(states) + "."
	})
}

func (t Trial) conditions() string {
	return told(t.Trust, func(role Role) string {
		trust, err := parsePolicy(role.Trust)
		if err != nil {
			return "Not known: the trust policy cannot be read."
		}
		keys := trust.conditionKeys(appStreamService)
		switch {
		case len(keys) == 0:
			return "Not to be seen: the role has no condition."
		case t.Completed():
			return "It sends what the role's conditions want: " + strings.Join(keys, ", ") + "."
		}
		return "Perhaps not: the role has conditions (" + strings.Join(keys, ", ") + ") and the export did not complete."
	})
}

func (t Trial) region() string {
	if t.Completed() {
		return "Yes, in " + t.Deployment.Region + "."
	}
	return "Not known: this one has not completed in " + t.Deployment.Region + "."
}

func (t Trial) second() string {
	s := t.Second
	switch {
	case s == nil:
		return "Not tried: `TWICE=1` tries it."
	case s.NotAsked != "":
		return "Not known: " + s.NotAsked + "."
	case s.Refused != "":
		return "Refused at once: " + s.Refused + "."
	case s.SameTask:
		return "It answers with the task of the first."
	}
	text := "It answers with a task of its own, last seen " + orNone(s.State)
	if len(s.Errors) > 0 {
		text += " (" + strings.Join(s.Errors, "; ") + ")"
	}
	if s.AMI {
		return text + " and made a second AMI of the same name."
	}
	return text + " and made no AMI."
}

func counts(of map[string]int) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, fmt.Sprintf("%s %d", key, of[key]))
	}
	return strings.Join(parts, ", ")
}

func orNone(text string) string {
	if text == "" {
		return "(none told)"
	}
	return text
}
