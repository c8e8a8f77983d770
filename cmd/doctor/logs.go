package main

import (
	"context"
	"time"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/doctor"
)

// filterLog is the permission of all that is read from the log.
const filterLog = "logs:FilterLogEvents"

// version is that of the function when it last started.
func (c clients) version(ctx context.Context, d doctor.Deployment, now time.Time) doctor.Answer[string] {
	version, err := deployed.Version(ctx, c.logs, d.Outputs["LogGroupName"], now)
	if err == nil && version == "" {
		return doctor.Absent[string]()
	}
	return answer(version, err, filterLog)
}

func (c clients) lastNight(ctx context.Context, d doctor.Deployment, now time.Time) doctor.Answer[doctor.Night] {
	last, err := deployed.LastNight(ctx, c.logs, d.Outputs["LogGroupName"], now)
	switch {
	case err != nil:
		return answer(doctor.Night{}, err, filterLog)
	case last == nil:
		return doctor.Absent[doctor.Night]()
	}
	return doctor.Given(doctor.Night{
		At: last.At, Images: last.Images, Started: last.Started, Waiting: last.Waiting, Skipped: last.Skipped, Rejected: last.Rejected,
	})
}
