package reliability

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/localaws/queues"
	"appstream-ami-exporter/internal/notify"
)

// killScale makes 30 minutes, the queue's visibility timeout, 60 ms: a message of a killed process is soon there again.
const killScale = 30_000

// life is a story of exports in a real account. AppStream's clock stands still but for an hour each time that the function has
// put off some work, so that how often it looks does not hang on how fast this machine is.
type life struct {
	name   string
	images []string // each of which must be exported, once
	begin  func(t *testing.T, a *localaws.Account)
}

var lives = []life{
	{
		name: "image event", images: []string{"win-new"},
		begin: func(t *testing.T, a *localaws.Account) {
			putPending(a, "win-new")
			putImageEvent(t, a, "win-new")
		},
	},
	{
		name: "sweep", images: []string{"win-1", "win-2", "win-new"},
		begin: func(t *testing.T, a *localaws.Account) {
			a.AppStream.PutImage(appstream.Image{Name: "win-1"})
			a.AppStream.PutImage(appstream.Image{Name: "win-2"})
			putPending(a, "win-new")
			fireSchedule(t, a)
		},
	},
	{
		name: "schedule and image event", images: []string{"win-new"},
		begin: func(t *testing.T, a *localaws.Account) {
			putPending(a, "win-new")
			fireSchedule(t, a)
			putImageEvent(t, a, "win-new")
		},
	},
}

func putPending(a *localaws.Account, name string) {
	a.AppStream.PutImage(appstream.Image{
		Name: name, State: types.ImageStatePending, Becomes: []appstream.StateChange{{After: 30 * time.Minute,
			State: types.ImageStateAvailable}},
	})
}

func putImageEvent(t *testing.T, a *localaws.Account, name string) {
	t.Helper()
	matched, err := a.PutEvent(imageEvent(t, name, "event-of-"+name, time.Now()))
	if err != nil || !matched {
		t.Fatalf("the event of %s reaches a rule: %t, %v", name, matched, err)
	}
}

func fireSchedule(t *testing.T, a *localaws.Account) {
	t.Helper()
	if _, err := a.FireSchedule(time.Now()); err != nil {
		t.Fatal(err)
	}
}

// imageEvent is CloudTrail's event of an image that an image builder begins.
func imageEvent(t testing.TB, name, id string, at time.Time) []byte {
	t.Helper()
	when := at.UTC().Format(time.RFC3339)
	event, err := json.Marshal(map[string]any{
		"version": "0", "id": "envelope-" + id, "source": "aws.appstream", "detail-type": "AWS Service Event via CloudTrail",
		"account": "123456789012", "region": "eu-west-1", "time": when, "resources": []string{},
		"detail": map[string]any{
			"eventTime": when, "eventSource": "appstream.amazonaws.com", "eventName": "CreateImage", "eventType": "AwsServiceEvent",
			"eventID":           id,
			"requestParameters": nil, "responseElements": nil, "serviceEventDetails": map[string]any{"ImageName": name,
				"ImageState": "PENDING"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// killPoint is one moment at which the process is killed: immediately before or after its n-th call of an action.
type killPoint struct {
	action string
	n      int
	kind   gateway.EffectKind
}

func (k killPoint) String() string {
	when := "before"
	if k.kind == gateway.KillAfter {
		when = "after"
	}
	return fmt.Sprintf("%s %s %d", when, k.action, k.n)
}

// TestKill kills the compiled function with SIGKILL before and after each call that it makes in a life, one run for each.
func TestKill(t *testing.T) {
	t.Parallel()
	var reached, missed atomic.Int64
	t.Cleanup(func() {
		t.Logf("killed at %d points; %d that some lives have never came", reached.Load(), missed.Load())
		if missed.Load() > reached.Load()/20 {
			t.Error("too many points never came")
		}
	})
	for _, story := range lives {
		t.Run(story.name, func(t *testing.T) {
			t.Parallel()
			points := killPoints(t, story)
			t.Logf("%d kill points", len(points))
			for _, point := range points {
				t.Run(point.String(), func(t *testing.T) {
					t.Parallel()
					// Which of two processes comes first is not in our hands, so a call may be missing in a run.
					for range 5 {
						if runLife(t, story, &point).killed {
							reached.Add(1)
							return
						}
					}
					missed.Add(1)
					t.Skip("the process never came to this point: only twins that race do")
				})
			}
		})
	}
}

// killPoints are the calls of undisturbed lives, those that all of several have.
func killPoints(t *testing.T, story life) (points []killPoint) {
	t.Helper()
	var often map[string]int
	for range 3 {
		counts := map[string]int{}
		for _, call := range runLife(t, story, nil).calls {
			counts[call.Action]++
		}
		if often == nil {
			often = counts
		}
		for action := range often {
			often[action] = min(often[action], counts[action])
		}
	}
	for action, n := range often {
		for i := range n {
			points = append(points, killPoint{action, i + 1, gateway.KillBefore}, killPoint{action, i + 1, gateway.KillAfter})
		}
	}
	slices.SortFunc(points, func(a, b killPoint) int { return strings.Compare(a.String(), b.String()) })
	return points
}

type lifeRun struct {
	calls  []gateway.Call
	killed bool
}

// concurrentLives bounds how many accounts there are at once: each has processes of its own.
var concurrentLives = make(chan struct{}, 6)

// runLife runs a story to its end, killing the process at the point, and checks that all is as it must be.
func runLife(t *testing.T, story life, point *killPoint) lifeRun {
	t.Helper()
	concurrentLives <- struct{}{}
	defer func() { <-concurrentLives }()

	begun := time.Now()
	var hours atomic.Int64
	var mutex sync.Mutex
	seen, killed := 0, false
	log := &localtest.Log{}
	a, err := localaws.Start(t.Context(), localaws.Options{
		Template: "../../template.yaml", Bootstrap: localtest.Bootstrap(t), Scale: killScale, OnLog: log.Add,
		AppStream: appstream.Options{
			Now:            func() time.Time { return begun.Add(time.Duration(hours.Load()) * time.Hour) },
			ExportDuration: func(string, string) time.Duration { return 40 * time.Minute },
		},
		OnCall: func(call gateway.Call) {
			if call.Action == "ChangeMessageVisibility" && (call.Status == 200 || call.Effect.Kind == gateway.KillAfter) {
				hours.Add(1)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the function's log:\n%s", log)
		}
	}()
	if point != nil {
		a.Gateway.SetFault(func(call gateway.Call) gateway.Effect {
			mutex.Lock()
			defer mutex.Unlock()
			if call.Action == point.action {
				seen++
				if seen == point.n {
					killed = true
					return gateway.Effect{Kind: point.kind}
				}
			}
			return gateway.Effect{}
		})
	}
	story.begin(t, a)
	localtest.Settle(t, a)
	checkLife(t, a, story)
	checkPermissions(t, a)
	mutex.Lock()
	defer mutex.Unlock()
	return lifeRun{a.Gateway.Calls(), killed}
}

// checkLife holds an account to what every life ends with.
func checkLife(t *testing.T, a *localaws.Account, story life) {
	t.Helper()
	told := map[string]map[notify.Type]int{}
	for _, d := range localtest.Documents(t, a) {
		if told[d.ImageName] == nil {
			told[d.ImageName] = map[notify.Type]int{}
		}
		told[d.ImageName][d.Type]++
	}
	for _, image := range story.images {
		var tasks []appstream.Task
		for _, task := range a.AppStream.Tasks() {
			if task.ImageName == image {
				tasks = append(tasks, task)
			}
		}
		if len(tasks) != 1 || tasks[0].State != types.ExportImageTaskStateCompleted {
			t.Errorf("%s has the tasks %+v, want one that is COMPLETED", image, tasks)
			continue
		}
		tags := a.AppStream.TagsOf(image)
		if tags["appstream-ami-exporter:ami-name"] != tasks[0].AMIName || tags["appstream-ami-exporter:ami-id"] != tasks[0].AMIID {
			t.Errorf("%s is marked %v, want its AMI %s (%s)", image, tags, tasks[0].AMIName, tasks[0].AMIID)
		}
		got := told[image]
		if got[notify.ExportStarted] < 1 || got[notify.ExportCompleted] < 1 ||
			got[notify.ExportFailed]+got[notify.ExportRejected]+got[notify.ExportGivenUp] > 0 {
			t.Errorf("of %s was told %v, want that it started and completed, and nothing else", image, got)
		}
	}
	for _, queue := range []queues.Queue{a.WorkQueue, a.DeadLetterQueue, a.FailedEventsQueue} {
		if left := a.Queues.Messages(queue); len(left) > 0 {
			t.Errorf("%d messages are left in %s, the first is %s", len(left), queue.Name, left[0].Body)
		}
	}
}

// checkPermissions has every call of the process be one that its role allows.
func checkPermissions(t *testing.T, a *localaws.Account) {
	t.Helper()
	for _, call := range a.Gateway.Calls() {
		if denial := denied(a.Stack.Statements, call); denial != nil {
			t.Errorf("the function's role does not allow a call: %s", denial.Message)
		}
	}
}
