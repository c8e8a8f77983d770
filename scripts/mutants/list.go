package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"
)

// mutant is one breakage: a piece of one file, what stands there instead, and the test that must notice.
type mutant struct {
	Name    string `yaml:"name"` // what is broken, in words
	File    string `yaml:"file"`
	Old     string `yaml:"old"` // stands in the file once
	New     string `yaml:"new"`
	Package string `yaml:"package"`
	Test    string `yaml:"test"` // a regular expression for go test -run
}

func (m mutant) test() string { return m.Package + " " + m.Test }

// broken is the file's content with the breakage in it.
func (m mutant) broken() ([]byte, error) {
	content, err := os.ReadFile(m.File)
	if err != nil {
		return nil, err
	}
	if count := bytes.Count(content, []byte(m.Old)); count != 1 {
		return nil, fmt.Errorf("%q: the piece to be broken stands %d times in %s, not once", m.Name, count, m.File)
	}
	return bytes.Replace(content, []byte(m.Old), []byte(m.New), 1), nil
}

// directory is where the lists are, seen from the top of the tree.
const directory = "scripts/mutants"

// list is one file of breakages.
type list struct {
	file    string
	mutants []mutant
}

func readLists(directory string) (lists []list, err error) {
	files, err := filepath.Glob(filepath.Join(directory, "*.yaml"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		mutants, err := readMutants(file)
		if err != nil {
			return nil, err
		}
		lists = append(lists, list{file, mutants})
	}
	return lists, nil
}

func readMutants(path string) ([]mutant, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	var mutants []mutant
	if err := decoder.Decode(&mutants); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	names := map[string]bool{}
	var problems []error
	for _, m := range mutants {
		switch {
		case m.Name == "" || m.File == "" || m.Old == "" || m.Package == "" || m.Test == "":
			problems = append(problems, fmt.Errorf("%s: a breakage lacks a field: %+v", path, m))
		case m.Old == m.New:
			problems = append(problems, fmt.Errorf("%s: %q breaks nothing", path, m.Name))
		case names[m.Name]:
			problems = append(problems, fmt.Errorf("%s: %q stands there twice", path, m.Name))
		}
		names[m.Name] = true
	}
	return mutants, errors.Join(problems...)
}
