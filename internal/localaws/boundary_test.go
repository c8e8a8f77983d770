package localaws_test

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"appstream-ami-exporter/internal/localaws/localtest"
)

const (
	module = "appstream-ami-exporter/"
	rooms  = "internal/localaws"
)

// imports returns, for each package of a pattern, this module's packages among those that a field of go list names.
func imports(t *testing.T, field, pattern string) map[string][]string {
	t.Helper()
	localtest.DependOnSources(t)
	command := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .`+field+` " "}}`, pattern)
	command.Dir = localtest.Root(t)
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %v", command, err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(output)) {
		names := strings.Fields(line)
		own := []string{}
		for _, name := range names[1:] {
			if path, ok := strings.CutPrefix(name, module); ok {
				own = append(own, path)
			}
		}
		all[strings.TrimPrefix(names[0], module)] = own
	}
	return all
}

// The arrows between the rooms of the local AWS point downwards: the account puts services together, the services know the
// protocols, and no service knows another but Lambda, which reads queues and calls through a gateway.
func TestRooms(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		"": {"appstream", "awsreply", "ec2", "gateway", "iam", "lambda", "operator", "queues", "rbin", "regional", "template"},

		"appstream": {"awsreply", "iam"},
		"ec2":       {"awsreply", "iam"},
		"gateway":   {"awsreply", "wait"},
		"lambda":    {"awsreply", "gateway", "queues", "wait"},
		"operator":  {"awsreply"},
		"queues":    {"awsreply", "iam", "wait"},
		"regional":  {"appstream", "ec2", "gateway", "iam", "rbin", "ssm"},
		"rbin":      {"awsreply", "iam"},
		"ssm":       {"awsreply", "iam"},
		"template":  {"eventpattern"},

		"awsreply":     {},
		"eventpattern": {},
		"iam":          {},
		"wait":         {},

		"localtest": {"", "lambda", "queues", "internal/notify", "internal/notify/notifytest"}, // for the tests of all others
		"wire":      {},                                                                        // tests only
	}
	got := imports(t, "Imports", "./"+rooms+"/...")
	for path, imported := range got {
		room := strings.TrimPrefix(strings.TrimPrefix(path, rooms), "/")
		allowed, known := want[room]
		if !known && !strings.Contains(room, "testdata") {
			t.Errorf("the room %s has no line here: what may it import?", path)
		}
		for _, other := range imported {
			if inside, ok := strings.CutPrefix(other, rooms); ok {
				other = strings.TrimPrefix(inside, "/")
			}
			if !slices.Contains(allowed, other) {
				t.Errorf("%s imports %q", path, other)
			}
		}
	}
	for room := range want {
		if _, ok := got[strings.TrimSuffix(rooms+"/"+room, "/")]; !ok {
			t.Errorf("there is no room %q any more", room)
		}
	}
}

// The local AWS is for tests and for people who run it: no other command has any of it, least of all a deployed function.
func TestNotDeployed(t *testing.T) {
	t.Parallel()
	all := imports(t, "Deps", "./cmd/...")
	for _, command := range slices.Sorted(maps.Keys(all)) {
		has := slices.ContainsFunc(all[command], func(path string) bool { return strings.HasPrefix(path, rooms) })
		if has != (command == "cmd/local") {
			t.Errorf("%s has a part of %s: %t", command, rooms, has)
		}
	}
	if _, ok := all["cmd/handler"]; !ok {
		t.Error("the function is not among the commands: nothing was tested")
	}
}
