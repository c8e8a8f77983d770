package reliability

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/notify"
)

// TestAnswersToTheProcess has the compiled function meet some of the answers over real connections, where lost replies and hanging
// ones are not only played.
func TestAnswersToTheProcess(t *testing.T) {
	t.Parallel()
	unavailable := gateway.Effect{Kind: gateway.Refuse, Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable", Message: "No."}
	for _, test := range []struct {
		name, action string
		times        int64
		effect       gateway.Effect
		timeout      time.Duration // of the function, where it is to run out
	}{
		{"start whose reply is lost", "CreateExportImageTask", 1, gateway.Effect{Kind: gateway.ResetAfter}, 0},
		{"start that is reset", "CreateExportImageTask", 2, gateway.Effect{Kind: gateway.ResetBefore}, 0},
		{"start that is done but never answered", "CreateExportImageTask", 1, gateway.Effect{Kind: gateway.HangAfter}, 2 * time.Second},
		{"start that is never answered", "CreateExportImageTask", 1, gateway.Effect{Kind: gateway.HangBefore}, 2 * time.Second},
		{"start over the limit", "CreateExportImageTask", 3, gateway.Effect{Kind: gateway.Refuse, Code: "LimitExceededException",
			Message: "No."}, 0},
		{"tasks that cannot be listed", "ListExportImageTasks", 4, unavailable, 0},
		{"images that are never listed", "DescribeImages", 2, gateway.Effect{Kind: gateway.HangBefore}, 2 * time.Second},
		{"notification that is not taken", "Publish", 4, unavailable, 0},
		{"notification whose answer is lost", "Publish", 2, gateway.Effect{Kind: gateway.ResetAfter}, 0},
		{"work that is not taken", "SendMessage", 4, unavailable, 0},
		{"work whose answer is lost", "SendMessage", 2, gateway.Effect{Kind: gateway.ResetAfter}, 0},
		{"message that cannot be kept", "ChangeMessageVisibility", 2, unavailable, 0},
		{"task that cannot be seen", "GetExportImageTask", 4, unavailable, 0},
		{"mark that is refused", "TagResource", 1, gateway.Effect{Kind: gateway.Refuse, Code: "AccessDeniedException", Message: "No."}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			concurrentLives <- struct{}{}
			defer func() { <-concurrentLives }()
			// Long enough that a busy machine still finds the export running when it looks for the first time.
			duration := func(string, string) time.Duration { return 500 * time.Millisecond }
			a := localtest.Start(t, localaws.Options{Timeout: test.timeout, AppStream: appstream.Options{ExportDuration: duration}})
			var struck atomic.Int64
			a.Gateway.SetFault(func(call gateway.Call) gateway.Effect {
				if call.Action == test.action && struck.Add(1) <= test.times {
					return test.effect
				}
				return gateway.Effect{}
			})
			a.AppStream.PutImage(appstream.Image{Name: "win-1"})
			fireSchedule(t, a)
			localtest.Settle(t, a)
			if struck.Load() < test.times {
				t.Errorf("%s was called %d times, want at least the %d that fail", test.action, struck.Load(), test.times)
			}
			tasks := a.AppStream.Tasks()
			if len(tasks) != 1 || tasks[0].State != types.ExportImageTaskStateCompleted {
				t.Errorf("the tasks are %+v, want one that is COMPLETED", tasks)
			}
			told := map[notify.Type]bool{}
			for _, d := range localtest.Documents(t, a) {
				told[d.Type] = true
			}
			if len(told) != 2 || !told[notify.ExportStarted] || !told[notify.ExportCompleted] {
				t.Errorf("told was %v, want that it started and completed", told)
			}
			if a.AppStream.TagsOf("win-1")["appstream-ami-exporter:ami-id"] == "" {
				t.Error("the image is not marked")
			}
			checkPermissions(t, a)
		})
	}
}
