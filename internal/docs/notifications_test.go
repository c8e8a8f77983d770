package docs

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/notify/notifytest"
)

var jsonBlock = regexp.MustCompile("(?s)(<!-- [a-z ]+ -->\n)?```json\n(.*?)\n```")

// Every JSON in the documents is JSON, and every notification is one by the schema.
func TestExamples(t *testing.T) {
	shown := map[notify.Type]bool{}
	for _, b := range blocks(t) {
		if b.kind != "json" {
			continue
		}
		var document map[string]any
		if err := json.Unmarshal([]byte(b.text), &document); err != nil {
			t.Errorf("%s: %v in\n%s", b.page, err, b.text)
		}
		if _, ok := document["schemaVersion"]; !ok {
			continue
		}
		if err := notifytest.Check([]byte(b.text)); err != nil {
			t.Errorf("%s: %v in\n%s", b.page, err, b.text)
		}
		if b.page == "docs/NOTIFICATIONS.md" {
			kind, _ := document["type"].(string)
			shown[notify.Type(kind)] = true
		}
	}
	for _, kind := range []notify.Type{notify.ExportStarted, notify.ExportCompleted, notify.ExportFailed, notify.ExportRejected,
		notify.ExportGivenUp, notify.AMIsRetiring} {
		if !shown[kind] {
			t.Errorf("docs/NOTIFICATIONS.md has no example of %s", kind)
		}
	}
}

// A filter policy names attributes that there are.
func TestFilterPolicies(t *testing.T) {
	attributes := map[string]bool{"type": true, "state": true, "imageName": true, "trigger": true}
	found := 0
	for _, block := range jsonBlock.FindAllStringSubmatch(read(t, "docs", "NOTIFICATIONS.md"), -1) {
		if !strings.Contains(block[1], "filter policy") {
			continue
		}
		found++
		var filter map[string][]any
		if err := json.Unmarshal([]byte(block[2]), &filter); err != nil {
			t.Errorf("%v in %s", err, block[2])
		}
		for name := range filter {
			if !attributes[name] {
				t.Errorf("no notification has the attribute %s", name)
			}
		}
	}
	if found == 0 {
		t.Error("there is no filter policy")
	}
}

// Every field that the schema knows is in the table.
func TestFields(t *testing.T) {
	var schema struct{ Properties map[string]any }
	if err := json.Unmarshal([]byte(read(t, "docs", "notification.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	page := read(t, "docs", "NOTIFICATIONS.md")
	for name := range schema.Properties {
		if !regexp.MustCompile("(?m)^\\|[^|]*`" + name + "`[^|]*\\|").MatchString(page) {
			t.Errorf("the field %s is not described", name)
		}
	}
}

// Every code with which the keeper tells that something is wrong is explained.
func TestKeeperCodes(t *testing.T) {
	page := read(t, "docs", "NOTIFICATIONS.md")
	wording := regexp.MustCompile(`(?:notify\.[A-Za-z]+, |Code: +)"([A-Za-z]+)"`)
	codes := wording.FindAllStringSubmatch(read(t, "internal", "keep", "tell.go"), -1)
	for _, code := range codes {
		if !strings.Contains(page, "`"+code[1]+"`") {
			t.Errorf("docs/NOTIFICATIONS.md does not explain the code %s", code[1])
		}
	}
	if len(codes) < 12 {
		t.Errorf("only %d codes were found", len(codes))
	}
}
