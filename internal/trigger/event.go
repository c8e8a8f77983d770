package trigger

import (
	"encoding/json"
	"fmt"
	"time"
)

// envelope is the form that all events of EventBridge have, as far as it matters here. Detail stays raw: EventBridge
// Scheduler's own payload has the *string* "{}" there.
// https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
type envelope struct {
	ID         string          `json:"id"`
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Account    string          `json:"account"`
	Region     string          `json:"region"`
	Time       string          `json:"time"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

// checkPlace refuses an event of another account or Region: it names an image there, and here the same name is another image.
func (e envelope) checkPlace(inv Invocation) error {
	if e.Account != "" && e.Account != inv.Account {
		return fmt.Errorf("the event is of account %s, this function exports images of account %s only", quote(e.Account), inv.Account)
	}
	if e.Region != "" && e.Region != inv.Region {
		return fmt.Errorf("the event is of Region %s, this function exports images of Region %s only", quote(e.Region), inv.Region)
	}
	return nil
}

// decodeDetail reads the detail. Where there is none it is empty, so that what is missing in it is named.
func (e envelope) decodeDetail(into any) error {
	if len(e.Detail) == 0 {
		return nil
	}
	return json.Unmarshal(e.Detail, into)
}

// time is the event's own, or else that of the invocation.
func (e envelope) time(inv Invocation) time.Time {
	if t, ok := parseTime(e.Time); ok {
		return t
	}
	return inv.time()
}

// parseTime reads the time of an event and returns it in UTC. It takes only what encoding/json can write again, the years 1 to
// 9999, and a time zone can move a time out of these: exports would be started that cannot be announced.
func parseTime(text string) (t time.Time, ok bool) {
	t, err := time.Parse(time.RFC3339, text)
	t = t.UTC()
	return t, err == nil && t.Year() >= 1 && t.Year() <= 9999
}
