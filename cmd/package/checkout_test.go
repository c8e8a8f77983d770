package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"appstream-ami-exporter/internal/localaws/localtest"
)

// Git for Windows writes CR LF unless it is told otherwise; a shell in WSL, make, SAM and the byte-by-byte tests then stumble.
func TestCheckoutOnWindows(t *testing.T) {
	t.Parallel()
	tree, clone := t.TempDir(), filepath.Join(t.TempDir(), "clone")
	copyTree(t, tree)
	git := func(directory string, arguments ...string) string {
		t.Helper()
		command := exec.Command("git", append([]string{
			"-C", directory, "-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false",
		}, arguments...)...)
		command.Env = append(environment(), "GIT_CONFIG_GLOBAL=", "GIT_CONFIG_SYSTEM=")
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", arguments, err, output)
		}
		return string(output)
	}
	git(tree, "init", "--quiet")
	git(tree, "add", "--all")
	git(tree, "commit", "--quiet", "--message", "x")
	git(tree, "clone", "--quiet", "--config", "core.autocrlf=true", tree, clone)

	files := 0
	for line := range strings.Lines(git(clone, "ls-files", "--eol")) {
		files++
		if ends, _, _ := strings.Cut(line, "attr/"); strings.Contains(ends, "crlf") || strings.Contains(ends, "mixed") {
			t.Errorf("lines end in CR LF: %s", strings.TrimSpace(line))
		}
	}
	if files < 100 {
		t.Errorf("%d files", files)
	}
	// Nobody who only looks is told of changes.
	if status := git(clone, "status", "--porcelain"); status != "" {
		t.Errorf("git sees changes:\n%s", status)
	}
}

// copyTree copies what git knows and what is new, without what was built.
func copyTree(t *testing.T, into string) {
	t.Helper()
	script := `git ls-files -z --cached --others --exclude-standard |
		xargs -0 sh -c 'for file; do [ ! -f "$file" ] || printf "%s\0" "$file"; done' sh |
		tar --null --files-from - -cf - | tar -xf - -C "$1"`
	command := exec.Command("sh", "-c", script, "sh", into)
	command.Dir = localtest.Root(t)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
}
