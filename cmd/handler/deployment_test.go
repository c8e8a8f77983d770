package main_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/config"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/lambda"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/localaws/template"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/notify/notifytest"
)

// deployment is what scripts/deploy_into_moto.py prints.
type deployment struct {
	Outputs  map[string]string
	Function struct {
		Name            string
		Timeout, Memory int
		Environment     map[string]any // moto leaves numbers numbers
	}
	MappedQueues   []string
	WorkQueue      map[string]string // its attributes
	Dashboards     []string
	ScheduleInputs []string
	Deployed       []string
	NotDeployed    []string
}

// TestDeployedStack deploys the template as SAM translates it and starts the function in exactly the environment that the
// deployed resources resolve to, with its topic and queues: a night has to export an image and tell the topic.
func TestDeployedStack(t *testing.T) {
	endpoint := localtest.CloudFormation(t)
	topic, err := clientsAt(endpoint).sns.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("existing")})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name       string
		parameters []string
	}{
		{name: "with the defaults"},
		{name: "with everything that can be given", parameters: []string{
			"TopicArn=" + aws.ToString(topic.TopicArn),
			"ExportRoleArn=arn:aws:iam::" + account + ":role/existing/export",
			"KmsKeyArn=arn:aws:kms:" + region + ":" + account + ":key/1234abcd-12ab-34cd-56ef-1234567890ab",
			"PermissionsBoundaryArn=arn:aws:iam::" + account + ":policy/boundary",
			"ReservedConcurrency=3",
			"ScheduleTimezone=Europe/Dublin",
			"Images=win*,!win-test", "ImageTag=Backup=yes", "RequestsWithinSelection=true", "AmiNameTemplate={image}-{created}",
			"AmiTags=Team=Desktop", "CopyImageTags=false", "WaitDeadlineHours=1", "ExportDeadlineHours=168",
		}},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stack := deployInto(t, endpoint, fmt.Sprintf("stack%d", i), test.parameters)
			t.Logf("deployed: %s", strings.Join(stack.Deployed, ", "))
			t.Logf("NOT deployed, since moto does not know them: %s", strings.Join(stack.NotDeployed, ", "))
			runNight(t, endpoint, stack)
		})
	}
}

// deployInto deploys the template under a name.
func deployInto(t *testing.T, endpoint, name string, parameters []string) (d deployment) {
	t.Helper()
	command := exec.Command("python3", append([]string{"scripts/deploy_into_moto.py", endpoint, name, localtest.Code(t)}, parameters...)...)
	command.Dir = localtest.Root(t)
	var problems strings.Builder
	command.Stderr = &problems
	output, err := command.Output()
	if err != nil {
		t.Fatalf("deploy: %v\n%s", err, problems.String())
	}
	if err := json.Unmarshal(output, &d); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return d
}

// runNight lets the schedule of the deployed stack start the function once.
func runNight(t *testing.T, endpoint string, stack deployment) {
	variables := map[string]string{}
	for name, value := range stack.Function.Environment {
		variables[name] = fmt.Sprint(value)
	}
	for _, v := range config.Variables() {
		if _, ok := variables[v.Name]; !ok && v.Name != "AWS_REGION" {
			t.Errorf("the deployed function has no variable %s", v.Name)
		}
	}
	if len(stack.MappedQueues) != 1 || stack.MappedQueues[0] != stack.WorkQueue["QueueArn"] {
		t.Errorf("Lambda reads %q, not the work queue %s", stack.MappedQueues, stack.WorkQueue["QueueArn"])
	}
	if len(stack.Dashboards) != 1 || !json.Valid([]byte(stack.Dashboards[0])) ||
		!strings.Contains(stack.Dashboards[0], stack.Function.Name) {
		t.Errorf("the dashboard is no JSON about %s: %s", stack.Function.Name, stack.Dashboards)
	}

	clients := clientsAt(endpoint)
	inbox, err := clients.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("inbox-of-" + stack.Function.Name)})
	if err != nil {
		t.Fatal(err)
	}
	inboxARN := "arn:aws:sqs:" + region + ":" + account + ":inbox-of-" + stack.Function.Name
	if _, err := clients.sns.Subscribe(t.Context(), &sns.SubscribeInput{
		TopicArn: aws.String(stack.Outputs["Topic"]), Protocol: aws.String("sqs"), Endpoint: aws.String(inboxARN),
		Attributes: map[string]string{"RawMessageDelivery": "true"},
	}); err != nil {
		t.Fatal(err)
	}

	emulator := appstream.New(appstream.Options{Account: account, Region: region,
		ExportRoles: []string{stack.Outputs["ExportRole"]}})
	emulator.PutImage(appstream.Image{Name: "win2022", CreatedTime: made, Tags: map[string]string{"Backup": "yes"}})
	gateway := gateway.New(gateway.Options{Latency: 2 * time.Millisecond}, gateway.Service{SigningName: "appstream", Handler: emulator})
	t.Cleanup(func() {
		if err := gateway.Close(); err != nil {
			t.Error(err)
		}
	})
	// The deployed topic and queues are moto's; only AppStream, which moto has not, is ours.
	variables["AWS_ENDPOINT_URL_SNS"], variables["AWS_ENDPOINT_URL_SQS"] = endpoint, endpoint
	function := lambda.NewFunction(lambda.FunctionOptions{
		Environment: lambda.EnvironmentOptions{
			Binary: localtest.Bootstrap(t), FunctionName: stack.Function.Name, Region: region, AccountID: account,
			MemorySize: stack.Function.Memory, Variables: variables, Gateway: gateway,
		},
		Timeout: time.Duration(stack.Function.Timeout) * time.Second,
	})
	t.Cleanup(function.Close)

	if len(stack.ScheduleInputs) != 1 {
		t.Fatalf("%d schedules, want 1", len(stack.ScheduleInputs))
	}
	schedule := template.Schedule{ARN: "arn:aws:scheduler:" + region + ":" + account + ":schedule/default/nightly",
		Input: stack.ScheduleInputs[0]}
	payload, err := schedule.Payload(scheduled)
	if err != nil {
		t.Fatal(err)
	}
	result, err := function.Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	if result.Failed() {
		t.Fatalf("the function reports %s: %s", result.ErrorType, result.ErrorMessage)
	}

	tasks := emulator.Tasks()
	if len(tasks) != 1 || tasks[0].AMIName != amiOf("win2022") {
		t.Fatalf("exports: %+v, want one to %s; the function's reply: %s", tasks, amiOf("win2022"), result.Payload)
	}
	messages := receive(t, clients, aws.ToString(inbox.QueueUrl))
	if len(messages) != 1 {
		t.Fatalf("%d notifications, want 1: %q", len(messages), messages)
	}
	notifytest.Validate(t, []byte(messages[0]))
	var document notify.Document
	if err := json.Unmarshal([]byte(messages[0]), &document); err != nil {
		t.Fatal(err)
	}
	got := []string{string(document.Type), document.ImageName, document.Task.TaskID}
	if diff := cmp.Diff([]string{"ExportStarted", "win2022", tasks[0].TaskID}, got); diff != "" {
		t.Errorf("notification (-want +got):\n%s", diff)
	}
	work, err := clients.sqs.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl:       aws.String(stack.Outputs["WorkQueueUrl"]),
		AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed},
	})
	if err != nil {
		t.Fatal(err)
	}
	if waiting := work.Attributes["ApproximateNumberOfMessagesDelayed"]; waiting != "1" {
		t.Errorf("%s watches wait in the deployed work queue, want 1", waiting)
	}
}

type motoClients struct {
	sns *sns.Client
	sqs *sqs.Client
}

func clientsAt(endpoint string) motoClients {
	login := credentials.NewStaticCredentialsProvider("local", "local", "")
	return motoClients{
		sns: sns.New(sns.Options{BaseEndpoint: &endpoint, Region: region, Credentials: login}),
		sqs: sqs.New(sqs.Options{BaseEndpoint: &endpoint, Region: region, Credentials: login}),
	}
}

func receive(t *testing.T, clients motoClients, url string) (bodies []string) {
	t.Helper()
	output, err := clients.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10,
		WaitTimeSeconds: 5})
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range output.Messages {
		bodies = append(bodies, aws.ToString(message.Body))
	}
	return bodies
}
