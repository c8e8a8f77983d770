package handler

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"appstream-ami-exporter/internal/metrics"
	"appstream-ami-exporter/internal/trigger"
	"appstream-ami-exporter/internal/work"
)

// batch handles messages of the work queue and names those that are to be delivered again. One message's trouble is its
// own. Watches are one call each and go side by side; requests may each read all of AppStream and go one by one.
func (h *Handler) batch(ctx context.Context, records []trigger.Record) events.SQSEventResponse {
	again := make([]bool, len(records))
	since := make([]time.Time, len(records))
	type request struct {
		triggered time.Time
		handle    func()
	}
	var side sync.WaitGroup
	var requests []request
	for i, record := range records {
		item, err := work.Decode(record.Body)
		since[i] = item.Since
		handle := func() { again[i] = !h.process(ctx, record, item) }
		switch {
		case err != nil:
			side.Go(func() {
				h.log.ErrorContext(ctx, "a work message cannot be read and goes to the dead-letter queue",
					"messageId", record.MessageID, "error", err.Error())
				again[i] = !h.moveToDeadLetterQueue(ctx, record)
			})
		case item.Request != nil:
			requests = append(requests, request{item.Trigger.Time, handle})
		default:
			side.Go(handle)
		}
	}
	// What is left of a night's run is the next one's as well; the later one is seen to carry it when it has started something.
	slices.SortStableFunc(requests, func(a, b request) int { return b.triggered.Compare(a.triggered) })
	for _, request := range requests {
		request.handle()
	}
	side.Wait()

	h.measureAge(since, again)
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for i, record := range records {
		if again[i] {
			response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: record.MessageID})
		}
	}
	h.log.InfoContext(ctx, "batch finished", "messages", len(records), "kept", len(response.BatchItemFailures))
	return response
}

// measureAge measures the oldest work that is unfinished after this batch, or no age at all where nothing is.
func (h *Handler) measureAge(since []time.Time, again []bool) {
	var oldest time.Duration
	for i, t := range since {
		if again[i] && !t.IsZero() {
			oldest = max(oldest, h.now().Sub(t))
		}
	}
	h.metrics.Measure(metrics.OldestWorkAge, oldest)
}

// moveToDeadLetterQueue moves a message of which nothing can be made to where somebody can look at it.
func (h *Handler) moveToDeadLetterQueue(ctx context.Context, record trigger.Record) (done bool) {
	if err := h.queue.MoveToDeadLetterQueue(ctx, record.Body); err != nil {
		h.log.ErrorContext(ctx, "a work message cannot be moved to the dead-letter queue",
			"messageId", record.MessageID, "error", err.Error())
		return false
	}
	return true
}

// process handles one message. Where the work is not done, the message is kept: it comes again after its delay, and where even
// that cannot be said to SQS, after the queue's own visibility timeout.
func (h *Handler) process(ctx context.Context, record trigger.Record, item work.Item) (done bool) {
	var delay time.Duration
	switch phase := h.phaseOf(record, item); {
	case item.Request != nil:
		done, delay = h.request(ctx, item, phase)
	case item.Watch != nil:
		done = h.watch(ctx, item, phase)
		delay = watchDelay(item, h.now())
	default:
		done = h.republish(ctx, record, item)
		delay = noticeDelay(item, h.now())
	}
	if done || h.renewed(ctx, record, item, delay) {
		return true
	}
	if err := h.queue.Postpone(ctx, record.ReceiptHandle, delay); err != nil {
		h.log.WarnContext(ctx, "a work message comes again after the queue's visibility timeout",
			"messageId", record.MessageID, "triggerId", item.Trigger.ID, "error", err.Error())
	}
	return false
}

// renewed sends a message anew that has been received half as often as it may be, so that SQS never moves it to the dead-letter
// queue: looks every minute for a week are ten thousand. The old message is deleted when the batch is finished. Should the process
// die before, there are two, which does no harm: each finds what the other has started as the trigger's own, and what is told
// twice has the same id. A notification is not renewed, so that one that SNS never takes comes to an end.
func (h *Handler) renewed(ctx context.Context, record trigger.Record, item work.Item, delay time.Duration) bool {
	if item.Notice != nil || record.Receives < h.config.MaxReceiveCount/2 {
		return false
	}
	if err := h.queue.Send(ctx, item, delay); err != nil {
		h.log.WarnContext(ctx, "a work message cannot be renewed yet",
			"messageId", record.MessageID, "receives", record.Receives, "triggerId", item.Trigger.ID, "error", err.Error())
		return false
	}
	h.log.InfoContext(ctx, "a work message is renewed",
		"messageId", record.MessageID, "receives", record.Receives, "triggerId", item.Trigger.ID)
	return true
}
