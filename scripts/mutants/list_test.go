package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestLists: each breakage still fits the code, and the document tells of the same ones.
func TestLists(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	lists, err := readLists(directory)
	if err != nil {
		t.Fatal(err)
	}
	if len(lists) == 0 {
		t.Fatal("there are no lists of breakages")
	}
	for _, list := range lists {
		for _, m := range list.mutants {
			if _, err := m.broken(); err != nil {
				t.Error(err)
			}
		}
	}
	page, err := os.ReadFile("docs/RELIABILITY.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := replaceTables(string(page), lists)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(page) {
		t.Error("docs/RELIABILITY.md tells of other breakages; write it anew with: make mutants-table")
	}
}
