package main

import (
	"encoding/json"
	"strings"

	"appstream-ami-exporter/internal/doctor"
	"appstream-ami-exporter/internal/terminal"
)

// report is what the doctor says of a stack.
type report struct {
	Deployment doctor.Deployment
	Caller     string // the ARN of whose rights the calls were made with
	Lines      []doctor.Line
	Summary    string
}

// MarshalJSON is for programs: the stack by what names it, and all lines.
func (r report) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Stack   string        `json:"stack"`
		Region  string        `json:"region"`
		Account string        `json:"account"`
		Caller  string        `json:"caller,omitempty"`
		Checks  []doctor.Line `json:"checks"`
		Summary string        `json:"summary"`
	}{r.Deployment.Stack, r.Deployment.Region, r.Deployment.Account, r.Caller, r.Lines, r.Summary})
}

var colours = map[doctor.Verdict]terminal.Colour{
	doctor.OK: terminal.Green, doctor.Warn: terminal.Yellow, doctor.Fail: terminal.Red, doctor.Unknown: terminal.Cyan,
}

func (r report) show(s terminal.Screen) {
	s.Line("%s in %s (account %s)", r.Deployment.Stack, r.Deployment.Region, r.Deployment.Account)
	if r.Caller != "" {
		s.Line("%s", s.Paint(terminal.Dim, "seen with the rights of "+r.Caller))
	}
	wide := 0
	for _, line := range r.Lines {
		wide = max(wide, len(line.Name))
	}
	group := ""
	for _, line := range r.Lines {
		if line.Group != group {
			group = line.Group
			s.Line("\n%s", s.Paint(terminal.Bold, group))
		}
		const verdictWide = 7 // of "unknown"
		verdict := s.Paint(colours[line.Verdict], string(line.Verdict)) + strings.Repeat(" ", verdictWide-len(line.Verdict))
		indent := strings.Repeat(" ", 2+verdictWide+2+wide+2)
		text := wrapped(line.Seen, indent)
		s.Line("  %s  %s  %s", verdict, line.Name+strings.Repeat(" ", wide-len(line.Name)), text)
		if line.Do != "" {
			s.Line("%s%s", indent, wrapped("-> "+line.Do, indent+"   "))
		}
	}
	s.Line("\n%s", wrapped(r.Summary, ""))
}

// screenWide is how many columns a terminal mostly has at least, if it has more than the 80 of old.
const screenWide = 140

// wrapped breaks a text between words, so that it stays in its column.
func wrapped(text, indent string) string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(indent)+len(line)+1+len(word) > screenWide {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return strings.Join(append(lines, line), "\n"+indent)
}
