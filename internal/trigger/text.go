package trigger

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

const byteOrderMark = "\ufeff"

// utf8Text returns a payload as JSON is read here. Editors and shells on Windows save it with a byte order mark, or as UTF-16,
// which Windows PowerShell does with every ">".
func utf8Text(raw []byte) []byte {
	if len(raw) < 2 {
		return raw
	}
	// JSON begins with a character of ASCII, so in UTF-16 one of the first two bytes is zero, if they are no mark.
	// https://www.rfc-editor.org/rfc/rfc4627#section-3
	if raw[0] == 0xff && raw[1] == 0xfe || raw[1] == 0 {
		return fromUTF16(raw, binary.LittleEndian)
	}
	if raw[0] == 0xfe && raw[1] == 0xff || raw[0] == 0 {
		return fromUTF16(raw, binary.BigEndian)
	}
	return bytes.TrimPrefix(raw, []byte(byteOrderMark))
}

func fromUTF16(raw []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = order.Uint16(raw[2*i:])
	}
	return []byte(strings.TrimPrefix(string(utf16.Decode(units)), byteOrderMark))
}

// quotesHint says what to do where the quotes may not be what they were: the Windows command prompt leaves single quotes in
// place, PowerShell takes double quotes away or leaves a backslash before them, and word processors bend them.
func quotesHint(text string) string {
	text = strings.TrimSpace(text)
	inside, isObject := strings.CutPrefix(text, "{")
	inside = strings.TrimSpace(inside)
	unquoted := isObject && inside != "" && inside[0] != '"' && inside[0] != '}'
	if !unquoted && !strings.HasPrefix(text, "'") && !strings.ContainsAny(text, "“”„") {
		return ""
	}
	return "; names and texts have to be in plain double quotes, which shells and editors may change: write the request to a file " +
		"and send that, for example with --payload fileb://request.json"
}
