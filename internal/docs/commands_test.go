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

	"gopkg.in/yaml.v3"

	"appstream-ami-exporter/internal/localaws/localtest"
)

func TestMain(m *testing.M) { os.Exit(localtest.Main(m)) }

// elsewhere are commands that are run, but not here.
var elsewhere = map[string]string{
	"make quick":                      "its tests are run beside these",
	"make year":                       ".ci/run plays it after the tests, and cmd/local's tests three months of it",
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
// where nobody answers; and what would deploy has stand-ins. Each page has an account of its own, in which its blocks follow one
// another, as for a reader.
func TestCommandsForAWS(t *testing.T) {
	localtest.ByCheck(t)
	aws := localtest.Tool(t, "aws", "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html")
	if testing.Short() {
		t.Skip("SKIPPED: takes half a minute")
	}
	tree, tools := checkout(t), t.TempDir()
	standIns(t, tools, map[string]string{
		"aws": `call() { AWS_ENDPOINT_URL=$endpoint ` + aws + ` "$@" --endpoint-url "$endpoint" 2>&1; }
endpoint=$AWS_ENDPOINT_URL
case "$1 $2" in
"cloudformation package" | "cloudformation deploy" | "s3 "*) ;; # S3 is not played
*)
	if said=$(call "$@"); then
		echo "$1 $2" >>"$ANSWERED"
		printf '%s\n' "$said"
		exit
	fi
	case $said in
	*"(DryRunOperationException)"*) echo "$1 $2" >>"$ANSWERED"; exit ;; # how AppStream says that all is well
	*"(UnknownOperationException)"* | *"(InvalidAction)"*) ;; # not played
	*"Stack with id appstream-ami-exporter-key does not exist"*) ;; # its deployment was sent to nobody
	*) echo "aws $*: $said" >&2; exit 1 ;;
	esac ;;
esac
endpoint=http://127.0.0.1:9
said=$(call "$@") && exit
case $said in *"Could not connect"*) echo stand-in ;; *) echo "aws $*: $said" >&2; exit 1 ;; esac`,
		"sam": `case $1 in build | deploy | delete) ;; *) echo "sam $1?" >&2; exit 1 ;; esac`,
		"git": `echo v1.0.0`,
		"make": `unset MAKEFLAGS
case $1 in plan | export | keep | night | status | replay) exec ` + look(t, "make") + ` "$@" </dev/null ;; esac
exec ` + look(t, "make") + ` -n "$@" >/dev/null`,
	})
	execute(t, tree, "make build/exporter", nil) // once for all

	// What make package makes is for other tests.
	packaged := filepath.Join(tree, "build", "package")
	if err := os.MkdirAll(packaged, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"appstream-ami-exporter-v1.0.0.yaml", "packaged.yaml"} {
		if err := os.WriteFile(filepath.Join(packaged, name), []byte("Resources: {}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// It calls aws many times and reads the answers; it has a test of its own.
	standIns(t, filepath.Join(tree, "examples", "stackset"), map[string]string{"deploy": "exit 0"})
	var everywhere answers
	t.Run("pages", func(t *testing.T) {
		for page, blocks := range byPage(blocks(t), "sh aws") {
			t.Run(page, func(t *testing.T) {
				t.Parallel()
				w := newReader(t, tree, tools)
				for _, b := range blocks {
					w.execute(t, b)
				}
				if check := afterwards[page]; check != nil {
					check(t, w)
				}
				everywhere.add(t, w.answered)
			})
		}
	})
	everywhere.had(t, "appstream create-imported-image", "appstream describe-images", "appstream list-export-image-tasks",
		"cloudformation describe-stacks", "ec2 copy-image", "ec2 create-tags", "ec2 describe-images", "ec2 disable-image-deprecation",
		"ec2 list-images-in-recycle-bin", "ec2 restore-image-from-recycle-bin", "ec2 restore-snapshot-from-recycle-bin",
		"ec2 delete-tags", "ec2 describe-snapshots", "events put-events", "lambda invoke", "sqs purge-queue", "sqs receive-message",
		"ssm delete-parameter", "ssm get-parameter")
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

// A template that a command deploys is where the command says, seen from the root of the repository, and has the parameters that
// the command sets. AWS would say so only after the upload.
func TestDeployedTemplates(t *testing.T) {
	file := regexp.MustCompile(`--template-file (\S+)`)
	overrides := regexp.MustCompile(`--parameter-overrides((?: [A-Za-z]+=\S+)+)`)
	found := 0
	for _, b := range blocks(t) {
		for line := range strings.SplitSeq(strings.ReplaceAll(b.text, "\\\n", ""), "\n") {
			named := file.FindStringSubmatch(line)
			if named == nil || strings.HasPrefix(named[1], "build/") { // of a release
				continue
			}
			found++
			var template struct {
				Parameters map[string]struct {
					AllowedPattern string `yaml:"AllowedPattern"`
				} `yaml:"Parameters"`
			}
			if err := yaml.Unmarshal([]byte(read(t, named[1])), &template); err != nil {
				t.Errorf("%s: %s: %v", b.page, named[1], err)
			}
			for _, set := range overrides.FindAllStringSubmatch(line, -1) {
				for pair := range strings.FieldsSeq(set[1]) {
					name, value, _ := strings.Cut(pair, "=")
					parameter, known := template.Parameters[name]
					pattern, err := regexp.Compile(parameter.AllowedPattern) // Go knows no lookahead
					if !known || err == nil && !pattern.MatchString(value) {
						t.Errorf("%s: %s does not take the parameter %s", b.page, named[1], pair)
					}
				}
			}
		}
	}
	if found < 3 {
		t.Errorf("only %d commands deploy a template", found)
	}
}
