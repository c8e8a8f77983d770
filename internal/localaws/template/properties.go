package template

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// These are the properties that the local AWS uses, as they are in the template once resolved.

type functionProperties struct {
	Handler     string
	Timeout     number
	MemorySize  number
	Environment struct{ Variables map[string]textValue }

	LoggingConfig struct {
		LogFormat, LogGroup, ApplicationLogLevel, SystemLogLevel string
	}
	EventInvokeConfig struct {
		MaximumRetryAttempts     number
		MaximumEventAgeInSeconds number
		DestinationConfig        struct{ OnFailure struct{ Destination string } }
	}
	Events map[string]struct {
		Type       string
		Properties json.RawMessage
	}
}

type scheduleProperties struct {
	ScheduleExpression, ScheduleExpressionTimezone, State, Input string

	DeadLetterConfig struct{ Arn string }
}

type ruleProperties struct {
	State            string
	Pattern          json.RawMessage
	DeadLetterConfig struct{ Arn string }
}

type mappingProperties struct {
	Queue                 string
	BatchSize             number
	FunctionResponseTypes []string
	ScalingConfig         struct{ MaximumConcurrency number }
}

type queueProperties struct {
	VisibilityTimeout      *number
	MessageRetentionPeriod *number
	RedrivePolicy          struct {
		DeadLetterTargetARN string `json:"deadLetterTargetArn"`
		MaxReceiveCount     number `json:"maxReceiveCount"`
	}
}

type roleProperties struct {
	Policies []struct {
		PolicyName     string
		PolicyDocument struct {
			Statement []struct {
				Effect    string
				Action    oneOrMore
				Resource  oneOrMore
				Condition map[string]map[string]oneOrMore
			}
		}
	}
}

// number is a whole number; a parameter's value arrives as text.
type number int

// UnmarshalJSON implements [json.Unmarshaler].
func (i *number) UnmarshalJSON(data []byte) error {
	whole, err := strconv.Atoi(string(bytes.Trim(data, `"`)))
	if err != nil {
		return fmt.Errorf("%s is not a whole number", data)
	}
	*i = number(whole)
	return nil
}

func (i number) seconds() time.Duration { return time.Duration(i) * time.Second }

// textValue is text; CloudFormation takes numbers and booleans for it as well.
type textValue string

// UnmarshalJSON implements [json.Unmarshaler].
func (s *textValue) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err == nil {
		*s = textValue(text)
		return nil
	}
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	switch value.(type) {
	case float64, bool:
		*s = textValue(data)
		return nil
	}
	return fmt.Errorf("%s is not text", data)
}

// oneOrMore is a list that IAM also takes as its only item.
type oneOrMore []string

// UnmarshalJSON implements [json.Unmarshaler].
func (l *oneOrMore) UnmarshalJSON(data []byte) error {
	var one string
	if err := json.Unmarshal(data, &one); err == nil {
		*l = oneOrMore{one}
		return nil
	}
	var more []string
	if err := json.Unmarshal(data, &more); err != nil {
		return err
	}
	*l = more
	return nil
}
