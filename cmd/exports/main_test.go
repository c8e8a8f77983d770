package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the screens in testdata anew")

// morning is the time at which the screens are looked at.
func morning() time.Time { return time.Date(2026, 11, 24, 9, 12, 0, 0, time.UTC) }

func show(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), args, &out, morning)
	return out.String(), err
}

// compare holds a screen against testdata.
func compare(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the screen is not that of %s; go test ./cmd/exports -update writes it anew (-want +got):\n%s", file, diff)
	}
}

func TestPlan(t *testing.T) {
	directory := fakeAWS(t, map[string]string{"payload.json": `{"trigger":{"type":"request","id":"1","time":"2026-11-24T09:12:00Z"},"dryRun":true,
		"wouldStart":[{"imageName":"win2022-base-7","amiName":"win2022-base-7-20261120T101500Z"},{"imageName":"win2022-cad-3","amiName":"win2022-cad-3-20261122T101500Z"}],
		"started":[],
		"waiting":[{"imageName":"win2025-lab-1","amiName":"win2025-lab-1-20261123T101500Z","reason":"the image is CREATING"}],
		"skipped":[{"imageName":"rocky8-dev","reason":"platform ROCKY_LINUX8 cannot be exported"},
			{"imageName":"win2022-base-6","amiName":"win2022-base-6-20261002T101500Z","reason":"already exported"}],
		"rejected":[{"imageName":"win2022-old","reason":"the image was not found","hint":"Check the name."}],"skippedMore":3}`})
	screen, err := show(t, "-region", "eu-west-1", "-profile", "backup", "-images", "win*, !win-test", "plan")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "plan.txt", screen)
	if got, want := read(t, directory, "request"), `{"images":["win*","!win-test"],"dryRun":true}`; got != want {
		t.Errorf("the function is asked %s, want %s", got, want)
	}
	for call := range strings.SplitSeq(read(t, directory, "calls"), "\n") {
		if !strings.Contains(call, "--output json --region eu-west-1 --profile backup") {
			t.Errorf("a call goes elsewhere: aws %s", call)
		}
	}
}

func TestPlanOfNothing(t *testing.T) {
	directory := fakeAWS(t, nil)
	screen, err := show(t, "plan")
	if err != nil || !strings.Contains(screen, "no image matches") || !strings.Contains(screen, "the images that the stack selects") {
		t.Errorf("%v:\n%s", err, screen)
	}
	if got := read(t, directory, "request"); got != `{"dryRun":true}` {
		t.Errorf("the function is asked %s", got)
	}
	if calls := read(t, directory, "calls"); strings.Contains(calls, "--region") || strings.Contains(calls, "--profile") {
		t.Errorf("Region and profile are not left to the aws command:\n%s", calls)
	}
}

func TestExport(t *testing.T) {
	tests := map[string]struct{ reply, says, fails string }{
		"started":  {`{"started":[{"imageName":"a1","amiName":"a1-x","taskId":"1"}]}`, "Started.", ""},
		"waits":    {`{"waiting":[{"imageName":"a1","reason":"the image is PENDING"}]}`, "as soon as it can be", ""},
		"exported": {`{"skipped":[{"imageName":"a1","amiName":"a1-x","reason":"already exported"}]}`, "AMI_NAME=", ""},
		"rejected": {`{"rejected":[{"imageName":"a1","reason":"the image was not found","hint":"Check the name."}]}`, "Check the name.", "nothing was started"},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			directory := fakeAWS(t, map[string]string{"payload.json": test.reply})
			screen, err := show(t, "-image", "a1", "-ami-name", "a1-x", "export")
			if !strings.Contains(screen, test.says) || (err == nil) != (test.fails == "") || err != nil && err.Error() != test.fails {
				t.Errorf("%v:\n%s", err, screen)
			}
			if got := read(t, directory, "request"); got != `{"imageName":"a1","amiName":"a1-x"}` {
				t.Errorf("the function is asked %s", got)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	fakeAWS(t, map[string]string{
		// One time as version 1 of the aws command writes it, the other as version 2 does.
		"appstream-list-export-image-tasks.json": `{"NextToken":"2","ExportImageTasks":[
			{"TaskId":"1","ImageArn":"arn:aws:appstream:eu-west-1:123456789012:image/win2022-base-7","AmiName":"win2022-base-7-20261120T101500Z","CreatedDate":1795485603.5,"State":"COMPLETED","AmiId":"ami-0123456789abcdef0"},
			{"TaskId":"2","ImageArn":"arn:aws:appstream:eu-west-1:123456789012:image/win2025-office-12","AmiName":"win2025-office-12-20261121T101500Z","CreatedDate":"2026-11-24T02:00:04+00:00","State":"FAILED","ErrorDetails":[{"ErrorCode":"InternalError","ErrorMessage":"The copy failed."}]}]}`,
		"appstream-list-export-image-tasks.next.json": `{"ExportImageTasks":[
			{"TaskId":"3","ImageArn":"arn:aws:appstream:eu-west-1:123456789012:image/win2022-cad-3","AmiName":"win2022-cad-3-20261122T101500Z","CreatedDate":"2026-11-24T08:31:00+00:00","State":"EXPORTING"},
			{"TaskId":"4","ImageArn":"arn:aws:appstream:eu-west-1:123456789012:image/win2022-old","AmiName":"win2022-old-20260101T101500Z","CreatedDate":"2026-10-24T08:31:00+00:00","State":"COMPLETED","AmiId":"ami-1"},
			{"TaskId":"5","ImageArn":"arn:aws:appstream:eu-west-1:123456789012:image/win2022-hr-1","AmiName":"win2022-hr-1-20261122T101500Z","CreatedDate":"2026-11-21T08:31:00+00:00"}]}`,
		"payload.json": `{"waiting":[{"imageName":"win2025-lab-1","amiName":"win2025-lab-1-20261123T101500Z","reason":"the image is CREATING"}],
			"wouldStart":[{"imageName":"win2022-cad-4","amiName":"win2022-cad-4-20261123T111500Z"}]}`,
		"sqs-get-queue-attributes.json": `{"Attributes":{"ApproximateNumberOfMessages":"1","ApproximateNumberOfMessagesNotVisible":"0","ApproximateNumberOfMessagesDelayed":"2"}}`,
		"logs-filter-log-events.json": `{"events":[
			{"timestamp":1795399201000,"message":"{\"message\":\"run finished\",\"triggerId\":\"n1\",\"images\":7}"},
			{"timestamp":1795485602000,"message":"{\"message\":\"run finished\",\"triggerId\":\"n2\",\"images\":8,\"started\":3,\"waiting\":1,\"skipped\":4,\"rejected\":0}"},
			{"timestamp":1795486802000,"message":"{\"message\":\"run finished\",\"triggerId\":\"n2\",\"images\":1,\"started\":1}"},
			{"timestamp":1795486802001,"message":"no JSON"}]}`,
		"cloudformation-list-stack-resources.json": `{"StackResourceSummaries":[{"ResourceType":"AWS::CloudWatch::Alarm","PhysicalResourceId":"exporter-FailedAlarm-1"},{"ResourceType":"AWS::CloudWatch::Alarm","PhysicalResourceId":"exporter-ErrorAlarm-2"}]}`,
		"cloudwatch-describe-alarms.json": `{"MetricAlarms":[{"AlarmName":"exporter-FailedAlarm-1","AlarmDescription":"Exports failed. Look why.","StateValue":"ALARM","StateUpdatedTimestamp":"2026-11-24T02:26:00.120000+00:00"},
			{"AlarmName":"exporter-ErrorAlarm-2","StateValue":"OK","StateUpdatedTimestamp":"2026-11-24T02:26:00+00:00"}]}`,
	})
	screen, err := show(t, "status")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "status.txt", screen)
}

func TestStatusOfACalmStack(t *testing.T) {
	fakeAWS(t, nil)
	screen, err := show(t, "status")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "status-calm.txt", screen)
}

// One part that cannot be read does not hide the others.
func TestStatusWithoutAPart(t *testing.T) {
	fakeAWS(t, map[string]string{"logs-filter-log-events.error": "\nAn error occurred (AccessDeniedException) when calling the FilterLogEvents operation: no"})
	screen, err := show(t, "status")
	if err == nil || err.Error() != "not everything could be read" {
		t.Errorf("the error is %v", err)
	}
	for _, want := range []string{"cannot be told: aws logs filter-log-events: An error occurred (AccessDeniedException)", "docs/PERMISSIONS.md", "work           0"} {
		if !strings.Contains(screen, want) {
			t.Errorf("the screen lacks %q:\n%s", want, screen)
		}
	}
}

func TestReplay(t *testing.T) {
	directory := fakeAWS(t, map[string]string{"messages.json": `{"Messages":[
		{"MessageId":"1","ReceiptHandle":"r1","Body":"{\"requestPayload\":{\"source\":\"aws.appstream\",\"detail-type\":\"AWS Service Event via CloudTrail\",\"time\":\"2026-11-23T10:15:00Z\",\"detail\":{\"eventName\":\"CreateImage\"}},\"responsePayload\":{\"errorType\":\"AppStreamUnreadable\",\"errorMessage\":\"nothing was started: AccessDenied\"}}"},
		{"MessageId":"2","ReceiptHandle":"r2","Body":"{\"requestPayload\":{\"imagse\":[\"a\"]},\"responsePayload\":{\"errorType\":\"InvalidInput\",\"errorMessage\":\"nothing was started: no field\"}}"},
		{"MessageId":"3","ReceiptHandle":"r3","Body":"{\"source\":\"aws.scheduler\",\"detail-type\":\"Scheduled Event\",\"time\":\"2026-11-23T02:00:00Z\"}"}]}`})
	screen, err := show(t, "replay")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "replay.txt", screen)
	calls := read(t, directory, "calls")
	if strings.Count(calls, "lambda invoke") != 2 || strings.Count(calls, "--invocation-type Event") != 2 ||
		!strings.Contains(calls, "--receipt-handle r1") || strings.Contains(calls, "--receipt-handle r2") || !strings.Contains(calls, "--receipt-handle r3") {
		t.Errorf("the calls are:\n%s", calls)
	}
	if got := read(t, directory, "request"); got != `{"source":"aws.scheduler","detail-type":"Scheduled Event","time":"2026-11-23T02:00:00Z"}` {
		t.Errorf("the function is sent %s", got)
	}
}

func TestReplayOfNothing(t *testing.T) {
	fakeAWS(t, nil)
	if screen, err := show(t, "replay"); err != nil || !strings.Contains(screen, "is empty") {
		t.Errorf("%v:\n%s", err, screen)
	}
}

func TestComplaints(t *testing.T) {
	tests := map[string]struct{ complaint, says string }{
		"no Region":      {"\nYou must specify a region. You can also configure your region by running \"aws configure\".", "REGION=eu-west-1"},
		"no credentials": {"\nUnable to locate credentials. You can configure credentials by running \"aws configure\".", "PROFILE="},
		"no profile":     {"\nThe config profile (x) could not be found", "aws configure list-profiles"},
		"expired":        {"\nAn error occurred (ExpiredToken) when calling the DescribeStacks operation: The security token included in the request is expired", "Log in again"},
		"single sign-on": {"\nError loading SSO Token: Token for x does not exist", "Log in again"},
		"denied":         {"\nAn error occurred (AccessDenied) when calling the DescribeStacks operation: no", "docs/PERMISSIONS.md"},
		"too old":        {"usage: aws [options]\naws: error: argument operation: Invalid choice, valid choices are:\n\ncopy-image | wait", "install a newer one"},
		"no stack":       {"\nAn error occurred (ValidationError) when calling the DescribeStacks operation: Stack with id appstream-ami-exporter does not exist", "there is no stack appstream-ami-exporter in the Region that the aws command uses. Name yours with STACK="},
		"something else": {"\nAn error occurred (Teapot)", "(Teapot)"},
		"no word":        {"", "aws cloudformation describe-stacks failed: exit status 254"},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			fakeAWS(t, map[string]string{"cloudformation-describe-stacks.error": test.complaint})
			_, err := show(t, "plan")
			if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "copy-image | wait") {
				t.Errorf("the error is: %v", err)
			}
		})
	}
}

func TestWithoutTheAWSCommand(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := show(t, "plan")
	if err == nil || !strings.Contains(err.Error(), "Install the AWS CLI") {
		t.Errorf("the error is: %v", err)
	}
}

func TestTheFunctionsOwnWord(t *testing.T) {
	fakeAWS(t, map[string]string{
		"lambda-invoke.json": `{"StatusCode":200,"FunctionError":"Unhandled"}`,
		"payload.json":       `{"errorMessage":"nothing was started: \"?\" is not an image name","errorType":"InvalidInput"}`,
	})
	_, err := show(t, "-image", "?", "export")
	if err == nil || err.Error() != `the function says: nothing was started: "?" is not an image name` {
		t.Errorf("the error is: %v", err)
	}
}

func TestAnotherStack(t *testing.T) {
	fakeAWS(t, map[string]string{"cloudformation-describe-stacks.json": `{"Stacks":[{"StackId":"arn:aws:cloudformation:eu-west-1:123456789012:stack/web/1"}]}`})
	_, err := show(t, "-stack", "web", "status")
	if err == nil || !strings.Contains(err.Error(), "the stack web has no output FunctionName") {
		t.Errorf("the error is: %v", err)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"fly"}, {"plan", "more"}, {"-nonsense"}} {
		if _, err := show(t, args...); err != flag.ErrHelp {
			t.Errorf("%q: the error is %v", args, err)
		}
	}
	if _, err := show(t, "export"); err == nil || !strings.Contains(err.Error(), "IMAGE=") {
		t.Errorf("export without an image: %v", err)
	}
}

func TestSpan(t *testing.T) {
	for want, d := range map[string]time.Duration{"0s": -time.Second, "25s": 25 * time.Second, "41m": 41*time.Minute + 50*time.Second, "3h05m": 185 * time.Minute, "4d": 100 * time.Hour} {
		if got := span(d); got != want {
			t.Errorf("span(%s) is %s, want %s", d, got, want)
		}
	}
}
