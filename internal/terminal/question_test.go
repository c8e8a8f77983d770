package terminal

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
)

func TestAgreed(t *testing.T) {
	for answer, want := range map[string]bool{
		"y\n": true, "Yes\n": true, " y ": true, "n\n": false, "\n": false, "": false, "yesterday\n": false,
	} {
		var questions bytes.Buffer
		if got := Agreed(bufio.NewReader(strings.NewReader(answer)), &questions, "Go on?"); got != want {
			t.Errorf("%q agrees: %t", answer, got)
		}
		if !strings.HasPrefix(questions.String(), "Go on? [y/N] ") {
			t.Errorf("it asks %q", questions.String())
		}
	}
}
