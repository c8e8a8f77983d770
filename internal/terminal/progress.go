package terminal

import "fmt"

// Progress is a line that changes while something goes on. Where nobody sees lines change, such as in a file, a new one is written
// when the state is another.
type Progress struct {
	screen Screen
	state  string
	open   bool // a line that changes is on the screen
}

// Progress begins a line. End ends it.
func (s Screen) Progress() *Progress { return &Progress{screen: s} }

// Show says how it goes: in which state it is, and what else changes.
func (p *Progress) Show(state, more string) {
	switch {
	case p.screen.live:
		fmt.Fprintf(p.screen.w, "\r\x1b[K  %s%s", state, more)
		p.open = true
	case state != p.state:
		p.screen.Line("  %s%s", state, more)
	}
	p.state = state
}

// End leaves the line as it is.
func (p *Progress) End() {
	if p.open {
		p.screen.Line("")
	}
	p.open = false
}
