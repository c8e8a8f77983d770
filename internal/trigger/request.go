package trigger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"appstream-ami-exporter/internal/tags"
)

// request is a direct call of a person or a program. It is the function's own form, the fields of Spec.
type request struct{}

func (request) accepts() string { return `a request such as {"images":["prod-*"]}` }

// matches takes whatever is no event and no batch, so that a misspelt field is named.
func (request) matches(p payload) bool { return !p.isEvent && p.firstOf(batchFields) == "" }

// requestFields are the fields of a request, in the order of Spec.
var requestFields = []string{"images", "imageName", "tag", "amiName", "amiNameTemplate", "amiDescription", "tags", "dryRun"}

func (request) decode(p payload, inv Invocation) (Input, error) {
	allFields := "its fields are " + strings.Join(requestFields, ", ")
	// Checked here, since encoding/json takes a field in any case of letters: an empty "Images" would pass for none.
	for _, name := range slices.Sorted(maps.Keys(p.fields)) {
		if !slices.Contains(requestFields, name) {
			return Input{}, refuse("the request cannot be read: it has no field %s; %s", quote(name), allFields)
		}
	}
	if !utf8.Valid(p.raw) {
		return Input{}, errors.New("the request cannot be read: it is not UTF-8 text; where an editor offers encodings, save it as UTF-8")
	}
	if err := checkOneReading(p.raw); err != nil {
		return Input{}, fmt.Errorf("the request cannot be read: %w", err)
	}
	var spec Spec
	if err := json.Unmarshal(p.raw, &spec); err != nil {
		return Input{}, refuse("the request cannot be read: %s; %s", explain(err), allFields)
	}
	if err := checkSpec(spec, p); err != nil {
		return Input{}, fmt.Errorf("the request cannot be used: %w", err)
	}
	return Input{Trigger: Trigger{Type: Request, ID: tags.Value(inv.RequestID), Time: inv.time()}, Spec: spec}, nil
}

// checkOneReading refuses what readers of JSON understand in different ways: a name that is there twice in one object, of which
// some take the first and some the last, and null, which some take for an empty value and some for none.
func checkOneReading(raw []byte) error {
	return checkValue(json.NewDecoder(bytes.NewReader(raw)), "the request")
}

// checkValue reads one value, whose place in the request is at. That it is JSON is known, so no error of the reader can come.
func checkValue(reader *json.Decoder, at string) error {
	token, _ := reader.Token()
	switch token {
	case nil:
		return fmt.Errorf("%s is null; give it a value or leave it out", at)
	case json.Delim('{'):
		return checkObject(reader, at)
	case json.Delim('['):
		for i := 0; reader.More(); i++ {
			if err := checkValue(reader, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
		_, _ = reader.Token() // the closing bracket
	}
	return nil
}

func checkObject(reader *json.Decoder, at string) error {
	seen := map[string]bool{}
	for reader.More() {
		token, _ := reader.Token()
		name, _ := token.(string)
		if seen[name] {
			return fmt.Errorf("%s has %s twice; say it once", at, quote(name))
		}
		seen[name] = true
		if err := checkValue(reader, quote(name)); err != nil {
			return err
		}
	}
	_, _ = reader.Token() // the closing brace
	return nil
}

// checkSpec finds what contradicts itself. What names, patterns, templates and tags may look like is the domain's to say.
func checkSpec(s Spec, p payload) error {
	var problems []error
	add := func(problem string) { problems = append(problems, errors.New(problem)) }

	if p.has("images") && p.has("imageName") {
		add("images and imageName are both there; use one")
	}
	if p.has("images") && len(s.Images) == 0 {
		add("images is empty, so nothing is selected; leave it out to mean the stack's own selection")
	}
	if slices.Contains(s.Images, "") {
		add("images holds an empty name")
	}
	if p.has("imageName") && s.ImageName == "" {
		add("imageName is empty")
	}
	if p.has("tag") && len(s.Tag) == 0 {
		add("tag is empty, so it selects nothing; leave it out to select by name only")
	}
	if p.has("amiName") && s.AMIName == "" {
		add("amiName is empty")
	}
	if s.AMIName != "" && s.AMINameTemplate != "" {
		add("amiName and amiNameTemplate are both there; use one")
	}
	if p.has("amiNameTemplate") && s.AMINameTemplate == "" {
		add("amiNameTemplate is empty")
	}
	if p.has("amiDescription") && s.AMIDescription == "" {
		add("amiDescription is empty; leave it out to have the stack's own")
	}
	return errors.Join(problems...)
}
