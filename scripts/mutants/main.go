// Command mutants breaks the code on purpose, one breakage at a time, and expects the test that guards it to go red.
// The lists beside it say which. It works in a copy of the tree.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	only := flag.String("only", "", "a regular expression: only the breakages whose name or file it matches")
	page := flag.String("page", "", "the document whose tables of breakages are written anew, instead of trying them")
	flag.Parse()
	if err := run(*only, *page); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(only, page string) error {
	lists, err := readLists(directory)
	if err != nil {
		return err
	}
	if page != "" {
		return writeTables(page, lists)
	}
	var mutants []mutant
	for _, list := range lists {
		mutants = append(mutants, list.mutants...)
	}
	wanted, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	tree, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tree)
	if err := copyTree(tree); err != nil {
		return fmt.Errorf("copy the tree: %w", err)
	}

	green := map[string]error{} // whether a test passes while nothing is broken
	caught, tried := 0, 0
	for _, m := range mutants {
		if !wanted.MatchString(m.Name) && !wanted.MatchString(m.File) {
			continue
		}
		tried++
		if _, known := green[m.test()]; !known {
			green[m.test()] = passes(tree, m)
		}
		start := time.Now()
		var tests []string
		err := green[m.test()]
		if err == nil {
			tests, err = isCaught(tree, m)
		}
		verdict := "caught by " + strings.Join(tests, ", ")
		if err != nil {
			verdict = "NOT CAUGHT by " + m.test() + ": " + err.Error()
		} else {
			caught++
		}
		fmt.Printf("%-60s %4.0f s  %s\n", m.Name, time.Since(start).Seconds(), verdict)
	}
	fmt.Printf("\n%d of %d breakages are caught\n", caught, tried)
	if tried == 0 {
		return errors.New("no breakage has such a name or file")
	}
	if caught < tried {
		return errors.New("some breakages are not caught")
	}
	return nil
}

// isCaught breaks the copy and returns the tests that fail for it, or an error where none does.
func isCaught(tree string, m mutant) (tests []string, err error) {
	broken, err := m.broken()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(tree, m.File)
	original, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, broken, 0o600); err != nil {
		return nil, err
	}
	err = passes(tree, m)
	if restoreErr := os.WriteFile(file, original, 0o600); restoreErr != nil {
		return nil, restoreErr
	}
	failure, ok := errors.AsType[*testFailure](err)
	switch {
	case ok:
		return failure.tests, nil
	case err != nil:
		return nil, err
	}
	return nil, errors.New("the test passes all the same")
}

// testFailure is tests that ran and failed, which is what a breakage is to bring about.
type testFailure struct {
	tests  []string
	output string
}

func (f *testFailure) Error() string { return "the test fails with nothing broken:\n" + f.output }

// hang is how long one test may take: some breakages make a test wait for what never comes.
const hang = "4m"

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// passes runs the one test in the tree.
func passes(tree string, m mutant) error {
	command := exec.Command("go", "test", "-count=1", "-timeout", hang, "-run", "^("+m.Test+")$", "./"+m.Package)
	command.Dir = tree
	raw, err := command.CombinedOutput()
	output := string(raw)
	switch {
	case strings.Contains(output, "[build failed]") || strings.Contains(output, "[setup failed]"):
		return fmt.Errorf("it does not compile:\n%s", output)
	case strings.Contains(output, "no tests to run"):
		return fmt.Errorf("package %s has no test %s", m.Package, m.Test)
	case err != nil && (strings.Contains(output, "--- FAIL") || strings.Contains(output, "panic: ")):
		failure := &testFailure{output: output}
		for _, match := range failedTest.FindAllStringSubmatch(output, -1) {
			failure.tests = append(failure.tests, match[1])
		}
		return failure
	case err != nil:
		return fmt.Errorf("go test: %w\n%s", err, output)
	}
	return nil
}

// copyTree copies what git tracks, as it is in the working tree, and what it does not know yet and does not ignore.
func copyTree(to string) error {
	list, err := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	for file := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		info, err := os.Stat(file)
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted, not committed yet
		} else if err != nil {
			return err
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		target := filepath.Join(to, file)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(target, content, info.Mode()|0o600); err != nil {
			return err
		}
	}
	return nil
}
