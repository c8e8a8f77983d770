package handler

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/metrics"
	"appstream-ami-exporter/internal/trigger"
	"appstream-ami-exporter/internal/work"
)

// batch handles messages of the work queue and names those that are to be delivered again. One message's trouble is its
// own. Watches are one call each and go side by side; requests may each read all of AppStream and go one by one.
func (h *Handler) batch(ctx context.Context, records []trigger.Record) events.SQSEventResponse {
	again := make([]bool, len(records))
	since := make([]time.Time, len(records))
	var side sync.WaitGroup
	var requests []func()
	for i, record := range records {
		item, err := work.Decode(record.Body)
		since[i] = item.Since
		handle := func() { again[i] = !h.item(ctx, record, item) }
		switch {
		case err != nil:
			side.Go(func() { again[i] = !h.bury(ctx, record, err) })
		case item.Request != nil:
			requests = append(requests, handle)
		default:
			side.Go(handle)
		}
	}
	for _, handle := range requests {
		handle()
	}
	side.Wait()

	h.measureAge(since, again)
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for i, record := range records {
		if again[i] {
			response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: record.MessageID})
		}
	}
	h.Log.InfoContext(ctx, "batch finished", "messages", len(records), "kept", len(response.BatchItemFailures))
	return response
}

// measureAge measures the oldest work that is unfinished after this batch, or no age at all where nothing is.
func (h *Handler) measureAge(since []time.Time, again []bool) {
	var oldest time.Duration
	for i, t := range since {
		if again[i] && !t.IsZero() {
			oldest = max(oldest, h.Now().Sub(t))
		}
	}
	h.Metrics.Measure(metrics.OldestWorkAge, oldest)
}

// bury moves a message that cannot be read out of the way of the others, to where somebody can look at it.
func (h *Handler) bury(ctx context.Context, record trigger.Record, cause error) (done bool) {
	h.Log.ErrorContext(ctx, "a work message cannot be read and goes to the dead-letter queue", "messageId", record.MessageID, "error", cause.Error())
	if err := h.Queue.Bury(ctx, record.Body); err != nil {
		h.Log.ErrorContext(ctx, "a work message cannot be moved to the dead-letter queue", "messageId", record.MessageID, "error", err.Error())
		return false
	}
	return true
}

// item handles one message. Where the work is not done, the message is kept: it comes again after its delay, and where even
// that cannot be said to SQS, after the queue's own visibility timeout.
func (h *Handler) item(ctx context.Context, record trigger.Record, item work.Item) (done bool) {
	left := h.patience(record, item)
	switch {
	case item.Request != nil:
		done = h.request(ctx, item, left)
	case item.Watch != nil:
		done = h.watch(ctx, item, left)
	default:
		done = h.notice(ctx, item)
	}
	if done {
		return true
	}
	if err := h.Queue.Keep(ctx, record.ReceiptHandle, item.Delay(h.Now())); err != nil {
		h.Log.WarnContext(ctx, "a work message comes again after the queue's visibility timeout", "messageId", record.MessageID, "triggerId", item.Trigger.ID, "error", err.Error())
	}
	return false
}

// spareReceives are left for telling that work is given up, should SNS not take it at once: after the queue's last receive a
// message would go to the dead-letter queue untold.
const spareReceives = 5

// patience is what is left of it for a piece of work.
type patience int

const (
	plenty patience = iota
	spent           // the deadline has passed: what still waits or runs is given up
	gone            // as has the time for trouble: given up as well is what AWS's passing trouble keeps from being seen or done
)

// timeForTrouble is how long after its deadline work is not given up for passing trouble of AWS alone: two more looks at
// the longest delay, before the alarm for work that is too old rings.
const timeForTrouble = 40 * time.Minute

func (h *Handler) patience(record trigger.Record, item work.Item) patience {
	switch over := h.Now().Sub(item.Deadline); {
	case over >= timeForTrouble || record.Receives > h.Config.MaxReceiveCount-spareReceives:
		return gone
	case over >= 0:
		return spent
	}
	return plenty
}

// hopeless tells whether an error that keeps work from being done means that it is given up.
func (p patience) hopeless(err error) bool {
	refusal, ok := errors.AsType[*export.Refusal](err)
	return p == gone || p == spent && ok && !refusal.Passing()
}

// notice publishes a notification that SNS did not take before. It is tried until the queue lets go of it: who was not told
// would not know that there was something to tell.
func (h *Handler) notice(ctx context.Context, item work.Item) (done bool) {
	if err := h.Topic.Publish(ctx, *item.Notice); err != nil {
		h.Log.ErrorContext(ctx, "publishing failed again", "id", item.Notice.ID, "waited", short(h.Now().Sub(item.Since)), "error", err.Error())
		return false
	}
	h.Log.InfoContext(ctx, "published", "id", item.Notice.ID, "type", string(item.Notice.Type), "imageName", item.Notice.ImageName, "triggerId", item.Trigger.ID)
	return true
}
