package template

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Parameter is a parameter's declaration.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
type Parameter struct {
	Type                  string   `yaml:"Type"`
	Default               *string  `yaml:"Default"`
	AllowedValues         []string `yaml:"AllowedValues"`
	AllowedPattern        string   `yaml:"AllowedPattern"`
	ConstraintDescription string   `yaml:"ConstraintDescription"`
	MinLength             *int     `yaml:"MinLength"`
	MaxLength             *int     `yaml:"MaxLength"`
	MinValue              *float64 `yaml:"MinValue"`
	MaxValue              *float64 `yaml:"MaxValue"`
}

// partition is the pseudo parameter that tells the group of Regions, on which what AWS offers depends.
const partition = "AWS::Partition"

// chooseParameters returns the value of every declared parameter, or everything that is wrong with them.
func chooseParameters(declared map[string]Parameter, chosen map[string]string) (map[string]string, error) {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(chosen)) {
		if _, ok := declared[name]; !ok && name != partition {
			problems = append(problems, fmt.Errorf("there is no parameter %s", name))
		}
	}
	values := map[string]string{}
	if chosen[partition] != "" {
		values[partition] = chosen[partition]
	}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		value, ok := chosen[name]
		if !ok {
			if declared[name].Default == nil {
				problems = append(problems, fmt.Errorf("parameter %s has no default and needs a value", name))
				continue
			}
			value = *declared[name].Default
		}
		if err := declared[name].Check(value); err != nil {
			problems = append(problems, fmt.Errorf("parameter %s: %w", name, err))
		}
		values[name] = value
	}
	return values, errors.Join(problems...)
}

// Check says why CloudFormation would not take the value, or nothing.
func (p Parameter) Check(value string) error {
	switch p.Type {
	case "String":
	case "Number":
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", value)
		}
		if p.MinValue != nil && number < *p.MinValue || p.MaxValue != nil && number > *p.MaxValue {
			return p.refuse(value, "is out of range")
		}
	default:
		return fmt.Errorf("the type %q is not supported here", p.Type)
	}
	length := utf8.RuneCountInString(value)
	if p.MinLength != nil && length < *p.MinLength || p.MaxLength != nil && length > *p.MaxLength {
		return p.refuse(value, "has the wrong length")
	}
	if len(p.AllowedValues) > 0 && !slices.Contains(p.AllowedValues, value) {
		return p.refuse(value, fmt.Sprintf("is none of %q", p.AllowedValues))
	}
	if p.AllowedPattern == "" {
		return nil
	}
	matches, err := matchPattern(p.AllowedPattern, value)
	if err != nil {
		return fmt.Errorf("AllowedPattern: %w", err)
	}
	if !matches {
		return p.refuse(value, "does not match "+p.AllowedPattern)
	}
	return nil
}

// matchPattern matches a value as CloudFormation does: all of it, whether or not the pattern has anchors. CloudFormation takes
// Java's expressions; of those that Go's do not have, one is played here: a (?!...) at the very beginning, which says what the
// value must not begin with.
func matchPattern(pattern, value string) (bool, error) {
	pattern = strings.TrimPrefix(pattern, "^")
	if inside, ok := strings.CutPrefix(pattern, "(?!"); ok {
		end := closing(inside)
		if end < 0 {
			return false, errors.New("(?! is not closed")
		}
		not, err := regexp.Compile(`^(?:` + inside[:end] + `)`)
		if err != nil || not.MatchString(value) {
			return false, err
		}
		pattern = inside[end+1:]
	}
	whole, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil {
		return false, err
	}
	return whole.MatchString(value), nil
}

// closing is where the parenthesis closes that was opened before the text, or -1. Escaped ones and those in sets are not looked
// for: no pattern of the template has them there.
func closing(text string) int {
	depth := 1
	for i, r := range text {
		switch r {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// refuse words a refusal as CloudFormation does: with the ConstraintDescription where there is one.
func (p Parameter) refuse(value, reason string) error {
	if p.ConstraintDescription != "" {
		return fmt.Errorf("%q %s: %s", value, reason, p.ConstraintDescription)
	}
	return fmt.Errorf("%q %s", value, reason)
}
