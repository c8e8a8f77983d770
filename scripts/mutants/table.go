package main

import (
	"fmt"
	"os"
	"strings"
)

// A table stands between these two lines of the document.
const (
	tableBegin = "<!-- breakages: made of %s by make mutants-table -->\n"
	tableEnd   = "<!-- end of breakages -->\n"
)

func tableOf(mutants []mutant) string {
	var table strings.Builder
	fmt.Fprintf(&table, "| broken on purpose (%d) | in | goes red |\n|---|---|---|\n", len(mutants))
	for _, m := range mutants {
		fmt.Fprintf(&table, "| %s | `%s` | `%s` |\n", m.Name, m.File, strings.ReplaceAll(m.Test, "|", "`, `"))
	}
	return table.String()
}

// replaceTables puts a table for each list into the text of the document.
func replaceTables(text string, lists []list) (string, error) {
	for _, list := range lists {
		begin := fmt.Sprintf(tableBegin, list.file)
		before, rest, found := strings.Cut(text, begin)
		_, after, ended := strings.Cut(rest, tableEnd)
		if !found || !ended {
			return "", fmt.Errorf("the document has no lines %q and %q", begin, tableEnd)
		}
		text = before + begin + tableOf(list.mutants) + tableEnd + after
	}
	return text, nil
}

func writeTables(page string, lists []list) error {
	content, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	text, err := replaceTables(string(content), lists)
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, []byte(text), 0o644)
}
