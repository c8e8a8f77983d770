package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// legal are the files in which Go modules keep their licences, and what must go along with copies of their code.
var legal = regexp.MustCompile(`(?i)^(licen[cs]e|notice|copying|patents)([.-][a-z.-]*)?$`)

// licenceTexts returns the licences and notices of the functions and of all that is linked into them, in one text. Those that several
// modules have in common, as those of the AWS SDK, are there once.
func licenceTexts(infos ...*buildinfo.BuildInfo) ([]byte, error) {
	type source struct {
		title, directory string
		deep             bool // a package of a module may hold code of somebody else
	}
	own, err := goCommand("list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, err
	}
	root, err := goCommand("env", "GOROOT")
	if err != nil {
		return nil, err
	}
	sources := []source{{product, own, false}, {"Go " + goVersion(infos[0]), root, false}}
	for _, module := range linked(infos...) {
		directory, err := goCommand("list", "-m", "-f", "{{.Dir}}", module.Path)
		if err != nil {
			return nil, err
		}
		sources = append(sources, source{module.Path + " " + module.Version, directory, true})
	}

	of := map[string][]string{} // text -> the files that have it
	var order []string
	for _, source := range sources {
		files, err := legalFiles(source.directory, source.deep)
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("%s has no licence in %s", source.title, source.directory)
		}
		for _, file := range files {
			content, err := os.ReadFile(filepath.Join(source.directory, file))
			if err != nil {
				return nil, err
			}
			text := strings.TrimSpace(strings.ReplaceAll(string(content), "\r\n", "\n"))
			if of[text] == nil {
				order = append(order, text)
			}
			of[text] = append(of[text], source.title+", "+filepath.ToSlash(file))
		}
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "The licences and notices of the %s and of what is linked into it.\n", product)
	for _, text := range order {
		fmt.Fprintf(&out, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(of[text], "\n"), text)
	}
	return out.Bytes(), nil
}

// legalFiles are those in a directory and, if deep, in what is below it.
func legalFiles(directory string, deep bool) (files []string, err error) {
	err = filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != directory &&
			(!deep || entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".")):
			return filepath.SkipDir
		case entry.Type().IsRegular() && legal.MatchString(entry.Name()):
			name, err := filepath.Rel(directory, path)
			files = append(files, name)
			return err
		}
		return nil
	})
	slices.Sort(files)
	return files, err
}

// goCommand returns the one line that the go command prints.
func goCommand(arguments ...string) (string, error) {
	output, err := exec.Command("go", arguments...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(arguments, " "), err, bytes.TrimSpace(exit.Stderr))
	}
	return strings.TrimSpace(string(output)), err
}
