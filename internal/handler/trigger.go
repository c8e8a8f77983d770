package handler

import (
	"context"
	"errors"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/trigger"
	"appstream-ami-exporter/internal/work"
)

// trigger handles a schedule, an image-ready event or a request: what can be started now is started and announced,
// the rest goes to the queue.
func (h *Handler) trigger(ctx context.Context, input trigger.Input) (any, error) {
	now := h.now()
	request := work.Item{
		Trigger:  input.Trigger,
		Since:    now,
		Deadline: now.Add(h.config.WaitDeadline),
		Request:  &work.Request{Spec: input.Spec},
	}
	order, err := h.newOrder(input.Trigger, *request.Request, inTime)
	if err != nil {
		return nil, &InvalidInput{err}
	}
	tally, err := h.run(ctx, order)
	if err != nil {
		if refusal, ok := errors.AsType[*export.Refusal](err); order.DryRun || ok && !refusal.Temporary() {
			return nil, &AppStreamUnreadable{err}
		}
		// AppStream may be out for longer than Lambda repeats an event, so the whole request waits in the queue.
		h.log.WarnContext(ctx, "the whole request waits", "triggerId", order.Trigger.ID, "reason", err.Error())
		send := func() error { return h.queue.Send(ctx, request, requestDelay(request, awaited{}, now)) }
		if images, only := order.Selection.Names(); only && !order.Sweep { // the request names them, and may be larger than a message
			send = func() error { return h.sendRest(ctx, request, images, awaited{}) }
		}
		if err := send(); err != nil {
			return nil, &NotHandedOver{err}
		}
		reply := Reply{Trigger: &input.Trigger, Waiting: []Entry{{Reason: err.Error()}}}
		return reply.filled().bounded(), nil
	}

	reply := tally.done()
	reply.Trigger, reply.DryRun = &input.Trigger, order.DryRun
	if !order.DryRun {
		tally.problem(h.sendRest(ctx, tally.onward(request, now), names(reply.Waiting), tally.awaited))
	}
	h.summarise(ctx, order.Trigger, reply)
	if err := errors.Join(tally.problems...); err != nil {
		return nil, &NotHandedOver{err}
	}
	return reply.bounded(), nil
}
