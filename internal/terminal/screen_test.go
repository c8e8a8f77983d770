package terminal

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScreen(t *testing.T) {
	var plain, coloured bytes.Buffer
	for _, s := range []Screen{NewScreen(&plain), {w: &coloured, colour: true}} {
		s.Section(
			"Images", [][]string{{"NAME", "STATE", "WHY"}, {"prod-büro-1", s.Paint(Green, "ok"), "a"}, {"x", s.Paint(Red, "FAILED"), ""}},
			"", nil,
		)
		s.Section("Alarms", nil, "none", nil)
		s.Section("Log", nil, "none", errors.New("denied\nAsk."))
	}
	const want = `Images

  NAME         STATE   WHY
  prod-büro-1  ok      a
  x            FAILED

Alarms

  none

Log

  cannot be told: denied
  Ask.

`
	if diff := cmp.Diff(want, plain.String()); diff != "" {
		t.Errorf("the screen (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, painting.ReplaceAllString(coloured.String(), "")); diff != "" {
		t.Errorf("with colours it is another (-want +got):\n%s", diff)
	}
	if !bytes.Contains(coloured.Bytes(), []byte("\x1b[31mFAILED\x1b[0m")) || bytes.Contains(plain.Bytes(), []byte("\x1b")) {
		t.Errorf("the colours are wrong:\n%q\n%q", coloured.String(), plain.String())
	}
}

func TestSpan(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": -time.Second, "25s": 25 * time.Second, "41m": 41*time.Minute + 50*time.Second, "3h05m": 185 * time.Minute,
		"4d": 100 * time.Hour,
	} {
		if got := Span(d); got != want {
			t.Errorf("Span(%s) is %s, want %s", d, got, want)
		}
	}
}

func TestExit(t *testing.T) {
	tests := []struct {
		err  error
		code int
		says string
	}{
		{nil, Fine, ""},
		{errors.New("it did not work"), Failed, "exporter: it did not work\n"},
		{flag.ErrHelp, Failed, ""},
		{fmt.Errorf("look: %w", Attention("2 alarms ring")), NeedsPerson, "exporter: look: 2 alarms ring\n"},
	}
	for _, test := range tests {
		var out bytes.Buffer
		if code := Exit(&out, "exporter", test.err); code != test.code || out.String() != test.says {
			t.Errorf("%v: the code is %d and it says %q", test.err, code, out.String())
		}
	}
}

// Colours are for terminals only, and not for whoever wants none.
func TestNewScreen(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("SKIPPED: no terminal can be opened here, so this is NOT tested: %v", err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	for _, test := range []struct {
		w            io.Writer
		noColor      string
		term         string
		colour, live bool
	}{
		{terminal, "", "xterm", true, true}, {terminal, "1", "xterm", false, true}, {terminal, "", "dumb", false, false},
		{file, "", "xterm", false, false}, {&bytes.Buffer{}, "", "xterm", false, false},
	} {
		t.Setenv("NO_COLOR", test.noColor)
		t.Setenv("TERM", test.term)
		if s := NewScreen(test.w); s.colour != test.colour || s.live != test.live {
			t.Errorf("%T, NO_COLOR=%s, TERM=%s: colour is %t, live is %t", test.w, test.noColor, test.term, s.colour, s.live)
		}
	}
}

func TestProgress(t *testing.T) {
	var live, file bytes.Buffer
	for _, s := range []Screen{{w: &live, live: true}, {w: &file}} {
		s.Clear()
		p := s.Progress()
		p.Show("EXPORTING", " for 0s")
		p.Show("EXPORTING", " for 2s")
		p.Show("COMPLETED", " after 4s")
		p.End()
		p.End()
		s.Line("done")
	}
	if diff := cmp.Diff(
		"\x1b[H\x1b[2J\r\x1b[K  EXPORTING for 0s\r\x1b[K  EXPORTING for 2s\r\x1b[K  COMPLETED after 4s\ndone\n", live.String(),
	); diff != "" {
		t.Errorf("on a terminal (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("  EXPORTING for 0s\n  COMPLETED after 4s\ndone\n", file.String()); diff != "" {
		t.Errorf("in a file (-want +got):\n%s", diff)
	}
}
