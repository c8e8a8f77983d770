package trigger_test

import (
	"testing"

	"appstream-ami-exporter/internal/trigger"
)

func TestSchedule(t *testing.T) {
	const arn = "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/nightly"
	const nightlyEvent = `{"source":"aws.scheduler","resources":["` + arn + `"],"time":"2026-11-23T02:00:00Z"`
	nightly := trigger.Input{Trigger: trigger.Trigger{Type: trigger.Schedule, ID: arn + "@2026-11-23T02:00:00Z", Time: due}}
	byHand := trigger.Input{Trigger: trigger.Trigger{Type: trigger.Schedule, ID: here.RequestID, Time: invoked}}
	timed := trigger.Input{Trigger: trigger.Trigger{Type: trigger.Schedule, ID: here.RequestID, Time: due}}
	accepted{
		"nothing at all":     {`{}`, byHand},
		"with white space":   {" \n{ }\t", byHand},
		"a schedule":         {nightlyEvent + `,"detail":{}}`, nightly},
		"detail as a string": {nightlyEvent + `,"detail":"{}"}`, nightly},
		"no detail":          {nightlyEvent + `}`, nightly},
		"in another time zone": {`{"source":"aws.scheduler","resources":["` + arn + `"],"time":"2026-11-23T03:00:00+01:00"}`,
			nightly},
		"a rule's":                   {`{"source":"aws.events","resources":["` + arn + `"],"time":"2026-11-23T02:00:00Z"}`, nightly},
		"by hand":                    {`{"source":"aws.scheduler"}`, byHand},
		"without time":               {`{"source":"aws.events","resources":["` + arn + `"]}`, byHand},
		"without ARN":                {`{"source":"aws.events","time":"2026-11-23T02:00:00Z"}`, timed},
		"no time at all":             {`{"source":"aws.scheduler","resources":["x"],"time":"<aws.scheduler.scheduled-time>"}`, byHand},
		"a year that is no JSON":     {`{"source":"aws.scheduler","resources":["x"],"time":"0001-01-01T00:00:00+01:00"}`, byHand},
		"a year of five digits":      {`{"source":"aws.scheduler","resources":["x"],"time":"9999-12-31T23:59:59-01:00"}`, byHand},
		"fields that AWS adds later": {nightlyEvent + `,"detail":{"new":1},"new-field":{"deep":[1]}}`, nightly},
	}.run(t)
}

// The first and the last year that JSON has a form for.
func TestYearsOfTriggers(t *testing.T) {
	for _, year := range []string{"0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"} {
		input, err := trigger.Decode([]byte(`{"source":"aws.scheduler","resources":["x"],"time":"`+year+`"}`), here)
		if err != nil || input.Trigger.ID != "x@"+year {
			t.Errorf("%s: %+v, %v", year, input.Trigger, err)
		}
	}
}
