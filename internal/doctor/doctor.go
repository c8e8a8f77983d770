// Package doctor judges a deployed stack. Facts is what AWS was asked and answered; each check is a pure function of it, in the
// file of its group. The room knows no AWS client: cmd/doctor collects the facts.
package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// Verdict is what a check says of its part of the stack.
type Verdict string

// The verdicts. FAIL is in capitals, so that it is found in a long screen: it needs a person. Warn works, but not as one might
// think. Unknown could not be found out, and is never counted as fine.
const (
	OK      Verdict = "ok"
	Warn    Verdict = "warn"
	Fail    Verdict = "FAIL"
	Unknown Verdict = "unknown"
)

// Finding is what a check found: what was seen, and with a warning or a FAIL what to do.
type Finding struct {
	Verdict Verdict
	Seen    string
	Do      string
	Missing string // the IAM action for want of which it is not known
}

// Check is one line of the doctor. Means and Remedy are its row in docs/OPERATIONS.md.
type Check struct {
	Name   string
	Group  string
	Means  string
	Remedy string // also shown on the line, where the finding has nothing more precise
	look   func(Facts) Finding
}

// Line is one check with its finding.
type Line struct {
	Group   string  `json:"group"`
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Seen    string  `json:"seen"`
	Do      string  `json:"do,omitempty"`
	Missing string  `json:"missing,omitempty"` // the IAM action that the caller's rights do not allow
}

// Checks are all checks in the order in which they are shown: what the others stand on comes first.
func Checks() []Check {
	return slices.Concat(stackChecks(), imageChecks(), roleChecks(), topicChecks(), triggerChecks(), amiChecks(), workChecks())
}

// Examine judges the facts.
func Examine(f Facts) (lines []Line) {
	for _, check := range Checks() {
		finding := check.look(f)
		line := Line{check.Group, check.Name, finding.Verdict, finding.Seen, finding.Do, finding.Missing}
		if line.Do == "" && (line.Verdict == Warn || line.Verdict == Fail) {
			line.Do = check.Remedy
		}
		lines = append(lines, line)
	}
	return lines
}

// Summary counts the lines of each verdict and names those that need a person.
func Summary(lines []Line) string {
	count := map[Verdict]int{}
	var failed []string
	for _, line := range lines {
		count[line.Verdict]++
		if line.Verdict == Fail {
			failed = append(failed, line.Name)
		}
	}
	text := fmt.Sprintf("%d ok, %d warn, %d FAIL, %d unknown.", count[OK], count[Warn], count[Fail], count[Unknown])
	switch {
	case len(failed) > 0:
		text += " This needs a person: " + strings.Join(failed, ", ") + "."
	case count[Unknown] > 0:
		text += " Nothing that was seen needs a person."
	default:
		text += " Nothing needs a person."
	}
	if missing := Missing(lines); len(missing) > 0 {
		text += " To see the rest, docs/doctor-policy.json allows what your rights do not: " + strings.Join(missing, ", ") + "."
	}
	return text
}

// Missing are the IAM actions that the caller's rights do not allow, each once.
func Missing(lines []Line) (actions []string) {
	for _, line := range lines {
		if line.Missing != "" {
			actions = append(actions, line.Missing)
		}
	}
	slices.Sort(actions)
	return slices.Compact(actions)
}

// NeedsPerson tells whether any line is a FAIL.
func NeedsPerson(lines []Line) bool {
	return slices.ContainsFunc(lines, func(line Line) bool { return line.Verdict == Fail })
}

func ok(format string, args ...any) Finding {
	return Finding{Verdict: OK, Seen: fmt.Sprintf(format, args...)}
}

func warn(format string, args ...any) Finding {
	return Finding{Verdict: Warn, Seen: fmt.Sprintf(format, args...)}
}

func fail(format string, args ...any) Finding {
	return Finding{Verdict: Fail, Seen: fmt.Sprintf(format, args...)}
}

// do adds what to do.
func (f Finding) do(format string, args ...any) Finding {
	f.Do = fmt.Sprintf(format, args...)
	return f
}

// deleted is what to do where a resource of the stack is gone: CloudFormation compares templates, not what there is.
const deleted = "Somebody has deleted it, and a deployment does not bring it back. Delete the stack and deploy it anew: images, AMIs " +
	"and marks stay."

// tally writes how often each text comes, the most frequent first: "the image is CREATING (2), ...". At most five, so that a
// line stays one.
func tally(texts []string) string {
	count := map[string]int{}
	for _, text := range texts {
		count[text]++
	}
	var distinct []string
	for text := range count {
		distinct = append(distinct, text)
	}
	slices.SortFunc(distinct, func(a, b string) int {
		if count[a] != count[b] {
			return count[b] - count[a]
		}
		return strings.Compare(a, b)
	})
	const most = 5
	var parts []string
	for _, text := range distinct[:min(most, len(distinct))] {
		if count[text] > 1 {
			text = fmt.Sprintf("%s (%d times)", text, count[text])
		}
		parts = append(parts, text)
	}
	if len(distinct) > most {
		parts = append(parts, fmt.Sprintf("and %d more", len(distinct)-most))
	}
	return strings.Join(parts, "; ")
}

// few is a list of names that stays on a line.
func few(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
}

// things writes a number with its noun: 1 image, 2 images.
func things(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
