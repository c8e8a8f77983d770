// Package trigger turns the bytes of an invocation into what is asked for: a trigger with the images it
// means, or a batch of work from the queue. It decides by content, does no I/O and knows no AWS client.
package trigger

import "time"

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
