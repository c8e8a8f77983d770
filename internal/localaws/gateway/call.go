package gateway

import (
	"encoding/json"
	"net/url"
	"time"
)

// Call is one call to a service, as the gateway saw it.
type Call struct {
	Number      int    // counts from 1, in order of arrival
	Service     string // its prefix in IAM actions, such as "sqs"
	Action      string // as the API names it, such as "SendMessage"
	Time        time.Time
	Environment string // the execution environment that made the call, if one did
	PID         int    // its process
	TraceID     string // the X-Amzn-Trace-Id header: the invocation that the call belongs to
	Body        []byte // the parameters: JSON, also of a call in CBOR, or a form where the service speaks the query protocol

	// Effect and Status are how it went. They are zero when a Fault is asked; a zero Status in a
	// recorded call means that the caller got no answer.
	Effect Effect
	Status int
}

// IAMAction returns the permission that the call needs, such as "sqs:SendMessage".
func (c Call) IAMAction() string { return c.Service + ":" + c.Action }

// Param returns a parameter of the call by its name in the API, or "" if it is absent. Parameters
// that are not strings are returned as JSON.
func (c Call) Param(name string) string {
	var input map[string]json.RawMessage
	if json.Unmarshal(c.Body, &input) != nil {
		form, _ := url.ParseQuery(string(c.Body))
		return form.Get(name)
	}
	var text string
	if json.Unmarshal(input[name], &text) == nil {
		return text
	}
	return string(input[name])
}
