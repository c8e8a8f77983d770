package template

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Where the stack is. AWS's documentation uses this account for examples.
const (
	AccountID = "123456789012"
	Region    = "eu-west-1"
	stackName = "appstream-ami-exporter"
)

// noValue is AWS::NoValue: what has it is left out.
type noValue struct{}

// resolver replaces intrinsic functions by what they stand for.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
type resolver struct {
	template *Template
	names    *names // nil where resources cannot be referred to
}

// intrinsic takes an intrinsic function apart: an object with one key that names it.
func intrinsic(value any) (name string, argument any, ok bool) {
	object, isObject := value.(map[string]any)
	if !isObject || len(object) != 1 {
		return "", nil, false
	}
	for name, argument = range object {
		ok = name == "Ref" || name == "Condition" || strings.HasPrefix(name, "Fn::")
	}
	return name, argument, ok
}

func (r resolver) value(value any) (any, error) {
	if name, argument, ok := intrinsic(value); ok {
		resolved, err := r.call(name, argument)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return resolved, nil
	}
	switch value := value.(type) {
	case map[string]any:
		object := make(map[string]any, len(value))
		for key, item := range value {
			resolved, err := r.value(item)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			if resolved != (noValue{}) {
				object[key] = resolved
			}
		}
		return object, nil
	case []any:
		list := make([]any, 0, len(value))
		for _, item := range value {
			resolved, err := r.value(item)
			if err != nil {
				return nil, err
			}
			if resolved != (noValue{}) {
				list = append(list, resolved)
			}
		}
		return list, nil
	}
	return value, nil
}

func (r resolver) call(name string, argument any) (any, error) {
	switch name {
	case "Ref":
		id, ok := argument.(string)
		if !ok {
			return nil, fmt.Errorf("%v is not a name", argument)
		}
		return r.ref(id)
	case "Fn::GetAtt":
		if text, ok := argument.(string); ok {
			argument = getAttParts(text)
		}
		id, attribute, err := pairOf[string, string](argument)
		if err != nil {
			return nil, err
		}
		return r.physical(id, attribute)
	case "Fn::Sub":
		return r.sub(argument)
	case "Fn::If":
		return r.choose(argument)
	case "Fn::Join":
		return r.join(argument)
	case "Fn::Split":
		separator, source, err := pairOf[string, any](argument)
		if err != nil {
			return nil, err
		}
		text, err := r.text(source)
		if err != nil {
			return nil, err
		}
		var parts []any
		for part := range strings.SplitSeq(text, separator) {
			parts = append(parts, part)
		}
		return parts, nil
	case "Fn::Select":
		return r.selectItem(argument)
	}
	return nil, errors.New("this function is not supported here")
}

func (r resolver) ref(id string) (any, error) {
	switch id {
	case "AWS::AccountId":
		return AccountID, nil
	case "AWS::Region":
		return Region, nil
	case partition:
		return cmp.Or(r.template.parameters[partition], "aws"), nil
	case "AWS::URLSuffix":
		return "amazonaws.com", nil
	case "AWS::StackName":
		return stackName, nil
	case "AWS::NoValue":
		return noValue{}, nil
	}
	if value, ok := r.template.parameters[id]; ok {
		return value, nil
	}
	return r.physical(id, "")
}

func (r resolver) physical(id, attribute string) (any, error) {
	if r.names == nil {
		return nil, fmt.Errorf("%s is no parameter", id)
	}
	return r.names.of(id, attribute)
}

// placeholder is ${Name}, ${Name.Attribute} or the escaped ${!Literal} in Fn::Sub.
var placeholder = regexp.MustCompile(`\$\{(!?)([^}]*)\}`)

func (r resolver) sub(argument any) (any, error) {
	text, ok := argument.(string)
	variables := map[string]any{}
	if !ok {
		var err error
		if text, variables, err = pairOf[string, map[string]any](argument); err != nil {
			return nil, err
		}
	}
	var failure error
	result := placeholder.ReplaceAllStringFunc(text, func(match string) string {
		parts := placeholder.FindStringSubmatch(match)
		if parts[1] == "!" {
			return "${" + parts[2] + "}"
		}
		name := strings.TrimSpace(parts[2])
		source, isVariable := variables[name]
		switch {
		case isVariable:
		case strings.Contains(name, "."):
			source = map[string]any{"Fn::GetAtt": name}
		default:
			source = map[string]any{"Ref": name}
		}
		value, err := r.text(source)
		if err != nil && failure == nil {
			failure = fmt.Errorf("${%s}: %w", name, err)
		}
		return value
	})
	return result, failure
}

func (r resolver) choose(argument any) (any, error) {
	branches, ok := argument.([]any)
	if !ok || len(branches) != 3 {
		return nil, fmt.Errorf("%v is not a condition with two values", argument)
	}
	name, ok := branches[0].(string)
	if !ok {
		return nil, fmt.Errorf("%v is not the name of a condition", branches[0])
	}
	decided, ok := r.template.conditions[name]
	if !ok {
		return nil, fmt.Errorf("there is no condition %s", name)
	}
	if decided {
		return r.value(branches[1])
	}
	return r.value(branches[2])
}

func (r resolver) join(argument any) (any, error) {
	separator, source, err := pairOf[string, any](argument)
	if err != nil {
		return nil, err
	}
	items, err := r.list(source)
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, item := range items {
		text, err := r.text(item)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, separator), nil
}

func (r resolver) selectItem(argument any) (any, error) {
	position, source, err := pairOf[any, any](argument)
	if err != nil {
		return nil, err
	}
	text, err := r.text(position)
	if err != nil {
		return nil, err
	}
	items, err := r.list(source)
	if err != nil {
		return nil, err
	}
	index, err := strconv.Atoi(text)
	if err != nil || index < 0 || index >= len(items) {
		return nil, fmt.Errorf("%q is not the index of one of %d items", text, len(items))
	}
	return items[index], nil
}

func (r resolver) list(source any) ([]any, error) {
	value, err := r.value(source)
	if err != nil {
		return nil, err
	}
	items, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("%v is not a list", value)
	}
	return items, nil
}

// text resolves what has to be text; CloudFormation writes numbers and booleans out.
func (r resolver) text(source any) (string, error) {
	value, err := r.value(source)
	if err != nil {
		return "", err
	}
	switch value.(type) {
	case string, int, float64, bool:
		return fmt.Sprint(value), nil
	}
	return "", fmt.Errorf("%v is not text", value)
}

// pairOf takes a list of two apart.
func pairOf[A, B any](argument any) (first A, second B, err error) {
	if list, ok := argument.([]any); ok && len(list) == 2 {
		a, isA := list[0].(A)
		b, isB := list[1].(B)
		if isA && isB {
			return a, b, nil
		}
	}
	return first, second, fmt.Errorf("%v are not the two arguments it takes", argument)
}
