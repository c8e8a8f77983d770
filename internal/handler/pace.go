package handler

import (
	"time"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/work"
)

// Work is looked at again at the pace of what it waits for. A pace is a share of the age of what is awaited, so that what is
// quick is told soon and what is slow costs little, without anything having to count the looks.
const (
	// longestDelay is the longest that SQS delays a new message.
	longestDelay = 15 * time.Minute

	// taskPace has an end be told within a 32nd of the export's duration, or a minute where that is more: an export takes tens of
	// minutes at the least.
	taskPace     = 32
	shortestTask = time.Minute

	// imagePace has an image be exported within a 16th of the time that it took to be built.
	imagePace     = 16
	shortestImage = time.Minute

	// Room is looked for every minute, each look a listing of the tasks: a place that stays empty for a minute is a fortieth of an
	// export. When nothing has been started for half an hour, exports are slow, and every two minutes will do.
	roomPace     = 32
	shortestRoom = time.Minute
	longestRoom  = 2 * time.Minute

	// calmPace is for what is wrong: of AppStream's conflicts its documentation says to wait a few minutes.
	calmPace     = 4
	shortestCalm = 2 * time.Minute

	// noticePace is for news that SNS did not take: it is out for seconds, or for hours.
	noticePace     = 4
	shortestNotice = 30 * time.Second
)

// watchDelay is how long to wait before a task is looked at again.
func watchDelay(item work.Item, now time.Time) time.Duration {
	began := item.Watch.Created
	if began.IsZero() {
		began = item.Since
	}
	return share(now.Sub(began), taskPace, shortestTask, longestDelay)
}

func noticeDelay(item work.Item, now time.Time) time.Duration {
	return share(now.Sub(item.Since), noticePace, shortestNotice, longestDelay)
}

// awaited is what the images of a request wait for.
type awaited struct {
	room     bool      // and exports run, so that there will be some
	image    time.Time // the making of the youngest image that is not available yet
	anything bool      // else
}

// add adds what one image waits for. The age of an image that AppStream does not show yet is that of the trigger that told of it.
func (a *awaited) add(d export.Decision, triggered time.Time) {
	switch d.Awaits {
	case export.Room:
		a.room = true
	case export.AvailableImage:
		made := d.ImageCreated
		if made.IsZero() {
			made = triggered
		}
		if made.After(a.image) {
			a.image = made
		}
	default:
		a.anything = true
	}
}

// requestDelay is how long to wait before the images of a request are looked at again: until what comes soonest may be there.
func requestDelay(item work.Item, a awaited, now time.Time) time.Duration {
	delay := longestDelay
	if a.room {
		progress := item.Request.Progress
		if progress.IsZero() {
			progress = item.Since
		}
		delay = min(delay, share(now.Sub(progress), roomPace, shortestRoom, longestRoom))
	}
	if !a.image.IsZero() {
		delay = min(delay, share(now.Sub(a.image), imagePace, shortestImage, longestDelay))
	}
	if a.anything || a == (awaited{}) {
		delay = min(delay, share(now.Sub(item.Since), calmPace, shortestCalm, longestDelay))
	}
	return delay
}

// share is a part of the age, within its bounds. An age below zero is that of clocks that differ.
func share(age time.Duration, part int64, shortest, longest time.Duration) time.Duration {
	return min(max(age/time.Duration(part), shortest), longest)
}
