package keep_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// The breakages that the documentation lists can still be made: each piece of code stands where it is said to, once.
func TestBreakages(t *testing.T) {
	const root = "../.."
	content, err := os.ReadFile(filepath.Join(root, "scripts", "mutants", "keeper.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var breakages []struct{ Name, File, Old, New, Package, Test string }
	if err := yaml.Unmarshal(content, &breakages); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "RELIABILITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	if len(breakages) < 20 {
		t.Errorf("there are only %d breakages", len(breakages))
	}
	for _, b := range breakages {
		source, err := os.ReadFile(filepath.Join(root, b.File))
		if err != nil {
			t.Fatal(err)
		}
		if count := strings.Count(string(source), b.Old); count != 1 || b.Old == b.New {
			t.Errorf("%q: what is broken stands %d times in %s", b.Name, count, b.File)
		}
		if !strings.Contains(string(page), "| "+b.Name+" | `"+b.File+"` | `"+strings.ReplaceAll(b.Test, "|", "`, `")+"` |") {
			t.Errorf("%q is not in the table", b.Name)
		}
	}
}
