package main

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
)

// speed is how much faster time passes here: an export of 40 minutes takes 8 seconds.
const speed = 300

// compressed is a real duration of what takes d on AWS.
func compressed(d time.Duration) time.Duration { return d / speed }

// deploy starts an account with the stack in it; AppStream exports at most three images at a time.
func deploy(ctx context.Context, bootstrap, template string, out *screen) (*localaws.Account, error) {
	return localaws.Start(ctx, localaws.Options{
		Template:  template,
		Bootstrap: bootstrap,
		Scale:     speed,
		Latency:   3 * time.Millisecond,
		AppStream: appstream.Options{
			MaxConcurrentExports: 3,
			ExportDuration: func(image, _ string) time.Duration {
				return compressed(40*time.Minute + time.Duration(len(image)%5)*3*time.Minute)
			},
		},
		OnLog: out.log,
	})
}

// furnish puts images in different states into the account.
func furnish(appStream *appstream.Server) {
	made := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 10, 15, 0, 0, time.UTC) }
	appStream.PutImage(appstream.Image{Name: "win2022-base-7", CreatedTime: made(time.November, 20), Tags: map[string]string{"Team": "Desktop", "Backup": "yes"}})
	appStream.PutImage(appstream.Image{Name: "win2025-office-12", CreatedTime: made(time.November, 21), Platform: types.PlatformTypeWindowsServer2025})
	appStream.SetOutcome("win2025-office-12", appstream.Outcome{
		End:    types.ExportImageTaskStateFailed,
		After:  compressed(25 * time.Minute),
		Errors: []appstream.TaskError{{Code: "InternalError", Message: "The copy of the image's snapshot could not be completed."}},
	})
	appStream.PutImage(appstream.Image{Name: "win2022-cad-3", CreatedTime: made(time.November, 22)})
	appStream.PutImage(appstream.Image{Name: "win2022-base-6", CreatedTime: made(time.October, 2), Tags: map[string]string{
		"appstream-ami-exporter:ami-name": "win2022-base-6-20261002T101500Z",
		"appstream-ami-exporter:ami-id":   "ami-0c3f8e1d2b4a59687",
	}})
	appStream.PutImage(appstream.Image{
		Name: "win2025-lab-1", CreatedTime: made(time.November, 23), Platform: types.PlatformTypeWindowsServer2025, State: types.ImageStateCreating,
		Becomes: []appstream.StateChange{{After: compressed(20 * time.Minute), State: types.ImageStateAvailable}},
	})
	appStream.PutImage(appstream.Image{Name: "win2019-legacy", CreatedTime: made(time.March, 3), Platform: types.PlatformTypeWindowsServer2019})
	appStream.PutImage(appstream.Image{Name: "rocky8-dev", CreatedTime: made(time.June, 1), Platform: types.PlatformTypeRockyLinux8})
	appStream.PutImage(appstream.Image{
		Name: "win2022-broken", CreatedTime: made(time.November, 19), State: types.ImageStateFailed,
		StateChangeReason: appstream.StateChangeReason{Code: types.ImageStateChangeReasonCodeInternalError, Message: "The image could not be created."},
	})
}
