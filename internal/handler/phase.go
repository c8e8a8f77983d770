package handler

import (
	"errors"
	"time"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/trigger"
	"appstream-ami-exporter/internal/work"
)

// phase is where a piece of work stands between its beginning and its end.
type phase int

const (
	inTime     phase = iota
	overdue          // the deadline has passed: what still waits or runs is given up
	lastChance       // and long ago: given up as well is what AWS's temporary trouble keeps from being seen or done
)

const (
	// timeForTrouble is how long after its deadline work is not given up for temporary trouble of AWS alone: two more looks at
	// the longest delay, before the alarm for work that is too old rings.
	timeForTrouble = 40 * time.Minute

	// spareReceives are left for telling that work is given up, should SNS not take it at once: after the queue's last receive a
	// message would go to the dead-letter queue untold.
	spareReceives = 5
)

func (h *Handler) phaseOf(record trigger.Record, item work.Item) phase {
	switch late := h.now().Sub(item.Deadline); {
	case late >= timeForTrouble || h.fewReceivesLeft(record):
		return lastChance
	case late >= 0:
		return overdue
	}
	return inTime
}

// fewReceivesLeft tells whether SQS will soon move the message to the dead-letter queue by itself.
func (h *Handler) fewReceivesLeft(record trigger.Record) bool {
	return record.Receives > h.config.MaxReceiveCount-spareReceives
}

// givesUpOn tells whether an error that keeps work from being done means that it is given up.
func (p phase) givesUpOn(err error) bool {
	refusal, ok := errors.AsType[*export.Refusal](err)
	return p == lastChance || p == overdue && ok && !refusal.Temporary()
}
