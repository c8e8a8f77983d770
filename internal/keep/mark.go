package keep

import (
	"slices"
	"strings"
	"time"

	"appstream-ami-exporter/internal/tags"
)

// A mark is the tag :retire-at: when the AMI will be deregistered, the AMI's own id, since tags travel with copies, and the print
// of the settings that decided it.
type mark struct {
	at    time.Time
	amiID string
	print string
}

func (m mark) String() string { return m.at.UTC().Format(time.RFC3339) + "/" + m.amiID + "/" + m.print }

// parseMark reads the value of a tag :retire-at. What is no mark of any keeper is not ok.
func parseMark(value string) (m mark, ok bool) {
	when, rest, _ := strings.Cut(value, "/")
	amiID, print, ok := strings.Cut(rest, "/")
	if !ok || strings.Contains(print, "/") {
		return mark{}, false
	}
	at, err := time.Parse(time.RFC3339, when)
	return mark{at: at, amiID: amiID, print: print}, err == nil
}

// dueFor is how long after its time a mark still counts. Later nobody expects it any more: an AMI that comes back out of the
// Recycle Bin, or a keeper that was switched off for a while, begins with a new grace.
const dueFor = 3 * 24 * time.Hour

// sameMinute compares with a DeprecationTime, which EC2 rounds to the minute.
func sameMinute(a, b time.Time) bool { return a.Sub(b).Abs() < time.Minute }

// midnights are the beginnings of days in a location.
type midnights struct{ location *time.Location }

// after returns the first midnight that is not before t.
func (m midnights) after(t time.Time) time.Time {
	year, month, day := t.In(m.location).Date()
	for ; ; day++ {
		if at := m.of(year, month, day); !at.Before(t) {
			return at
		}
	}
}

// next returns the midnight after this one.
func (m midnights) next(midnight time.Time) time.Time { return m.after(midnight.Add(time.Minute)) }

// of returns the first instant of a day. Where clocks go forward at midnight, the day begins later than at 0:00.
func (m midnights) of(year int, month time.Month, day int) time.Time {
	noon := time.Date(year, month, day, 12, 0, 0, 0, m.location)
	at := time.Date(year, month, day, 0, 0, 0, 0, m.location)
	for at.In(m.location).Day() != noon.Day() {
		at = at.Add(30 * time.Minute) // the smallest step that clocks make
	}
	return at
}

// told is the tag :told of an AMI: words for what was told of it, so that nothing is told each hour.
type told []string

// Words of the tag :told. deprecating@T is no news: it says that the keeper is about to set or cancel the DeprecationTime T, so
// that after a death in between T is known as its own and not taken for a person's.
const (
	toldByHand         = "by-hand"
	toldNotImportable  = "not-importable"
	toldNotRetired     = "not-retired@" // and EC2's code
	toldNoPointer      = "no-pointer"
	toldForeignPointer = "foreign-pointer"
	toldNoCopy         = "no-copy@" // and the Region
	stoppedNameClash   = "stopped@name-clash"
	stoppedUnheard     = "stopped@unheard"
	stoppedNoUndo      = "stopped@no-undo"
	stoppedFence       = "stopped@fence"
	deprecating        = "deprecating@"
)

func toldOf(ami AMI) told { return strings.Fields(ami.Tags[tags.Told]) }

func (t told) has(word string) bool { return slices.Contains(t, word) }

// with adds a word in place of others of its kind, which end in @ and something.
func (t told) with(word string) told {
	kept := t
	if kind, _, ok := strings.Cut(word, "@"); ok && kind+"@" == deprecating {
		kept = t.without(deprecating)
	}
	if kept.has(word) {
		return kept
	}
	return append(slices.Clone(kept), word)
}

// without leaves out every word that begins so.
func (t told) without(start string) told {
	return slices.DeleteFunc(slices.Clone(t), func(word string) bool { return strings.HasPrefix(word, start) })
}

func (t told) String() string { return strings.Join(t, " ") }

// deprecation is the DeprecationTime that the keeper was about to set or to cancel, where it was.
func (t told) deprecation() (time.Time, bool) {
	for _, word := range t {
		if text, ok := strings.CutPrefix(word, deprecating); ok {
			at, err := time.Parse(time.RFC3339, text)
			return at, err == nil
		}
	}
	return time.Time{}, false
}

func deprecatingAt(at time.Time) string { return deprecating + at.UTC().Format(time.RFC3339) }
