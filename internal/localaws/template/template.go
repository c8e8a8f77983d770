// Package template reads this project's SAM template as CloudFormation does: parameters, rules, conditions and intrinsic
// functions, and then what of the stack the local AWS plays. What the project does not use is refused instead of guessed.
package template

import (
	"errors"
	"fmt"
	"os"

	"gopkg.in/yaml.v3"
)

// Template is a SAM template with its parameters chosen and its conditions decided. It knows as much of
// CloudFormation as this project's template uses, and refuses the rest instead of guessing.
type Template struct {
	declared   map[string]Parameter
	parameters map[string]string
	conditions map[string]bool
	resources  map[string]resource
	outputs    map[string]output
}

type resource struct {
	Type       string
	Condition  string         // "" means always
	Properties map[string]any // intrinsic functions in their long form, unresolved
}

// Load reads a template and gives its parameters the values named, and their defaults otherwise; AWS::Partition may be named as well,
// and is aws otherwise. Its error names every parameter whose value, and every rule whose combination, CloudFormation would refuse.
func Load(path string, parameters map[string]string) (*Template, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	template, err := parse(text, parameters)
	if err != nil {
		return nil, fmt.Errorf("template %s: %w", path, err)
	}
	return template, nil
}

func parse(text []byte, chosen map[string]string) (*Template, error) {
	var document struct {
		Parameters map[string]Parameter `yaml:"Parameters"`
		Rules      yaml.Node            `yaml:"Rules"`
		Conditions map[string]yaml.Node `yaml:"Conditions"`
		Globals    yaml.Node            `yaml:"Globals"`
		Resources  map[string]struct {
			Type       string    `yaml:"Type"`
			Condition  string    `yaml:"Condition"`
			Properties yaml.Node `yaml:"Properties"`
		} `yaml:"Resources"`
		Outputs map[string]output `yaml:"Outputs"`
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	if !document.Globals.IsZero() {
		return nil, errors.New("the section Globals is not supported here")
	}
	parameters, err := chooseParameters(document.Parameters, chosen)
	if err != nil {
		return nil, err
	}
	section, err := yamlValue(&document.Rules)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	rules, err := parseRules(section)
	if err != nil {
		return nil, err
	}
	if err := checkRules(parameters, rules); err != nil {
		return nil, err
	}
	conditions := map[string]any{}
	for name, node := range document.Conditions {
		if conditions[name], err = yamlValue(&node); err != nil {
			return nil, fmt.Errorf("condition %s: %w", name, err)
		}
	}
	decided, err := decideConditions(parameters, conditions)
	if err != nil {
		return nil, err
	}
	t := &Template{
		declared: document.Parameters, parameters: parameters, conditions: decided,
		resources: map[string]resource{}, outputs: document.Outputs,
	}
	for id, declared := range document.Resources {
		if _, ok := decided[declared.Condition]; !ok && declared.Condition != "" {
			return nil, fmt.Errorf("resource %s: there is no condition %s", id, declared.Condition)
		}
		properties, err := yamlValue(&declared.Properties)
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", id, err)
		}
		asMap, _ := properties.(map[string]any)
		t.resources[id] = resource{Type: declared.Type, Condition: declared.Condition, Properties: asMap}
	}
	return t, nil
}

// Parameters are the declared parameters.
func (t *Template) Parameters() map[string]Parameter { return t.declared }

// exists tells whether the stack has the resource.
func (t *Template) exists(id string) bool {
	resource, ok := t.resources[id]
	return ok && (resource.Condition == "" || t.conditions[resource.Condition])
}
