// Package docs holds the documentation to the truth: tables that are made from the template and the code, examples that are
// checked against the schema, commands that are run, links that lead somewhere. It has tests only.
package docs

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "make anew what is generated in the documents")

// root is the repository, seen from here.
const root = "../.."

func read(t *testing.T, parts ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{root}, parts...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// pages are the documents for people, by their path in the repository.
func pages(t *testing.T) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir() && (name == "build" || name == ".git" || name == ".aws-sam"):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".md"):
			paths = append(paths, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// same holds a file against what it must be, or makes it that with -update.
func same(t *testing.T, want string, parts ...string) {
	t.Helper()
	path := filepath.Join(append([]string{root}, parts...)...)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test ./internal/docs -update makes it", err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is out of date; go test ./internal/docs -update makes it anew (-want +got):\n%s", path, diff)
	}
}

// generated puts text between the line that begins it and the line that ends it.
func generated(t *testing.T, page, what, text string) string {
	t.Helper()
	begin, end := "<!-- generated from "+what+" -->\n", "<!-- end of what is generated -->"
	before, rest, found := strings.Cut(page, begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("the page has no part that is generated from %s", what)
	}
	return before + begin + text + end + after
}

// template is template.yaml, as far as the documents speak of it. Intrinsic functions are there as their arguments.
type template struct {
	Metadata struct {
		Interface struct {
			Groups []struct {
				Label      struct{ Default string } `yaml:"Label"`
				Parameters []string                 `yaml:"Parameters"`
			} `yaml:"ParameterGroups"`
		} `yaml:"AWS::CloudFormation::Interface"`
	} `yaml:"Metadata"`
	Parameters map[string]struct {
		Default               string   `yaml:"Default"`
		Description           string   `yaml:"Description"`
		AllowedValues         []string `yaml:"AllowedValues"`
		AllowedPattern        string   `yaml:"AllowedPattern"`
		ConstraintDescription string   `yaml:"ConstraintDescription"`
		MinValue              string   `yaml:"MinValue"`
		MaxValue              string   `yaml:"MaxValue"`
	} `yaml:"Parameters"`
	Resources map[string]struct {
		Type       string         `yaml:"Type"`
		Condition  string         `yaml:"Condition"`
		Properties map[string]any `yaml:"Properties"`
	} `yaml:"Resources"`
	Outputs map[string]struct {
		Description string `yaml:"Description"`
	} `yaml:"Outputs"`
}

func readTemplate(t *testing.T) (parsed template) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, "template.yaml")), &parsed); err != nil {
		t.Fatal(err)
	}
	return parsed
}

// eachString calls do for every string under a value that has the key.
func eachString(value any, key string, do func(string)) {
	switch value := value.(type) {
	case map[string]any:
		for name, item := range value {
			if text, ok := item.(string); ok && name == key {
				do(text)
			}
			eachString(item, key, do)
		}
	case []any:
		for _, item := range value {
			eachString(item, key, do)
		}
	}
}
