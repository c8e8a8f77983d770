package doctor

import (
	"fmt"
	"slices"
	"strings"
)

func triggerChecks() []Check {
	const group = "What starts it"
	return []Check{
		{
			"schedule", group, "The nightly schedule is enabled, and when it comes next.",
			"Enable the schedule in the EventBridge Scheduler console; where the parameter Schedule says DISABLED, set that to ENABLED " +
				"and " +
				"deploy again.", lookAtSchedule,
		},
		{
			"image events", group, "The EventBridge rule for image events is enabled.",
			"Enable the rule in the EventBridge console; where the parameter ImageEvents says DISABLED, set that to ENABLED and deploy " +
				"again.",
			lookAtRule,
		},
		{
			"CloudTrail", group, "A trail logs the write management events of this Region: without one EventBridge hears of no new image.",
			"Make a trail that logs management events (write) of this Region or of all Regions; the first copy of these events is free " +
				"of " +
				"charge. Or leave it: the nightly run finds every image.", lookAtTrails,
		},
		{
			"work queue is read", group, "The event source mapping that gives the function its unfinished work is enabled.",
			"Enable the trigger of the work queue in the Lambda console; what waits stays in the queue until it is 14 days old.",
			lookAtMapping,
		},
	}
}

func lookAtSchedule(f Facts) Finding {
	wanted := f.Deployment.Parameters["Schedule"] != "DISABLED"
	if unknown := f.Schedule.unknown(); unknown != nil {
		return *unknown
	}
	if !f.Schedule.There() {
		return fail("the schedule is gone").do(deleted)
	}
	s := f.Schedule.Value
	seen := fmt.Sprintf("%s in %s", s.Expression, s.TimeZone)
	if s.State != "ENABLED" {
		if !wanted {
			return warn("%s, DISABLED as the parameter Schedule says: only image events and requests start exports", seen)
		}
		return fail("%s, DISABLED although the parameter Schedule says ENABLED", seen)
	}
	next, lost, err := nextRun(s.Expression, s.TimeZone, f.Now)
	switch {
	case err != nil:
		return ok("%s, ENABLED; when it comes next is not computed here: %v", seen, err)
	case next.IsZero():
		return fail("%s, ENABLED, but there is no such time any more",
			seen).do("Set ScheduleExpression to one that comes again, and deploy.")
	}
	seen += ", ENABLED; next run " + stamp(next)
	if lost != "" {
		return warn("%s; none on %s, when the clocks jump over that time", seen, lost).
			do("Nothing is lost: the next night makes up for it. To have it all the same, choose a time that the clocks of %s do not "+
				"jump over.",
				s.TimeZone)
	}
	return ok("%s", seen)
}

func lookAtRule(f Facts) Finding {
	if unknown := f.Rule.unknown(); unknown != nil {
		return *unknown
	}
	if !f.Rule.There() {
		return fail("the rule is gone").do(deleted)
	}
	enabled := strings.HasPrefix(f.Rule.Value.State, "ENABLED")
	wanted := f.wantsEvents()
	switch {
	case !enabled && wanted:
		return fail("%s is %s although the parameter ImageEvents says ENABLED", f.Rule.Value.Name, f.Rule.Value.State)
	case !enabled:
		return ok("%s is DISABLED, as the parameter ImageEvents says: new images wait for the night", f.Rule.Value.Name)
	}
	return ok("%s is ENABLED", f.Rule.Value.Name)
}

func (f Facts) wantsEvents() bool { return f.Deployment.Parameters["ImageEvents"] != "DISABLED" }

func lookAtTrails(f Facts) Finding {
	if !f.wantsEvents() {
		return ok("not needed, as ImageEvents is DISABLED")
	}
	if unknown := f.Trails.unknown(); unknown != nil {
		return *unknown
	}
	var problems []string
	var unclear *Finding
	for _, trail := range f.Trails.Value {
		problem, unknown := trail.problem()
		switch {
		case unknown != nil:
			unclear = unknown
		case problem == "":
			return ok("%s logs write management events", trail.Name)
		default:
			problems = append(problems, trail.Name+" "+problem)
		}
	}
	switch {
	case unclear != nil:
		return *unclear
	case len(problems) > 0:
		return warn("no trail logs what is needed: %s", tally(problems))
	}
	return warn("there is no trail for this Region: no image event ever comes, new images wait for the night")
}

// problem is why no image event comes by the trail, "" where they come.
func (t Trail) problem() (string, *Finding) {
	if unknown := t.Logging.unknown(); unknown != nil {
		return "", unknown
	}
	if !t.Logging.Value {
		return "does not log now", nil
	}
	if unknown := t.Selectors.unknown(); unknown != nil {
		return "", unknown
	}
	if !slices.ContainsFunc(t.Selectors.Value, Selector.logsAppStreamWrites) {
		return "does not log write management events of AppStream", nil
	}
	return "", nil
}

const appStreamEvents = "appstream.amazonaws.com"

func (s Selector) logsAppStreamWrites() bool {
	if len(s.Fields) == 0 {
		return s.Management && s.ReadWrite != "ReadOnly" && !slices.Contains(s.Excluded, appStreamEvents)
	}
	management := false
	for _, field := range s.Fields {
		if field.Other {
			return false
		}
		switch field.Name {
		case "eventCategory":
			management = slices.Contains(field.Equals, "Management")
		case "readOnly":
			if slices.Contains(field.Equals, "true") {
				return false
			}
		case "eventSource":
			if len(field.Equals) > 0 && !slices.Contains(field.Equals, appStreamEvents) ||
				slices.Contains(field.NotEquals, appStreamEvents) {
				return false
			}
		default: // names, types, sessions: what is narrower than all events may leave ours out
			return false
		}
	}
	return management
}

func lookAtMapping(f Facts) Finding {
	if unknown := f.Mapping.unknown(); unknown != nil {
		return *unknown
	}
	if !f.Mapping.There() {
		return fail("the work queue feeds no function: exports are not followed").do(deleted)
	}
	m := f.Mapping.Value
	seen := m.State
	if m.LastResult != "" {
		seen += ", last result: " + m.LastResult
	}
	if m.Reason != "" && m.Reason != "USER_INITIATED" && m.Reason != "User action" {
		seen += " (" + m.Reason + ")"
	}
	switch m.State {
	case "Enabled":
		if strings.HasPrefix(m.LastResult, "PROBLEM") {
			return fail("%s", seen).do("Mostly the function's role may not read the queue or use its key; see the lines on its rights.")
		}
		return ok("%s", seen)
	case "Disabled", "Disabling":
		return fail("%s: exports are not followed, and waiting images are not started", seen)
	}
	return warn("%s", seen).do("Wait a minute, and ask again.")
}
