package main_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/localtest"
)

// The log answers why: one line for each image with everything to search by, and one line that sums the invocation up.
func TestDecisionsInTheLog(t *testing.T) {
	t.Parallel()
	log := &localtest.Log{}
	a := localtest.Start(t, localaws.Options{OnLog: log.Add, Scale: 1,
		AppStream: appstream.Options{NewID: counted(), ExportDuration: endless.ExportDuration}})
	put(a, "base", "running")
	exportByHand(t, a, "running", amiOf("running"))
	a.AppStream.PutImage(appstream.Image{Name: "building", CreatedTime: made, State: types.ImageStateCreating})
	a.AppStream.PutImage(appstream.Image{Name: "legacy", CreatedTime: made, Platform: types.PlatformTypeWindows})
	result := localtest.Invoke(t, a, []byte(`{"images":["base","building","running","legacy","missing"]}`))

	type decision struct{ level, decision, amiName, taskID, reason string }
	got := map[string]decision{}
	for _, what := range []string{"export", "wait", "skip", "reject", "announce"} {
		for _, line := range log.Entries(t, what) {
			image := fmt.Sprint(line["imageName"])
			if _, twice := got[image]; twice {
				t.Errorf("two lines for %s", image)
			}
			got[image] = decision{fmt.Sprint(line["level"]), what, fmt.Sprint(line["amiName"]), fmt.Sprint(line["taskId"]),
				fmt.Sprint(line["reason"])}
			check[any](t, "request id of "+image, result.RequestID, line["requestId"])
			check[any](t, "trigger id of "+image, result.RequestID, line["triggerId"])
		}
	}
	want := map[string]decision{
		"base":     {"INFO", "export", amiOf("base"), taskID(2), ""},
		"building": {"INFO", "wait", amiOf("building"), "", "the image is CREATING"},
		"running":  {"INFO", "skip", amiOf("running"), taskID(1), "in progress"},
		"legacy":   {"ERROR", "reject", "", "", "platform WINDOWS cannot be exported"},
		"missing":  {"ERROR", "reject", "", "", "the image was not found"},
	}
	if !maps.Equal(want, got) {
		t.Errorf("decisions: got %v\nwant %v", got, want)
	}

	summaries := log.Entries(t, "run finished")
	if len(summaries) != 1 {
		t.Fatalf("%d summaries", len(summaries))
	}
	summary := summaries[0]
	delete(summary, "timestamp")
	check(t, "summary", localtest.Entry{
		"level": "INFO", "message": "run finished", "trigger": "request", "triggerId": result.RequestID, "requestId": result.RequestID,
		"images": 5.0, "wouldStart": 0.0, "started": 1.0, "waiting": 1.0, "skipped": 1.0, "rejected": 2.0, "dryRun": false,
	}, summary)

	var told []string
	for _, line := range log.Entries(t, "published") {
		told = append(told, fmt.Sprintf("%s %s", line["imageName"], line["type"]))
	}
	slices.Sort(told)
	check(t, "published", []string{"base ExportStarted", "legacy ExportRejected", "missing ExportRejected"}, told)
}

// Every invocation says in one line what it came to, whatever it was, with its request id.
func TestOneSummaryForEachInvocation(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, payload, summary, level string }{
		{"a sweep", `{}`, "run finished", "INFO"},
		{"a sweep that finds nothing", `{"tag":{"Backup":"never"}}`, "run finished", "INFO"},
		{"a request for nothing there is", `{"images":["nothing-*"]}`, "run finished", "INFO"},
		{"an event to ignore", string(localtest.Event(t, "create-updated-image-denied.json")), "ignored", "INFO"},
		{"bad input", `{"images":7}`, "invocation failed", "ERROR"},
		{"a batch", string(batchOf(t, `{`+workTrigger+`,"request":{"ask":{},"only":["base"]}}`, "hello")), "batch finished", "INFO"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			log := &localtest.Log{}
			a := localtest.Start(t, localaws.Options{OnLog: log.Add, Scale: 1})
			put(a, "base")
			result := localtest.Invoke(t, a, []byte(test.payload))
			lines := log.Entries(t, test.summary)
			if len(lines) != 1 {
				t.Fatalf("%d lines %q", len(lines), test.summary)
			}
			check[any](t, "level", test.level, lines[0]["level"])
			for _, line := range log.Entries(t, "") {
				// aws-lambda-go repeats an error in a line of its own, which knows no request id.
				repeats := strings.HasPrefix(fmt.Sprint(line["message"]), `{"errorMessage":`)
				if line["requestId"] != result.RequestID && line["message"] != "started" && !repeats {
					t.Errorf("a line without the request id: %v", line)
				}
			}
		})
	}
}

// An account without any image says so, since a schedule has no reply that anybody reads.
func TestNothingMatches(t *testing.T) {
	t.Parallel()
	log := &localtest.Log{}
	a := localtest.Start(t, localaws.Options{OnLog: log.Add})
	fire(t, a, scheduled)
	check(t, "lines", 1, len(log.Entries(t, "run finished: no image matches")))
}

// Failures are ERROR, so that one filter finds all of them: refusals, failed exports, and what could not be handed over.
func TestFailuresAreErrors(t *testing.T) {
	t.Parallel()
	log := &localtest.Log{}
	a := localtest.Start(t, localaws.Options{OnLog: log.Add})
	put(a, "base", "refused")
	a.AppStream.SetOutcome("base", appstream.Outcome{End: types.ExportImageTaskStateFailed,
		Errors: []appstream.TaskError{{Code: "InternalError", Message: "Broken."}}})
	a.Gateway.SetFault(func(call gateway.Call) gateway.Effect {
		if call.Action == "CreateExportImageTask" && call.Param("ImageName") == "refused" {
			return gateway.Effect{Kind: gateway.Refuse, Code: "InvalidRoleException", Message: "No."}
		}
		return gateway.Effect{}
	})
	fire(t, a, scheduled)
	var got []string
	for _, line := range log.Entries(t, "") {
		if line["level"] != "INFO" {
			got = append(got, fmt.Sprint(line["level"], " ", line["message"], " ", line["imageName"], ": ", line["reason"]))
		}
	}
	slices.Sort(got)
	check(t, "lines above INFO", []string{
		"ERROR failed base: Broken.",
		"ERROR reject refused: AppStream refused: InvalidRoleException: No.",
	}, got)
}

// What comes in and what the function is set up with can hold secrets: neither is ever logged as a whole.
func TestSecretsStayOutOfTheLog(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	log := &localtest.Log{}
	a := localtest.Start(t, localaws.Options{
		OnLog: log.Add,
		Environment: map[string]string{"AWS_LAMBDA_LOG_LEVEL": "DEBUG", "SOMEBODYS_PASSWORD": secret, "AMI_TAGS": "Key=" + secret,
			"AWS_SECRET_ACCESS_KEY": secret},
	})
	put(a, "base")
	for _, payload := range []string{
		`{"imageName":"base","amiDescription":"` + secret + `","tags":{"Password":"` + secret + `"}}`,
		`{"source":"pipeline","detail-type":"AppStream Image Ready","detail":{"imageName":"base","password":"` + secret + `"}}`,
		`{"source":"aws.ec2","detail-type":"Something","detail":{"password":"` + secret + `"}}`,
	} {
		localtest.Invoke(t, a, []byte(payload))
	}
	localtest.Settle(t, a)
	if text := log.String(); strings.Contains(text, secret) {
		t.Errorf("the log holds the secret:\n%s", text)
	}
	if len(log.Entries(t, "published")) == 0 {
		t.Error("nothing was exported, so this test shows nothing")
	}
}

// The names of the errors are what failed-event records and alarms tell failures apart by.
func TestErrorTypes(t *testing.T) {
	t.Parallel()
	denied := func(actions ...string) gateway.Fault {
		return func(call gateway.Call) gateway.Effect {
			if slices.Contains(actions, call.Action) {
				return gateway.Effect{Kind: gateway.Refuse, Status: 403, Code: "AccessDeniedException", Message: "Not you."}
			}
			return gateway.Effect{}
		}
	}
	const unhanded = "not all could be published or queued; the same schedule or event, delivered again, makes up for it, another " +
		"request does not: task "
	for _, test := range []struct {
		name, payload string
		fault         gateway.Fault
		errorType     string
		message       string // what it begins with
		also          string // what is in it
	}{
		{"bad input", `{"image":"base"}`, nil, "InvalidInput", "nothing was started: ", ""},
		{"AppStream may not be read", `{}`, denied("DescribeImages"), "AppStreamUnreadable",
			"nothing was started: cannot read AppStream's images and export tasks: DescribeImages: AccessDeniedException: Not you.", ""},
		{"the tasks may not be read", `{"imageName":"base"}`, denied("ListExportImageTasks"), "AppStreamUnreadable",
			"nothing was started: cannot read AppStream's images and export tasks: ListExportImageTasks: AccessDeniedException: Not you.",
			""},
		{"nothing can be queued", `{"imageName":"base"}`, denied("SendMessage"), "NotHandedOver", unhanded,
			" exports base, and nobody follows it: send work to "},
		{"nothing can be queued or told", `{"imageName":"base"}`, denied("SendMessage", "Publish"), "NotHandedOver", unhanded,
			" exports base, and nobody follows it: publish "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			log := &localtest.Log{}
			a := localtest.Start(t, localaws.Options{OnLog: log.Add})
			put(a, "base")
			a.Gateway.SetFault(test.fault)
			result := localtest.Invoke(t, a, []byte(test.payload))
			check(t, "errorType", test.errorType, result.ErrorType)
			if !strings.HasPrefix(result.ErrorMessage, test.message) {
				t.Errorf("errorMessage %q does not begin with %q", result.ErrorMessage, test.message)
			}
			if !strings.Contains(result.ErrorMessage, test.also) {
				t.Errorf("errorMessage %q lacks %q", result.ErrorMessage, test.also)
			}
			lines := log.Entries(t, "invocation failed")
			if len(lines) != 1 || lines[0]["level"] != "ERROR" || lines[0]["requestId"] != result.RequestID ||
				lines[0]["error"] != strings.ReplaceAll(result.ErrorMessage, "\n", "; ") {
				t.Errorf("the log says: %v", lines)
			}
		})
	}
}

// A trigger that could not hand over what it started does so when it is delivered again, and starts nothing twice.
func TestHandedOverOnRedelivery(t *testing.T) {
	t.Parallel()
	a := localtest.Start(t, localaws.Options{})
	put(a, "base")
	broken := func(call gateway.Call) gateway.Effect {
		if call.Action == "SendMessage" || call.Action == "Publish" {
			return gateway.Effect{Kind: gateway.Refuse, Status: 403, Code: "AccessDenied", Message: "Not you."}
		}
		return gateway.Effect{}
	}
	a.Gateway.SetFault(broken)
	event := localtest.Event(t, "schedule.json")
	check(t, "errorType", "NotHandedOver", localtest.Invoke(t, a, event).ErrorType)
	a.Gateway.SetFault(nil)
	check(t, "fates", map[string]string{"base": "started: started by this trigger before"}, request(t, a, string(event)).fates())
	localtest.Settle(t, a)
	check(t, "starts", 1, startsOf(a, "base"))
	check(t, "notifications", 2, len(localtest.Documents(t, a)))
	checkMarks(t, a)
}

// The metrics are in the log as lines of their own under the name of this very function: that of another stack in the Region
// has numbers of its own, and its alarms ring for those alone.
func TestMetricsInTheLog(t *testing.T) {
	t.Parallel()
	log := &localtest.Log{}
	a := localtest.Start(t, localaws.Options{OnLog: log.Add, Scale: 1, AppStream: endless})
	put(a, "base")
	localtest.Invoke(t, a, localtest.Event(t, "schedule.json"))
	var got []any
	for _, line := range log.Lines() {
		if strings.Contains(line.Text, `"CloudWatchMetrics"`) {
			var metrics map[string]any
			if err := json.Unmarshal([]byte(line.Text), &metrics); err != nil {
				t.Fatal(err)
			}
			delete(metrics, "_aws") // compared as a whole in internal/handler
			if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(metrics["timestamp"])); err != nil {
				t.Error(err)
			}
			delete(metrics, "timestamp")
			got = append(got, metrics)
		}
	}
	check(t, "metrics", []any{map[string]any{
		"FunctionName": a.Stack.Function.Name, "level": "INFO",
		"Sweeps": 1.0, "ImagesSelected": 1.0, "ImagesSkipped": 0.0, "ImagesWaiting": 0.0, "ExportsStarted": 1.0,
		"ExportsRejected": 0.0,
	}}, got)
}
