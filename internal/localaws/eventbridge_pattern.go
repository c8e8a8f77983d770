package localaws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// MatchPattern tells whether an EventBridge pattern matches an event, both in JSON. It knows exact values, prefix,
// suffix, equals-ignore-case, anything-but (values and lists), exists, numeric and $or; any other pattern is an
// error, as is one that EventBridge would not accept.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
func MatchPattern(pattern, event []byte) (bool, error) {
	compiled, err := compilePattern(pattern)
	if err != nil {
		return false, err
	}
	decoded, err := decodeEventJSON(event)
	if err != nil {
		return false, fmt.Errorf("the event cannot be read: %w", err)
	}
	if _, ok := decoded.(map[string]any); !ok {
		return false, errors.New("the event is not a JSON object")
	}
	return compiled.matches(decoded, decoded), nil
}

// eventPattern is an object of a pattern: all fields must match, and one of the alternatives of $or.
type eventPattern struct {
	fields       []patternField
	alternatives []eventPattern
}

// patternField is a field of a pattern with either an object or, at a leaf, matchers of which one must match.
type patternField struct {
	path     []string // from the top of the event
	nested   *eventPattern
	matchers []leafMatcher
}

func compilePattern(pattern []byte) (eventPattern, error) {
	decoded, err := decodeEventJSON(pattern)
	if err != nil {
		return eventPattern{}, fmt.Errorf("the event pattern cannot be read: %w", err)
	}
	object, ok := decoded.(map[string]any)
	if !ok {
		return eventPattern{}, errors.New("the event pattern is not a JSON object")
	}
	compiled, err := compileObject(object, nil, false)
	if err != nil {
		return eventPattern{}, fmt.Errorf("event pattern: %w", err)
	}
	return compiled, nil
}

func compileObject(object map[string]any, path []string, insideOr bool) (p eventPattern, err error) {
	if len(object) == 0 {
		return p, errors.New("an empty object is not allowed")
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		switch {
		case name == "$or":
			p.alternatives, err = compileAlternatives(object[name], path)
		case insideOr && isOperator(name):
			err = errors.New("this name is not allowed inside $or")
		default:
			var field patternField
			field, err = compileField(object[name], append(slices.Clone(path), name), insideOr)
			p.fields = append(p.fields, field)
		}
		if err != nil {
			return p, fmt.Errorf("%s: %w", name, err)
		}
	}
	return p, nil
}

// compileAlternatives is stricter than EventBridge, which takes a malformed $or for a field of that name.
func compileAlternatives(value any, path []string) ([]eventPattern, error) {
	list, ok := value.([]any)
	if !ok || len(list) < 2 {
		return nil, errors.New("a list of at least two objects is needed")
	}
	var alternatives []eventPattern
	for _, item := range list {
		object, ok := item.(map[string]any)
		if !ok {
			return nil, errors.New("a list of at least two objects is needed")
		}
		alternative, err := compileObject(object, path, true)
		if err != nil {
			return nil, err
		}
		alternatives = append(alternatives, alternative)
	}
	return alternatives, nil
}

func compileField(value any, path []string, insideOr bool) (patternField, error) {
	field := patternField{path: path}
	switch value := value.(type) {
	case map[string]any:
		nested, err := compileObject(value, path, insideOr)
		field.nested = &nested
		return field, err
	case []any:
		if len(value) == 0 {
			return field, errors.New("an empty list is not allowed")
		}
		for _, item := range value {
			matcher, err := compileMatcher(item)
			if err != nil {
				return field, err
			}
			field.matchers = append(field.matchers, matcher)
		}
		return field, nil
	}
	return field, errors.New("an object or a list is needed")
}

// matches compares with a part of the event. In a list of objects, one of them must match in full.
func (p eventPattern) matches(part, event any) bool {
	if list, ok := part.([]any); ok {
		return slices.ContainsFunc(list, func(item any) bool { return p.matches(item, event) })
	}
	object, _ := part.(map[string]any) // what is no object has no fields
	for _, field := range p.fields {
		value, ok := object[field.path[len(field.path)-1]]
		if !ok {
			value = missing{}
		}
		if !field.matches(value, event) {
			return false
		}
	}
	return len(p.alternatives) == 0 ||
		slices.ContainsFunc(p.alternatives, func(alternative eventPattern) bool { return alternative.matches(part, event) })
}

func (f patternField) matches(value, event any) bool {
	if f.nested != nil {
		return f.nested.matches(value, event)
	}
	leaves := leafValues(value, nil)
	return slices.ContainsFunc(f.matchers, func(matcher leafMatcher) bool {
		if matcher.absent {
			return len(leafValues(event, f.path)) == 0
		}
		return slices.ContainsFunc(leaves, matcher.matches)
	})
}

// missing stands for a field that is not there; null is a value like others.
type missing struct{}

// leafValues returns the values at a path below value. Lists are seen through, objects are no values.
func leafValues(value any, path []string) []any {
	switch value := value.(type) {
	case missing:
		return nil
	case map[string]any:
		if len(path) == 0 {
			return nil
		}
		item, ok := value[path[0]]
		if !ok {
			return nil
		}
		return leafValues(item, path[1:])
	case []any:
		var values []any
		for _, item := range value {
			values = append(values, leafValues(item, path)...)
		}
		return values
	}
	if len(path) > 0 {
		return nil
	}
	return []any{value}
}

// decodeEventJSON keeps numbers as they are written.
func decodeEventJSON(data []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON value")
	}
	return value, nil
}
