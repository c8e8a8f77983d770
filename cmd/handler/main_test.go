// These tests send events to the compiled function, in a local account with the repository's stack in it, and look at what
// an administrator would: the reply, the notifications, AppStream's tasks and tags, the queues and the log.
package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/notify"
)

func TestMain(m *testing.M) { os.Exit(localtest.Main(m)) }

const (
	account     = "123456789012"
	region      = "eu-west-1"
	imagePrefix = "arn:aws:appstream:" + region + ":" + account + ":image/"
)

// made is when every image here was made, and scheduled when its night is due.
var (
	made      = time.Date(2026, 11, 20, 10, 15, 0, 0, time.UTC)
	scheduled = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
)

// endless is an AppStream whose exports do not end while a test runs.
var endless = appstream.Options{ExportDuration: func(string, string) time.Duration { return time.Hour }}

// amiOf is the name that the template's default gives the AMI of an image.
func amiOf(image string) string { return image + "-20261120T101500Z" }

// put adds images that can be exported at once.
func put(a *localaws.Account, names ...string) {
	for _, name := range names {
		a.AppStream.PutImage(appstream.Image{Name: name, CreatedTime: made})
	}
}

// counted makes task ids that a test can foretell: the first is taskID(1).
func counted() func() string {
	var count atomic.Int64
	return func() string { return taskID(count.Add(1)) }
}

func taskID(number int64) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", number) }

// request invokes the function directly and returns its reply, which must be no error.
func request(t *testing.T, a *localaws.Account, payload string) reply {
	t.Helper()
	result := localtest.Invoke(t, a, []byte(payload))
	if result.Failed() {
		t.Fatalf("the function reports %s: %s", result.ErrorType, result.ErrorMessage)
	}
	var r reply
	if err := json.Unmarshal(result.Payload, &r); err != nil {
		t.Fatalf("%v: %s", err, result.Payload)
	}
	return r
}

// reply is what the contract promises of the function's, written anew: a changed name on the other side shows here.
type reply struct {
	WouldStart  []entry `json:"wouldStart"`
	Started     []entry `json:"started"`
	Waiting     []entry `json:"waiting"`
	Skipped     []entry `json:"skipped"`
	Rejected    []entry `json:"rejected"`
	SkippedMore int     `json:"skippedMore"`
}

type entry struct {
	ImageName string `json:"imageName"`
	AMIName   string `json:"amiName"`
	TaskID    string `json:"taskId"`
	Reason    string `json:"reason"`
	Hint      string `json:"hint"`
}

// fates is what became of each image, in one word and its reason.
func (r reply) fates() map[string]string {
	all := map[string]string{}
	for fate, list := range map[string][]entry{"would start": r.WouldStart, "started": r.Started, "waiting": r.Waiting,
		"skipped": r.Skipped, "rejected": r.Rejected} {
		for _, e := range list {
			all[e.ImageName] = fate
			if e.Reason != "" {
				all[e.ImageName] += ": " + e.Reason
			}
		}
	}
	return all
}

// told is the types of the notifications of each image, in the order in which they came.
func told(t *testing.T, a *localaws.Account) map[string][]notify.Type {
	t.Helper()
	all := map[string][]notify.Type{}
	for _, d := range localtest.Documents(t, a) {
		all[d.ImageName] = append(all[d.ImageName], d.Type)
	}
	return all
}

var startedAndCompleted = []notify.Type{notify.ExportStarted, notify.ExportCompleted}

// fire plays the night's schedule and waits until all is done.
func fire(t *testing.T, a *localaws.Account, due time.Time) {
	t.Helper()
	if _, err := a.FireSchedule(due); err != nil {
		t.Fatal(err)
	}
	localtest.Settle(t, a)
}

// tasksOf is the states of all the tasks that were ever started for each AMI name.
func tasksOf(a *localaws.Account) map[string][]types.ExportImageTaskState {
	all := map[string][]types.ExportImageTaskState{}
	for _, task := range a.AppStream.Tasks() {
		all[task.AMIName] = append(all[task.AMIName], task.State)
	}
	return all
}

// checkQueues says what each queue of the stack is left with.
func checkQueues(t *testing.T, a *localaws.Account, work, deadLetters, failedEvents int) {
	t.Helper()
	got := map[string]int{
		"work":          len(a.Queues.Messages(a.WorkQueue)),
		"dead letters":  len(a.Queues.Messages(a.DeadLetterQueue)),
		"failed events": len(a.Queues.Messages(a.FailedEventsQueue)),
	}
	check(t, "messages in the queues", map[string]int{"work": work, "dead letters": deadLetters, "failed events": failedEvents}, got)
}

func check[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// checkJSON compares JSON by what it says.
func checkJSON(t *testing.T, what, want string, got []byte) {
	t.Helper()
	decode := func(text []byte) (value any) {
		if err := json.Unmarshal(text, &value); err != nil {
			t.Fatalf("%s: %v: %s", what, err, text)
		}
		return value
	}
	check(t, what, decode([]byte(want)), decode(got))
}
