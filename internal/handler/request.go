package handler

import (
	"cmp"
	"context"
	"errors"
	"time"

	"appstream-ami-exporter/internal/metrics"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/work"
)

// request plans what is left of a request again and starts what can be started now.
func (h *Handler) request(ctx context.Context, item work.Item, phase phase) (done bool, delay time.Duration) {
	now := h.now()
	delay = requestDelay(item, awaited{}, now)
	order, err := h.newOrder(item.Trigger, *item.Request, phase)
	if err != nil {
		// It was checked when it came; only a change of the stack in between can have made it impossible.
		return h.giveUp(ctx, item, item.Request.Only, nil, err.Error()), delay
	}
	tally, err := h.run(ctx, order)
	if err != nil {
		h.log.WarnContext(ctx, "the request waits", "triggerId", item.Trigger.ID, "reason", err.Error())
		return phase.givesUpOn(err) && h.giveUp(ctx, item, item.Request.Only, nil, err.Error()), delay
	}
	reply := tally.done()
	h.summarise(ctx, order.Trigger, reply)
	if err := errors.Join(tally.problems...); err != nil {
		h.log.ErrorContext(ctx, "the request comes again to hand over what it started", "triggerId", item.Trigger.ID, "error", err.Error())
		return false, delay
	}
	waiting := names(reply.Waiting)
	next := tally.onward(item, now)
	switch {
	case len(waiting) == 0:
		return true, 0
	case tally.findings.LaterNight:
		h.log.InfoContext(ctx, "a later run carries what is left of this one", "images", len(waiting), "triggerId", item.Trigger.ID)
		h.metrics.Count(metrics.SweepsCarriedOn, 1)
		return true, 0
	case phase == overdue && order.Recurs():
		return false, requestDelay(next, tally.awaited, now) // the next night's run may have begun just now
	case phase != inTime:
		return h.giveUp(ctx, item, waiting, reply.Waiting, ""), delay
	case len(waiting) == len(item.Request.Only) && next.Request.Limit == item.Request.Limit:
		return false, requestDelay(item, tally.awaited, now)
	}
	// Some are done, so the request shrinks to the others. Were it kept whole, it would find its own tasks each
	// time and tell of them again. Nor could a message that is kept remember what was learned.
	if err := h.sendRest(ctx, next, waiting, tally.awaited); err != nil {
		h.log.ErrorContext(ctx, "the request comes again whole", "triggerId", item.Trigger.ID, "error", err.Error())
		return false, delay
	}
	return true, 0
}

// giveUp tells of each image that it was not started in time, and why. Of the images of a scheduled run, for which nobody has asked
// one by one, it tells once where they are several.
func (h *Handler) giveUp(ctx context.Context, item work.Item, images []string, waiting []Entry, why string) (done bool) {
	entries := map[string]Entry{}
	for _, entry := range waiting {
		entries[entry.ImageName] = entry
	}
	if len(images) == 0 {
		images = []string{allImages}
	}
	var documents []notify.Document
	for _, name := range images {
		entry := entries[name]
		reason := cmp.Or(entry.Reason, why)
		h.log.ErrorContext(ctx, "given up", "imageName", name, "amiName", entry.AMIName, "triggerId", item.Trigger.ID, "reason", reason)
		documents = append(documents, h.requestGivenUpDocument(item, name, entry.AMIName, reason))
	}
	if item.Trigger.Scheduled() && sweeps(item.Request.Spec) && len(images) > 1 {
		documents = []notify.Document{h.sweepGivenUpDocument(item, images, cmp.Or(entries[images[0]].Reason, why))}
	}
	done = true
	for _, document := range documents {
		if err := h.deliver(ctx, item.Trigger, document); err != nil {
			done = false
		}
	}
	return done
}
