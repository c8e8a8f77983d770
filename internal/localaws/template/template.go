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

// Load reads a template and gives its parameters values, as Read and With do.
func Load(path string, parameters map[string]string) (*Template, error) {
	document, err := Read(path)
	if err != nil {
		return nil, err
	}
	return document.With(parameters)
}

// Document is a template as it is written.
type Document struct {
	path       string
	parameters map[string]Parameter
	rules      map[string]rule
	conditions map[string]any
	resources  map[string]resource
	outputs    map[string]output
}

// Read reads a template.
func Read(path string) (*Document, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	document, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("template %s: %w", path, err)
	}
	document.path = path
	return document, nil
}

// With gives the parameters the values named, and their defaults otherwise; AWS::Partition may be named as well, and is aws
// otherwise. Its error names every parameter whose value, and every rule whose combination, CloudFormation would refuse.
func (d *Document) With(chosen map[string]string) (*Template, error) {
	t, err := d.with(chosen)
	if err != nil {
		return nil, fmt.Errorf("template %s: %w", d.path, err)
	}
	return t, nil
}

func (d *Document) with(chosen map[string]string) (*Template, error) {
	parameters, err := chooseParameters(d.parameters, chosen)
	if err != nil {
		return nil, err
	}
	if err := checkRules(parameters, d.rules); err != nil {
		return nil, err
	}
	decided, err := decideConditions(parameters, d.conditions)
	if err != nil {
		return nil, err
	}
	return &Template{
		declared: d.parameters, parameters: parameters, conditions: decided, resources: d.resources, outputs: d.outputs,
	}, nil
}

func parse(text []byte) (*Document, error) {
	var written struct {
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
	if err := yaml.Unmarshal(text, &written); err != nil {
		return nil, err
	}
	if !written.Globals.IsZero() {
		return nil, errors.New("the section Globals is not supported here")
	}
	d := &Document{
		parameters: written.Parameters, conditions: map[string]any{}, resources: map[string]resource{}, outputs: written.Outputs,
	}
	section, err := yamlValue(&written.Rules)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	if d.rules, err = parseRules(section); err != nil {
		return nil, err
	}
	for name, node := range written.Conditions {
		if d.conditions[name], err = yamlValue(&node); err != nil {
			return nil, fmt.Errorf("condition %s: %w", name, err)
		}
	}
	for id, declared := range written.Resources {
		if _, ok := d.conditions[declared.Condition]; !ok && declared.Condition != "" {
			return nil, fmt.Errorf("resource %s: there is no condition %s", id, declared.Condition)
		}
		properties, err := yamlValue(&declared.Properties)
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", id, err)
		}
		asMap, _ := properties.(map[string]any)
		d.resources[id] = resource{Type: declared.Type, Condition: declared.Condition, Properties: asMap}
	}
	return d, nil
}

// Parameters are the declared parameters.
func (t *Template) Parameters() map[string]Parameter { return t.declared }

// exists tells whether the stack has the resource.
func (t *Template) exists(id string) bool {
	resource, ok := t.resources[id]
	return ok && (resource.Condition == "" || t.conditions[resource.Condition])
}
