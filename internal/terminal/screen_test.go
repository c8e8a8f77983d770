package terminal

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScreen(t *testing.T) {
	var plain, coloured bytes.Buffer
	for _, s := range []Screen{NewScreen(&plain), {w: &coloured, colour: true}} {
		s.Section("Images", [][]string{{"NAME", "STATE", "WHY"}, {"prod-büro-1", s.Paint(Green, "ok"), "a"}, {"x", s.Paint(Red, "FAILED"), ""}}, "", nil)
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
	for want, d := range map[string]time.Duration{"0s": -time.Second, "25s": 25 * time.Second, "41m": 41*time.Minute + 50*time.Second, "3h05m": 185 * time.Minute, "4d": 100 * time.Hour} {
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
