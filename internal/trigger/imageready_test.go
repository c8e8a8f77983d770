package trigger_test

import (
	"testing"

	"appstream-ami-exporter/internal/trigger"
)

func TestImageReady(t *testing.T) {
	accepted{
		"an event": {event(t, map[string]any{"id": "e1", "source": "my.pipeline", "detail-type": "AppStream Image Ready",
			"detail": map[string]any{"imageName": "win-8", "more": 1}}), image("win-8", "e1")},
		"as if of AppStream itself": {event(t, map[string]any{"id": "e1", "detail-type": "AppStream Image Ready",
			"detail": map[string]any{"imageName": "win-8"}}), image("win-8", "e1")},
		"by hand": {`{"detail-type":"AppStream Image Ready","detail":{"imageName":"win-8"}}`, trigger.Input{
			Trigger: trigger.Trigger{Type: trigger.ImageReady, ID: here.RequestID, Time: invoked}, Spec: trigger.Spec{ImageName: "win-8"}}},
	}.run(t)

	const missing = `the event "AppStream Image Ready" names no image: detail.imageName is missing`
	refused{
		"without a detail": {`{"detail-type":"AppStream Image Ready"}`, missing},
		"without a name":   {`{"detail-type":"AppStream Image Ready","detail":{"image":"x"}}`, missing},
		"the name a number": {`{"detail-type":"AppStream Image Ready","detail":{"imageName":7}}`,
			`field "imageName" is a JSON number, not a string`},
		"the detail a string": {`{"detail-type":"AppStream Image Ready","detail":"x"}`,
			`the detail of the event "AppStream Image Ready" cannot be read: it is a JSON string`},
	}.run(t)
}
