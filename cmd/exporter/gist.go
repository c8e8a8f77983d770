package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strings"
)

// gist is enough of a trigger to tell it from others.
func gist(payload []byte) string {
	var event struct {
		DetailType string `json:"detail-type"`
		Time       string `json:"time"`
		Detail     struct {
			EventName string `json:"eventName"`
		} `json:"detail"`
	}
	text := string(bytes.Join(bytes.Fields(payload), []byte(" ")))
	// A field of another form, such as Scheduler's detail, a text, does not spoil the others.
	if _ = json.Unmarshal(payload, &event); event.DetailType != "" {
		text = strings.TrimSpace(cmp.Or(event.Detail.EventName, event.DetailType) + " " + event.Time)
	}
	if runes := []rune(text); len(runes) > 60 {
		text = string(runes[:57]) + "..."
	}
	return text
}
