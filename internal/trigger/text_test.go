package trigger_test

import (
	"encoding/binary"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/trigger"
)

func inUTF16(text string, order binary.AppendByteOrder) string {
	var raw []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		raw = order.AppendUint16(raw, unit)
	}
	return string(raw)
}

// What editors and shells on Windows make of a JSON file is read all the same.
func TestTextOfWindows(t *testing.T) {
	want := trigger.Input{
		Trigger: trigger.Trigger{Type: trigger.Request, ID: here.RequestID, Time: invoked},
		Spec:    trigger.Spec{ImageName: "win", Tags: map[string]string{"Größe": "\U00020000"}},
	}
	const text = "{\r\n  \"imageName\": \"win\",\r\n  \"tags\": {\"Größe\": \"\U00020000\"}\r\n}\r\n"
	for name, payload := range map[string]string{
		"line ends of Windows":               text,
		"a byte order mark":                  "\ufeff" + text,
		"a byte order mark, and a byte more": "\ufeff" + text + " ",
		"PowerShell's >":                     inUTF16("\ufeff"+text, binary.LittleEndian),
		"Unicode big endian":                 inUTF16("\ufeff"+text, binary.BigEndian),
		"UTF-16 without a mark":              inUTF16(text, binary.LittleEndian),
		"UTF-16 big endian without a mark":   inUTF16(text, binary.BigEndian),
		"a byte more without a mark":         text + " ",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := trigger.Decode([]byte(payload), here)
			if err != nil {
				t.Fatalf("refused: %v", err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Decode (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTextThatCannotBeRead(t *testing.T) {
	const quotes = "; names and texts have to be in plain double quotes, which shells and editors may change: " +
		"write the request to a file and send that, for example with --payload fileb://request.json" + everyKind
	refused{
		"single quotes of the command prompt": {`'{"imageName":"win"}'`, `(invalid character '\'' looking for beginning of value)` +
			quotes},
		"single quotes inside":          {`{'imageName':'win'}`, quotes},
		"no quotes, as of PowerShell":   {`{imageName:win}`, quotes},
		"with backslashes":              {` { \"imageName\":\"win\"}`, quotes},
		"bent quotes":                   {`{“imageName”: “win”}`, quotes},
		"bent quotes of German":         {`{"imageName": „win“}`, quotes},
		"half a request":                {`{"imageName":`, "(unexpected end of JSON input)" + everyKind},
		"an empty object and something": {`{}}`, "after top-level value)" + everyKind},
		"only a brace":                  {`{`, "(unexpected end of JSON input)" + everyKind},
		"one byte":                      {"x", "looking for beginning of value)" + everyKind},
		"a request in Windows' own encoding": {"{\"imageName\":\"win\",\"tags\":{\"Gr\xf6\xdfe\":\"1\"}}",
			"the request cannot be read: it is not UTF-8 text; where an editor offers encodings, save it as UTF-8"},
		"half a character of UTF-16": {"\xff\xfe{", "not a JSON object"},
	}.run(t)
}
