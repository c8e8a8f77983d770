package handler

// The errors of an invocation are named types, returned unwrapped: Lambda reports the type's name as errorType, which
// is what failed-event records, alarms and people can tell them apart by.

// InvalidInput is a payload that asks for nothing this function can do. Nothing was started.
type InvalidInput struct{ err error }

func (e *InvalidInput) Error() string { return "nothing was started: " + e.err.Error() }
func (e *InvalidInput) Unwrap() error { return e.err }

// AppStreamUnreadable means that AppStream refused to be read, so nothing could be planned. Nothing was started.
type AppStreamUnreadable struct{ err error }

func (e *AppStreamUnreadable) Error() string { return "nothing was started: " + e.err.Error() }
func (e *AppStreamUnreadable) Unwrap() error { return e.err }

// NotHandedOver means that something was done or left to do which could be neither published nor queued. The same
// trigger, delivered again with its id, finds what was started and hands it over then.
type NotHandedOver struct{ err error }

func (e *NotHandedOver) Error() string {
	return "not all could be published or queued; the same schedule or event, delivered again, makes up for it, another request does " +
		"not: " + e.err.Error()
}
func (e *NotHandedOver) Unwrap() error { return e.err }
