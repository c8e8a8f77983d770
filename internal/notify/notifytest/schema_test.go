package notifytest

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// example has every object that a notification can have.
const example = `{
  "summary": "s", "schemaVersion": "1.0", "id": "3f0c2f0e-8a55-4c1c-9f0e-0d3c5b0c7a11:COMPLETED", "type": "ExportCompleted",
  "time": "2026-11-23T02:41:07Z", "account": "123456789012", "region": "eu-west-1", "imageName": "base",
  "trigger": {"type": "schedule", "id": "nightly", "time": "2026-11-23T02:00:00Z"},
  "task": {
    "TaskId": "3f0c2f0e-8a55-4c1c-9f0e-0d3c5b0c7a11", "ImageArn": "arn:aws:appstream:eu-west-1:123456789012:image/base", "AmiName": "base",
    "State": "COMPLETED", "ErrorDetails": [{"ErrorCode": "c"}]
  },
  "durationSeconds": 1, "error": {"code": "NotMarked", "message": "m", "hint": "h"},
  "links": {"ami": "https://console.aws.amazon.com/ec2/home?region=eu-west-1#ImageDetails:imageId=ami-0123456789abcdef0"}
}`

// Whoever checks notifications must not refuse those of a later version, which may have more fields, anywhere.
func TestFieldsMayBeAdded(t *testing.T) {
	published, err := compile("docs", "notification.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := Check([]byte(example)); err != nil {
		t.Fatal(err)
	}
	count := 0
	var add func(value any, where string, whole func() []byte)
	add = func(value any, where string, whole func() []byte) {
		switch value := value.(type) {
		case map[string]any:
			count++
			value["NewField"] = 1
			if err := check(published, whole()); err != nil {
				t.Errorf("a field more in %s: %v", where, err)
			}
			if Check(whole()) == nil {
				t.Errorf("a field more in %s: the tests do not see it", where)
			}
			delete(value, "NewField")
			for name, part := range value {
				add(part, where+"/"+name, whole)
			}
		case []any:
			for _, part := range value {
				add(part, where, whole)
			}
		}
	}
	var document map[string]any
	if err := json.Unmarshal([]byte(example), &document); err != nil {
		t.Fatal(err)
	}
	add(document, "", func() []byte {
		encoded, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		return encoded
	})
	if count != 6 {
		t.Errorf("%d objects", count)
	}
}

// Fields of other types may be added to a type as well.
func TestKnownFieldsMayBeAdded(t *testing.T) {
	published, err := compile("docs", "notification.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	started := strings.NewReplacer("COMPLETED", "EXPORTING", "ExportCompleted", "ExportStarted").Replace(example)
	if err := check(published, []byte(started)); err != nil {
		t.Error(err)
	}
	if Check([]byte(started)) == nil {
		t.Error("the tests do not see a link of an AMI that is not there yet")
	}
}

// Ajv's strict mode, with or without its formats, takes schemas in which nothing can be a slip: no keyword that it does not know, the
// type beside each keyword that is about one type, each required field among the properties, and no format, as it knows none by
// itself. https://ajv.js.org/strict-mode.html
func TestSchemaIsStrict(t *testing.T) {
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(root, "docs", "notification.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(content, &schema); err != nil {
		t.Fatal(err)
	}
	strict(t, schema, "", "")
}

var (
	annotations = []string{"$schema", "$defs", "title", "description", "$ref", "const", "enum", "type"}
	inPlace     = []string{"allOf", "oneOf", "if", "then", "else", "not"}
	ofType      = map[string][]string{
		"object": {"properties", "required", "minProperties", "maxProperties", "propertyNames", "additionalProperties"},
		"string": {"minLength", "maxLength", "pattern"}, "integer": {"minimum"}, "array": {"items", "minItems"},
	}
)

// strict checks a subschema; inherited is the type that the schema around it has given the same value.
func strict(t *testing.T, schema any, where, inherited string) {
	t.Helper()
	object, ok := schema.(map[string]any)
	if !ok {
		return // true or false
	}
	kind, _ := object["type"].(string)
	if kind == "" {
		kind = inherited
	}
	for keyword := range object {
		if !slices.Contains(slices.Concat(annotations, inPlace, ofType[kind]), keyword) {
			t.Errorf("%s: %s beside the type %q", where, keyword, kind)
		}
	}
	properties, _ := object["properties"].(map[string]any)
	required, _ := object["required"].([]any)
	for _, name := range required {
		if _, ok := properties[name.(string)]; !ok {
			t.Errorf("%s: %s is required and no property", where, name)
		}
	}
	definitions, _ := object["$defs"].(map[string]any)
	for name, part := range merged(properties, definitions) {
		strict(t, part, where+"/"+name, "")
	}
	for _, keyword := range []string{"items", "propertyNames", "additionalProperties"} {
		strict(t, object[keyword], where+"/"+keyword, "")
	}
	for _, keyword := range inPlace {
		if list, ok := object[keyword].([]any); ok {
			for _, part := range list {
				strict(t, part, where+"/"+keyword, kind)
			}
		} else {
			strict(t, object[keyword], where+"/"+keyword, kind)
		}
	}
}

func merged(one, other map[string]any) map[string]any {
	all := maps.Clone(one)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, other)
	return all
}
