package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/localtest"
)

// odd is a legal name of a directory that a script without quotation marks stumbles over.
const odd = "it's a  tree"

// standIns returns a PATH on which these scripts come first, each by its name.
func standIns(t *testing.T, scripts map[string]string) string {
	t.Helper()
	directory := t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(directory, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return "PATH=" + directory + string(os.PathListSeparator) + os.Getenv("PATH")
}

// runMake runs it in a tree and returns what it prints.
func runMake(tree string, more []string, arguments ...string) (string, error) {
	command := exec.Command("make", append([]string{"--no-print-directory", "-C", tree}, arguments...)...)
	command.Env = append(environment(), more...)
	output, err := command.CombinedOutput()
	return string(output), err
}

// Many a shell has a VERSION that is not ours; /etc/os-release has one with spaces.
func TestVersionOfTheEnvironment(t *testing.T) {
	t.Parallel()
	path := standIns(t, map[string]string{"go": `echo "go $*"`})
	root := localtest.Root(t)
	for _, target := range []string{"build/bootstrap", "build-ExportFunction", "package", "deploy"} {
		for _, version := range []string{"24.04 LTS (Noble Numbat)", `a"b`, "it's", "`id`", "$(id)", "-v1", "release/1.0"} {
			output, err := runMake(root, []string{path, "VERSION=" + version, "ARTIFACTS_DIR=" + t.TempDir()}, target)
			if err == nil || !strings.Contains(output, "a version is made of letters, digits and . _ + - only") ||
				strings.Contains(output, "go ") {
				t.Errorf("make %s with VERSION=%q: %v\n%s", target, version, err, output)
			}
		}
	}
	output, err := runMake(root, []string{path, "VERSION=v1.0.0-rc.1+build_7"}, "build/bootstrap")
	if err != nil || !strings.Contains(output, "-X main.version=v1.0.0-rc.1+build_7") {
		t.Errorf("%v\n%s", err, output)
	}
}

// A tag may hold what cannot be stamped, and a tree may have none.
func TestVersionOfTheTree(t *testing.T) {
	t.Parallel()
	for described, want := range map[string]string{
		"echo v1.2.3-4-gabcdef0-dirty": "v1.2.3-4-gabcdef0-dirty", "echo release/été 1": "release---t---1", "exit 128": "dev",
	} {
		path := standIns(t, map[string]string{"go": `echo "go $*"`, "git": described})
		output, err := runMake(localtest.Root(t), []string{path, "VERSION="}, "build/bootstrap")
		if err != nil || !strings.Contains(output, "-X main.version="+want+" ") {
			t.Errorf("git says %q: %v\n%s", described, err, output)
		}
	}
}

// What is meant for other programs of a Go developer changes nothing here.
func TestGoSettingsOfTheEnvironment(t *testing.T) {
	t.Parallel()
	path := standIns(t, map[string]string{"go": `echo "$GOOS $GOARCH $CGO_ENABLED $GOARM64 $GOFLAGS $GOWORK"`})
	settings := []string{
		path, "GOOS=windows", "GOARCH=386", "GOARM64=v9.0", "GOFLAGS=-race", "GOWORK=/go.work", "ARTIFACTS_DIR=" + t.TempDir(),
	}
	for target, want := range map[string]string{"build/bootstrap": "  0  -race off\n", "build-ExportFunction": "linux arm64 0   off\n"} {
		if output, err := runMake(localtest.Root(t), settings, target); err != nil || output != want {
			t.Errorf("make %s builds with %q, %v", target, output, err)
		}
	}
}

// The first build takes minutes, so it is said before it begins.
func TestFirstBuildIsAnnounced(t *testing.T) {
	t.Parallel()
	tree := t.TempDir()
	if err := os.WriteFile(filepath.Join(tree, "Makefile"), read(t, localtest.Root(t), "Makefile"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := standIns(
		t, map[string]string{"go": `case $1 in build) echo building; mkdir -p build; : >build/bootstrap ;; *) echo running ;; esac`},
	)
	for _, want := range []string{"Building the function and the local AWS. The first time this downloads", "building"} {
		output, err := runMake(tree, []string{path}, "run")
		if err != nil || !strings.HasPrefix(output, want) || !strings.HasSuffix(output, "running\n") {
			t.Errorf("it begins with %q: %v\n%s", want, err, output)
		}
	}
}

// scripts/deploy against a sam that only writes down what it is asked.
func TestDeploy(t *testing.T) {
	t.Parallel()
	const deploy = "v1.2.3: build\nv1.2.3: deploy --guided --config-env %env --stack-name mine --region %region%profile --capabilities " +
		"CAPABILITY_IAM\n"
	for name, test := range map[string]struct {
		arguments, environment []string
		env, region, profile   string
	}{
		"all is said": {[]string{"REGION=eu-west-1", "PROFILE=backup"}, nil, "mine-eu-west-1-backup", "eu-west-1", " --profile backup"},
		"the Region is the environment's": {nil, []string{"AWS_REGION=eu-west-2", "AWS_DEFAULT_REGION=us-east-1"},
			"mine-eu-west-2", "eu-west-2", ""},
		"the Region is an older SDK's": {nil, []string{"AWS_DEFAULT_REGION=us-east-1"}, "mine-us-east-1", "us-east-1", ""},
		"the Region is the profile's": {[]string{"PROFILE=of the backup"}, nil, "mine-ap-south-1-of the backup", "ap-south-1",
			" --profile of the backup"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := filepath.Join(t.TempDir(), "calls")
			path := standIns(t, map[string]string{
				"sam": `echo "$VERSION: $*" >>"` + calls + `"`,
				"aws": `[ "$*" = "configure get region --profile of the backup" ] && echo ap-south-1`,
			})
			environment := append([]string{path, "AWS_REGION=", "AWS_DEFAULT_REGION="}, test.environment...)
			output, err := runMake(localtest.Root(t), environment,
				append([]string{"deploy", "VERSION=v1.2.3", "STACK=mine"}, test.arguments...)...)
			if err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			want := strings.NewReplacer("%env", test.env, "%region", test.region, "%profile", test.profile).Replace(deploy)
			if diff := cmp.Diff(want, string(read(t, calls))); diff != "" {
				t.Errorf("sam is called (-want +got):\n%s", diff)
			}
		})
	}
}

// Whoever sits at a terminal is offered the first run and the doctor once the stack is there; nobody else is asked.
func TestDeployOffers(t *testing.T) {
	t.Parallel()
	terminal := localtest.Tool(t, "script", "util-linux")
	calls := filepath.Join(t.TempDir(), "calls")
	environment := []string{
		standIns(t, map[string]string{"sam": "true", "make": `echo "$*" >>"` + calls + `"; exit 2`}), "MAKE=make", "HOME=" + t.TempDir(),
	}
	root := localtest.Root(t)
	deploy := func(command ...string) string {
		t.Helper()
		run := exec.CommandContext(t.Context(), command[0], command[1:]...)
		run.Dir, run.Env, run.Stdin = root, environment, strings.NewReader("y\nn\n")
		output, err := run.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
		return string(output)
	}
	const ask = "now? [y/N]"
	output := deploy("./scripts/deploy", "mine", "eu-west-1", "backup")
	if _, err := os.Stat(calls); err == nil || strings.Contains(output, ask) || !strings.Contains(output, "make night ") ||
		!strings.Contains(output, "make doctor ") {
		t.Errorf("without a terminal:\n%s", output)
	}
	output = deploy(terminal, "-qec", "./scripts/deploy mine eu-west-1 backup", os.DevNull)
	if want := "--no-print-directory night STACK=mine REGION=eu-west-1 PROFILE=backup\n"; strings.Count(output, ask) != 2 ||
		string(read(t, calls)) != want {
		t.Errorf("make is called with %s\n%s", read(t, calls), output)
	}
}

// What cannot end well is refused before anything is built.
func TestDeployRefuses(t *testing.T) {
	t.Parallel()
	tree := filepath.Join(t.TempDir(), odd)
	if err := os.MkdirAll(filepath.Join(tree, "scripts"), 0o755); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(tree, "scripts", "deploy")
	if err := os.WriteFile(script, read(t, localtest.Root(t), "scripts", "deploy"), 0o700); err != nil {
		t.Fatal(err)
	}
	path := standIns(t, map[string]string{"sam": "echo sam is called", "aws": "exit 255"})
	run := func(environment ...string) (string, error) {
		command := exec.Command(script, "mine")
		command.Env = append(append([]string{"AWS_REGION=", "AWS_DEFAULT_REGION="}, environment...), "HOME="+tree)
		output, err := command.CombinedOutput()
		return string(output), err
	}
	refused := func(title, says, output string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(output, says) || strings.Contains(output, "sam is called") {
			t.Errorf("%s: %v\n%s", title, err, output)
		}
	}
	output, err := run(path)
	refused("no Region", "Name it: make deploy REGION=eu-west-1", output, err)

	// An editor leaves such a link beside a file that is not saved.
	if err := os.Symlink("somebody@host.1", filepath.Join(tree, ".#main.go")); err != nil {
		t.Fatal(err)
	}
	output, err = run(path, "AWS_REGION=eu-west-1")
	refused("a link that leads nowhere", "./.#main.go\n", output, err)
	if err := os.Remove(filepath.Join(tree, ".#main.go")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("scripts", filepath.Join(tree, "link")); err != nil {
		t.Fatal(err)
	}
	if output, err = run(path, "AWS_REGION=eu-west-1"); err != nil || strings.Count(output, "sam is called") != 2 {
		t.Errorf("a link that leads somewhere: %v\n%s", err, output)
	}

	if _, err := exec.LookPath("sam"); err == nil {
		t.Skip("SKIPPED, the rest: sam is installed")
	}
	output, err = run("PATH="+os.Getenv("PATH"), "AWS_REGION=eu-west-1")
	refused("no SAM", "Install AWS SAM", output, err)
}

// The race detector looks at whatever does several things at the same time, also at what begins to.
func TestWhatIsConcurrentIsRaced(t *testing.T) {
	t.Parallel()
	root := localtest.Root(t)
	_, list, found := strings.Cut(string(read(t, root, "Makefile")), "\nconcurrent := ")
	list, _, ends := strings.Cut(list, "\n\n")
	if !found || !ends {
		t.Fatal("the Makefile does not say what is concurrent")
	}
	raced := strings.Fields(strings.ReplaceAll(list, "\\\n", " "))
	const costs = "has to be compiled with the SDK's client of EC2, which takes minutes; make race leaves it out as well"
	unraced := map[string]string{"./cmd/doctor": costs, "./cmd/local": "is shown to people and starts the process; make race has it"}
	concurrent := regexp.MustCompile(`(?m)^[^/\n]*(\bgo (func|[\w.]+)\(|\.Go\()`)
	for _, top := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			directory, err := filepath.Rel(root, filepath.Dir(path))
			name := "./" + filepath.ToSlash(directory)
			if _, known := unraced[name]; !known && !slices.Contains(raced, name) && concurrent.Match(read(t, path)) {
				t.Errorf("%s starts goroutines, and the Makefile's list of what is concurrent lacks %s", filepath.Base(path), name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
