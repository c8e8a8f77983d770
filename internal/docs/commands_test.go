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
	"time"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/localtest"
)

func TestMain(m *testing.M) { os.Exit(localtest.Main(m)) }

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
	"make quick":                      "its tests are run beside these",
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

// What needs an AWS account is run against the local AWS: the project's own commands as they are, and the real aws command as far
// as its services are played. Of what is not, the aws command at least says whether it knows each argument, since it is sent to
// where nobody answers; and what would deploy has stand-ins.
func TestCommandsForAWS(t *testing.T) {
	aws := localtest.Tool(t, "aws", "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html")
	if testing.Short() {
		t.Skip("SKIPPED: takes half a minute")
	}
	endpoint := account(t)
	tree, tools, answered := checkout(t), t.TempDir(), filepath.Join(t.TempDir(), "answered")
	standIns(t, tools, map[string]string{
		"aws": `case "$1 $2" in
"cloudformation package" | "cloudformation deploy" | "s3 "*) echo stand-in; exit ;; # these call other services as well
esac
if said=$(` + aws + ` "$@" --endpoint-url "$AWS_ENDPOINT_URL" 2>&1); then
	echo "$1 $2" >>"` + answered + `"
	printf '%s\n' "$said"
	exit
fi
case $said in
*"(UnknownOperationException)"* | *"(InvalidAction)"*) ;; # not played
*"Stack with id appstream-ami-exporter-key does not exist"*) ;; # its deployment has a stand-in
*"The AMI ami-0123456789abcdef0 was not found"*) ;; # it is an example
*) echo "aws $*: $said" >&2; exit 1 ;;
esac
said=$(` + aws + ` "$@" --endpoint-url http://127.0.0.1:9 2>&1)
case $said in *"Could not connect"*) echo stand-in ;; *) echo "aws $*: $said" >&2; exit 1 ;; esac`,
		"sam": `case $1 in build | deploy | delete) ;; *) echo "sam $1?" >&2; exit 1 ;; esac`,
		"git": `echo v1.0.0`,
		"make": `unset MAKEFLAGS
case $1 in plan | export | night | status | replay) exec ` + look(t, "make") + ` "$@" </dev/null ;; esac
exec ` + look(t, "make") + ` -n "$@" >/dev/null`,
	})
	environment := []string{
		"PATH=" + tools + string(os.PathListSeparator) + os.Getenv("PATH"), "AWS_MAX_ATTEMPTS=1", "AWS_ENDPOINT_URL=" + endpoint,
		"AWS_DEFAULT_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
	if err := os.MkdirAll(filepath.Join(tree, "build", "package"), 0o755); err != nil {
		t.Fatal(err)
	}
	execute(t, tree, "make plan", environment) // builds the program, once for all
	// It calls aws many times and reads the answers; it has a test of its own.
	standIns(t, filepath.Join(tree, "examples", "stackset"), map[string]string{"deploy": "exit 0"})
	t.Run("blocks", func(t *testing.T) {
		for _, b := range blocks(t) {
			if b.kind != "sh aws" {
				continue
			}
			first, _, _ := strings.Cut(b.text, "\n")
			t.Run(b.page+": "+first, func(t *testing.T) {
				t.Parallel()
				execute(t, tree, strings.ReplaceAll(b.text, "http://127.0.0.1:4577", endpoint), environment)
			})
		}
	})
	log, err := os.ReadFile(answered)
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []string{
		"appstream list-export-image-tasks", "cloudformation describe-stacks", "events put-events", "lambda invoke", "sqs purge-queue",
		"sqs receive-message",
	} {
		if !strings.Contains(string(log), call+"\n") {
			t.Errorf("the local AWS has not answered aws %s", call)
		}
	}
}

// account starts a local AWS that has had a calm night, and returns where it is.
func account(t *testing.T) (endpoint string) {
	t.Helper()
	account := localtest.Start(t, localaws.Options{AppStream: appstream.Options{
		Importable: func(string) (bool, string) { return true, "" }, // whatever AMI the documents name
	}})
	account.AppStream.PutImage(appstream.Image{Name: "win2022-base-7"})
	opened, err := account.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := account.FireSchedule(time.Now()); err != nil {
		t.Fatal(err)
	}
	localtest.Settle(t, account)
	return opened.URL()
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
		return strings.HasPrefix(name, "MAKE") || name == "MFLAGS" || strings.HasPrefix(name, "AWS_")
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
