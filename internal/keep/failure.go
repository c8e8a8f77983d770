package keep

import "errors"

// Outcome is what an error of AWS means for what was asked.
type Outcome string

// The outcomes.
const (
	Denied    Outcome = "denied"    // not done: the role may not do it
	Missing   Outcome = "missing"   // not done: what it is about is not there
	Refused   Outcome = "refused"   // not done, and it will not be until somebody changes something
	Throttled Outcome = "throttled" // not done, but later it may be
	Unknown   Outcome = "unknown"   // nobody knows whether it was done
)

// Failure is an error of AWS, classified, in its own words and with what can be done about it.
type Failure struct {
	Operation string // as AWS calls it: DeregisterImage
	Outcome   Outcome
	Code      string // AWS's error code; empty where no answer came
	Message   string
	Hint      string
	Err       error
}

func (f *Failure) Error() string {
	if f.Code == "" {
		return f.Operation + ": " + f.Message
	}
	return f.Operation + ": " + f.Code + ": " + f.Message
}

func (f *Failure) Unwrap() error { return f.Err }

// outcomeOf is the outcome of a call; what is not classified may have been done.
func outcomeOf(err error) Outcome {
	if failure, ok := errors.AsType[*Failure](err); ok {
		return failure.Outcome
	}
	return Unknown
}
