package template

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// yamlValue turns YAML into what encoding/json would give, with CloudFormation's short tags in their
// long form: !GetAtt A.B becomes {"Fn::GetAtt": ["A", "B"]}.
func yamlValue(node *yaml.Node) (any, error) {
	if node.IsZero() {
		return nil, nil
	}
	value, err := untaggedValue(node)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(node.Tag, "!") || strings.HasPrefix(node.Tag, "!!") {
		return value, nil
	}
	switch name := node.Tag[1:]; name {
	case "Ref", "Condition":
		return map[string]any{name: value}, nil
	case "GetAtt":
		if text, ok := value.(string); ok {
			value = getAttParts(text)
		}
		fallthrough
	default:
		return map[string]any{"Fn::" + name: value}, nil
	}
}

func untaggedValue(node *yaml.Node) (any, error) {
	switch node.Kind {
	case yaml.SequenceNode:
		list := make([]any, 0, len(node.Content))
		for _, item := range node.Content {
			value, err := yamlValue(item)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	case yaml.MappingNode:
		object := make(map[string]any, len(node.Content)/2)
		for i := 0; i < len(node.Content); i += 2 {
			key := node.Content[i]
			if _, twice := object[key.Value]; twice {
				return nil, fmt.Errorf("line %d: the key %s is there twice", key.Line, key.Value)
			}
			if key.Tag == "!!merge" {
				return nil, fmt.Errorf("line %d: CloudFormation knows no merge keys", key.Line)
			}
			value, err := yamlValue(node.Content[i+1])
			if err != nil {
				return nil, err
			}
			object[key.Value] = value
		}
		return object, nil
	case yaml.ScalarNode:
		return scalarValue(node)
	}
	return nil, fmt.Errorf("line %d: aliases are not supported here", node.Line)
}

func scalarValue(node *yaml.Node) (any, error) {
	switch node.Tag {
	case "!!int", "!!float", "!!bool", "!!null":
		var value any
		if err := node.Decode(&value); err != nil {
			return nil, fmt.Errorf("line %d: %w", node.Line, err)
		}
		return value, nil
	}
	return node.Value, nil // text, also what YAML takes for a date
}

// getAttParts splits at the first dot: attributes may hold further ones, logical ids hold none.
func getAttParts(text string) []any {
	id, attribute, _ := strings.Cut(text, ".")
	return []any{id, attribute}
}
