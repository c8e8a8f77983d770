package reliability

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	tableBegins = "<!-- outcomes: written by go test ./internal/reliability -run TestAnswers -update -->"
	tableEnds   = "<!-- end of outcomes -->"
)

// checkTable compares the table in the documentation with the outcomes, or writes it.
func checkTable(t *testing.T, rows []row) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", "RELIABILITY.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), tableBegins)
	old, after, closed := strings.Cut(rest, tableEnds)
	if !found || !closed {
		t.Fatalf("%s has no place for the table: %s ... %s", path, tableBegins, tableEnds)
	}
	table := "\n" + tableOf(rows)
	switch {
	case old == table:
	case *update:
		if err := os.WriteFile(path, []byte(before+tableBegins+table+tableEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table in %s is not what happens; look at it, and write it anew with -update:\n%s", path, changes(old, table))
	}
}

// changes are the lines that only one of two tables has.
func changes(old, table string) string {
	var text strings.Builder
	for sign, pair := range map[string][2]string{"-": {old, table}, "+": {table, old}} {
		have := map[string]bool{}
		for line := range strings.Lines(pair[1]) {
			have[line] = true
		}
		for line := range strings.Lines(pair[0]) {
			if !have[line] {
				text.WriteString(sign + line)
			}
		}
	}
	return text.String()
}

// tableOf puts the answers of a call that lead to the same outcome into one line.
func tableOf(rows []row) string {
	groups := map[row][]string{}
	for _, r := range rows {
		key := r
		key.fault = ""
		groups[key] = append(groups[key], r.fault)
	}
	rank := map[string]int{}
	for i, m := range common {
		rank[m.name] = i - len(common)
	}
	for key := range groups {
		slices.SortFunc(groups[key], func(a, b string) int { return cmp.Or(cmp.Compare(rank[a], rank[b]), strings.Compare(a, b)) })
	}
	keys := slices.SortedFunc(maps.Keys(groups), func(a, b row) int {
		return cmp.Or(
			cmp.Compare(slices.Index(called, a.action), slices.Index(called, b.action)),
			cmp.Compare(slices.Index(extents, a.extent), slices.Index(extents, b.extent)),
			strings.Compare(strings.Join(groups[a], ", "), strings.Join(groups[b], ", ")),
		)
	})
	var text strings.Builder
	text.WriteString("| call | what AWS did | how long | what the administrator sees | when the call is made again " +
		"|\n|---|---|---|---|---|\n")
	for _, key := range keys {
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s |\n", key.action, strings.Join(groups[key], ", "), key.extent, key.told, key.retried)
	}
	return text.String()
}
