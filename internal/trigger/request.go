package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"appstream-ami-exporter/internal/tags"
)

// request is a direct call of a person or a program. It is the function's own form, the fields of Spec.
type request struct{}

func (request) accepts() string { return `a request such as {"images":["prod-*"]}` }

// matches takes whatever is no event and no batch, so that a misspelt field is named.
func (request) matches(p payload) bool { return !p.isEvent && !p.has("Records") }

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
	var spec Spec
	if err := json.Unmarshal(p.raw, &spec); err != nil {
		return Input{}, refuse("the request cannot be read: %s; %s", explain(err), allFields)
	}
	if err := checkSpec(spec, p); err != nil {
		return Input{}, fmt.Errorf("the request cannot be used: %w", err)
	}
	return Input{Trigger: Trigger{Type: Request, ID: tags.Value(inv.RequestID), Time: inv.time()}, Spec: spec}, nil
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
	if string(p.fields["dryRun"]) == "null" {
		add("dryRun is null; say true or false, or leave it out") // encoding/json would take it for false
	}
	if p.has("amiNameTemplate") && s.AMINameTemplate == "" {
		add("amiNameTemplate is empty")
	}
	return errors.Join(problems...)
}
