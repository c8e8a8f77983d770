package handler

import (
	"context"
	"errors"
	"time"

	"appstream-ami-exporter/internal/work"
)

// request plans what is left of a request again and starts what can be started now.
func (h *Handler) request(ctx context.Context, item work.Item, phase phase) (done bool, delay time.Duration) {
	now := h.now()
	delay = requestDelay(item, awaited{}, now)
	order, err := h.newOrder(item.Trigger, *item.Request)
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

// giveUp tells of each image that it was not started in time.
func (h *Handler) giveUp(ctx context.Context, item work.Item, images []string, waiting []Entry, why string) (done bool) {
	reasons := map[string]Entry{}
	for _, entry := range waiting {
		reasons[entry.ImageName] = entry
	}
	if len(images) == 0 {
		images = []string{allImages}
	}
	done = true
	for _, name := range images {
		reason := why
		if entry, ok := reasons[name]; ok {
			reason = entry.Reason
		}
		h.log.ErrorContext(ctx, "given up", "imageName", name, "amiName", reasons[name].AMIName, "triggerId", item.Trigger.ID, "reason",
			reason)
		if err := h.deliver(ctx, item.Trigger, h.requestGivenUpDocument(item, name, reasons[name].AMIName, reason)); err != nil {
			done = false
		}
	}
	return done
}
