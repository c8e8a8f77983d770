package config

import "errors"

// Environment reads the variables of a function and gathers what is wrong with them. It is for functions beside the exporter.
type Environment struct{ env environment }

// NewEnvironment reads these variables.
func NewEnvironment(lookup func(string) (string, bool), variables []Variable) *Environment {
	e := &Environment{environment{lookup: lookup, variables: map[string]Variable{}}}
	for _, v := range variables {
		e.env.variables[v.Name] = v
	}
	return e
}

// Get returns a value, or its default.
func (e *Environment) Get(name string) string { return e.env.get(name) }

// Required returns a value, whose absence is a problem.
func (e *Environment) Required(name string) string { return e.env.required(name) }

// Number returns a whole number from low to high.
func (e *Environment) Number(name string, low, high int) int { return e.env.number(name, low, high) }

// Boolean returns whether a value is true.
func (e *Environment) Boolean(name string) bool { return e.env.boolean(name) }

// Topic returns the ARN of a topic and the Region that it names.
func (e *Environment) Topic(name string) (topic, region string) {
	return e.env.get(name), e.env.arn(name, "sns").Region
}

// Problem says that a value cannot be used, if there is an error.
func (e *Environment) Problem(name string, err error) { e.env.problem(name, err) }

// Err is everything that is wrong.
func (e *Environment) Err() error { return errors.Join(e.env.problems...) }
