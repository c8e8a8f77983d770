package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"appstream-ami-exporter/internal/localaws/eventpattern"
)

// Schedule is a schedule of EventBridge Scheduler.
type Schedule struct {
	Name          string
	ARN           string
	Expression    string
	Timezone      string
	Enabled       bool
	Input         string
	DeadLetterARN string
}

// Rule is an EventBridge rule.
type Rule struct {
	Name          string
	ARN           string
	Enabled       bool
	Pattern       json.RawMessage
	DeadLetterARN string
}

// Payload is what the schedule sends for a scheduled time: its Input with the context attributes filled in.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
func (s Schedule) Payload(scheduled time.Time) ([]byte, error) {
	payload := strings.NewReplacer(
		"<aws.scheduler.schedule-arn>", s.ARN,
		"<aws.scheduler.scheduled-time>", scheduled.UTC().Format(time.RFC3339),
	).Replace(s.Input)
	if strings.Contains(payload, "<aws.scheduler.") {
		return nil, fmt.Errorf("the schedule's Input has a context attribute that is not supported here: %s", payload)
	}
	if !json.Valid([]byte(payload)) {
		return nil, fmt.Errorf("the schedule's Input is not JSON: %s", payload)
	}
	return []byte(payload), nil
}

// Matches tells whether the rule sends the event to its target.
func (r Rule) Matches(event []byte) (bool, error) {
	pattern, err := eventpattern.Parse(r.Pattern)
	if err != nil {
		return false, err
	}
	matches, err := pattern.Matches(event)
	return matches && r.Enabled, err
}

// Takes tells whether one of the deployment's rules sends the event to its function.
func (d Deployment) Takes(event []byte) (bool, error) {
	for _, rule := range d.Rules {
		matches, err := rule.Matches(event)
		if err != nil {
			return false, fmt.Errorf("rule %s: %w", rule.Name, err)
		}
		if matches {
			return true, nil
		}
	}
	return false, nil
}

func (b stackBuilder) addSchedule(id string, properties json.RawMessage) error {
	var p scheduleProperties
	if err := json.Unmarshal(properties, &p); err != nil {
		return err
	}
	if b.into.Schedule.Name != "" {
		return errors.New("a second schedule is not supported here")
	}
	name, arn, err := b.names.both(id)
	if err != nil {
		return err
	}
	b.into.Schedule = Schedule{
		Name: name, ARN: arn, Expression: p.ScheduleExpression, Timezone: p.ScheduleExpressionTimezone,
		Enabled: p.State != "DISABLED", Input: p.Input, DeadLetterARN: p.DeadLetterConfig.Arn,
	}
	return nil
}

func (b stackBuilder) addRule(id string, properties json.RawMessage) error {
	var p ruleProperties
	if err := json.Unmarshal(properties, &p); err != nil {
		return err
	}
	name, arn, err := b.names.both(id)
	if err != nil {
		return err
	}
	if _, err := eventpattern.Parse(p.Pattern); err != nil {
		return err
	}
	b.into.Rules = append(b.into.Rules, Rule{
		Name: name, ARN: arn, Enabled: p.State != "DISABLED", Pattern: p.Pattern, DeadLetterARN: p.DeadLetterConfig.Arn,
	})
	return nil
}
