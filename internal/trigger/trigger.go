// Package trigger turns the bytes of an invocation into what is asked for: a trigger with the images it
// means, or a batch of work from the queue. It decides by content, does no I/O and knows no AWS client.
package trigger

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Type says what asked.
type Type string

// The three kinds of trigger.
const (
	Schedule   Type = "schedule"
	ImageReady Type = "image-ready"
	Request    Type = "request"
)

// Trigger identifies what asked. ID is the same for every redelivery of the same trigger and fits the
// value of an AWS tag; Time is when it was due or happened, in UTC, never the time of a redelivery
// where the trigger carries its own.
type Trigger struct {
	Type Type      `json:"type"`
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
}

// fit returns id itself where it can be the value of a tag, and a hash of it otherwise: the tag on the
// task and the id in every notification are the same string.
func fit(id string) string {
	if fitsTag(id) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// fitsTag tells whether AppStream accepts the text as the value of a tag.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_CreateExportImageTask.html
func fitsTag(text string) bool {
	const longest = 256
	return text != "" && utf8.RuneCountInString(text) <= longest && strings.IndexFunc(text, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.Z, unicode.N) && !strings.ContainsRune("_.:/=+-@", r)
	}) < 0
}
