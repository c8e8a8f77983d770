package handler

import (
	"fmt"
	"strings"
)

// The errors of an invocation are named types, returned unwrapped: Lambda reports the type's name as errorType, which
// is what failed-event records, alarms and people can tell them apart by.

// roomForError is how many bytes of an error go into the answer and into one line of the log. A request of six megabytes may have
// as many problems, and Lambda carries no more than six either.
const roomForError = 16_000

// bounded is the text of an error as far as there is room for it.
func bounded(err error) string {
	text := err.Error()
	if len(text) <= roomForError {
		return text
	}
	return fmt.Sprintf("%s... and %d bytes more", strings.ToValidUTF8(text[:roomForError], ""), len(text)-roomForError)
}

// InvalidInput is a payload that asks for nothing this function can do. Nothing was started.
type InvalidInput struct{ err error }

func (e *InvalidInput) Error() string { return "nothing was started: " + bounded(e.err) }
func (e *InvalidInput) Unwrap() error { return e.err }

// AppStreamUnreadable means that AppStream refused to be read, so nothing could be planned. Nothing was started.
type AppStreamUnreadable struct{ err error }

func (e *AppStreamUnreadable) Error() string { return "nothing was started: " + bounded(e.err) }
func (e *AppStreamUnreadable) Unwrap() error { return e.err }

// NotHandedOver means that something was done or left to do which could be neither published nor queued. The same
// trigger, delivered again with its id, finds what was started and hands it over then.
type NotHandedOver struct{ err error }

func (e *NotHandedOver) Error() string {
	return "not all could be published or queued; the same schedule or event, delivered again, makes up for it, another request does " +
		"not: " + bounded(e.err)
}
func (e *NotHandedOver) Unwrap() error { return e.err }
