package template

import (
	"fmt"
	"maps"

	"gopkg.in/yaml.v3"
)

// Summary is what CloudFormation tells of a deployed stack.
type Summary struct {
	Name       string
	ID         string // its ARN
	Parameters map[string]string
	Outputs    map[string]string
	Resources  map[string]Made // by logical id
}

// Made is what a resource has become.
type Made struct {
	Type       string
	PhysicalID string
}

// output is an output of a template.
type output struct {
	Condition string    `yaml:"Condition"`
	Value     yaml.Node `yaml:"Value"`
}

// Summary resolves the outputs with the physical values given, and lists the resources, those included that SAM makes of the
// function's events.
func (t *Template) Summary(physical Physical) (Summary, error) {
	s := Summary{
		Name: stackName, ID: fmt.Sprintf("arn:aws:cloudformation:%s:%s:stack/%s/51af3dc0-da77-11e4-872e-1234567db123", Region, AccountID,
			stackName),
		Parameters: maps.Clone(t.parameters), Outputs: map[string]string{}, Resources: map[string]Made{},
	}
	resolver := resolver{template: t, names: &names{template: t, physical: physical}}
	for id, output := range t.outputs {
		if output.Condition != "" && !t.conditions[output.Condition] {
			continue
		}
		value, err := yamlValue(&output.Value)
		if err != nil {
			return s, fmt.Errorf("output %s: %w", id, err)
		}
		if s.Outputs[id], err = resolver.text(value); err != nil {
			return s, fmt.Errorf("output %s: %w", id, err)
		}
	}
	for id, resource := range t.resources {
		if !t.exists(id) {
			continue
		}
		s.Resources[id] = resolver.names.made(id, resource.Type)
		if resource.Type != "AWS::Serverless::Function" {
			continue
		}
		s.Resources[id] = resolver.names.made(id, "AWS::Lambda::Function")
		events, _ := resource.Properties["Events"].(map[string]any)
		for name := range events {
			kind, err := resolver.names.kind(id + name)
			if err != nil {
				kind = "AWS::Lambda::EventSourceMapping" // which nothing refers to, so it needs no name
			}
			s.Resources[id+name] = resolver.names.made(id+name, kind)
		}
	}
	return s, nil
}

// made gives a resource its physical id; CloudFormation makes up those that nothing can refer to.
func (n *names) made(id, kind string) Made {
	physical, err := n.of(id, "")
	if err != nil {
		physical = stackName + "-" + id
	}
	return Made{Type: kind, PhysicalID: physical}
}
