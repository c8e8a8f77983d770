package handler

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/metrics"
	"appstream-ami-exporter/internal/trigger"
	"appstream-ami-exporter/internal/work"
)

// trigger handles a schedule, an image-ready event or a request: what can be started now is started and announced,
// the rest goes to the queue.
func (h *Handler) trigger(ctx context.Context, input trigger.Input) (any, error) {
	order, err := h.order(input.Trigger, input.Spec, nil)
	if err != nil {
		return nil, &InvalidInput{err}
	}
	now := h.Now()
	request := work.Item{
		Trigger:  input.Trigger,
		Since:    now,
		Deadline: now.Add(h.Config.WaitDeadline),
		Request:  &work.Request{Spec: input.Spec},
	}
	tally, err := h.run(ctx, order)
	if err != nil {
		if refusal, ok := errors.AsType[*export.Refusal](err); order.DryRun || ok && !refusal.Passing() {
			return nil, &AppStreamUnreadable{err}
		}
		// AppStream may be out for longer than Lambda repeats an event, so the whole request waits in the queue.
		h.Log.WarnContext(ctx, "the whole request waits", "triggerId", order.Trigger.ID, "reason", err.Error())
		send := func() error { return h.Queue.Send(ctx, request, request.Delay(now)) }
		if images, only := order.Selection.Names(); only && !order.Sweep { // named in the request, which may be larger than a message
			send = func() error { return h.sendRest(ctx, request, images, now) }
		}
		if err := send(); err != nil {
			return nil, &NotHandedOver{err}
		}
		reply := Reply{Trigger: &input.Trigger, Waiting: []Entry{{Reason: err.Error()}}}
		return reply.filled(), nil
	}

	reply := tally.done()
	reply.Trigger, reply.DryRun = &input.Trigger, order.DryRun
	if !order.DryRun {
		tally.problem(h.sendRest(ctx, request, names(reply.Waiting), now))
	}
	h.summarise(ctx, order.Trigger, reply)
	if err := errors.Join(tally.problems...); err != nil {
		return nil, &NotHandedOver{err}
	}
	return reply, nil
}

// run has the order planned and started, and announces what became of each image. Its error means that AppStream could
// not be read and nothing was done.
func (h *Handler) run(ctx context.Context, order export.Order) (*tally, error) {
	starting, cancel := working(ctx)
	defer cancel()
	tally := &tally{}
	// Announcing uses the whole of the invocation's time, starting only what the reserve leaves.
	err := h.Exporter.Run(starting, order, func(d export.Decision) {
		h.logDecision(ctx, order, d)
		tally.add(d)
		if order.DryRun {
			return
		}
		switch d.Action {
		case export.Export, export.Announce:
			tally.problem(h.announceStart(ctx, order.Trigger, d.ImageName, *d.Task, order.Chosen))
		case export.Reject:
			tally.problem(h.tell(ctx, order.Trigger, h.rejected(order.Trigger, d)))
		}
	})
	if err == nil && !order.DryRun {
		h.count(order, tally)
	}
	return tally, err
}

// count counts what a plan found: once for each trigger, not again each time that the rest of it comes from the queue.
func (h *Handler) count(order export.Order, tally *tally) {
	if order.Only != nil {
		return
	}
	if order.Trigger.Scheduled() {
		h.Metrics.Count(metrics.Sweeps, 1)
	}
	h.Metrics.Count(metrics.ImagesSelected, tally.selected)
	h.Metrics.Count(metrics.ImagesSkipped, tally.skipped-tally.others)
	h.Metrics.Count(metrics.ImagesWaiting, len(tally.reply.Waiting))
	h.Metrics.Count(metrics.ExportsStarted, 0)
	h.Metrics.Count(metrics.ExportsRejected, 0)
}

// roomForNames is how many bytes of image names go into one message. They stand there twice, beside patterns of at most 20 KB
// and twice 50 tags of at most 1.5 KB each; all that stays below the 256 KiB of an SQS message.
const roomForNames = 30_000

// sendRest queues the images that wait, in as many messages as it takes.
func (h *Handler) sendRest(ctx context.Context, request work.Item, names []string, now time.Time) error {
	var problems []error
	for len(names) > 0 {
		count, size := 0, 0
		for count < len(names) && size < roomForNames {
			size += len(names[count]) + len(`"",`)
			count++
		}
		item := request
		item.Request = &work.Request{Spec: narrow(request.Request.Spec, names[:count]), Only: names[:count]}
		problems = append(problems, h.Queue.Send(ctx, item, item.Delay(now)))
		names = names[count:]
	}
	return errors.Join(problems...)
}

// narrow leaves out the names that an ask no longer means where only these images are left of it: a request may name more
// than one message holds. Patterns stay, so that an image means the same by name or by pattern as before.
func narrow(ask trigger.Spec, only []string) trigger.Spec {
	left := make(map[string]bool, len(only))
	for _, name := range only {
		left[name] = true
	}
	ask.Images = slices.DeleteFunc(slices.Clone(ask.Images), func(entry string) bool {
		return export.CheckImageName(entry) == nil && !left[entry]
	})
	return ask
}

// logDecision writes one line for each image: why it is exported, waits, or was left out.
func (h *Handler) logDecision(ctx context.Context, order export.Order, d export.Decision) {
	level := slog.LevelInfo
	if d.Action == export.Reject && !order.DryRun { // what nobody really asked for is no error
		level = slog.LevelError
	}
	h.Log.Log(ctx, level, string(d.Action), "imageName", d.ImageName, "amiName", d.AMIName, "taskId", d.TaskID,
		"triggerId", order.Trigger.ID, "reason", d.Reason, "dryRun", order.DryRun)
}

// summarise writes the one line of an invocation that tells the night at a glance.
func (h *Handler) summarise(ctx context.Context, t trigger.Trigger, reply Reply) {
	skipped := len(reply.Skipped) + reply.SkippedMore
	selected := len(reply.WouldStart) + len(reply.Started) + len(reply.Waiting) + skipped + len(reply.Rejected)
	message := "run finished"
	if selected == 0 {
		message = "run finished: no image matches"
	}
	h.Log.InfoContext(ctx, message, "trigger", string(t.Type), "triggerId", t.ID, "images", selected, "wouldStart", len(reply.WouldStart),
		"started", len(reply.Started), "waiting", len(reply.Waiting), "skipped", skipped, "rejected", len(reply.Rejected), "dryRun", reply.DryRun)
}
