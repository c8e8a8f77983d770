package eventpattern

import (
	"errors"
	"fmt"
)

// matcher is one element of a pattern's list.
type matcher struct {
	absent  bool // matches a field that is not there, and nothing else
	matches func(value any) bool
}

// operators are all that EventBridge has; only exists is played here. Inside $or none of these may be the name of a field.
var operators = []string{
	"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr", "=", "<", "<=", ">", ">=",
}

// parseMatcher makes a matcher of a plain value, or of an object with one operator. Plain values match values
// of the same type only; 300 and 300.0 are different numbers, as EventBridge documents.
func parseMatcher(item any) (matcher, error) {
	object, ok := item.(map[string]any)
	if !ok {
		if _, isList := item.([]any); isList {
			return matcher{}, errors.New("a list inside a list is not allowed")
		}
		return matcher{matches: func(value any) bool { return value == item }}, nil
	}
	if len(object) != 1 {
		return matcher{}, fmt.Errorf("an object with one operator is needed, this one has %d", len(object))
	}
	operand, ok := object["exists"]
	if !ok {
		for operator := range object {
			return matcher{}, fmt.Errorf("%s: this operator is not supported here", operator)
		}
	}
	exists, ok := operand.(bool)
	if !ok {
		return matcher{}, errors.New("exists: true or false is needed")
	}
	return matcher{absent: !exists, matches: func(any) bool { return true }}, nil
}
