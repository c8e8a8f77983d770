package docs

import (
	"fmt"
	"regexp"
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

// What AWS does not say is told as the doctor asks it.
func TestDoctorQuestions(t *testing.T) {
	var table strings.Builder
	table.WriteString("| what AWS does not say | what is done whichever it is |\n|---|---|\n")
	for _, question := range doctor.Questions() {
		fmt.Fprintf(&table, "| %s | %s |\n", question.Asks, question.Either)
	}
	page := generated(t, read(t, "docs", "RELIABILITY.md"), "the doctor's questions", table.String())
	same(t, page, "docs", "RELIABILITY.md")
}

// Where a document says that AWS does not say something, it says how to find out.
func TestUnknownsNameTheDoctor(t *testing.T) {
	unknown := regexp.MustCompile(`(?i)not documented|undocumented|AWS (does not|doesn't) (say|document|tell)|AWS says nothing`)
	found := 0
	for _, page := range pages(t) {
		// A section is what a reader has before the eyes.
		for _, section := range regexp.MustCompile(`(?m)^#+ `).Split(read(t, page), -1) {
			if said := unknown.FindString(section); said != "" {
				found++
				if !strings.Contains(section, "make doctor EXPORT=") {
					title, _, _ := strings.Cut(section, "\n")
					t.Errorf("%s: the section %q says %q and does not name `make doctor EXPORT=<image>`", page, title, said)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no document says of anything that AWS does not say it")
	}
}

func TestDoctorPolicies(t *testing.T) { // cmd/doctor compares them with its calls
	for _, name := range []string{"doctor-policy.json", "doctor-export-policy.json"} {
		if len(readPolicy(t, name).Statement) == 0 {
			t.Errorf("docs/%s has no statements", name)
		}
	}
}
