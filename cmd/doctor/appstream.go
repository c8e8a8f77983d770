package main

import (
	"context"
	"errors"
	"net"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/doctor"
	"appstream-ami-exporter/internal/export"
)

// tasks counts the export tasks that AppStream remembers. Other services have answered by now, so where its name is not known,
// the Region has no AppStream.
func (c clients) tasks(ctx context.Context) doctor.Answer[doctor.Tasks] {
	tasks, err := deployed.ListTasks(ctx, c.appStream)
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return doctor.Absent[doctor.Tasks]()
	}
	counts := doctor.Tasks{Total: len(tasks)}
	for _, task := range tasks {
		if !ended(task) {
			counts.Running++
		}
	}
	return answer(counts, err, "appstream:ListExportImageTasks")
}

// ended tells whether AppStream does nothing more about a task.
func ended(task types.ExportImageTask) bool { return export.Task{State: string(task.State)}.Ended() }
