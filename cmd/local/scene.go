package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/ec2"
)

// scene is the local AWS and what is in it.
type scene struct {
	bootstrap string  // the compiled function
	template  string  // the stack's template
	speed     float64 // how much faster time passes
	images    int     // how many there are at least
	limit     int     // how many AppStream exports at a time
	stays     bool    // it is to stay for hours
	keeper    string  // the compiled keeper
	keep      string  // its keep rules; without any there is no keeper
	keepMode  string  // PLAN or ON
}

// compress is a real duration of what takes d on AWS.
func (s scene) compress(d time.Duration) time.Duration { return time.Duration(float64(d) / s.speed) }

// deploy starts an account with the stack in it.
func (s scene) deploy(ctx context.Context, out *screen) (*localaws.Account, error) {
	return localaws.Start(ctx, localaws.Options{
		Template:     s.template,
		Parameters:   s.keeperParameters(),
		Bootstrap:    s.bootstrap,
		Keeper:       s.keeper,
		CopyDuration: func(ec2.Image) time.Duration { return s.compress(20 * time.Minute) },
		Scale:        s.speed,
		Latency:      3 * time.Millisecond,
		Forgetful:    s.stays,
		AppStream: appstream.Options{
			MaxConcurrentExports: s.limit,
			ImportDuration:       s.compress(45 * time.Minute),
			ExportDuration: func(image, _ string) time.Duration {
				return s.compress(40*time.Minute + time.Duration(len(image)%5)*3*time.Minute)
			},
		},
		OnLog:       out.log,
		OnKeeperLog: out.keeperLog,
	})
}

// furnish puts images in different states into the account, and as many more as there are to be.
func (s scene) furnish(appStream *appstream.Server) {
	made := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 10, 15, 0, 0, time.UTC) }
	appStream.PutImage(appstream.Image{Name: "win2022-base-7", CreatedTime: made(time.November, 20),
		Tags: map[string]string{"Team": "Desktop", "Backup": "yes"}})
	appStream.PutImage(appstream.Image{Name: "win2025-office-12", CreatedTime: made(time.November, 21),
		Platform: types.PlatformTypeWindowsServer2025})
	appStream.SetOutcome("win2025-office-12", appstream.Outcome{
		End:    types.ExportImageTaskStateFailed,
		After:  s.compress(25 * time.Minute),
		Errors: []appstream.TaskError{{Code: "InternalError", Message: "The copy of the image's snapshot could not be completed."}},
	})
	// Where somebody has to come and look, it is not over so soon.
	creating := 20 * time.Minute
	if s.stays {
		creating = 8 * time.Hour
	}
	appStream.PutImage(appstream.Image{Name: "win2022-cad-3", CreatedTime: made(time.November, 22)})
	appStream.PutImage(appstream.Image{Name: "win2022-base-6", CreatedTime: made(time.October, 2), Tags: map[string]string{
		"appstream-ami-exporter:ami-name": "win2022-base-6-20261002T101500Z",
		"appstream-ami-exporter:ami-id":   "ami-0c3f8e1d2b4a59687",
	}})
	appStream.PutImage(appstream.Image{
		Name: "win2025-lab-1", CreatedTime: made(time.November, 23),
		Platform: types.PlatformTypeWindowsServer2025, State: types.ImageStateCreating,
		Becomes: []appstream.StateChange{{After: s.compress(creating), State: types.ImageStateAvailable}},
	})
	appStream.PutImage(appstream.Image{Name: "win2019-legacy", CreatedTime: made(time.March, 3),
		Platform: types.PlatformTypeWindowsServer2019})
	appStream.PutImage(appstream.Image{Name: "rocky8-dev", CreatedTime: made(time.June, 1), Platform: types.PlatformTypeRockyLinux8})
	appStream.PutImage(appstream.Image{
		Name: "win2022-broken", CreatedTime: made(time.November, 19), State: types.ImageStateFailed,
		StateChangeReason: appstream.StateChangeReason{Code: types.ImageStateChangeReasonCodeInternalError,
			Message: "The image could not be created."},
	})
	for n := len(appStream.Images()) + 1; n <= s.images; n++ {
		image := appstream.Image{Name: fmt.Sprintf("win2022-app-%d", n),
			CreatedTime: made(time.October, 1).Add(time.Duration(n) * time.Minute)}
		if n%2 == 0 {
			image.Name, image.Platform = fmt.Sprintf("win2025-app-%d", n), types.PlatformTypeWindowsServer2025
		}
		appStream.PutImage(image)
	}
}
