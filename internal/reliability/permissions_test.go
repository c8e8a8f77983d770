package reliability

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/template"
	"appstream-ami-exporter/internal/notify"
)

// notCalled are the permissions that the function's role needs without the function calling anything, and why.
var notCalled = map[string]string{
	"sqs:ReceiveMessage on WorkQueue":      "Lambda polls the work queue with the function's role",
	"sqs:DeleteMessage on WorkQueue":       "Lambda deletes what was handled",
	"sqs:GetQueueAttributes on WorkQueue":  "Lambda asks how many messages there are",
	"sqs:SendMessage on FailedEventsQueue": "Lambda puts triggers aside that failed for good",
	"logs:CreateLogStream on log group":    "Lambda writes the log with the function's role",
	"logs:PutLogEvents on log group":       "Lambda writes the log with the function's role",
	"iam:PassRole on ExportRole":           "AppStream asks for it when an export is started with that role",
}

// TestPermissionsAreUsed has the template allow nothing that is not used. That it allows all that is used every test here checks:
// a world denies what the role does not allow, and the calls of the process are checked afterwards.
func TestPermissionsAreUsed(t *testing.T) {
	var calls []gateway.Call
	var statements []template.Statement
	t.Run("everything that the function can do", func(t *testing.T) {
		inWorld(t, worldOptions{fault: func(call gateway.Call) gateway.Effect {
			if call.Action == "Publish" && call.Number < 20 { // so that a notice waits
				return gateway.Effect{Kind: gateway.Refuse, Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable",
					Message: "No."}
			}
			return gateway.Effect{}
		}}, func(t *testing.T, w *world) {
			w.comesBack(w.work.add("not JSON", 0))
			neverReady(w)
			w.appStream.PutImage(appstream.Image{Name: "win-2"})
			w.fireSchedule(time.Now())
			w.settle(4 * 24 * time.Hour)
			calls, statements = w.calls, w.stack.Statements
		})
	})
	t.Cleanup(func() { // the world above waits for its turn among the parallel tests
		used := map[string]bool{}
		for _, call := range calls {
			used[call.IAMAction()+" on "+shortName(resourceOf(call))] = true
		}
		seen := map[string]bool{}
		for _, s := range statements {
			for _, action := range s.Actions {
				for _, resource := range s.Resources {
					allowance := action + " on " + shortName(resource)
					if resource == "*" && slices.ContainsFunc(slices.Collect(maps.Keys(used)),
						func(u string) bool { return strings.HasPrefix(u, action+" on ") }) {
						continue
					}
					seen[allowance] = true
					if !used[allowance] && notCalled[allowance] == "" &&
						!(strings.HasSuffix(allowance, "image/*") && usedOnImages(used, action)) {
						t.Errorf("the template allows %s, and nothing uses it", allowance)
					}
					if strings.HasSuffix(action, "*") || strings.Contains(action, "?") {
						t.Errorf("the template allows all of %s", action)
					}
				}
			}
		}
		for allowance, why := range notCalled {
			if !seen[allowance] {
				t.Errorf("the template does not allow %s, which is needed: %s", allowance, why)
			}
		}
	})
}

func usedOnImages(used map[string]bool, action string) bool {
	for u := range used {
		if strings.HasPrefix(u, action+" on ") && strings.Contains(u, "image/") {
			return true
		}
	}
	return false
}

// shortName is a resource as the test above names it.
func shortName(resource string) string {
	switch {
	case strings.Contains(resource, ":logs:"):
		return "log group"
	case strings.Contains(resource, ":image/"):
		return resource[strings.Index(resource, "image/"):]
	}
	name := resource[strings.LastIndexAny(resource, ":/")+1:]
	return strings.TrimPrefix(name, "appstream-ami-exporter-")
}

// TestRoleIsNarrow has the role deny what the function must never do, whatever its code becomes.
func TestRoleIsNarrow(t *testing.T) {
	t.Parallel()
	statements := stackOf(t, nil).Statements
	image := "arn:aws:appstream:eu-west-1:123456789012:image/win-1"
	for _, test := range []struct {
		action, resource string
		keys             map[string][]string
	}{
		{"appstream:CreateExportImageTask", "*", map[string][]string{"aws:RequestedRegion": {"us-east-1"}}},
		{"appstream:CreateExportImageTask", "*", nil},
		{"appstream:TagResource", image, map[string][]string{"aws:TagKeys": {"Owner"}}},
		{"appstream:TagResource", image, map[string][]string{"aws:TagKeys": {"appstream-ami-exporter:ami-id", "Owner"}}},
		{"appstream:TagResource", "arn:aws:appstream:eu-west-1:123456789012:fleet/f",
			map[string][]string{"aws:TagKeys": {"appstream-ami-exporter:ami-id"}}},
		{"appstream:UntagResource", image, nil},
		{"appstream:DeleteImage", image, nil},
		{"iam:PassRole", "arn:aws:iam::123456789012:role/Admin", map[string][]string{"iam:PassedToService": {"appstream.amazonaws.com"}}},
		{"iam:PassRole", stackOf(t, nil).Function.Environment["EXPORT_ROLE_ARN"],
			map[string][]string{"iam:PassedToService": {"ec2.amazonaws.com"}}},
		{"iam:PassRole", stackOf(t, nil).Function.Environment["EXPORT_ROLE_ARN"], nil},
		{"sns:Publish", "arn:aws:sns:eu-west-1:123456789012:other", nil},
		{"sqs:SendMessage", "arn:aws:sqs:eu-west-1:123456789012:other", nil},
		{"sqs:PurgeQueue", stackOf(t, nil).Queues["WorkQueue"].ARN, nil},
	} {
		if allowed(statements, test.action, test.resource, test.keys) {
			t.Errorf("the role may %s on %s with %v", test.action, test.resource, test.keys)
		}
	}
}

// TestForeignHands sends what somebody might try who can invoke the function or put events: nothing that is not selected is
// touched, no role but the stack's is passed, and nothing leaves the account and the Region.
func TestForeignHands(t *testing.T) {
	t.Parallel()
	custom := func(detail string) string {
		return fmt.Sprintf(`{"source":"me","detail-type":"AppStream Image Ready","account":"123456789012","region":"eu-west-1","id":"1",`+
			`"detail":%s}`, detail)
	}
	for _, test := range []struct {
		name, payload string
		within        bool // requests are held to the selection
		exported      []string
	}{
		{name: "event of an image that is not selected", payload: custom(`{"imageName":"secret-1"}`)},
		{name: "event with a pattern", payload: custom(`{"imageName":"*"}`)},
		{name: "event with an exclusion", payload: custom(`{"imageName":"!x"}`)},
		{name: "event with a list", payload: custom(`{"imageName":["secret-1","prod-1"]}`)},
		{name: "event with fields of a " +
			"request", payload: custom(`{"imageName":"prod-1","images":["secret-1"],"amiName":"mine","tags":{"a":"b"},` +
			`"roleArn":"arn:aws:iam::999999999999:role/x"}`), exported: []string{"prod-1"}},
		{name: "event of another account", payload: strings.Replace(custom(`{"imageName":"prod-1"}`), "123456789012", "999999999999", 1)},
		{name: "event of another Region", payload: strings.Replace(custom(`{"imageName":"prod-1"}`), "eu-west-1", "us-east-1", 1)},
		{name: "event of an image without the tag", payload: custom(`{"imageName":"prod-untagged"}`)},
		{name: "schedule with fields of a " +
			"request", payload: `{"source":"aws.scheduler","resources":["x"],"time":"2026-11-23T02:00:00Z","detail":{},` +
			`"images":["secret-1"]}`},
		{name: "request for a role", payload: `{"images":["prod-1"],"iamRoleArn":"arn:aws:iam::123456789012:role/Admin"}`},
		{name: "request for a role in other letters", payload: `{"images":["prod-1"],"RoleArn":"arn:aws:iam::123456789012:role/Admin"}`},
		{name: "request for another Region", payload: `{"images":["prod-1"],"region":"us-east-1"}`},
		{name: "request by ARN", payload: `{"images":["arn:aws:appstream:us-east-1:999999999999:image/prod-1"]}`},
		{name: "request for an image of another account", payload: `{"images":["shared-1"]}`},
		{name: "request for our own tags", payload: `{"images":["prod-1"],"tags":{"appstream-ami-exporter:trigger-id":"x"}}`},
		{name: "request outside the selection, where it may", payload: `{"images":["secret-1"]}`, exported: []string{"secret-1"}},
		{name: "request outside the selection, where it may not", payload: `{"images":["secret-1"]}`, within: true},
		{name: "request for everything, where it may not", payload: `{"images":["*"]}`, within: true, exported: []string{"prod-1"}},
		{name: "request for an image without the tag, where it may not", payload: `{"imageName":"prod-untagged"}`, within: true},
		{name: "request by tag, where it may not", payload: `{"tag":{"Backup":"no"}}`, within: true},
		{name: "messages of another queue", payload: `{"Records":[{"messageId":"1","eventSource":"aws:s3","body":"{}"}]}`},
		{name: "work of another stack", payload: strings.ReplaceAll(workFor(t, `{"imageName":"prod-1"}`), "WorkQueue", "OtherQueue")},
		{name: "work of this stack", payload: workFor(t, `{"imageName":"prod-1"}`), exported: []string{"prod-1"}},
		{name: "work with a pattern", payload: workFor(t, `{"imageName":"*"}`)},
		{name: "work outside the selection", payload: workFor(t, `{"imageName":"secret-1"}`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			parameters := map[string]string{"Images": "prod-*", "ImageTag": "Backup=yes",
				"RequestsWithinSelection": fmt.Sprint(test.within)}
			inWorld(t, worldOptions{parameters: parameters}, func(t *testing.T, w *world) {
				backup := map[string]string{"Backup": "yes"}
				w.appStream.PutImage(appstream.Image{Name: "prod-1", Tags: backup})
				w.appStream.PutImage(appstream.Image{Name: "secret-1", Tags: backup})
				w.appStream.PutImage(appstream.Image{Name: "prod-untagged", Tags: map[string]string{"Backup": "no"}})
				w.appStream.PutImage(appstream.Image{Name: "shared-1", Owner: "999999999999", Visibility: types.VisibilityTypeShared,
					Tags: backup})
				w.invoke([]byte(test.payload))
				w.settle(24 * time.Hour)
				var exported []string
				for _, task := range w.appStream.Tasks() {
					exported = append(exported, task.ImageName)
					if task.RoleARN != w.stack.Function.Environment["EXPORT_ROLE_ARN"] || strings.HasPrefix(task.AMIName, "mine") {
						t.Errorf("the export is %+v", task)
					}
				}
				if !slices.Equal(exported, test.exported) {
					t.Errorf("exported are %v, want %v", exported, test.exported)
				}
				for _, call := range w.calls {
					if r := resourceOf(call); r != "*" && !strings.Contains(r, ":eu-west-1:123456789012:") {
						t.Errorf("%s goes to %s", call.Action, r)
					}
				}
				for _, d := range w.documents() {
					if d.Type == notify.ExportStarted && !slices.Contains(test.exported, d.ImageName) {
						t.Errorf("told was %s", d.Summary)
					}
				}
			})
		})
	}
}

// workFor is a batch with a request as an image event leaves it on the queue.
func workFor(t *testing.T, ask string) string {
	body := fmt.Sprintf(`{"trigger":{"type":"image-ready","id":"1","time":"2000-01-01T00:00:00Z"},`+
		`"since":"2000-01-01T00:00:00Z","deadline":"2000-01-02T00:00:00Z","request":{"ask":%s}}`, ask)
	return fmt.Sprintf(`{"Records":[{"messageId":"1","receiptHandle":"1","eventSource":"aws:sqs","eventSourceARN":%q,"body":%q,`+
		`"attributes":{"ApproximateReceiveCount":"1"}}]}`, stackOf(t, nil).Mapping.QueueARN, body)
}
