package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/terminal"
)

func TestMain(m *testing.M) { os.Exit(localtest.Main(m)) }

// Each command against the real function: CloudFormation, CloudWatch and its logs are moto's, the rest is the local AWS.
func TestCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes half a minute")
	}
	moto := localtest.Moto(t)
	account := localtest.Start(t, localaws.Options{AppStream: appstream.Options{
		ExportDuration: func(image, _ string) time.Duration {
			if image == "win2022-long-1" {
				return time.Hour
			}
			return localtest.ExportDuration
		},
	}})
	furnish(account.AppStream)
	endpoints := map[string]string{"cloudformation": moto, "cloudwatch": moto, "logs": moto}
	for service, handler := range map[string]http.Handler{"appstream": account.AppStream, "lambda": account.Function, "sqs": account.Queues} {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		endpoints[service] = server.URL
	}
	through(t, endpoints)
	deploy(t, moto, account)

	screen := mustShow(t, "plan")
	has(t, screen, "export  win2022-base-7", "wait    win2022-new-1", "the image is CREATING", "skip    win2019-legacy", "2 would be exported, 1 would wait, 1 would be skipped")
	if tasks := account.AppStream.Tasks(); len(tasks) != 0 {
		t.Fatalf("the plan has started %d exports", len(tasks))
	}

	has(t, mustShow(t, "-image", "win2022-base-7", "export"), "started  win2022-base-7", "Started.")
	has(t, mustShow(t, "-image", "win2022-long-1", "-ami-name", "golden", "export"), "started  win2022-long-1  golden")
	_, err := show(t, "-image", "no*", "export")
	if err == nil || !strings.Contains(err.Error(), "is not an image name") {
		t.Errorf("a pattern for a name: %v", err)
	}
	_, err = show(t, "-image", "win2019-legacy", "export")
	if err == nil || err.Error() != "nothing was started" {
		t.Errorf("an image that cannot be exported: %v", err)
	}

	deadline := time.Now().Add(30 * time.Second)
	for account.AppStream.TagsOf("win2022-base-7")["appstream-ami-exporter:ami-id"] == "" && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	screen = mustShow(t, "status")
	has(t, screen, "win2022-long-1  golden    EXPORTING", "win2022-base-7  COMPLETED", "ami-", "win2022-new-1   win2022-new-1-", "the image is CREATING", "win2022-long-1-", due, "work           1", "failed events  0")

	// An event that the function refuses ends in the failed-events queue, from where it can be sent again.
	account.Function.InvokeAsync([]byte(`{"detail-type":"AppStream Image Ready","detail":{}}`))
	if err := account.Function.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	screen, err = show(t, "replay")
	if _, ok := errors.AsType[terminal.Attention](err); !ok {
		t.Errorf("what is left needs nobody: %v", err)
	}
	has(t, screen, "left there  AppStream Image Ready", "names no image")

	if _, err := show(t, "-stack", "other", "plan"); err == nil || !strings.Contains(err.Error(), "there is no stack other") {
		t.Errorf("a stack that is not there: %v", err)
	}
}

func furnish(appStream *appstream.Server) {
	for _, image := range []appstream.Image{
		{Name: "win2022-base-7"}, {Name: "win2022-long-1"}, {Name: "win2022-new-1", State: types.ImageStateCreating},
		{Name: "win2019-legacy", Platform: types.PlatformTypeWindowsServer2019},
	} {
		appStream.PutImage(image)
	}
}

func show(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), args, &out, time.Now)
	return out.String(), err
}

func mustShow(t *testing.T, args ...string) string {
	t.Helper()
	screen, err := show(t, args...)
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, screen)
	}
	return screen
}

func has(t *testing.T, screen string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(screen, part) {
			t.Errorf("the screen lacks %q:\n%s", part, screen)
		}
	}
}

// through has the program call each service at its own address.
func through(t *testing.T, endpoints map[string]string) {
	t.Helper()
	for service, url := range endpoints {
		t.Setenv("AWS_ENDPOINT_URL_"+strings.ToUpper(service), url)
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": endpoints["logs"],
		"AWS_ACCESS_KEY_ID":                "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "eu-west-1", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
}

// deploy gives moto a stack with the outputs of the one in the local account.
func deploy(t *testing.T, moto string, account *localaws.Account) {
	t.Helper()
	var outputs strings.Builder
	for name, value := range map[string]string{
		"FunctionName": account.Stack.Function.Name, "LogGroupName": "log", "WorkQueueUrl": account.WorkQueue.URL,
		"DeadLetterQueueUrl": account.DeadLetterQueue.URL, "FailedEventsQueueUrl": account.FailedEventsQueue.URL,
	} {
		fmt.Fprintf(&outputs, "  %s: {Value: %q}\n", name, value)
	}
	const resources = `Resources:
  Log: {Type: 'AWS::Logs::LogGroup', Properties: {LogGroupName: log}}
  Alarm: {Type: 'AWS::CloudWatch::Alarm', Properties: {ComparisonOperator: GreaterThanThreshold, EvaluationPeriods: 1, MetricName: m, Namespace: n, Period: 60, Statistic: Sum, Threshold: 1}}
Outputs:
`
	create := cloudformation.NewFromConfig(aws.Config{Region: "eu-west-1", BaseEndpoint: &moto, Credentials: credentials.NewStaticCredentialsProvider("x", "x", "")})
	_, err := create.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String("appstream-ami-exporter"), TemplateBody: aws.String(resources + outputs.String())})
	if err != nil {
		t.Fatal(err)
	}
}
