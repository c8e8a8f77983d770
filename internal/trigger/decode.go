package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Invocation is what is known about an invocation apart from its payload.
type Invocation struct {
	RequestID string // Lambda's request id, the same for every attempt of one asynchronous invocation
	Now       time.Time
	Account   string // the account that the function runs in
	Region    string
	WorkQueue string // the ARN of the stack's work queue
}

// time is the time of a trigger that carries none.
func (inv Invocation) time() time.Time { return inv.Now.UTC().Truncate(time.Second) }

// Input is what one invocation asks for. Exactly one of these holds: Batch is set (work from the queue), Ignored is set (a
// valid event that asks for nothing, and why), or Trigger is set.
type Input struct {
	Trigger Trigger
	Spec    Spec
	Ignored string
	Batch   []Record
}

// kind is one kind of payload.
type kind interface {
	// accepts names it in the list of what is accepted.
	accepts() string
	// matches tells whether a payload is of this kind. The first kind that matches counts.
	matches(payload) bool
	// decode reads a payload that matches. Its error says what is wrong with it.
	decode(payload, Invocation) (Input, error)
}

// kinds are all kinds of payload, in the order in which they are tried and in which a refusal lists them.
var kinds = []kind{schedule{}, cloudTrail{}, imageReady{}, request{}, queue{}}

// Decode reads the payload of an invocation. Its errors are sentences for people: what was wrong, where, and what is accepted.
// AWS events are read leniently, since AWS adds fields without notice; requests are ours and read strictly, since a misspelt
// field would silently ask for something else.
func Decode(raw []byte, inv Invocation) (Input, error) {
	p, err := parse(utf8Text(raw))
	if err != nil {
		return Input{}, err
	}
	if err := p.event.checkPlace(inv); err != nil {
		return Input{}, err
	}
	for _, kind := range kinds {
		if kind.matches(p) {
			return kind.decode(p, inv)
		}
	}
	return Input{}, refuse("an event with source %s and detail-type %s is not for this function",
		quote(p.event.Source), quote(p.event.DetailType))
}

// payload is what an invocation brought, read as far as it takes to tell of which kind it is.
type payload struct {
	raw     []byte
	fields  map[string]json.RawMessage
	isEvent bool     // it has the form of an EventBridge event
	event   envelope // empty if it is none
}

func (p payload) has(field string) bool {
	_, ok := p.fields[field]
	return ok
}

// firstOf returns the first of the fields that is there, or nothing.
func (p payload) firstOf(fields []string) string {
	for _, field := range fields {
		if p.has(field) {
			return field
		}
	}
	return ""
}

// The fields by which the form of a payload is known; those of a request are requestFields.
var (
	eventFields = []string{"source", "detail-type", "detail"}
	batchFields = []string{"Records"}
)

// checkForm refuses a payload with fields of two forms. Read as one of them it would pass over what the other asks for: a
// schedule that also names images would start a sweep of all.
func (p payload) checkForm() error {
	var found []string
	for _, form := range []struct {
		name   string
		fields []string
	}{{"an event", eventFields}, {"a request", requestFields}, {"a batch", batchFields}} {
		if field := p.firstOf(form.fields); field != "" {
			found = append(found, fmt.Sprintf("%s, as %s has", field, form.name))
		}
	}
	if len(found) > 1 {
		return refuse("the payload can be read in two ways: it has the field %s, and %s", found[0], found[1])
	}
	return nil
}

func parse(raw []byte) (payload, error) {
	p := payload{raw: raw}
	if err := json.Unmarshal(raw, &p.fields); err != nil {
		return p, refuse("the payload is not a JSON object (%s)%s", explain(err), quotesHint(string(raw)))
	}
	if p.fields == nil {
		return p, refuse("the payload is null")
	}
	if err := p.checkForm(); err != nil {
		return p, err
	}
	p.isEvent = p.firstOf(eventFields) != ""
	if p.isEvent {
		if err := json.Unmarshal(raw, &p.event); err != nil {
			return p, refuse("the event cannot be read: %s", explain(err))
		}
	}
	return p, nil
}

// refuse says what is wrong with a payload, and then what is accepted: whoever reads it sees what would have worked.
func refuse(format string, args ...any) error {
	var accepted []string
	for _, kind := range kinds {
		accepted = append(accepted, kind.accepts())
	}
	last := len(accepted) - 1
	return fmt.Errorf("%s; accepted are: %s, and %s", fmt.Sprintf(format, args...), strings.Join(accepted[:last], ", "), accepted[last])
}

// quote shows what was sent, up to the length of the longest detail-type: a refusal must not flood the log.
func quote(text string) string { return fmt.Sprintf("%.128q", text) }

// explain makes encoding/json's message fit for a sentence.
func explain(err error) string {
	typed, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err.Error()
	}
	if typed.Field != "" {
		return fmt.Sprintf("field %q is a JSON %s, not %s", typed.Field, typed.Value, jsonType(typed.Type.String()))
	}
	return "it is a JSON " + typed.Value
}

// jsonType names in JSON's words what a field of this Go type holds.
func jsonType(goType string) string {
	switch goType {
	case "string":
		return "a string"
	case "bool":
		return "true or false"
	case "[]string":
		return "a list of strings"
	case "map[string]string":
		return "an object of strings"
	}
	return "what belongs there"
}
