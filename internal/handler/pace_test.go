package handler

import (
	"testing"
	"time"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/work"
)

var since = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

func TestWatchDelay(t *testing.T) {
	t.Parallel()
	tests := []struct{ age, want time.Duration }{
		{0, time.Minute},
		{32 * time.Minute, time.Minute},
		{40 * time.Minute, 75 * time.Second},
		{4 * time.Hour, 450 * time.Second},
		{8 * time.Hour, 15 * time.Minute},
		{168 * time.Hour, 15 * time.Minute},
		// Clocks that jump, also absurdly far.
		{-time.Hour, time.Minute},
		{-1 << 63, time.Minute},
		{1<<63 - 1, 15 * time.Minute},
	}
	for _, test := range tests {
		for name, item := range map[string]work.Item{
			"with its age":    {Since: since.Add(time.Hour), Watch: &work.Watch{Created: since}},
			"without its age": {Since: since, Watch: &work.Watch{}},
		} {
			if got := watchDelay(item, since.Add(test.age)); got != test.want {
				t.Errorf("%s, %v: the task is looked at after %v, want %v", name, test.age, got, test.want)
			}
		}
	}
}

func TestNoticeDelay(t *testing.T) {
	t.Parallel()
	for age, want := range map[time.Duration]time.Duration{
		0: 30 * time.Second, 4 * time.Minute: time.Minute, 24 * time.Hour: 15 * time.Minute, -time.Hour: 30 * time.Second,
	} {
		if got := noticeDelay(work.Item{Since: since}, since.Add(age)); got != want {
			t.Errorf("after %v a notification is tried again in %v, want %v", age, got, want)
		}
	}
}

// Work is looked at again when what comes first of all that it waits for may be there.
func TestRequestDelay(t *testing.T) {
	t.Parallel()
	room := export.Decision{Awaits: export.Room}
	calm := export.Decision{Awaits: export.Calm}
	image := func(age time.Duration) export.Decision {
		return export.Decision{Awaits: export.AvailableImage, ImageCreated: since.Add(-age)}
	}
	unseen := export.Decision{Awaits: export.AvailableImage}
	tests := map[string]struct {
		waits    []export.Decision
		age      time.Duration // of the request
		progress time.Duration // how long after its beginning it last started an export
		want     time.Duration
	}{
		"room":                              {[]export.Decision{room}, 0, 0, time.Minute},
		"room, for half an hour":            {[]export.Decision{room}, 32 * time.Minute, 0, time.Minute},
		"room, for an hour":                 {[]export.Decision{room}, 48 * time.Minute, 0, 90 * time.Second},
		"room, for three days":              {[]export.Decision{room}, 72 * time.Hour, 0, 2 * time.Minute},
		"room, and there was some just now": {[]export.Decision{room}, 72 * time.Hour, 72*time.Hour - time.Minute, time.Minute},
		"an image just begun":               {[]export.Decision{image(0)}, 0, 0, time.Minute},
		"an image of an hour":               {[]export.Decision{image(time.Hour)}, 0, 0, 225 * time.Second},
		"an image of three days":            {[]export.Decision{image(72 * time.Hour)}, 0, 0, 15 * time.Minute},
		"the younger of two":                {[]export.Decision{image(72 * time.Hour), image(32 * time.Minute)}, 0, 0, 2 * time.Minute},
		"an image that is not seen":         {[]export.Decision{unseen}, 32 * time.Minute, 0, 2 * time.Minute},
		"calm":                              {[]export.Decision{calm}, 0, 0, 2 * time.Minute},
		"calm, for an hour":                 {[]export.Decision{calm}, time.Hour, 0, 15 * time.Minute},
		"nothing known":                     {nil, time.Hour, 0, 15 * time.Minute},
		"room before calm":                  {[]export.Decision{calm, room}, 72 * time.Hour, 0, 2 * time.Minute},
		"room before an old image":          {[]export.Decision{image(72 * time.Hour), room}, 0, 0, time.Minute},
		"an image before calm":              {[]export.Decision{image(32 * time.Minute), calm}, 72 * time.Hour, 0, 15 * time.Minute},
		"a clock that jumps back":           {[]export.Decision{room, calm}, -72 * time.Hour, 0, time.Minute},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var a awaited
			for _, d := range test.waits {
				a.add(d, since)
			}
			item := work.Item{Since: since, Request: &work.Request{}}
			if test.progress > 0 {
				item.Request.Progress = since.Add(test.progress)
			}
			if got := requestDelay(item, a, since.Add(test.age)); got != test.want {
				t.Errorf("looked at again after %v, want %v", got, test.want)
			}
		})
	}
}
