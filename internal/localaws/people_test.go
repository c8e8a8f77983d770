package localaws_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/localtest"
)

func TestMain(m *testing.M) { os.Exit(localtest.Main(m)) }

// open starts an account that other programs can call, and returns the environment in which they do.
func open(t *testing.T) (account *localaws.Account, environment []string) {
	t.Helper()
	account = localtest.Start(t, localaws.Options{Forgetful: true})
	account.AppStream.PutImage(appstream.Image{Name: "win2022-base-7"})
	endpoint, err := account.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	environment = slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "AWS_") })
	return account, append(environment, "AWS_ENDPOINT_URL="+endpoint.URL(), "AWS_DEFAULT_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=local",
		"AWS_SECRET_ACCESS_KEY=local",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_PAGER=", "ENDPOINT="+endpoint.URL())
}

// The real aws command speaks other protocols than the SDK for Go, and finds the same.
func TestAWSCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes some ten seconds")
	}
	localtest.Tool(t, "aws", "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html")
	account, environment := open(t)
	const script = `
output() { aws cloudformation describe-stacks --stack-name appstream-ami-exporter \
  --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue" --output text; }
function=$(output FunctionName)
test "$(aws sts get-caller-identity --query Account --output text)" = 123456789012
test "$(aws cloudformation list-stack-resources --stack-name appstream-ami-exporter --query 'length(StackResourceSummaries)')" -gt 20
aws lambda invoke --function-name "$function" --payload '{"imageName":"win2022-base-7"}' reply.json $raw
grep -q '"started":\[{"imageName":"win2022-base-7"' reply.json
test "$(aws appstream list-export-image-tasks --query 'length(ExportImageTasks)')" = 1
test "$(aws cloudwatch describe-alarms --state-value ALARM --query 'MetricAlarms[].AlarmName' --output text)" = \
  appstream-ami-exporter-NightMissedAlarm
test "$(aws logs filter-log-events --log-group-name "$(output LogGroupName)" \
  --filter-pattern '{ $.message = "run finished*" }' --query 'length(events)')" = 1
aws cloudwatch get-metric-statistics --namespace AppStreamAmiExporter --metric-name ExportsStarted \
  --dimensions Name=FunctionName,Value="$function" \
  --start-time "$START" --end-time "$END" --period 86400 --statistics Sum --query 'Datapoints[0].Sum' --output text | grep -Eqx '1(\.0)?'
aws sns publish --topic-arn "$(output Topic)" --message hello
aws events put-events \
  --entries '[{"Source":"my.pipeline","DetailType":"AppStream Image Ready","Detail":"{\"imageName\":\"win2022-base-7\"}"}]'
# Version 1 does not take the address of SQS from the environment.
test "$(aws sqs get-queue-attributes --endpoint-url "$ENDPOINT" --queue-url "$(output FailedEventsQueueUrl)" \
  --attribute-names All --query Attributes.ApproximateNumberOfMessages --output text)" = 0
# What is not played is refused with a sentence, not with a stack trace.
aws iam get-role --role-name r 2>&1 | grep -q 'The local AWS does not play iam'
aws ec2 describe-vpcs 2>&1 | grep -q 'The local AWS does not play DescribeVpcs of ec2'
aws dynamodb list-tables 2>&1 | grep -q 'The local AWS does not play dynamodb'
`
	environment = append(environment, "START="+time.Now().Add(-24*time.Hour).UTC().Format(time.RFC3339),
		"END="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	if version, _ := exec.Command("aws", "--version").CombinedOutput(); strings.HasPrefix(string(version), "aws-cli/2") {
		environment = append(environment, "raw=--cli-binary-format raw-in-base64-out")
	}
	shell := exec.CommandContext(t.Context(), "sh", "-eux", "-c", script)
	shell.Dir, shell.Env = t.TempDir(), append(environment, "raw=")
	if output, err := shell.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	localtest.Settle(t, account)
	if tasks := account.AppStream.Tasks(); len(tasks) != 1 {
		t.Errorf("there are %d exports, the event of one that is exported already has started another", len(tasks))
	}
}

// So does boto3.
func TestBoto3(t *testing.T) {
	python := localtest.Tool(t, "python3", "https://www.python.org")
	account, environment := open(t)
	if exec.Command(python, "-c", "import boto3").Run() != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("boto3 is not installed, and CI must have it")
		}
		t.Skip("SKIPPED: boto3 is not installed, so this is NOT tested; to have it: pip install boto3")
	}
	const script = `
import boto3, datetime, json
stack = boto3.client('cloudformation').describe_stacks(StackName='appstream-ami-exporter')['Stacks'][0]
assert stack['CreationTime'].year > 2000
output = {o['OutputKey']: o['OutputValue'] for o in stack['Outputs']}
answer = boto3.client('lambda').invoke(FunctionName=output['FunctionName'], Payload=b'{"dryRun":true}')
assert json.load(answer['Payload'])['wouldStart'][0]['imageName'] == 'win2022-base-7'
images = boto3.client('appstream').describe_images(Type='PRIVATE')['Images']
assert [image['Name'] for image in images] == ['win2022-base-7']
cloudwatch, now = boto3.client('cloudwatch'), datetime.datetime.now(datetime.timezone.utc)
alarms = cloudwatch.describe_alarms(StateValue='ALARM')['MetricAlarms']
assert [alarm['AlarmName'] for alarm in alarms] == ['appstream-ami-exporter-NightMissedAlarm'], alarms
assert abs(alarms[0]['StateUpdatedTimestamp'] - now) < datetime.timedelta(hours=1)
points = cloudwatch.get_metric_statistics(Namespace='AWS/Lambda', MetricName='Invocations',
    Dimensions=[{'Name': 'FunctionName', 'Value': output['FunctionName']}],
    StartTime=now - datetime.timedelta(hours=1), EndTime=now + datetime.timedelta(minutes=1), Period=86400,
    Statistics=['Sum'])['Datapoints']
assert points[0]['Sum'] == 1, points
assert boto3.client('logs').filter_log_events(logGroupName=output['LogGroupName'])['events']
sqs, queue = boto3.client('sqs'), output['FailedEventsQueueUrl']
sqs.send_message(QueueUrl=queue, MessageBody='hello', MessageAttributes={'ERROR_CODE': {'DataType': 'String', 'StringValue': 'X'}})
message = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=['All'])['Messages'][0]
assert message['MessageAttributes']['ERROR_CODE']['StringValue'] == 'X', message
boto3.client('sns').publish(TopicArn=output['Topic'], Message='hello')
entry = {'Source': 'my.pipeline', 'DetailType': 'AppStream Image Ready', 'Detail': '{"imageName":"win2022-base-7"}'}
assert boto3.client('events').put_events(Entries=[entry])['FailedEntryCount'] == 0
`
	program := exec.CommandContext(t.Context(), python, "-c", script)
	program.Env = environment
	if output, err := program.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	localtest.Settle(t, account)
	if tasks := account.AppStream.Tasks(); len(tasks) != 1 {
		t.Errorf("the event has started %d exports", len(tasks))
	}
}

func TestPutEventsRefuses(t *testing.T) {
	_, environment := open(t)
	endpoint := strings.TrimPrefix(environment[len(environment)-1], "ENDPOINT=")
	put := func(target, body string) (answer struct {
		Type             string `json:"__type"`
		FailedEntryCount int
		Entries          []struct{ ErrorCode string }
	}) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Amz-Target", target)
		request.Header.Set("Authorization",
			"AWS4-HMAC-SHA256 Credential=x/20261124/eu-west-1/events/aws4_request, SignedHeaders=host, Signature=0")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		return answer
	}
	if answer := put("AWSEvents.ListRules", "{}"); answer.Type != "UnknownOperationException" {
		t.Errorf("another operation: %+v", answer)
	}
	if answer := put("AWSEvents.PutEvents", "{"); answer.Type != "SerializationException" {
		t.Errorf("half of JSON: %+v", answer)
	}
	answer := put("AWSEvents.PutEvents", `{"Entries":[{"Source":"a","DetailType":"b","Detail":"no JSON"}]}`)
	if answer.FailedEntryCount != 1 || answer.Entries[0].ErrorCode != "MalformedDetail" {
		t.Errorf("an event without JSON: %+v", answer)
	}
}

// The address that a person chose may be taken.
func TestListenTwice(t *testing.T) {
	account, environment := open(t)
	address := strings.TrimPrefix(environment[len(environment)-1], "ENDPOINT=http://")
	if _, err := account.Listen(address); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("the error is %v", err)
	}
}
