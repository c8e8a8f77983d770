package export

import (
	"time"

	"appstream-ami-exporter/internal/tags"
	"appstream-ami-exporter/internal/trigger"
)

// history is what AppStream remembers of earlier exports: the database of this function. It keeps the
// little that the plan asks for, and a whole task only where it is the trigger's own.
type history struct {
	trigger trigger.Trigger
	stack   string
	running int // tasks that run, of whomever

	// What is seen of the other runs of the stack's schedule: whether a later one has started an export, and whether an export
	// that an earlier one started still runs.
	laterNight, backlog bool
	// untold are tasks whose tags neither the list told nor anybody asked for.
	untold []Task

	byAMIName map[string]record
	// own is what this very trigger started, by the image's ARN: should the name template have been changed between two
	// deliveries, the AMI's name is another.
	own map[string]*Task
}

// record is what is remembered of all the tasks with one AMI name.
type record struct {
	live   *liveTask // completed rather than running: then the AMI is there
	failed []string  // the AMI's description, of each task that failed
}

// liveTask is what the plan asks of a task that runs or has completed.
type liveTask struct {
	id        string
	imageARN  string
	completed bool
	amiID     string
	created   time.Time
	own       bool // of this stack, as far as it is told
	untagged  bool // whose it is was not told
}

func newHistory(t trigger.Trigger, stack string) *history {
	return &history{trigger: t, stack: stack, byAMIName: map[string]record{}, own: map[string]*Task{}}
}

func (h *history) add(task Task) {
	if !task.Ended() {
		h.running++
	}
	h.noteNight(task)
	r := h.byAMIName[task.AMIName]
	if !task.live() {
		r.failed = append(r.failed, task.Description)
	} else if r.live == nil || task.Completed() {
		r.live = &liveTask{
			id: task.ID, imageARN: task.ImageARN, completed: task.Completed(),
			amiID: task.AMIID, created: task.Created, own: task.of(h.stack), untagged: len(task.Tags) == 0,
		}
	}
	h.byAMIName[task.AMIName] = r
	// Of two twins of one trigger the live one counts; the other is no failure.
	if startedBy(task, h.trigger, h.stack) && (h.own[task.ImageARN] == nil || task.live()) {
		h.own[task.ImageARN] = &task
	}
}

// noteNight notes what a task tells of other runs of the schedule.
func (h *history) noteNight(task Task) {
	if task.Tags[tags.Trigger] != string(trigger.Schedule) || !task.of(h.stack) || startedBy(task, h.trigger, h.stack) {
		return
	}
	at, err := time.Parse(time.RFC3339, task.Tags[tags.ExportedAt])
	if err != nil {
		return // of an earlier version
	}
	if at.After(h.trigger.Time) {
		h.laterNight = true
	} else if !task.Ended() {
		h.backlog = true
	}
}
