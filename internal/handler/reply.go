package handler

import (
	"cmp"
	"encoding/json"
	"slices"
	"sync"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/trigger"
)

// Reply is what an invocation by a trigger returns.
type Reply struct {
	Trigger *trigger.Trigger `json:"trigger,omitempty"`
	Ignored string           `json:"ignored,omitempty"` // why a valid event asks for nothing
	DryRun  bool             `json:"dryRun,omitempty"`

	WouldStart []Entry `json:"wouldStart,omitempty"` // in a dry run only
	Started    []Entry `json:"started"`
	Waiting    []Entry `json:"waiting"`
	Skipped    []Entry `json:"skipped"`
	Rejected   []Entry `json:"rejected"`

	// How many more images there are than the list names; the log has them all.
	WouldStartMore int `json:"wouldStartMore,omitempty"`
	StartedMore    int `json:"startedMore,omitempty"`
	WaitingMore    int `json:"waitingMore,omitempty"`
	SkippedMore    int `json:"skippedMore,omitempty"`
	RejectedMore   int `json:"rejectedMore,omitempty"`
}

// Entry is what became of one image.
type Entry struct {
	ImageName string `json:"imageName,omitempty"`
	AMIName   string `json:"amiName,omitempty"`
	TaskID    string `json:"taskId,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Hint      string `json:"hint,omitempty"`
}

// The five lists together stay below the 6 MB that Lambda returns, however many images an account has and whatever AppStream says
// of them. Of the images that are skipped no more are kept in memory either.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	mostOfList  = 1000
	roomForList = 1_000_000 // bytes of JSON
)

// bounded is the reply with as much of each list as there is room for.
func (r Reply) bounded() Reply {
	for _, list := range []struct {
		entries *[]Entry
		more    *int
	}{
		{&r.WouldStart, &r.WouldStartMore}, {&r.Started, &r.StartedMore}, {&r.Waiting, &r.WaitingMore},
		{&r.Skipped, &r.SkippedMore}, {&r.Rejected, &r.RejectedMore},
	} {
		keep, room := 0, roomForList
		for _, entry := range (*list.entries)[:min(len(*list.entries), mostOfList)] {
			encoded, _ := json.Marshal(entry) // five strings can always be encoded
			if room -= len(encoded) + len(","); room < 0 {
				break
			}
			keep++
		}
		*list.more += len(*list.entries) - keep
		*list.entries = (*list.entries)[:keep]
	}
	return r
}

// filled has an empty list rather than null for whoever reads the reply.
func (r Reply) filled() Reply {
	for _, list := range []*[]Entry{&r.Started, &r.Waiting, &r.Skipped, &r.Rejected} {
		if *list == nil {
			*list = []Entry{}
		}
	}
	return r
}

// tally gathers what became of the images of one run; decisions come from several goroutines.
type tally struct {
	mutex    sync.Mutex
	reply    Reply
	selected int // images that the selection means
	skipped  int
	others   int     // of those skipped, the ones that the selection does not mean
	problems []error // what could be neither published nor queued
	awaited  awaited
	findings export.Findings
}

func (t *tally) add(d export.Decision, by trigger.Trigger) {
	entry := Entry{ImageName: d.ImageName, AMIName: d.AMIName, TaskID: d.TaskID, Reason: d.Reason, Hint: d.Hint}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if export.IsNotSelected(d.Reason) {
		t.others++
	} else {
		t.selected++
	}
	switch d.Action {
	case export.Export, export.Announce:
		if d.Task == nil {
			t.reply.WouldStart = append(t.reply.WouldStart, entry)
			return
		}
		t.reply.Started = append(t.reply.Started, entry)
	case export.Wait:
		t.reply.Waiting = append(t.reply.Waiting, entry)
		t.awaited.add(d, by.Time)
	case export.Reject:
		t.reply.Rejected = append(t.reply.Rejected, entry)
	default:
		t.skipped++
		if len(t.reply.Skipped) < mostOfList {
			t.reply.Skipped = append(t.reply.Skipped, entry)
		}
	}
}

func (t *tally) problem(err error) {
	if err != nil {
		t.mutex.Lock()
		defer t.mutex.Unlock()
		t.problems = append(t.problems, err)
	}
}

// done returns the reply in a stable order.
func (t *tally) done() Reply {
	reply := t.reply.filled()
	reply.SkippedMore = t.skipped - len(reply.Skipped)
	for _, list := range [][]Entry{reply.WouldStart, reply.Started, reply.Waiting, reply.Skipped, reply.Rejected} {
		slices.SortFunc(list, func(a, b Entry) int { return cmp.Compare(a.ImageName, b.ImageName) })
	}
	return reply
}

// names of the images in the list; those that stand for no image are left out.
func names(list []Entry) (names []string) {
	for _, entry := range list {
		if entry.ImageName != "" {
			names = append(names, entry.ImageName)
		}
	}
	return names
}
