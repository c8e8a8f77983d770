package doctor

// Answer is what AWS answered to one question, or why there is no answer. The zero Answer was not asked for, so what a
// collector forgets is unknown and never fine.
type Answer[T any] struct {
	Value  T
	given  bool
	absent bool
	denied string
	failed string
}

// Given is an answer.
func Given[T any](value T) Answer[T] { return Answer[T]{Value: value, given: true} }

// Absent is the answer that there is no such thing.
func Absent[T any]() Answer[T] { return Answer[T]{given: true, absent: true} }

// Denied is no answer, because the caller's rights do not allow the IAM action.
func Denied[T any](action string) Answer[T] { return Answer[T]{denied: action} }

// Failed is no answer for another reason, which is a sentence without its full stop.
func Failed[T any](reason string) Answer[T] { return Answer[T]{failed: reason} }

// Without is no answer to a question that could not be asked without the answer to another.
func Without[T, U any](other Answer[U]) Answer[T] {
	return Answer[T]{denied: other.denied, failed: other.failed}
}

// There tells whether AWS answered with a value.
func (a Answer[T]) There() bool { return a.given && !a.absent }

// Known tells whether AWS answered, be it that there is no such thing.
func (a Answer[T]) Known() bool { return a.given }

// unknown is the finding where there is no answer, and nil where there is one.
func (a Answer[T]) unknown() *Finding {
	switch {
	case a.given:
		return nil
	case a.denied != "":
		return &Finding{Verdict: Unknown, Seen: "your rights do not allow " + a.denied, Missing: a.denied}
	case a.failed != "":
		return &Finding{Verdict: Unknown, Seen: "not answered: " + a.failed}
	}
	return &Finding{Verdict: Unknown, Seen: "not asked, since what it hangs on is not known"}
}
