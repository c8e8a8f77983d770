package localaws

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// templateRule refuses a combination of parameters before anything is made.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
type templateRule struct {
	condition  any // nil means always
	assertions []templateAssertion
}

type templateAssertion struct {
	assert      any
	description string
}

// parseRules takes the section Rules apart.
func parseRules(section any) (map[string]templateRule, error) {
	rules := map[string]templateRule{}
	declared, _ := section.(map[string]any)
	for name, value := range declared {
		fields, _ := value.(map[string]any)
		rule := templateRule{condition: fields["RuleCondition"]}
		assertions, _ := fields["Assertions"].([]any)
		for _, value := range assertions {
			assertion, _ := value.(map[string]any)
			description, _ := assertion["AssertDescription"].(string)
			rule.assertions = append(rule.assertions, templateAssertion{assertion["Assert"], description})
		}
		if len(rule.assertions) == 0 {
			return nil, fmt.Errorf("rule %s asserts nothing", name)
		}
		rules[name] = rule
	}
	return rules, nil
}

// checkRules returns every assertion that the parameters break.
func checkRules(parameters map[string]string, rules map[string]templateRule) error {
	// Rules may use no conditions.
	d := conditionDecider{values: templateResolver{template: &Template{parameters: parameters}}}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		rule := rules[name]
		if rule.condition != nil {
			applies, err := d.decide(rule.condition)
			if err != nil {
				return fmt.Errorf("rule %s: %w", name, err)
			}
			if !applies {
				continue
			}
		}
		for _, assertion := range rule.assertions {
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
