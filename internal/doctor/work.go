package doctor

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

func workChecks() []Check {
	const group = "How it goes"
	return []Check{
		{
			"last night", group, "When the last nightly run was, and what it did.",
			"docs/OPERATIONS.md, section \"A night did not run\".", lookAtNight,
		},
		{
			"alarms", group, "The alarms that ring.",
			"Each alarm has a section in docs/OPERATIONS.md under \"Alarms\".", lookAtAlarms,
		},
		{
			"work queue", group, "How much is unfinished: running exports, waiting images, notifications.",
			"docs/OPERATIONS.md, section \"The work queue is not read\".", lookAtWork,
		},
		{
			"dead letters", group, "Work that could not be read or finished, and what it is about.",
			"docs/OPERATIONS.md, section \"The dead-letter queue is not empty\".",
			func(f Facts) Finding { return lookAtLost(f.DeadLetters, f.DeadReasons) },
		},
		{
			"failed events", group, "Triggers that came to nothing, and why.",
			"Remove the cause, then `make replay`; docs/OPERATIONS.md, section \"The failed-events queue is not empty\".",
			func(f Facts) Finding { return lookAtLost(f.FailedEvents, f.FailedReasons) },
		},
	}
}

// firstRun is what to do where there has been no run.
const firstRun = "`make night` starts the first run at once."

func lookAtNight(f Facts) Finding {
	if unknown := f.Night.unknown(); unknown != nil {
		return *unknown
	}
	hours, _ := strconv.Atoi(f.Deployment.Parameters["HoursWithoutRun"]) // 0, as where there is none, means no bound
	bound := time.Duration(hours) * time.Hour
	if !f.Night.There() {
		age := f.Now.Sub(f.Deployment.Created)
		switch {
		case f.Deployment.Parameters["Schedule"] == "DISABLED":
			return ok("none, as the parameter Schedule is DISABLED")
		case bound == 0:
			return warn("none in the last %s", days(f.Searched))
		case age < bound:
			return warn("none yet; the stack is %s old", ago(age)).do(firstRun)
		}
		return fail("none in the last %s", days(f.Searched))
	}
	n := f.Night.Value
	since := f.Now.Sub(n.At)
	seen := fmt.Sprintf("%s, %s ago: %s, %d started, %d waiting, %d skipped, %d rejected", stamp(n.At), ago(since),
		things(n.Images, "image"), n.Started, n.Waiting, n.Skipped, n.Rejected)
	switch {
	case bound > 0 && since > bound && f.Deployment.Parameters["Schedule"] != "DISABLED":
		return fail("%s; that is more than HoursWithoutRun=%d", seen, hours)
	case n.Rejected > 0:
		return warn("%s", seen).do("docs/OPERATIONS.md, section \"An export was rejected\".")
	case n.Images == 0:
		return warn("%s", seen).do("No image fits the parameters Images and ImageTag: `make plan` shows each image and why it is left out.")
	}
	return ok("%s", seen)
}

func lookAtAlarms(f Facts) Finding {
	if unknown := f.Alarms.unknown(); unknown != nil {
		return *unknown
	}
	var ringing, muted []string
	fresh := true // nothing rings but the alarm of a stack that has not run yet
	for _, alarm := range f.Alarms.Value {
		if alarm.Muted {
			muted = append(muted, alarm.Name)
		}
		if alarm.State == "ALARM" {
			what, _, _ := strings.Cut(alarm.Description, ". ")
			ringing = append(ringing, fmt.Sprintf("%s since %s: %s", alarm.Name, stamp(alarm.Since), strings.TrimSuffix(what, ".")))
			fresh = fresh && alarm.LogicalID == "NightMissedAlarm"
		}
	}
	switch {
	case len(f.Alarms.Value) == 0:
		return warn("the stack has no alarms").do("Set the parameter Alarms to ENABLED and deploy again, unless you watch by other means.")
	case len(ringing) > 0 && fresh && f.Night.unknown() == nil && !f.Night.There():
		return warn("%s", strings.Join(ringing, "; ")).do(firstRun + " The alarm falls silent within the hour.")
	case len(ringing) > 0:
		return fail("%d of %d ring: %s", len(ringing), len(f.Alarms.Value), strings.Join(ringing, "; "))
	case len(muted) > 0:
		return warn("none of %d rings, but the actions of %s are disabled", len(f.Alarms.Value), few(muted)).
			do("Enable the alarms' actions in the CloudWatch console, or nobody hears them.")
	}
	return ok("none of %d rings", len(f.Alarms.Value))
}

func lookAtWork(f Facts) Finding {
	if unknown := f.Work.unknown(); unknown != nil {
		return *unknown
	}
	if !f.Work.There() {
		return fail("the queue is gone").do(deleted)
	}
	q := f.Work.Value
	if q.Messages() == 0 {
		return ok("nothing is unfinished")
	}
	return ok("%d unfinished: %d due, %d not due yet", q.Messages(), q.Visible, q.InFlight+q.Delayed)
}

func lookAtLost(queue Answer[Queue], reasons Answer[[]string]) Finding {
	if unknown := queue.unknown(); unknown != nil {
		return *unknown
	}
	if !queue.There() {
		return fail("the queue is gone").do(deleted)
	}
	n := queue.Value.Messages()
	if n == 0 {
		return ok("empty")
	}
	if unknown := reasons.unknown(); unknown != nil {
		return fail("%s; why is not known: %s", things(n, "message"), unknown.Seen)
	}
	return fail("%s: %s", things(n, "message"), tally(reasons.Value))
}
