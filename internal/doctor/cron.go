package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// horizon is how many days ahead runs are looked for: a leap day and some more.
const horizon = 5 * 366

// nextRun is when a schedule of EventBridge Scheduler comes next after a time, the zero time where it never does; lost is the
// first run of the coming year that falls out because the clocks of its zone jump over it.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
func nextRun(expression, zone string, after time.Time) (next time.Time, lost string, err error) {
	if strings.HasPrefix(expression, "rate(") {
		return next, "", errors.New("it counts from when the schedule was made")
	}
	cron, err := parseCron(expression)
	if err != nil {
		return next, "", err
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return next, "", fmt.Errorf("the time zone %s is not known here", zone)
	}
	from := after.In(location)
	for day := range horizon {
		date := time.Date(from.Year(), from.Month(), from.Day()+day, 12, 0, 0, 0, location) // noon is there on every day
		if !next.IsZero() && (day > 366 || lost != "") {
			break
		}
		if !cron.onDay(date) {
			continue
		}
		for _, hour := range cron.hours {
			for _, minute := range cron.minutes {
				at := time.Date(date.Year(), date.Month(), date.Day(), hour, minute, 0, 0, location)
				if at.Before(after) || at.Equal(after) {
					continue
				}
				if at.Hour() != hour || at.Minute() != minute { // the zone has no such time on this day
					if lost == "" && day <= 366 {
						lost = date.Format("2006-01-02")
					}
					continue
				}
				if next.IsZero() || at.Before(next) {
					next = at
				}
			}
		}
	}
	return next, lost, nil
}

// cron is a cron expression in sets of numbers.
type cron struct{ minutes, hours, days, months, weekdays, years []int }

func (c cron) onDay(date time.Time) bool {
	return slices.Contains(c.days, date.Day()) && slices.Contains(c.months, int(date.Month())) &&
		slices.Contains(c.weekdays, int(date.Weekday())+1) && slices.Contains(c.years, date.Year())
}

func parseCron(expression string) (c cron, err error) {
	inner, found := strings.CutPrefix(expression, "cron(")
	fields := strings.Fields(strings.TrimSuffix(inner, ")"))
	if !found || len(fields) != 6 {
		return c, fmt.Errorf("%q is not a cron expression of six fields", expression)
	}
	const months, weekdays = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC", "SUN MON TUE WED THU FRI SAT"
	for i, field := range []struct {
		into     *[]int
		low, top int
		names    string
	}{
		{&c.minutes, 0, 59, ""}, {&c.hours, 0, 23, ""}, {&c.days, 1, 31, ""}, {&c.months, 1, 12, months}, {&c.weekdays, 1, 7, weekdays},
		{&c.years, 1970, 2199, ""},
	} {
		if *field.into, err = parseField(fields[i], field.low, field.top, strings.Fields(field.names)); err != nil {
			return c, err
		}
	}
	return c, nil
}

// parseField reads a list of *, ?, numbers, names, ranges and steps.
func parseField(text string, low, top int, names []string) (numbers []int, err error) {
	number := func(word string) (int, error) {
		if i := slices.Index(names, strings.ToUpper(word)); i >= 0 {
			return low + i, nil
		}
		n, err := strconv.Atoi(word)
		if err != nil || n < low || n > top {
			return 0, fmt.Errorf("%q in the expression is not understood here", word)
		}
		return n, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		span, every, stepped := strings.Cut(part, "/")
		first, last, step := low, top, 1
		if span != "*" && span != "?" {
			begin, end, ranged := strings.Cut(span, "-")
			if first, err = number(begin); err != nil {
				return nil, err
			}
			switch {
			case ranged:
				if last, err = number(end); err != nil {
					return nil, err
				}
			case !stepped:
				last = first
			}
		}
		if stepped {
			if step, err = strconv.Atoi(every); err != nil || step < 1 {
				return nil, fmt.Errorf("the step %q in the expression is not understood here", every)
			}
		}
		if last < first { // FRI-MON
			last += top - low + 1
		}
		for n := first; n <= last; n += step {
			numbers = append(numbers, low+(n-low)%(top-low+1))
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers), nil
}
