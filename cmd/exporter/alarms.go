package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/terminal"
)

// alarms are those of the stack: how many there are, and which of them ring.
type alarms struct {
	Count   int     `json:"count"`
	Ringing []alarm `json:"ringing"`
}

type alarm struct {
	Name  string    `json:"name"`
	What  string    `json:"what"` // happened
	Since time.Time `json:"since"`
}

func (d desk) alarmStates(ctx context.Context) (a alarms, err error) {
	resources, err := deployed.Resources(ctx, d.stacks, d.stack.Name)
	if err != nil {
		return a, terminal.Explain(err)
	}
	found, err := deployed.Alarms(ctx, d.cloudWatch, resources)
	if err != nil {
		return a, terminal.Explain(err)
	}
	a.Count = len(found)
	for _, metric := range found {
		if metric.StateValue == types.StateValueAlarm {
			// The name's last part is CloudFormation's own and the description's first sentence says what happened.
			what, _, _ := strings.Cut(aws.ToString(metric.AlarmDescription), ". ")
			a.Ringing = append(a.Ringing, alarm{aws.ToString(metric.AlarmName), what, aws.ToTime(metric.StateUpdatedTimestamp)})
		}
	}
	return a, nil
}

func (a alarms) rows(s terminal.Screen) (rows [][]string) {
	for _, ringing := range a.Ringing {
		rows = append(rows, []string{terminal.Stamp(ringing.Since), s.Paint(terminal.Red, ringing.Name), ringing.What})
	}
	return headed(rows, "SINCE (UTC)", "ALARM", "WHAT HAPPENED")
}

func (a alarms) none() string {
	if a.Count == 0 {
		return "the stack has no alarms"
	}
	return fmt.Sprintf("none of %d rings", a.Count)
}
