package terminal

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Screen writes for people. What it cannot write, nobody is there to read.
type Screen struct {
	w      io.Writer
	live   bool // what is on it can be changed
	colour bool
}

// NewScreen writes to w, with colours if that is a terminal and nobody has asked for none (https://no-color.org).
func NewScreen(w io.Writer) Screen {
	live := IsTerminal(w) && os.Getenv("TERM") != "dumb"
	return Screen{w: w, live: live, colour: live && os.Getenv("NO_COLOR") == ""}
}

// IsTerminal tells whether a person sees what is written to w.
func IsTerminal(w any) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Colour is how a terminal is told a colour.
type Colour string

// The colours of the screens, and what they mean there.
const (
	Bold   Colour = "1"  // headings
	Dim    Colour = "2"  // what is of less interest
	Red    Colour = "31" // what needs a person
	Green  Colour = "32" // what is well
	Yellow Colour = "33" // what waits, and warnings
	Cyan   Colour = "36" // what happens
)

// Paint colours a text, if the screen has colours.
func (s Screen) Paint(colour Colour, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + string(colour) + "m" + text + "\x1b[0m"
}

// Clear empties a terminal, so that the next screen takes the place of the last one.
func (s Screen) Clear() {
	if s.live {
		fmt.Fprint(s.w, "\x1b[H\x1b[2J")
	}
}

// Line writes one line.
func (s Screen) Line(format string, args ...any) { fmt.Fprintf(s.w, format+"\n", args...) }

// Table writes rows in columns, with an empty line before and after. Cells may be painted.
func (s Screen) Table(rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			// The last cell of a row pushes nothing to the right.
			if i < len(row)-1 {
				widths[i] = max(widths[i], width(cell))
			}
		}
	}
	s.Line("")
	for _, row := range rows {
		var line strings.Builder
		line.WriteString(" ")
		for i, cell := range row {
			line.WriteString(" " + cell)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-width(cell)+1))
			}
		}
		s.Line("%s", strings.TrimRight(line.String(), " "))
	}
	s.Line("")
}

var painting = regexp.MustCompile("\x1b\\[[0-9;]*m")

// width is how many columns a cell takes.
func width(cell string) int { return utf8.RuneCountInString(painting.ReplaceAllString(cell, "")) }

// Section writes a heading and the rows under it, or why there are none.
func (s Screen) Section(title string, rows [][]string, none string, err error) {
	s.Line("%s", s.Paint(Bold, title))
	switch {
	case err != nil:
		s.Line("\n  %s %s\n", s.Paint(Yellow, "cannot be told:"), strings.ReplaceAll(err.Error(), "\n", "\n  "))
	case len(rows) == 0:
		s.Line("\n  %s\n", none)
	default:
		s.Table(rows)
	}
}

// Stamp writes a time to the minute, in UTC.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// Span writes how long something has taken: 25s, 41m, 3h12m, 4d.
func Span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(max(0, d).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
