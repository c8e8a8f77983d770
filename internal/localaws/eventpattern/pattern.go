// Package eventpattern plays EventBridge's event patterns: exact values, exists and $or, which is all that this project's
// template uses. Any other pattern is an error, as is one that EventBridge would not accept.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
package eventpattern

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Pattern decides which events a rule sends to its target.
type Pattern struct{ whole object }

// Matches tells whether the pattern matches an event, which must be a JSON object.
func (p Pattern) Matches(event []byte) (bool, error) {
	decoded, err := decode(event)
	if err != nil {
		return false, fmt.Errorf("the event cannot be read: %w", err)
	}
	if _, ok := decoded.(map[string]any); !ok {
		return false, errors.New("the event is not a JSON object")
	}
	return p.whole.matches(decoded, decoded), nil
}

// object is an object of a pattern: all fields must match, and one of the alternatives of $or.
type object struct {
	fields       []field
	alternatives []object
}

// field is a field of a pattern with either an object or, at a leaf, matchers of which one must match.
type field struct {
	path     []string // from the top of the event
	nested   *object
	matchers []matcher
}

// Parse reads a pattern in JSON.
func Parse(pattern []byte) (Pattern, error) {
	decoded, err := decode(pattern)
	if err != nil {
		return Pattern{}, fmt.Errorf("the event pattern cannot be read: %w", err)
	}
	fields, ok := decoded.(map[string]any)
	if !ok {
		return Pattern{}, errors.New("the event pattern is not a JSON object")
	}
	whole, err := parseObject(fields, nil, false)
	if err != nil {
		return Pattern{}, fmt.Errorf("event pattern: %w", err)
	}
	return Pattern{whole}, nil
}

func parseObject(fields map[string]any, path []string, insideOr bool) (o object, err error) {
	if len(fields) == 0 {
		return o, errors.New("an empty object is not allowed")
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch {
		case name == "$or":
			o.alternatives, err = parseAlternatives(fields[name], path)
		case insideOr && slices.Contains(operators, name):
			err = errors.New("this name is not allowed inside $or")
		default:
			var f field
			f, err = parseField(fields[name], append(slices.Clone(path), name), insideOr)
			o.fields = append(o.fields, f)
		}
		if err != nil {
			return o, fmt.Errorf("%s: %w", name, err)
		}
	}
	return o, nil
}

// parseAlternatives is stricter than EventBridge, which takes a malformed $or for a field of that name.
func parseAlternatives(value any, path []string) ([]object, error) {
	list, ok := value.([]any)
	if !ok || len(list) < 2 {
		return nil, errors.New("a list of at least two objects is needed")
	}
	var alternatives []object
	for _, item := range list {
		fields, ok := item.(map[string]any)
		if !ok {
			return nil, errors.New("a list of at least two objects is needed")
		}
		alternative, err := parseObject(fields, path, true)
		if err != nil {
			return nil, err
		}
		alternatives = append(alternatives, alternative)
	}
	return alternatives, nil
}

func parseField(value any, path []string, insideOr bool) (field, error) {
	f := field{path: path}
	switch value := value.(type) {
	case map[string]any:
		nested, err := parseObject(value, path, insideOr)
		f.nested = &nested
		return f, err
	case []any:
		if len(value) == 0 {
			return f, errors.New("an empty list is not allowed")
		}
		for _, item := range value {
			m, err := parseMatcher(item)
			if err != nil {
				return f, err
			}
			f.matchers = append(f.matchers, m)
		}
		return f, nil
	}
	return f, errors.New("an object or a list is needed")
}

// matches compares with a part of the event. In a list of objects, one of them must match in full.
func (o object) matches(part, event any) bool {
	if list, ok := part.([]any); ok {
		return slices.ContainsFunc(list, func(item any) bool { return o.matches(item, event) })
	}
	values, _ := part.(map[string]any) // what is no object has no fields
	for _, f := range o.fields {
		value, ok := values[f.path[len(f.path)-1]]
		if !ok {
			value = absentField{}
		}
		if !f.matches(value, event) {
			return false
		}
	}
	return len(o.alternatives) == 0 ||
		slices.ContainsFunc(o.alternatives, func(alternative object) bool { return alternative.matches(part, event) })
}

func (f field) matches(value, event any) bool {
	if f.nested != nil {
		return f.nested.matches(value, event)
	}
	leaves := valuesAt(value, nil)
	return slices.ContainsFunc(f.matchers, func(m matcher) bool {
		if m.absent {
			return len(valuesAt(event, f.path)) == 0
		}
		return slices.ContainsFunc(leaves, m.matches)
	})
}

// absentField stands for a field that is not there; null is a value like others.
type absentField struct{}

// valuesAt returns the values at a path below value. Lists are seen through, objects are no values.
func valuesAt(value any, path []string) []any {
	switch value := value.(type) {
	case absentField:
		return nil
	case map[string]any:
		if len(path) == 0 {
			return nil
		}
		item, ok := value[path[0]]
		if !ok {
			return nil
		}
		return valuesAt(item, path[1:])
	case []any:
		var values []any
		for _, item := range value {
			values = append(values, valuesAt(item, path)...)
		}
		return values
	}
	if len(path) > 0 {
		return nil
	}
	return []any{value}
}

// decode keeps numbers as they are written.
func decode(data []byte) (any, error) {
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
