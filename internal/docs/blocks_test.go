package docs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// block is a block of code in a document.
type block struct {
	page string
	kind string // what comes after the backticks
	text string
}

// blocks are those of all documents, in their order.
func blocks(t *testing.T) (all []block) {
	t.Helper()
	for _, page := range pages(t) {
		found, err := blocksOf(page, read(t, page))
		if err != nil {
			t.Errorf("%s: %v", page, err)
		}
		all = append(all, found...)
	}
	return all
}

var (
	// A fence, also one that is indented since it belongs to the item of a list, or begins one.
	opens  = regexp.MustCompile("^( *(?:(?:[-*+]|[0-9]{1,9}[.)]) +)*)(`{3,}|~{3,})(.*)$")
	closes = regexp.MustCompile("^ *(`{3,}|~{3,}) *$")
)

// blocksOf finds the fenced blocks of a page, and takes from their lines the indentation of their fence, as CommonMark does.
// What a reader would not see as a block, though it is meant as one, is an error.
// https://spec.commonmark.org/0.31.2/#fenced-code-blocks
func blocksOf(page, text string) (found []block, err error) {
	fence, indent, content := "", 0, []string(nil)
	for number, line := range strings.Split(text, "\n") {
		if fence == "" {
			if open := opens.FindStringSubmatch(line); open != nil && !strings.Contains(open[3], "`") {
				fence, indent, content = open[2], len(open[1]), nil
				found = append(found, block{page: page, kind: open[3]})
			}
			continue
		}
		if end := closes.FindStringSubmatch(line); end != nil && strings.HasPrefix(end[1], fence) {
			found[len(found)-1].text = strings.Join(append(content, ""), "\n")
			fence = ""
			continue
		}
		own := len(line) - len(strings.TrimLeft(line, " "))
		if own < indent && strings.TrimSpace(line) != "" {
			return found, fmt.Errorf("line %d is indented less than the fence of its block, and so ends it: %s", number+1, line)
		}
		content = append(content, line[min(own, indent):])
	}
	if fence != "" {
		return found, fmt.Errorf("a block is not closed: %s%s", fence, found[len(found)-1].kind)
	}
	return found, nil
}

func TestBlocksOf(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []block
		wrong      string // what the error says
	}{
		{"at the margin", "a\n\n```sh\nmake\n```\nb\n```\nx\n```\n", []block{{"", "sh", "make\n"}, {"", "", "x\n"}}, ""},
		{"in an item", "1. a\n\n   ```sh aws\n   aws a \\\n     --b\n\n   aws c\n   ```\n2. b\n",
			[]block{{"", "sh aws", "aws a \\\n  --b\n\naws c\n"}}, ""},
		{"in an item of an item", "- a\n  - b\n\n    ```json\n    {\n      \"c\": 1\n    }\n    ```\n",
			[]block{{"", "json", "{\n  \"c\": 1\n}\n"}}, ""},
		{"beginning an item", "- ```sh\n  make\n  ```\n", []block{{"", "sh", "make\n"}}, ""},
		{"a fence in a longer fence", "````\n```\nx\n```\n````\n", []block{{"", "", "```\nx\n```\n"}}, ""},
		{"tildes", "~~~yaml\na: 1\n~~~\n", []block{{"", "yaml", "a: 1\n"}}, ""},
		{"code in a line", "``` is a fence, and ```x``` is none\n", nil, ""},
		{"empty", "```\n```\n", []block{{"", "", ""}}, ""},
		{"not closed", "- a\n\n  ```sh\n  make\n", []block{{"", "sh", ""}}, "is not closed"},
		{"closed by something else", "```sh\nmake\n``\n", []block{{"", "sh", ""}}, "is not closed"},
		{"ended by its own indentation", "1. a\n\n   ```sh\n   make\n make it\n   ```\n", []block{{"", "sh", ""}},
			"line 5 is indented less"},
	} {
		got, err := blocksOf("", test.text)
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(block{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		if (err != nil) != (test.wrong != "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
			t.Errorf("%s: %v, want %q", test.name, err, test.wrong)
		}
	}
}

// A reader knows by its kind what a block is, and so do the tests of commands.
func TestKindsOfBlocks(t *testing.T) {
	for _, b := range blocks(t) {
		if !slices.Contains([]string{"sh", "sh aws", "json", "yaml", "go", ""}, b.kind) {
			t.Errorf("%s: a block of the kind %q", b.page, b.kind)
		}
		if b.kind == "" && regexp.MustCompile(`(?m)^\s*(make|aws|sam|go|git|cd|\$) `).MatchString(b.text) {
			t.Errorf("%s: commands in a block that is not marked with sh or sh aws:\n%s", b.page, b.text)
		}
	}
}
