package localaws

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// leafMatcher is one element of a pattern's list.
type leafMatcher struct {
	absent  bool // matches a field that is not there, and nothing else
	matches func(value any) bool
}

func isOperator(name string) bool {
	return slices.Contains([]string{"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists",
		"wildcard", "numeric", "cidr", "=", "<", "<=", ">", ">="}, name)
}

// compileMatcher makes a matcher of a plain value, or of an object with one operator. Plain values match values
// of the same type only; 300 and 300.0 are different numbers, as EventBridge documents.
func compileMatcher(item any) (leafMatcher, error) {
	object, ok := item.(map[string]any)
	if !ok {
		if _, isList := item.([]any); isList {
			return leafMatcher{}, errors.New("a list inside a list is not allowed")
		}
		return leafMatcher{matches: func(value any) bool { return value == item }}, nil
	}
	if len(object) != 1 {
		return leafMatcher{}, fmt.Errorf("an object with one operator is needed, this one has %d", len(object))
	}
	var operator string
	var operand any
	for operator, operand = range object {
	}
	matcher, err := compileOperator(operator, operand)
	if err != nil {
		return leafMatcher{}, fmt.Errorf("%s: %w", operator, err)
	}
	return matcher, nil
}

func compileOperator(operator string, operand any) (leafMatcher, error) {
	switch operator {
	case "exists":
		exists, ok := operand.(bool)
		if !ok {
			return leafMatcher{}, errors.New("true or false is needed")
		}
		return leafMatcher{absent: !exists, matches: func(any) bool { return true }}, nil
	case "prefix":
		return compileText(operand, strings.HasPrefix)
	case "suffix":
		return compileText(operand, strings.HasSuffix)
	case "equals-ignore-case":
		return compileText(operand, strings.EqualFold)
	case "anything-but":
		return compileAnythingBut(operand)
	case "numeric":
		return compileNumeric(operand)
	}
	return leafMatcher{}, errors.New("this operator is not supported here")
}

// compileText compares strings; other values never match.
func compileText(operand any, compare func(value, operand string) bool) (leafMatcher, error) {
	text, ok := operand.(string)
	if !ok {
		return leafMatcher{}, errors.New("text is needed, other forms are not supported here")
	}
	return leafMatcher{matches: func(value any) bool {
		candidate, ok := value.(string)
		return ok && compare(candidate, text)
	}}, nil
}

// compileAnythingBut never matches a field that is not there: it has no value that could differ.
func compileAnythingBut(operand any) (leafMatcher, error) {
	values, ok := operand.([]any)
	if !ok {
		values = []any{operand}
	}
	var texts, numbers int
	for _, value := range values {
		switch value.(type) {
		case string:
			texts++
		case json.Number:
			numbers++
		}
	}
	if len(values) == 0 || texts != len(values) && numbers != len(values) {
		return leafMatcher{}, errors.New("text or a number, or a list of either, is needed; other forms are not supported here")
	}
	return leafMatcher{matches: func(value any) bool { return !slices.Contains(values, value) }}, nil
}

// compileNumeric takes one comparison, or the lower and the upper end of a range.
func compileNumeric(operand any) (leafMatcher, error) {
	terms, ok := operand.([]any)
	if !ok || len(terms) != 2 && len(terms) != 4 {
		return leafMatcher{}, errors.New("a comparison such as [\">\", 0], or two of them, is needed")
	}
	var operators []string
	var limits []float64
	for i := 0; i < len(terms); i += 2 {
		operator, isText := terms[i].(string)
		number, isNumber := terms[i+1].(json.Number)
		if !isText || !isNumber || !slices.Contains([]string{"=", "<", "<=", ">", ">="}, operator) {
			return leafMatcher{}, fmt.Errorf("%v %v is not a comparison", terms[i], terms[i+1])
		}
		limit, err := number.Float64()
		if err != nil {
			return leafMatcher{}, err
		}
		operators, limits = append(operators, operator), append(limits, limit)
	}
	if len(operators) == 2 && (operators[0][0] != '>' || operators[1][0] != '<' || limits[0] >= limits[1]) {
		return leafMatcher{}, fmt.Errorf("%v is not a range from a lower to an upper end", terms)
	}
	return leafMatcher{matches: func(value any) bool {
		number, ok := value.(json.Number)
		if !ok {
			return false
		}
		candidate, err := number.Float64()
		for i, operator := range operators {
			if err != nil || !compareNumbers(candidate, operator, limits[i]) {
				return false
			}
		}
		return true
	}}, nil
}

func compareNumbers(value float64, operator string, limit float64) bool {
	switch operator {
	case "<":
		return value < limit
	case "<=":
		return value <= limit
	case ">":
		return value > limit
	case ">=":
		return value >= limit
	}
	return value == limit
}
