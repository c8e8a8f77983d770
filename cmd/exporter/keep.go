package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/price"
	"appstream-ami-exporter/internal/terminal"
)

// keeping is what becomes of the stack's AMIs.
type keeping struct {
	Stack terminal.Stack  `json:"stack"`
	Reply json.RawMessage `json:"reply"` // the keeper's

	reply deployed.Keeping
}

// errNoKeeper is said where the stack has no keeper.
var errNoKeeper = errors.New("the stack has no keeper: set its parameter Keep, for example to last=3,daily=7,weekly=5,monthly=12; " +
	"with KeepMode PLAN, the default, nothing is retired")

// keep asks the keeper for its plan. It plans as always, and does nothing.
func (d desk) keep(ctx context.Context) (report, error) {
	name := d.stack.Outputs["KeeperFunctionName"]
	if name == "" {
		return nil, errNoKeeper
	}
	reply, err := deployed.AskKeeper(ctx, d.functions, name)
	if err != nil {
		return nil, terminal.Explain(err)
	}
	return keeping{Stack: d.stack, Reply: reply.Raw, reply: reply}, nil
}

// fates are in the order in which they are counted.
var fates = []struct {
	fate   string
	colour terminal.Colour
	said   string
}{
	{"keep", terminal.Green, "to stay"},
	{"retire", terminal.Yellow, "to be marked"},
	{"retiring", terminal.Yellow, "marked"},
	{"due", terminal.Red, "retired in the next pass"},
	{"left", terminal.Dim, "not judged, so it stays"},
}

func (k keeping) show(s terminal.Screen) {
	rules := k.reply.Keep
	if rules == "" {
		rules = "none, so all stay"
	}
	s.Line("What becomes of the AMIs of %s in %s (account %s). Keep rules: %s. KeepMode: %s.", k.Stack.Name, k.Stack.Region,
		k.Stack.Account, rules, k.reply.Mode)
	if k.reply.Mode == "PLAN" {
		s.Line("Nothing is marked or deregistered while KeepMode is PLAN.")
	}
	s.Line("")
	for _, region := range k.reply.Regions {
		for _, why := range region.Unread {
			s.Line("%s in %s nothing is retired now: %s", s.Paint(terminal.Red, "!"), region.Region, why)
		}
		for family, amis := range families(region.AMIs) {
			s.Section(family+" in "+region.Region, rowsOf(s, amis), "no AMI", nil)
		}
		switch {
		case region.More > 0:
			s.Line("And %d more in %s, which the keeper's log names and nothing below counts.", region.More, region.Region)
		case len(region.AMIs) == 0:
			s.Line("No AMI in %s.", region.Region)
		}
	}
	k.showSum(s)
}

// families calls yield for each family, in the order of the reply: it has the AMIs of one after those of the other.
func families(amis []deployed.AMI) func(yield func(string, []deployed.AMI) bool) {
	return func(yield func(string, []deployed.AMI) bool) {
		for len(amis) > 0 {
			end := 1
			for end < len(amis) && amis[end].Family == amis[0].Family {
				end++
			}
			name := amis[0].Family
			if name == "" {
				name = "AMIs of which it is not certain what they are"
			}
			if !yield(name, amis[:end]) {
				return
			}
			amis = amis[end:]
		}
	}
}

func rowsOf(s terminal.Screen, amis []deployed.AMI) [][]string {
	rows := [][]string{{"", "AMI", "NAME", "EXPORTED", "RETIRES", "WHY"}}
	for _, ami := range amis {
		colour := terminal.Dim
		for _, f := range fates {
			if f.fate == ami.Fate {
				colour = f.colour
			}
		}
		rows = append(rows, []string{s.Paint(colour, ami.Fate), ami.ID, ami.Name, stamp(ami.ExportedAt), stamp(ami.RetireAt), ami.Reason})
		if len(ami.Obstacles) > 0 {
			rows = append(rows, []string{"", "", "", "", "", "cannot be imported into AppStream: " + strings.Join(ami.Obstacles, ", ")})
		}
	}
	return rows
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return terminal.Stamp(t)
}

// showSum counts, says when the next AMI is retired, and what all cost at most.
func (k keeping) showSum(s terminal.Screen) {
	count, all, gone := map[string]int{}, 0, 0
	var next time.Time
	for _, region := range k.reply.Regions {
		for _, ami := range region.AMIs {
			count[ami.Fate]++
			all += ami.GiB
			if ami.Fate == "retire" || ami.Fate == "retiring" || ami.Fate == "due" {
				gone += ami.GiB
			}
			if ami.Fate == "retiring" && (next.IsZero() || ami.RetireAt.Before(next)) {
				next = ami.RetireAt
			}
		}
	}
	var parts []string
	for _, f := range fates {
		parts = append(parts, fmt.Sprintf("%d %s (%s)", count[f.fate], f.fate, f.said))
	}
	s.Line("%s.", strings.Join(parts, ", "))
	if !next.IsZero() {
		s.Line("The next is retired on %s.", terminal.Stamp(next))
	}
	s.Line("All have volumes of %d GiB: at most $%.0f a month, at $%.2f for a GiB. Without those that no rule keeps: at most $%.0f.",
		all, float64(all)*price.SnapshotGiB, price.SnapshotGiB, float64(all-gone)*price.SnapshotGiB)
}

func (k keeping) attention() error {
	for _, region := range k.reply.Regions {
		if len(region.Unread) > 0 {
			return terminal.Attention("in " + region.Region + " nothing is retired now")
		}
	}
	return nil
}
