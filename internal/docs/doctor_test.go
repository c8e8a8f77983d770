package docs

import (
	"fmt"
	"strings"
	"testing"

	"appstream-ami-exporter/internal/doctor"
)

// The doctor's lines are explained as the checks themselves say.
func TestDoctorLines(t *testing.T) {
	var table strings.Builder
	table.WriteString("| line | what it looks at | remedy |\n|---|---|---|\n")
	seen := map[string]bool{}
	for _, check := range doctor.Checks() {
		if check.Name == "" || check.Means == "" || check.Remedy == "" || seen[check.Name] {
			t.Errorf("the check %q is not described, or there are two", check.Name)
		}
		seen[check.Name] = true
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", check.Name, check.Means, strings.ReplaceAll(check.Remedy, "|", `\|`))
	}
	page := generated(t, read(t, "docs", "OPERATIONS.md"), "the doctor's checks", table.String())
	same(t, page, "docs", "OPERATIONS.md")
}

func TestDoctorPolicy(t *testing.T) {
	if len(readPolicy(t, "doctor-policy.json").Statement) == 0 { // cmd/doctor compares it with its calls
		t.Error("docs/doctor-policy.json has no statements")
	}
}
