package docs

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"appstream-ami-exporter/internal/config"
	"appstream-ami-exporter/internal/handler"
	"appstream-ami-exporter/internal/keepconfig"
	"appstream-ami-exporter/internal/trigger"
)

func TestConfiguration(t *testing.T) {
	page := read(t, "docs", "CONFIGURATION.md")
	page = generated(t, page, "template.yaml: parameters", parameters(t))
	page = generated(t, page, "internal/config: environment", environment(t, "ExportFunction", config.Variables()))
	page = generated(t, page, "internal/keepconfig: environment", environment(t, "KeeperFunction", keepconfig.Variables()))
	page = generated(t, page, "template.yaml: outputs", outputs(t))
	same(t, page, "docs", "CONFIGURATION.md")
}

// parameters is a table for each group of parameters, as the console shows them.
func parameters(t *testing.T) string {
	parsed := readTemplate(t)
	var text strings.Builder
	shown := map[string]bool{}
	for _, group := range parsed.Metadata.Interface.Groups {
		fmt.Fprintf(&text, "### %s\n\n| parameter | default | allowed | what it does |\n|---|---|---|---|\n", group.Label.Default)
		for _, name := range group.Parameters {
			parameter, ok := parsed.Parameters[name]
			if !ok {
				t.Errorf("the group %s has the parameter %s, which there is not", group.Label.Default, name)
			}
			shown[name] = true
			allowed := parameter.ConstraintDescription
			switch {
			case len(parameter.AllowedValues) > 0:
				allowed = strings.Join(parameter.AllowedValues, ", ")
			case parameter.MinValue != "":
				allowed = parameter.MinValue + " to " + parameter.MaxValue
			}
			fmt.Fprintf(&text, "| `%s` | %s | %s | %s |\n", name, code(parameter.Default), cell(allowed), cell(parameter.Description))
		}
		text.WriteString("\n")
	}
	for name := range parsed.Parameters {
		if !shown[name] {
			t.Errorf("the parameter %s is in no group", name)
		}
	}
	return text.String()
}

// environment is a table of a function's variables and where the template takes them from.
func environment(t *testing.T, function string, read []config.Variable) string {
	parsed := readTemplate(t)
	variables := parsed.Resources[function].Properties["Environment"].(map[string]any)["Variables"].(map[string]any)
	var text strings.Builder
	text.WriteString("| variable | default | allowed | parameter |\n|---|---|---|---|\n")
	known := map[string]bool{}
	for _, variable := range read {
		known[variable.Name] = true
		from := variables[variable.Name]
		if choice, ok := from.([]any); ok { // !If: the parameter, or what the stack makes
			from = choice[len(choice)-1]
		}
		name, _ := from.(string)
		if _, ok := parsed.Parameters[name]; !ok {
			name = ""
		}
		fmt.Fprintf(&text, "| `%s` | %s | %s | %s |\n", variable.Name, code(variable.Default), cell(variable.Allowed), code(name))
	}
	for name := range variables {
		if !known[name] {
			t.Errorf("the template sets %s, which the function does not read", name)
		}
	}
	return text.String()
}

func outputs(t *testing.T) string {
	var text strings.Builder
	text.WriteString("| output | what it is |\n|---|---|\n")
	outputs := readTemplate(t).Outputs
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		fmt.Fprintf(&text, "| `%s` | %s |\n", name, cell(outputs[name].Description))
	}
	return text.String()
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(text, "|", `\|`) + "`"
}

// cell is text as it can stand in a table, where * and _ are not to begin anything.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "_", `\_`).Replace(strings.TrimSpace(text))
}

// Every field of a request and of the reply is described, and no other.
func TestRequestAndReply(t *testing.T) {
	page := read(t, "docs", "CONFIGURATION.md")
	for marker, value := range map[string]any{"<!-- request fields -->\n": trigger.Spec{}, "<!-- reply fields -->\n": handler.Reply{}} {
		_, after, found := strings.Cut(page, marker)
		if !found {
			t.Fatalf("no %s", marker)
		}
		table, _, _ := strings.Cut(after, "\n\n")
		described := map[string]bool{}
		for line := range strings.SplitSeq(table, "\n") {
			if name, _, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "`"); ok && strings.HasPrefix(line, "| `") {
				described[name] = true
			}
		}
		kind := reflect.TypeOf(value)
		for field := range kind.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !described[name] {
				t.Errorf("%s: the field %s of %s is not described", marker, name, kind)
			}
			delete(described, name)
		}
		for name := range described {
			t.Errorf("%s: %s has no field %s", marker, kind, name)
		}
	}
}
