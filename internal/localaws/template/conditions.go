package template

import (
	"fmt"
	"maps"
	"slices"
)

// decideConditions evaluates the section Conditions. Conditions may use each other and parameters, not
// resources.
func decideConditions(parameters map[string]string, conditions map[string]any) (map[string]bool, error) {
	d := conditionDecider{
		conditions: conditions,
		values:     resolver{template: &Template{parameters: parameters}},
		decided:    map[string]bool{},
		underway:   map[string]bool{},
	}
	for _, name := range slices.Sorted(maps.Keys(conditions)) {
		if _, err := d.named(name); err != nil {
			return nil, err
		}
	}
	return d.decided, nil
}

type conditionDecider struct {
	conditions map[string]any
	values     resolver
	decided    map[string]bool
	underway   map[string]bool
}

func (d conditionDecider) named(name string) (bool, error) {
	if value, ok := d.decided[name]; ok {
		return value, nil
	}
	expression, ok := d.conditions[name]
	if !ok {
		return false, fmt.Errorf("there is no condition %s", name)
	}
	if d.underway[name] {
		return false, fmt.Errorf("condition %s depends on itself", name)
	}
	d.underway[name] = true
	value, err := d.decide(expression)
	if err != nil {
		return false, fmt.Errorf("condition %s: %w", name, err)
	}
	d.decided[name] = value
	return value, nil
}

func (d conditionDecider) decide(expression any) (bool, error) {
	name, argument, ok := intrinsic(expression)
	if !ok {
		return false, fmt.Errorf("%v is no condition", expression)
	}
	if name == "Condition" {
		other, ok := argument.(string)
		if !ok {
			return false, fmt.Errorf("condition %v is not a name", argument)
		}
		return d.named(other)
	}
	operands, ok := argument.([]any)
	if !ok {
		return false, fmt.Errorf("%s needs a list", name)
	}
	switch name {
	case "Fn::Equals":
		return d.equal(operands)
	case "Fn::Contains": // only rules may use it
		return d.contains(operands)
	case "Fn::Not":
		values, err := d.decideAll(name, operands, 1, 1)
		return err == nil && !values[0], err
	case "Fn::And":
		values, err := d.decideAll(name, operands, 2, 10)
		return err == nil && !slices.Contains(values, false), err
	case "Fn::Or":
		values, err := d.decideAll(name, operands, 2, 10)
		return err == nil && slices.Contains(values, true), err
	}
	return false, fmt.Errorf("%s is not supported in conditions here", name)
}

func (d conditionDecider) contains(operands []any) (bool, error) {
	list, sought, err := pairOf[[]any, any](operands)
	if err != nil {
		return false, fmt.Errorf("Fn::Contains: %w", err)
	}
	for _, item := range list {
		if found, err := d.equal([]any{item, sought}); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

func (d conditionDecider) equal(operands []any) (bool, error) {
	if len(operands) != 2 {
		return false, fmt.Errorf("Fn::Equals compares two values, not %d", len(operands))
	}
	var texts [2]string
	for i, operand := range operands {
		value, err := d.values.text(operand)
		if err != nil {
			return false, fmt.Errorf("Fn::Equals: %w", err)
		}
		texts[i] = value
	}
	return texts[0] == texts[1], nil
}

func (d conditionDecider) decideAll(name string, operands []any, fewest, most int) ([]bool, error) {
	if len(operands) < fewest || len(operands) > most {
		return nil, fmt.Errorf("%s takes %d to %d conditions, not %d", name, fewest, most, len(operands))
	}
	var values []bool
	for _, operand := range operands {
		value, err := d.decide(operand)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		values = append(values, value)
	}
	return values, nil
}
