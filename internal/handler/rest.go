package handler

import (
	"context"
	"errors"
	"slices"
	"time"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/trigger"
	"appstream-ami-exporter/internal/work"
)

// roomForNames is how many bytes of image names go into one message. They stand there twice, beside patterns of at most 20 KB
// and twice 50 tags of at most 1.5 KB each; all that stays below the 256 KiB of an SQS message.
const roomForNames = 30_000

// roomForSweep is the same for a run that asks for no image by name and for nothing else: the names stand there once and alone.
// What is left of such a run is told as one piece of news, so it should be one message.
const roomForSweep = 200_000

func roomFor(spec trigger.Spec) int {
	if sweeps(spec) && len(spec.Tags) == 0 {
		return roomForSweep
	}
	return roomForNames
}

// sendRest queues the images that wait, in as many messages as it takes.
func (h *Handler) sendRest(ctx context.Context, request work.Item, names []string, awaited awaited) error {
	var problems []error
	for len(names) > 0 {
		count, size := 0, 0
		for count < len(names) && size < roomFor(request.Request.Spec) {
			size += len(names[count]) + len(`"",`)
			count++
		}
		item := request
		rest := *request.Request
		rest.Spec, rest.Only = narrow(rest.Spec, names[:count]), names[:count]
		item.Request = &rest
		problems = append(problems, h.queue.Send(ctx, item, requestDelay(item, awaited, h.now())))
		names = names[count:]
	}
	return errors.Join(problems...)
}

// onward is the request with what this run has learned for the next one.
func (t *tally) onward(request work.Item, now time.Time) work.Item {
	next := *request.Request
	next.Limit = t.findings.Limit
	if len(t.reply.Started) > 0 {
		next.Progress = now
	}
	request.Request = &next
	return request
}

// narrow leaves out the names that a spec no longer means where only these images are left of it: a request may name more
// than one message holds. Patterns stay, so that an image means the same by name or by pattern as before.
func narrow(spec trigger.Spec, only []string) trigger.Spec {
	left := make(map[string]bool, len(only))
	for _, name := range only {
		left[name] = true
	}
	spec.Images = slices.DeleteFunc(slices.Clone(spec.Images), func(entry string) bool {
		return export.CheckImageName(entry) == nil && !left[entry]
	})
	return spec
}
