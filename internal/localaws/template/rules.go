package template

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// rule refuses a combination of parameters before anything is made.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
type rule struct {
	condition  any // nil means always
	assertions []assertion
}

type assertion struct {
	assert      any
	description string
}

// parseRules takes the section Rules apart.
func parseRules(section any) (map[string]rule, error) {
	rules := map[string]rule{}
	declared, _ := section.(map[string]any)
	for name, value := range declared {
		fields, _ := value.(map[string]any)
		parsed := rule{condition: fields["RuleCondition"]}
		list, _ := fields["Assertions"].([]any)
		for _, value := range list {
			fields, _ := value.(map[string]any)
			description, _ := fields["AssertDescription"].(string)
			parsed.assertions = append(parsed.assertions, assertion{fields["Assert"], description})
		}
		if len(parsed.assertions) == 0 {
			return nil, fmt.Errorf("rule %s asserts nothing", name)
		}
		rules[name] = parsed
	}
	return rules, nil
}

// checkRules returns every assertion that the parameters break.
func checkRules(parameters map[string]string, rules map[string]rule) error {
	// Rules may use no conditions.
	d := conditionDecider{values: resolver{template: &Template{parameters: parameters}}}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		checked := rules[name]
		if checked.condition != nil {
			applies, err := d.decide(checked.condition)
			if err != nil {
				return fmt.Errorf("rule %s: %w", name, err)
			}
			if !applies {
				continue
			}
		}
		for _, assertion := range checked.assertions {
			holds, err := d.decide(assertion.assert)
			if err != nil {
				return fmt.Errorf("rule %s: %w", name, err)
			}
			if !holds {
				problems = append(problems, fmt.Errorf("rule %s: %s", name, assertion.description))
			}
		}
	}
	return errors.Join(problems...)
}
