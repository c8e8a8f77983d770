package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	module = "appstream-ami-exporter/"
	root   = "../.."
)

// large are the clients that only the keeper and the doctor need. EC2's alone takes a minute to compile, and twice that for the
// race detector.
var large = []string{"ec2", "ssm", "rbin"}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	command := exec.Command("go", append([]string{"list"}, args...)...)
	command.Dir = root
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %v", command, err)
	}
	return strings.Split(strings.TrimSpace(string(output)), "\n")
}

func isLarge(path string) bool {
	service, ok := strings.CutPrefix(path, "github.com/aws/aws-sdk-go-v2/service/")
	return ok && slices.Contains(large, strings.Split(service, "/")[0])
}

// Only one room turns the large clients into what the keeper sees, and only the doctor needs them as well.
func TestWhoImportsTheLargeClients(t *testing.T) {
	t.Parallel()
	for _, line := range goList(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...") {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], module)
		if name != "internal/keepaws" && name != "cmd/doctor" && slices.ContainsFunc(fields[1:], isLarge) {
			t.Errorf("%s imports one of %v", name, large)
		}
	}
}

// The exporter, the local AWS of make run and the commands of make status are built without them; so is everything that
// decides about AMIs, and its tests.
func TestWhatIsBuiltWithoutTheLargeClients(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"cmd/handler", "cmd/local", "cmd/exporter", "internal/keep", "internal/keepconfig"} {
		args := []string{"-deps"}
		if strings.HasPrefix(name, "internal/") {
			args = append(args, "-test")
		}
		for _, path := range goList(t, append(args, "./"+name)...) {
			if isLarge(path) {
				t.Errorf("%s needs %s", name, path)
			}
		}
	}
}

// The race detector compiles none of them: the Makefile names the packages whose tests need them, and no others.
func TestWhatIsRaced(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^unraced := (.+)$`).FindSubmatch(makefile)
	if found == nil {
		t.Fatal("the Makefile does not say what is not raced")
	}
	unraced := strings.Split(string(found[1]), "|")
	var needs []string
	for _, line := range goList(t, "-f", `{{.ImportPath}} {{join .Deps " "}} {{join .TestImports " "}} {{join .XTestImports " "}}`,
		"./...") {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], module)
		through := func(path string) bool {
			return isLarge(path) || slices.Contains([]string{module + "internal/keepaws", module + "cmd/doctor"}, path)
		}
		if slices.ContainsFunc(fields[1:], through) {
			needs = append(needs, name)
		}
	}
	slices.Sort(needs)
	slices.Sort(unraced)
	if !slices.Equal(needs, unraced) {
		t.Errorf("what needs the large clients is %v, and what is not raced %v", needs, unraced)
	}
}
