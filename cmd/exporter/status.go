package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/terminal"
	"appstream-ami-exporter/internal/trigger"
)

// recent is how far back ended exports are shown.
const recent = 7 * 24 * time.Hour

// state is how the stack is doing: what runs, what has ended, what waits, and what needs a person.
type state struct {
	Stack     terminal.Stack   `json:"stack"`
	Time      time.Time        `json:"time"`
	LastNight *deployed.Line   `json:"lastNight"`
	Running   []task           `json:"running"` // of this account and Region
	Ended     []task           `json:"ended"`   // of those started in the last week
	ToExport  []deployed.Entry `json:"toExport"`
	Queues    []queue          `json:"queues"`
	Alarms    alarms           `json:"alarms"`
	Keeper    string           `json:"keeper,omitempty"` // the name of its function, where the stack has one
	Unknown   unknowns         `json:"unknown,omitempty"`
}

// unknowns are the parts that could not be read, by their names in the JSON, and why.
type unknowns map[string]error

func (u unknowns) MarshalJSON() ([]byte, error) {
	reasons := map[string]string{}
	for part, err := range u {
		reasons[part] = err.Error()
	}
	return json.Marshal(reasons)
}

// status asks for all parts at once. One that cannot be read says why, and the others are shown all the same.
func (d desk) status(ctx context.Context) (report, error) {
	s := state{Stack: d.stack, Time: d.now().UTC(), Keeper: d.stack.Outputs["KeeperFunctionName"], Unknown: unknowns{}}
	parts := map[string]func() error{
		"lastNight": func() (err error) { s.LastNight, err = d.lastNight(ctx, s.Time); return err },
		"tasks": func() error {
			tasks, err := d.tasks(ctx)
			s.Running, s.Ended = split(tasks, s.Time)
			return err
		},
		"toExport": func() error {
			plan, err := d.ask(ctx, trigger.Spec{DryRun: true})
			s.ToExport = toExport(plan)
			return err
		},
		"queues": func() (err error) { s.Queues, err = d.queueStates(ctx); return err },
		"alarms": func() (err error) { s.Alarms, err = d.alarmStates(ctx); return err },
	}
	var wait sync.WaitGroup
	var mutex sync.Mutex // guards s.Unknown
	for part, read := range parts {
		wait.Go(func() {
			if err := read(); err != nil {
				mutex.Lock()
				defer mutex.Unlock()
				s.Unknown[part] = err
			}
		})
	}
	wait.Wait()
	for _, err := range s.Unknown {
		// What the caller may not see is not known, and that is no failure.
		if !terminal.Denied(err) || len(s.Unknown) == len(parts) {
			return s, errors.New("not everything could be read")
		}
	}
	return s, nil
}

// split divides the tasks into those that run and those of the last days that have ended.
func split(tasks []task, now time.Time) (running, ended []task) {
	for _, t := range tasks {
		switch {
		case !t.ended():
			running = append(running, t)
		case now.Sub(t.Created) < recent:
			ended = append(ended, t)
		}
	}
	return running, ended
}

// due is why an image has no AMI that a dry run would start.
const due = "to be started by the next nightly run, or earlier if it waits for AppStream's limit"

// toExport are the selected images that are to be exported and are not: what a dry run finds.
func toExport(plan deployed.Reply) (entries []deployed.Entry) {
	entries = slices.Clone(plan.Waiting)
	for _, e := range plan.WouldStart {
		e.Reason = cmp.Or(e.Reason, due)
		entries = append(entries, e)
	}
	return entries
}

func (s state) show(w terminal.Screen) {
	w.Line("%s in %s (account %s), %s UTC\n", s.Stack.Name, s.Stack.Region, s.Stack.Account, terminal.Stamp(s.Time))
	none := "none in the last " + terminal.Span(deployed.NightsBack)
	w.Section("Last nightly run", nightRows(s.LastNight, s.Time), none, s.Unknown["lastNight"])
	w.Section("Running exports of this account and Region", runningRows(w, s.Running, s.Time), "none", s.Unknown["tasks"])
	w.Section("Exports that ended, of those started in the last "+terminal.Span(recent), endedRows(w, s.Ended), "none", s.Unknown["tasks"])
	w.Section("Images still to be exported", toExportRows(s.ToExport), "none", s.Unknown["toExport"])
	w.Section("Queues", queueRows(w, s.Queues), "", s.Unknown["queues"])
	w.Section("Alarms", s.Alarms.rows(w), s.Alarms.none(), s.Unknown["alarms"])
	if s.Keeper != "" {
		w.Line("The keeper looks after the AMIs: `make keep` shows what becomes of each.")
	}
}

func (s state) attention() error {
	var found []string
	if n := len(s.Alarms.Ringing); n > 0 {
		found = append(found, counted(n, "ringing alarm"))
	}
	for _, q := range s.Queues {
		if q.trouble && q.Messages > 0 {
			found = append(found, fmt.Sprintf("%d in %s", q.Messages, q.Name))
		}
	}
	if len(found) == 0 {
		return nil
	}
	return terminal.Attention("this needs somebody: " + strings.Join(found, ", "))
}

func runningRows(s terminal.Screen, tasks []task, now time.Time) (rows [][]string) {
	for _, t := range tasks {
		rows = append(rows, []string{t.ImageName, t.AMIName, t.state(s), terminal.Span(now.Sub(t.Created))})
	}
	return headed(rows, "IMAGE", "AMI NAME", "STATE", "FOR")
}

// endedRows shows when exports were started: AppStream does not tell when they ended.
func endedRows(s terminal.Screen, tasks []task) (rows [][]string) {
	for _, t := range tasks {
		rows = append(rows, []string{terminal.Stamp(t.Created), t.ImageName, t.state(s), t.AMIName, t.result()})
	}
	return headed(rows, "STARTED (UTC)", "IMAGE", "END", "AMI NAME", "RESULT")
}

func toExportRows(entries []deployed.Entry) (rows [][]string) {
	for _, e := range entries {
		rows = append(rows, []string{e.ImageName, e.AMIName, e.Reason})
	}
	return headed(rows, "IMAGE", "AMI NAME", "WHY")
}

// headed puts a heading over rows, if there are any.
func headed(rows [][]string, heading ...string) [][]string {
	if len(rows) == 0 {
		return nil
	}
	return slices.Insert(rows, 0, heading)
}

// watchPause is the time between two looks: each invokes the function and searches its log.
const watchPause = 5 * time.Second

// watchStatus shows the status again and again until ctx ends.
func (d desk) watchStatus(ctx context.Context, w io.Writer, asJSON bool) error {
	for {
		found, err := d.status(ctx)
		if ctx.Err() != nil {
			return nil
		}
		d.screen.Clear()
		if err := tell(w, found, asJSON); err != nil {
			return err
		}
		if err != nil {
			d.screen.Line("%v\n", err)
		}
		d.screen.Line("%s", d.screen.Paint(terminal.Dim, "Shown again every "+terminal.Span(watchPause)+"; Ctrl-C stops."))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchPause):
		}
	}
}
