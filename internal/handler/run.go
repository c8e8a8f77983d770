package handler

import (
	"context"
	"log/slog"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/metrics"
	"appstream-ami-exporter/internal/trigger"
)

// run has the order planned and started, and announces what became of each image. Its error means that AppStream could
// not be read and nothing was done.
func (h *Handler) run(ctx context.Context, order export.Order) (*tally, error) {
	starting, cancel := working(ctx)
	defer cancel()
	tally := &tally{}
	// Announcing uses the whole of the invocation's time, starting only what the reserve leaves.
	findings, err := h.exporter.Run(starting, order, func(d export.Decision) {
		if !d.Unread { // of hundreds that wait for room, every minute, the number says enough
			h.logDecision(ctx, order, d)
		}
		tally.add(d, order.Trigger)
		if order.DryRun {
			return
		}
		switch d.Action {
		case export.Export, export.Announce:
			tally.problem(h.announceStart(ctx, order.Trigger, d.ImageName, *d.Task, order.CustomAMIName))
		case export.Reject:
			tally.problem(h.tellRejection(ctx, order, d))
		}
	})
	if err == nil && !order.DryRun {
		h.count(order, tally)
	}
	tally.findings = findings
	tally.awaited.room = tally.awaited.room && findings.Running > 0
	return tally, err
}

// tellRejection tells that an image is rejected. What a sweep finds night after night it tells once a week.
func (h *Handler) tellRejection(ctx context.Context, order export.Order, d export.Decision) error {
	if d.Repeated {
		return nil
	}
	if err := h.deliver(ctx, order.Trigger, h.rejectedDocument(order.Trigger, d)); err != nil {
		return err
	}
	if !order.Sweep || d.Code == "" {
		return nil
	}
	if err := h.exporter.RememberRejection(ctx, order, d); err != nil {
		h.log.WarnContext(ctx, "that the rejection was told cannot be noted on the image", "imageName", d.ImageName, "error", err.Error())
	}
	return nil
}

// count counts what a plan found: once for each trigger, not again each time that the rest of it comes from the queue.
func (h *Handler) count(order export.Order, tally *tally) {
	if order.Only != nil {
		return
	}
	if order.Trigger.Scheduled() {
		h.metrics.Count(metrics.Sweeps, 1)
	}
	h.metrics.Count(metrics.ImagesSelected, tally.selected)
	h.metrics.Count(metrics.ImagesSkipped, tally.skipped-tally.others)
	h.metrics.Count(metrics.ImagesWaiting, len(tally.reply.Waiting))
	h.metrics.Count(metrics.ExportsStarted, 0)
	h.metrics.Count(metrics.ExportsRejected, 0)
}

// logDecision writes one line for each image: why it is exported, waits, or was left out.
func (h *Handler) logDecision(ctx context.Context, order export.Order, d export.Decision) {
	level := slog.LevelInfo
	if d.Action == export.Reject && !d.Repeated && !order.DryRun { // what nobody really asked for is no error
		level = slog.LevelError
	}
	h.log.Log(ctx, level, string(d.Action), "imageName", d.ImageName, "amiName", d.AMIName, "taskId", d.TaskID,
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
	h.log.InfoContext(ctx, message, "trigger", string(t.Type), "triggerId", t.ID, "images", selected, "wouldStart", len(reply.WouldStart),
		"started", len(reply.Started), "waiting", len(reply.Waiting), "skipped", skipped, "rejected", len(reply.Rejected), "dryRun",
		reply.DryRun)
}
