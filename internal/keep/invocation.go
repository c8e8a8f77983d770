package keep

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// accepted is said in every refusal.
const accepted = `accepted are: an EventBridge schedule, EC2's event "EC2 AMI State Change", {}, and {"dryRun":true}`

// Invocation is what one invocation asks for: a pass, or only its plan. None can ask for more: Regions, rules and AMIs are the
// stack's to choose.
type Invocation struct {
	DryRun bool
}

// Decode reads the payload of an invocation. Events of AWS are read leniently, since AWS adds fields without notice, and what
// people send strictly.
func Decode(payload []byte) (Invocation, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(payload, &fields); err != nil || fields == nil {
		return Invocation{}, fmt.Errorf("the payload is not a JSON object; %s", accepted)
	}
	if len(fields) == 0 {
		return Invocation{}, nil
	}
	if _, event := fields["source"]; event {
		return Invocation{}, decodeEvent(payload)
	}
	if value, ok := fields["dryRun"]; ok && len(fields) == 1 && bytes.Equal(value, []byte("true")) {
		return Invocation{DryRun: true}, nil
	}
	return Invocation{}, fmt.Errorf("the payload asks for something else; %s", accepted)
}

func decodeEvent(payload []byte) error {
	var event struct {
		Source     string `json:"source"`
		DetailType string `json:"detail-type"`
	}
	if err := json.Unmarshal(payload, &event); err != nil {
		return fmt.Errorf("the event cannot be read; %s", accepted)
	}
	switch {
	case event.Source == "aws.scheduler", event.Source == "aws.events":
	case event.Source == "aws.ec2" && event.DetailType == "EC2 AMI State Change":
	default:
		return fmt.Errorf("the event with the source %.64q and the detail-type %.64q is not for the keeper; %s", event.Source,
			event.DetailType, accepted)
	}
	return nil
}
