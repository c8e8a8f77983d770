package main

import (
	"context"
	"encoding/json"
	"time"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/lambda"
	"appstream-ami-exporter/internal/localaws/template"
)

// often is how often it is looked whether an AMI has become available: EC2's events are there within seconds.
const often = 200 * time.Millisecond

// hours starts the keeper each hour, and when EC2 tells of an AMI, until ctx ends.
func hours(ctx context.Context, account *localaws.Account, s scene) error {
	tick := time.NewTicker(often)
	defer tick.Stop()
	seen, next := time.Now(), time.Now()
	for {
		now := time.Now()
		if !now.Before(next) {
			next = now.Add(s.compress(time.Hour))
			if err := account.FireKeeper(now); err != nil {
				return err
			}
		}
		changes, err := account.Regional.Changes(template.Region, seen, now)
		if err != nil {
			return err
		}
		for _, change := range changes {
			if _, err := account.PutEvent(change.Event); err != nil {
				return err
			}
		}
		seen = now
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// keeperLog shows what the keeper does, from its own log lines. Its decisions are for `make keep` to show.
func (s *screen) keeperLog(line lambda.LogLine) {
	var entry struct {
		Level, Message, AMI, Copy, To, Parameter, Region, Name, Reason, Error string
	}
	if json.Unmarshal([]byte(line.Text), &entry) != nil {
		if line.Stream != "platform" {
			s.line(red, "keeper", "%s", line.Text)
		}
		return
	}
	switch entry.Message {
	case "copying":
		s.line(cyan, "keeper", "copies %s to %s as %s", entry.AMI, entry.To, entry.Copy)
	case "pointer moved":
		s.line(cyan, "keeper", "%s in %s names %s", entry.Parameter, entry.Region, entry.AMI)
	case "deregistered":
		s.line(yellow, "keeper", "deregisters %s in %s: %s", entry.Name, entry.Region, entry.AMI)
	case "mark taken back":
		s.line(yellow, "keeper", "takes the mark of %s in %s back: %s", entry.AMI, entry.Region, entry.Reason)
	default:
		if entry.Level == "WARN" || entry.Level == "ERROR" {
			s.line(red, "keeper", "%s", said(entry.Message, entry.AMI, entry.Region, entry.Reason, entry.Error))
		}
	}
}
