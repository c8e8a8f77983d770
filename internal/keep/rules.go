package keep

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rules say which AMIs of a family stay: each that any of them keeps. They are those of restic and borg.
// https://restic.readthedocs.io/en/stable/060_forget.html
type Rules struct {
	Last    int // the newest N
	Daily   int // the newest of each of the latest N days that have one
	Weekly  int // the same of ISO weeks
	Monthly int
	Yearly  int
	Within  int // all that are at most so many days older than the family's latest
}

// rule is one of the rules by its name.
type rule struct {
	name   string
	number func(*Rules) *int
}

// allRules are in the order in which they are printed.
var allRules = []rule{
	{"last", func(r *Rules) *int { return &r.Last }},
	{"daily", func(r *Rules) *int { return &r.Daily }},
	{"weekly", func(r *Rules) *int { return &r.Weekly }},
	{"monthly", func(r *Rules) *int { return &r.Monthly }},
	{"yearly", func(r *Rules) *int { return &r.Yearly }},
	{"within", func(r *Rules) *int { return &r.Within }},
}

// mostKept bounds each number: EC2 has at most 50,000 AMIs in a Region, and a longer number is a slip of the finger.
const mostKept = 50_000

// ParseRules reads keep rules such as "last=3,daily=7,weekly=5,monthly=12". The empty text has none and keeps everything.
func ParseRules(text string) (Rules, error) {
	var rules Rules
	if strings.TrimSpace(text) == "" {
		return rules, nil
	}
	var problems []error
	seen := map[string]bool{}
	for entry := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(entry), "=")
		at := slices.IndexFunc(allRules, func(r rule) bool { return r.name == name })
		number, err := strconv.Atoi(value)
		switch {
		case at < 0:
			problems = append(problems, fmt.Errorf("%.60q is no rule; rules are last=N, daily=N, weekly=N, monthly=N, yearly=N and "+
				"within=DAYS", entry))
		case seen[name]:
			problems = append(problems, fmt.Errorf("the rule %s is there twice", name))
		case err != nil || number < 1 || number > mostKept:
			problems = append(problems, fmt.Errorf("%.60q needs a whole number from 1 to %d after %s=", entry, mostKept, name))
		default:
			*allRules[at].number(&rules) = number
		}
		seen[name] = true
	}
	if !seen["last"] {
		problems = append(problems, errors.New("last=N is missing: without it nothing would say how many AMIs stay in any case"))
	}
	if len(problems) > 0 {
		return Rules{}, errors.Join(problems...)
	}
	return rules, nil
}

// KeepAll tells whether there are no rules.
func (r Rules) KeepAll() bool { return r == Rules{} }

// String is the rules as ParseRules reads them, always in the same order.
func (r Rules) String() string {
	var entries []string
	for _, rule := range allRules {
		if number := *rule.number(&r); number > 0 {
			entries = append(entries, rule.name+"="+strconv.Itoa(number))
		}
	}
	return strings.Join(entries, ",")
}

// period is a stretch of time of a calendar, as a number that grows with time.
type period struct {
	name string
	of   func(time.Time) int
}

var (
	day   = period{"day", func(t time.Time) int { return t.Year()*1000 + t.YearDay() }}
	week  = period{"week", func(t time.Time) int { year, week := t.ISOWeek(); return year*100 + week }}
	month = period{"month", func(t time.Time) int { return t.Year()*100 + int(t.Month()) }}
	year  = period{"year", func(t time.Time) int { return t.Year() }}
)

// Select returns for each of the AMIs, which are a family's, newest first, with the times of their exports, why the rules keep
// it, or "" where none does. Days, weeks, months and years are those of the location.
func (r Rules) Select(exported []time.Time, location *time.Location) []string {
	why := make([]string, len(exported))
	keep := func(i int, reason string) {
		if why[i] == "" {
			why[i] = reason
		}
	}
	if len(exported) == 0 {
		return why
	}
	local := make([]time.Time, len(exported))
	latest := exported[0]
	for i, t := range exported {
		local[i] = t.In(location)
		if t.After(latest) {
			latest = t
		}
	}
	last := fmt.Sprintf("last=%d: one of the newest", r.Last)
	for i := range min(r.Last, len(exported)) {
		keep(i, last)
	}
	for _, by := range []struct {
		rule   string
		number int
		period period
		layout string
	}{
		{"daily", r.Daily, day, "2006-01-02"},
		{"weekly", r.Weekly, week, ""},
		{"monthly", r.Monthly, month, "2006-01"},
		{"yearly", r.Yearly, year, "2006"},
	} {
		if by.number == 0 {
			continue
		}
		newest := map[int]int{} // of each period that has an AMI, the index of its newest
		for i, t := range local {
			if _, ok := newest[by.period.of(t)]; !ok {
				newest[by.period.of(t)] = i
			}
		}
		var periods []int
		for p := range newest {
			periods = append(periods, p)
		}
		slices.SortFunc(periods, func(a, b int) int { return b - a })
		for _, p := range periods[:min(by.number, len(periods))] {
			if why[newest[p]] != "" {
				continue
			}
			label := local[newest[p]].Format(by.layout)
			if by.layout == "" {
				label = fmt.Sprintf("%d-W%02d", p/100, p%100)
			}
			keep(newest[p], fmt.Sprintf("%s=%d: the newest of the %s %s", by.rule, by.number, by.period.name, label))
		}
	}
	if r.Within > 0 {
		within := fmt.Sprintf("within=%d: at most so many days older than the family's latest", r.Within)
		// Days of 24 hours: from the family's latest, not from today, so that a standstill does not empty the history.
		bound := latest.Add(-time.Duration(r.Within) * 24 * time.Hour)
		for i, t := range exported {
			if !t.Before(bound) {
				keep(i, within)
			}
		}
	}
	return why
}
