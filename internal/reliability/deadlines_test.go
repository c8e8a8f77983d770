package reliability

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/notify"
)

// sixHours are the deadlines of these tests.
var sixHours = map[string]string{"WaitDeadlineHours": "6", "ExportDeadlineHours": "6"}

func neverReady(w *world) {
	w.appStream.PutImage(appstream.Image{Name: "win-1", State: types.ImageStatePending})
	w.putEvent(imageEvent(w.t, "win-1", "event-1", time.Now()))
}

func neverEnding(w *world) {
	w.appStream.SetOutcome("win-1", appstream.Outcome{End: types.ExportImageTaskStateExporting})
	w.appStream.PutImage(appstream.Image{Name: "win-1"})
	w.fireSchedule(time.Now())
}

// TestGivenUp has work that comes to nothing be announced once, with how long it waited and what to do, and then be gone.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		begin     func(*world)
		parts     []string // of what is told
		hint      string
		late      time.Duration // how long after the deadline it may be told at first
		fault     gateway.Fault
		receives  string // MAX_RECEIVE_COUNT, where that ends it instead of the deadline
		imageName string
	}{
		{name: "image never available", begin: neverReady, parts: []string{"win-1", "6h", "the image is PENDING"},
			hint: "request the image by name"},
		{name: "task never ends", begin: neverEnding, parts: []string{"win-1", "6h", "EXPORTING"},
			hint: "aws appstream get-export-image-task"},
		{
			name: "limit always reached", parts: []string{"win-1", "6h", "LimitExceededException"}, hint: "request the image by name",
			begin: func(w *world) { w.appStream.PutImage(appstream.Image{Name: "win-1"}); w.fireSchedule(time.Now()) },
			late:  40 * time.Minute, // for the next night's run, which would carry it
			fault: onAction("CreateExportImageTask", gateway.Effect{Kind: gateway.Refuse, Code: "LimitExceededException",
				Message: "The limit is exceeded."}),
		},
		{
			name: "task cannot be seen", begin: neverEnding, parts: []string{"win-1", "6h", "does not tell how the task stands"},
			hint: "get-export-image-task",
			fault: onAction("GetExportImageTask", gateway.Effect{Kind: gateway.Refuse, Status: http.StatusInternalServerError,
				Code: "InternalFailure", Message: "No."}), late: 40 * time.Minute,
		},
		{
			name: "AppStream cannot be read by an event", begin: neverReady, parts: []string{"win-1", "6h", "ListExportImageTasks"},
			hint:  "request the image by name",
			fault: onAction("ListExportImageTasks", gateway.Effect{Kind: gateway.ResetBefore}), late: 40 * time.Minute,
		},
		{
			name: "AppStream cannot be read by a sweep", parts: []string{"all selected images", "6h", "DescribeImages"},
			hint: "a nightly run", late: 40 * time.Minute, imageName: "*",
			begin: func(w *world) { w.fireSchedule(time.Now()) },
			fault: onAction("DescribeImages", gateway.Effect{Kind: gateway.Refuse, Code: "ThrottlingException", Message: "Rate exceeded"}),
		},
		{name: "last receive of a request", begin: neverReady, parts: []string{"win-1", "PENDING"}, hint: "request the image by name",
			receives: "10"},
		{name: "last receive of a watch", begin: neverEnding, parts: []string{"win-1", "EXPORTING"}, hint: "get-export-image-task",
			receives: "10"},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := worldOptions{parameters: sixHours, fault: test.fault}
			if test.receives != "" {
				options.variables = map[string]string{"MAX_RECEIVE_COUNT": test.receives}
			}
			inWorld(t, options, func(t *testing.T, w *world) {
				if test.receives != "" {
					w.work.MaxReceiveCount = 10
				}
				begun := time.Now()
				test.begin(w)
				w.settle(48 * time.Hour)
				var told []publication
				for _, p := range w.mailbox {
					if p.document.Type == notify.ExportGivenUp {
						told = append(told, p)
					}
				}
				if len(told) != 1 {
					t.Fatalf("it was given up %d times, want once: %v", len(told), w.documents())
				}
				d := told[0].document
				for _, part := range test.parts {
					if !strings.Contains(d.Summary, part) {
						t.Errorf("the summary %q lacks %q", d.Summary, part)
					}
				}
				if d.Error == nil || !strings.Contains(d.Error.Hint, test.hint) {
					t.Errorf("the error is %+v, want a hint with %q", d.Error, test.hint)
				}
				if after := told[0].at.Sub(begun); test.receives == "" &&
					(after < 6*time.Hour+test.late || after > 6*time.Hour+test.late+20*time.Minute) {
					t.Errorf("it was given up after %s, want within a look of 6h and %s", after, test.late)
				}
				checkNothingLeft(t, w)
			})
		})
	}
}

func checkNothingLeft(t *testing.T, w *world) {
	t.Helper()
	for _, q := range []*queue{w.work, w.dead, w.failed} {
		if len(q.messages)+len(q.buried)+len(q.expired) > 0 {
			t.Errorf("in %s is left %v; it buried %v", q.Name, q.bodies(), q.buried)
		}
	}
}

func onAction(action string, effect gateway.Effect) gateway.Fault {
	return func(call gateway.Call) gateway.Effect {
		if call.Action == action {
			return effect
		}
		return gateway.Effect{}
	}
}

// TestGivenUpWhileSNSIsDown has the last word wait until it can be heard.
func TestGivenUpWhileSNSIsDown(t *testing.T) {
	begun := time.Time{}
	options := worldOptions{parameters: sixHours, fault: func(call gateway.Call) gateway.Effect {
		if call.Action == "Publish" && time.Since(begun) < 30*time.Hour {
			return gateway.Effect{Kind: gateway.Refuse, Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable", Message: "No."}
		}
		return gateway.Effect{}
	}}
	inWorld(t, options, func(t *testing.T, w *world) {
		begun = time.Now()
		neverReady(w)
		w.settle(48 * time.Hour)
		if got := w.documents(); len(got) != 1 || got[0].Type != notify.ExportGivenUp || !strings.Contains(got[0].Summary, "6h") {
			t.Errorf("told was %+v, want that it was given up after 6h", got)
		}
		checkNothingLeft(t, w)
	})
}

// neverRoom has one image wait for room that another never leaves.
func neverRoom(w *world) {
	neverEnding(w)
	w.after(time.Hour, func() {
		w.appStream.PutImage(appstream.Image{Name: "win-2"})
		w.putEvent(imageEvent(w.t, "win-2", "event-2", time.Now()))
	})
}

// TestLongestDeadline has even the longest wait stay well below the receives after which SQS would drop the message: it is sent
// anew before. It does no harm when the process dies in between, so that there are two of it.
func TestLongestDeadline(t *testing.T) {
	week := map[string]string{"WaitDeadlineHours": "168", "ExportDeadlineHours": "168"}
	for _, test := range []struct {
		name   string
		begin  func(*world)
		image  string
		looks  int // at the least
		killed bool
	}{
		{"request", neverReady, "win-1", 600, false},
		{"watch", neverEnding, "win-1", 600, false},
		{"request without room", neverRoom, "win-2", 5000, false},
		{"request without room, killed while it is sent anew", neverRoom, "win-2", 5000, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			looks, kills := 0, 0
			options := worldOptions{parameters: week, appStream: appstream.Options{MaxConcurrentExports: 1}}
			options.observe = func(a *awaited) {
				if a.call.Action == "GetExportImageTask" || a.call.Action == "ListExportImageTasks" {
					looks++
				}
			}
			options.fault = func(call gateway.Call) gateway.Effect {
				anew := call.Action == "SendMessage" && strings.Contains(call.Param("MessageBody"), `"request"`) && looks > 100
				if test.killed && anew && kills < 3 {
					kills++
					return gateway.Effect{Kind: gateway.KillAfter}
				}
				return gateway.Effect{}
			}
			inWorld(t, options, func(t *testing.T, w *world) {
				test.begin(w)
				w.settle(9 * 24 * time.Hour)
				givenUp := map[string]int{}
				for _, d := range w.documents() {
					if d.ImageName == test.image && d.Type == notify.ExportGivenUp && strings.Contains(d.Summary, "168h") {
						givenUp[d.ID]++
					}
				}
				if len(givenUp) != 1 {
					t.Errorf("that %s was given up after 168h was told as %v, want one thing: %+v", test.image, givenUp, w.documents())
				}
				if w.work.mostReceives > 510 {
					t.Errorf("a message was received %d times, want it sent anew at 500", w.work.mostReceives)
				}
				if looks < test.looks {
					t.Errorf("there were %d looks, want more than %d, or the test shows nothing", looks, test.looks)
				}
				if test.killed != (kills > 0) || len(w.appStream.Tasks()) > 1 {
					t.Errorf("%d kills, %d tasks", kills, len(w.appStream.Tasks()))
				}
				checkNothingLeft(t, w)
			})
		})
	}
}

// TestUnreadableWork goes to the dead-letter queue at once and as it is, and stops nothing else.
func TestUnreadableWork(t *testing.T) {
	inWorld(t, worldOptions{}, func(t *testing.T, w *world) {
		bodies := []string{"not JSON", "{}", `{"watch":{}}`, "\U0001F4A3"}
		for _, body := range bodies {
			w.comesBack(w.work.add(body, 0))
		}
		w.appStream.PutImage(appstream.Image{Name: "win-1"})
		w.fireSchedule(time.Now())
		w.settle(24 * time.Hour)
		got := map[string]bool{}
		for _, body := range w.dead.bodies() {
			got[body] = true
		}
		if len(got) != len(bodies) || len(w.dead.messages) != len(bodies) {
			t.Errorf("in the dead-letter queue are %q, want %q", w.dead.bodies(), bodies)
		}
		for _, body := range bodies {
			if !got[body] {
				t.Errorf("the dead-letter queue lacks %q", body)
			}
		}
		w.dead.messages = nil
		checkOneAMI(t, w)
	})
}

// TestUntoldNotice is the one thing that may end unheard in the dead-letter queue: a notification that SNS has not taken for days.
func TestUntoldNotice(t *testing.T) {
	inWorld(t, worldOptions{
		fault: func(call gateway.Call) gateway.Effect {
			if call.Action == "Publish" && strings.Contains(call.Param("Subject"), "started") {
				return gateway.Effect{Kind: gateway.Refuse, Code: "AuthorizationError", Message: "No."}
			}
			return gateway.Effect{}
		},
	}, func(t *testing.T, w *world) {
		begun := time.Now()
		w.appStream.PutImage(appstream.Image{Name: "win-1"})
		w.fireSchedule(begun)
		w.settle(14 * 24 * time.Hour)
		if len(w.dead.messages) != 1 || !strings.Contains(w.dead.bodies()[0], `"notice"`) {
			t.Fatalf("in the dead-letter queue are %q, want the notice", w.dead.bodies())
		}
		if len(w.work.expired) > 0 {
			t.Errorf("SQS dropped %q by age", w.work.expired)
		}
		// Had SQS moved it, it would be there for the rest of 14 days only.
		if age := w.dead.messages[0].sent.Sub(begun); len(w.work.buried) > 0 || age < 9*24*time.Hour {
			t.Errorf("SQS moved %q, and the notice's 14 days begin %v after the night", w.work.buried, age)
		}
	})
}
