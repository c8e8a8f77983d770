package reliability

import (
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/notify"
)

// misfortune is something that can happen to a call, in the words of the table of outcomes.
type misfortune struct {
	name   string
	effect gateway.Effect
}

func refusing(status int, code, message string) misfortune {
	return misfortune{code, gateway.Effect{Kind: gateway.Refuse, Status: status, Code: code, Message: message}}
}

// common can happen to every call.
var common = []misfortune{
	refusing(http.StatusBadRequest, "ThrottlingException", "Rate exceeded"),
	refusing(http.StatusInternalServerError, "InternalFailure", "The request processing has failed."),
	refusing(http.StatusServiceUnavailable, "ServiceUnavailable", "The service is not available."),
	refusing(http.StatusBadGateway, "BadGateway", "Not in any list of AppStream's errors."),
	{"connection reset", gateway.Effect{Kind: gateway.ResetBefore}},
	{"done but reply lost", gateway.Effect{Kind: gateway.ResetAfter}},
	{"never answered", gateway.Effect{Kind: gateway.HangBefore}},
	{"done but never answered", gateway.Effect{Kind: gateway.HangAfter}},
	refusing(http.StatusBadRequest, "AccessDeniedException", "User is not authorized to perform this action."),
	refusing(http.StatusBadRequest, "ValidationException", "1 validation error detected."),
}

// documented are the exceptions that the API reference names for a call.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_CreateExportImageTask.html
var documented = map[string][]misfortune{
	"CreateExportImageTask": {
		refusing(http.StatusBadRequest, "ConcurrentModificationException", "An API error occurred. Wait a few minutes and try again."),
		refusing(http.StatusBadRequest, "ResourceNotAvailableException",
			"The specified resource exists and is not in use, but isn't available."),
		refusing(http.StatusBadRequest, "LimitExceededException", "The requested limit exceeds the permitted limit for an account."),
		refusing(http.StatusBadRequest, "ResourceNotFoundException", "The specified resource was not found."),
		refusing(http.StatusBadRequest, "InvalidRoleException", "The specified role is invalid."),
		refusing(http.StatusBadRequest, "OperationNotPermittedException", "The attempted operation is not permitted."),
		refusing(http.StatusBadRequest, "InvalidAccountStatusException",
			"The resource cannot be created because your AWS account is suspended."),
	},
	"DescribeImages": {
		refusing(http.StatusBadRequest, "ResourceNotFoundException", "The specified resource was not found."),
		refusing(http.StatusBadRequest, "RequestLimitExceededException",
			"Describe calls from your AWS account are being throttled by Amazon EC2."),
	},
	"ListExportImageTasks": {refusing(http.StatusBadRequest, "OperationNotPermittedException",
		"The attempted operation is not permitted.")},
	"GetExportImageTask": {
		refusing(http.StatusBadRequest, "OperationNotPermittedException", "The attempted operation is not permitted."),
		refusing(http.StatusBadRequest, "ResourceNotFoundException", "The specified resource was not found."),
	},
	"ListTagsForResource": {refusing(http.StatusBadRequest, "ResourceNotFoundException", "The specified resource was not found.")},
	"TagResource": {
		refusing(http.StatusBadRequest, "LimitExceededException", "A resource can have 50 tags."),
		refusing(http.StatusBadRequest, "ResourceNotFoundException", "The specified resource was not found."),
	},
	"Publish": {
		refusing(http.StatusNotFound, "NotFound", "Topic does not exist"),
		refusing(http.StatusBadRequest, "KMSAccessDenied", "The ciphertext references a key that you do not have access to."),
	},
	"SendMessage":             {refusing(http.StatusBadRequest, "QueueDoesNotExist", "The specified queue does not exist.")},
	"ChangeMessageVisibility": {refusing(http.StatusBadRequest, "MessageNotInflight", "The message referred to isn't in flight.")},
}

// extents are how much of it there is.
var extents = []string{"once", "5 times", "for an hour"}

// called are the function's calls, in the order of a life.
var called = []string{
	"DescribeImages", "ListExportImageTasks", "ListTagsForResource", "CreateExportImageTask", "Publish", "SendMessage",
	"GetExportImageTask", "ChangeMessageVisibility", "TagResource",
}

// outcome is what became of one case, as the table shows it.
type outcome struct{ told, retried string }

// row is one case of the table.
type row struct {
	action, fault, extent string
	outcome
}

// TestAnswers has every call of a life get every answer, once, several times and for an hour. Two images are exported: one that
// an event announces while it is PENDING, and one that the nightly sweep finds.
func TestAnswers(t *testing.T) {
	t.Parallel()
	var mutex sync.Mutex
	var rows []row
	cases := 0
	t.Run("cases", func(t *testing.T) {
		for _, action := range called {
			for _, m := range slices.Concat(common, documented[action]) {
				for _, extent := range extents {
					cases++
					t.Run(action+"/"+m.name+"/"+extent, func(t *testing.T) {
						inWorld(t, answerOptions(action, m.effect, extent), func(t *testing.T, w *world) {
							r := row{action, m.name, extent, answerCase(t, w, action, m, extent)}
							mutex.Lock()
							defer mutex.Unlock()
							rows = append(rows, r)
						})
					})
				}
			}
		}
	})
	if t.Failed() || strings.Contains(flag.Lookup("test.run").Value.String(), "/") { // -run asked for some of them
		return
	}
	if len(rows) != cases {
		t.Fatalf("%d of %d cases ran", len(rows), cases)
	}
	t.Logf("%d cases of %d calls", len(rows), len(called))
	checkTable(t, rows)
}

// answerOptions have the fault strike from the first call of the action on: so and so often, or for an hour.
func answerOptions(action string, effect gateway.Effect, extent string) worldOptions {
	var struck atomic.Int64
	var since time.Time
	return worldOptions{
		// An hour is not to be the end of anything.
		parameters: map[string]string{"WaitDeadlineHours": "12", "ExportDeadlineHours": "12"},
		fault: func(call gateway.Call) gateway.Effect {
			if call.Action != action {
				return gateway.Effect{}
			}
			if since.IsZero() {
				since = time.Now()
			}
			n := struck.Add(1)
			if extent == "once" && n > 1 || extent == "5 times" && n > 5 || extent == "for an hour" && time.Since(since) >= time.Hour {
				return gateway.Effect{}
			}
			return effect
		},
	}
}

func answerCase(t *testing.T, w *world, action string, m misfortune, extent string) outcome {
	t.Helper()
	begun := time.Now()
	w.appStream.PutImage(appstream.Image{
		Name: "win-new", State: types.ImageStatePending, Becomes: []appstream.StateChange{{After: 3 * time.Minute,
			State: types.ImageStateAvailable}},
	})
	w.putEvent(imageEvent(t, "win-new", "event-1", begun))
	w.after(20*time.Minute, func() {
		w.appStream.PutImage(appstream.Image{Name: "win-old", CreatedTime: begun})
		w.fireSchedule(begun.Add(20 * time.Minute))
	})
	w.settle(24 * time.Hour)
	result := outcome{toldOf(w), retriesOf(w, action)}
	if putAside := w.failed.bodies(); len(putAside) > 0 {
		time.Sleep(time.Until(begun.Add(2 * time.Hour))) // until the operator comes
		w.failed.messages, w.mailbox = nil, nil
		for _, body := range putAside {
			w.invokeAsync("operator", []byte(body))
		}
		w.settle(24 * time.Hour)
		result.told += fmt.Sprintf("; %d in the failed-events queue, sent again: %s", len(putAside), toldOf(w))
	}
	checkAnswer(t, w, action)
	return result
}

// checkAnswer holds every case to what must be true whatever happened.
func checkAnswer(t *testing.T, w *world, action string) {
	t.Helper()
	told := map[string]map[notify.Type]int{}
	for _, d := range w.told {
		if told[d.ImageName] == nil {
			told[d.ImageName] = map[notify.Type]int{}
		}
		told[d.ImageName][d.Type]++
		if d.Type == notify.ExportRejected && (d.Error == nil || d.Error.Hint == "") {
			t.Errorf("%s was rejected without a hint: %+v", d.ImageName, d.Error)
		}
	}
	// AppStream said that the image is not there. A sweep passes over such a one, and there is nothing to mark.
	denied := slices.ContainsFunc(w.calls, func(c gateway.Call) bool {
		return c.Effect.Code == "ResourceNotFoundException" &&
			c.Action == action
	})
	for _, name := range []string{"win-new", "win-old"} {
		tasks, got := 0, told[name]
		for _, task := range w.appStream.Tasks() {
			if task.ImageName == name {
				tasks++
			}
		}
		marked := w.appStream.TagsOf(name)["appstream-ami-exporter:ami-name"] != ""
		switch {
		case tasks > 1:
			t.Errorf("%s has %d tasks", name, tasks)
		case tasks == 1 && (got[notify.ExportStarted] == 0 || got[notify.ExportCompleted] == 0):
			t.Errorf("%s was exported, and told was %v", name, got)
		case tasks == 1 && !marked && !denied:
			t.Errorf("%s was exported and is not marked", name)
		case tasks == 0 && got[notify.ExportRejected]+got[notify.ExportGivenUp] == 0 && !denied:
			t.Errorf("%s was not exported, and nobody was told: %v", name, got)
		}
		if got[notify.ExportFailed] > 0 || tasks == 1 && got[notify.ExportGivenUp] > 0 {
			t.Errorf("%s did not fail, and told was %v", name, got)
		}
	}
	for _, q := range []*queue{w.work, w.dead, w.failed} {
		if len(q.messages)+len(q.buried)+len(q.expired) > 0 {
			t.Errorf("in %s is left %v", q.Name, q.bodies())
		}
	}
}

// toldOf is what the administrator sees of each image, in the order of the first time.
func toldOf(w *world) string {
	var parts []string
	for _, name := range []string{"win-new", "win-old"} {
		var said []string
		count := map[string]int{}
		for _, d := range w.documents() {
			if d.ImageName != name {
				continue
			}
			what := strings.TrimPrefix(string(d.Type), "Export")
			if d.Error != nil && d.Error.Code == "NotMarked" {
				what += " (NotMarked)"
			}
			if count[what]++; count[what] == 1 {
				said = append(said, what)
			}
		}
		if len(said) == 0 {
			said = []string{"nothing"}
		}
		parts = append(parts, strings.Join(said, ", "))
	}
	text := parts[0]
	if parts[0] != parts[1] {
		text = "event: " + parts[0] + "; sweep: " + parts[1]
	}
	return text
}

// retriesOf is when the call was made again while it failed: by the same process, where the SDK repeats it, and by later ones.
func retriesOf(w *world, action string) string {
	last := map[string]*gateway.Call{} // by what the call is about
	atOnce := false
	var pauses []time.Duration
	for i, call := range w.calls {
		if call.Action != action {
			continue
		}
		if before := last[subjectOf(call)]; before != nil {
			if call.Environment == before.Environment {
				atOnce = true
			} else if pause := call.Time.Sub(before.Time).Round(30 * time.Second); pause > 0 {
				pauses = append(pauses, pause)
			}
		}
		delete(last, subjectOf(call))
		if call.Effect.Kind != gateway.Pass {
			last[subjectOf(call)] = &w.calls[i]
		}
	}
	var parts []string
	if atOnce {
		parts = append(parts, "at once")
	}
	if len(pauses) > 0 {
		shortest, longest := slices.Min(pauses), slices.Max(pauses)
		after := "after " + pauseName(shortest)
		if shortest != longest {
			after += " to " + pauseName(longest)
		}
		parts = append(parts, after)
	}
	if len(parts) == 0 {
		return "not"
	}
	return strings.Join(parts, ", then ")
}

// subjectOf is what a call is about, for one of the two triggers: an image, a task, a message, or a page of a listing.
func subjectOf(call gateway.Call) string {
	subject := string(call.Body)
	if message, _, found := strings.Cut(call.Param("ReceiptHandle"), "#"); found {
		subject = message
	}
	for _, name := range []string{"win-new", "win-old"} {
		if strings.Contains(string(call.Body), name) {
			subject = name
		}
	}
	return fmt.Sprintf("%s %t", subject, strings.Contains(call.TraceID, "event-1"))
}

// pauseName is a pause as people say it.
func pauseName(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%gs", d.Seconds())
	}
	return fmt.Sprintf("%gm", d.Minutes())
}
