package handler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

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
	last := h.isLast(record, item)
	switch {
	case item.Request != nil:
		done = h.request(ctx, item, last)
	case item.Watch != nil:
		done = h.watch(ctx, item, last)
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

func (h *Handler) isLast(record trigger.Record, item work.Item) bool {
	return !h.Now().Before(item.Deadline) || record.Receives > h.Config.MaxReceiveCount-spareReceives
}

// request plans what is left of a request again and starts what can be started now.
func (h *Handler) request(ctx context.Context, item work.Item, last bool) (done bool) {
	order, err := h.order(item.Trigger, item.Request.Ask, item.Request.Only)
	if err != nil {
		// It was checked when it came; only a change of the stack in between can have made it impossible.
		return h.giveUp(ctx, item, item.Request.Only, nil, err.Error())
	}
	tally, err := h.run(ctx, order)
	if err != nil {
		h.Log.WarnContext(ctx, "the request waits", "triggerId", item.Trigger.ID, "reason", err.Error())
		return last && h.giveUp(ctx, item, item.Request.Only, nil, err.Error())
	}
	reply := tally.done()
	h.summarise(ctx, order.Trigger, reply)
	if err := errors.Join(tally.problems...); err != nil {
		h.Log.ErrorContext(ctx, "the request comes again to hand over what it started", "triggerId", item.Trigger.ID, "error", err.Error())
		return false
	}
	waiting := names(reply.Waiting)
	switch {
	case len(waiting) == 0:
		return true
	case last:
		return h.giveUp(ctx, item, waiting, reply.Waiting, "")
	case len(waiting) == len(item.Request.Only):
		return false
	}
	// Some are done, so the request shrinks to the others. Were it kept whole, it would find its own tasks each
	// time and tell of them again.
	if err := h.sendRest(ctx, item, waiting, h.Now()); err != nil {
		h.Log.ErrorContext(ctx, "the request comes again whole", "triggerId", item.Trigger.ID, "error", err.Error())
		return false
	}
	return true
}

// giveUp tells of each image that it was not started in time.
func (h *Handler) giveUp(ctx context.Context, item work.Item, images []string, waiting []Entry, why string) (done bool) {
	reasons := map[string]Entry{}
	for _, entry := range waiting {
		reasons[entry.ImageName] = entry
	}
	if len(images) == 0 {
		images = []string{allImages}
		if name := item.Request.Ask.ImageName; name != "" {
			images = []string{name}
		}
	}
	done = true
	for _, name := range images {
		reason := why
		if entry, ok := reasons[name]; ok {
			reason = entry.Reason
		}
		h.Log.ErrorContext(ctx, "given up", "imageName", name, "amiName", reasons[name].AMIName, "triggerId", item.Trigger.ID, "reason", reason)
		if err := h.tell(ctx, item.Trigger, h.requestGivenUp(item, name, reasons[name].AMIName, reason)); err != nil {
			done = false
		}
	}
	return done
}

// watch looks how a task stands; one call while it runs.
func (h *Handler) watch(ctx context.Context, item work.Item, last bool) (done bool) {
	work, cancel := working(ctx)
	defer cancel()
	watch := *item.Watch
	log := h.Log.With("imageName", watch.ImageName, "amiName", watch.AMIName, "taskId", watch.TaskID, "triggerId", item.Trigger.ID)

	task, err := h.Exporter.Task(work, watch.TaskID)
	if err != nil {
		task = types.ExportImageTask{}
	}
	complete(&task, watch)
	switch {
	case err != nil && !last:
		log.WarnContext(ctx, "the task cannot be seen", "reason", err.Error())
		return false
	case err != nil:
		log.ErrorContext(ctx, "given up", "reason", err.Error())
		return h.tell(ctx, item.Trigger, h.watchGivenUp(item.Trigger, watch, task, "AppStream does not tell how the task stands ("+err.Error()+")")) == nil
	case !export.Ended(task.State) && !last:
		log.InfoContext(ctx, "still running", "state", string(task.State), "age", short(export.Age(task, h.Now())))
		return false
	case !export.Ended(task.State):
		log.ErrorContext(ctx, "given up", "reason", "the task has not ended before the deadline")
		return h.tell(ctx, item.Trigger, h.watchGivenUp(item.Trigger, watch, task, fmt.Sprintf("the task is still %s", task.State))) == nil
	case task.State == types.ExportImageTaskStateCompleted:
		return h.completed(ctx, item, task, last)
	}
	return h.failed(ctx, item, task, last)
}

// complete fills in what AppStream left out or could not be asked for.
func complete(task *types.ExportImageTask, watch work.Watch) {
	fill := func(field **string, value string) {
		if aws.ToString(*field) == "" {
			*field = aws.String(value)
		}
	}
	fill(&task.TaskId, watch.TaskID)
	fill(&task.ImageArn, watch.ImageARN)
	fill(&task.AmiName, watch.AMIName)
	if task.CreatedDate == nil && !watch.Created.IsZero() {
		task.CreatedDate = &watch.Created
	}
}

// completed marks the image, so that no later sweep exports it again, and tells of the AMI. The AMI is there whether or not
// the mark can be set, so the telling does not wait for it: the mark is then set later.
func (h *Handler) completed(ctx context.Context, item work.Item, task types.ExportImageTask, last bool) (done bool) {
	log := h.Log.With("imageName", item.Watch.ImageName, "amiName", *task.AmiName, "taskId", *task.TaskId, "triggerId", item.Trigger.ID)
	document := h.ended(item.Trigger, item.Watch.ImageName, task)
	work, cancel := working(ctx)
	defer cancel()
	marked, markErr := h.Exporter.Mark(work, task, item.Watch.Chosen)
	log.InfoContext(ctx, "completed", "amiId", aws.ToString(task.AmiId), "marked", marked)
	if markErr != nil {
		log.ErrorContext(ctx, "the image cannot be marked as exported", "error", markErr.Error())
		refusal, ok := errors.AsType[*export.Refusal](markErr)
		if ok && !refusal.Passing() {
			document.Error = unmarked(refusal)
		}
	}
	if !item.Watch.Told {
		if err := h.tell(ctx, item.Trigger, document); err != nil {
			return false
		}
	}
	switch {
	case markErr == nil || last:
		return true
	case item.Watch.Told:
		return false
	}
	told := *item.Watch
	told.Told = true
	item.Watch = &told
	if err := h.Queue.Send(ctx, item, item.Delay(h.Now())); err != nil {
		log.ErrorContext(ctx, "the watch comes again to mark the image", "error", err.Error())
		return false
	}
	return true
}

// failed tells that a task failed or timed out, unless a twin of it lives: then the image is or will be exported, and this
// task only came second.
func (h *Handler) failed(ctx context.Context, item work.Item, task types.ExportImageTask, last bool) (done bool) {
	log := h.Log.With("imageName", item.Watch.ImageName, "amiName", *task.AmiName, "taskId", *task.TaskId, "triggerId", item.Trigger.ID)
	work, cancel := working(ctx)
	defer cancel()
	twin, found, err := h.Exporter.Twin(work, task)
	switch {
	case err != nil && !last:
		log.WarnContext(ctx, "the task failed, and it cannot be seen whether it has a twin", "reason", err.Error())
		return false
	case found:
		log.InfoContext(ctx, "came second", "state", string(task.State), "twin", aws.ToString(twin.TaskId), "reason", "another task exports the image to this AMI name")
		return true
	}
	document := h.ended(item.Trigger, item.Watch.ImageName, task)
	log.ErrorContext(ctx, "failed", "state", string(task.State), "code", document.Error.Code, "reason", document.Error.Message)
	return h.tell(ctx, item.Trigger, document) == nil
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
