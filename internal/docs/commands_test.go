package docs

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"appstream-ami-exporter/internal/localaws/localtest"
)

// block is a block of code in a document.
type block struct {
	page string
	kind string // what comes after the backticks
	text string
}

func blocks(t *testing.T) (all []block) {
	t.Helper()
	for _, page := range pages(t) {
		for _, match := range regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$").FindAllStringSubmatch(read(t, page), -1) {
			all = append(all, block{page, match[1], match[2]})
		}
	}
	return all
}

// A reader knows by its kind what a block is, and so do the tests below.
func TestKindsOfBlocks(t *testing.T) {
	for _, b := range blocks(t) {
		if !slices.Contains([]string{"sh", "sh aws", "json", "yaml", "go", ""}, b.kind) {
			t.Errorf("%s: a block of the kind %q", b.page, b.kind)
		}
		if b.kind == "" && regexp.MustCompile(`(?m)^(make|aws|sam|go|git|cd|\$) `).MatchString(b.text) {
			t.Errorf("%s: commands in a block that is not marked with sh or sh aws:\n%s", b.page, b.text)
		}
	}
}

// elsewhere are commands that are run, but not here.
var elsewhere = map[string]string{
	"make test":                       "these tests are part of it",
	"make check":                      ".ci/run runs it after the tests",
	"go test ./internal/docs -update": "these are the tests",
}

// What needs no AWS account works in a fresh checkout, just as it is written.
func TestCommands(t *testing.T) {
	// Whoever runs the tests may have an account, and a block that is marked wrongly must not reach it.
	tools := t.TempDir()
	const refuse = `echo "mark this block with sh aws" >&2; exit 1`
	standIns(t, tools, map[string]string{"aws": refuse, "sam": refuse})
	environment := []string{"PATH=" + tools + string(os.PathListSeparator) + os.Getenv("PATH")}
	for _, b := range blocks(t) {
		if b.kind != "sh" {
			continue
		}
		var script []string
		for line := range strings.SplitSeq(strings.TrimSpace(b.text), "\n") {
			if _, ok := elsewhere[line]; !ok {
				script = append(script, line)
			}
		}
		if len(script) == 0 {
			continue
		}
		t.Run(b.page+": "+script[0], func(t *testing.T) {
			t.Parallel()
			if testing.Short() {
				t.Skip("SKIPPED: takes half a minute")
			}
			execute(t, checkout(t), strings.Join(script, "\n"), environment)
		})
	}
}

// What needs an AWS account is run with stand-ins that call nothing: the real aws command is sent to where nobody answers, so it
// says whether it knows each argument, and the real make says whether it knows the target.
func TestCommandsForAWS(t *testing.T) {
	aws := localtest.Tool(t, "aws", "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html")
	tools := t.TempDir()
	standIns(t, tools, map[string]string{
		"aws": `case "$1 $2" in
"cloudformation package" | "cloudformation deploy" | "s3 "*) ;; # these call other services as well
*) said=$(` + aws + ` "$@" --endpoint-url http://127.0.0.1:9 2>&1)
	case $said in *"Could not connect"*) ;; *) echo "aws $*: $said" >&2; exit 1 ;; esac ;;
esac
echo stand-in`,
		"sam":  `case $1 in build | deploy | delete) ;; *) echo "sam $1?" >&2; exit 1 ;; esac`,
		"git":  `echo v1.0.0`,
		"make": `unset MAKEFLAGS; exec ` + look(t, "make") + ` -n "$@" >/dev/null`,
	})
	environment := []string{
		"PATH=" + tools + string(os.PathListSeparator) + os.Getenv("PATH"), "AWS_MAX_ATTEMPTS=1",
		"AWS_DEFAULT_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x", "AWS_CONFIG_FILE=" + os.DevNull,
	}
	tree := checkout(t)
	if err := os.MkdirAll(filepath.Join(tree, "build", "package"), 0o755); err != nil {
		t.Fatal(err)
	}
	// It calls aws many times and reads the answers; it has a test of its own.
	standIns(t, filepath.Join(tree, "examples", "stackset"), map[string]string{"deploy": "exit 0"})
	for _, b := range blocks(t) {
		if b.kind != "sh aws" {
			continue
		}
		first, _, _ := strings.Cut(b.text, "\n")
		t.Run(b.page+": "+first, func(t *testing.T) {
			t.Parallel()
			if testing.Short() {
				t.Skip("SKIPPED: takes some seconds")
			}
			execute(t, tree, b.text, environment)
		})
	}
}

// standIns puts commands into a directory.
func standIns(t *testing.T, directory string, scripts map[string]string) {
	t.Helper()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(directory, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

func look(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func execute(t *testing.T, directory, script string, environment []string) {
	t.Helper()
	shell := exec.CommandContext(t.Context(), "sh", "-eu", "-c", script)
	shell.Dir = directory
	shell.Env = append(slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return strings.HasPrefix(name, "MAKE") || name == "MFLAGS"
	}), environment...)
	if output, err := shell.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, script, output)
	}
}

// checkout copies the repository as somebody gets it who clones it, to a path that is legal and inconvenient.
func checkout(t *testing.T) string {
	t.Helper()
	tree := filepath.Join(t.TempDir(), "it's a  tree")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case name == ".git" && !entry.IsDir(): // of a worktree
			return nil
		case name == ".git" || name == "build" || name == ".aws-sam":
			return filepath.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(tree, name), 0o755)
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(tree, name), content, info.Mode())
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}
