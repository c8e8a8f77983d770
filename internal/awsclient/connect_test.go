package awsclient

import (
	"context"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// invocation makes the calls of one invocation for one image. What the services answer is not looked at.
func invocation(ctx context.Context, c Clients) {
	arn := aws.String("arn:aws:appstream:eu-west-1:123456789012:image/x")
	var reads sync.WaitGroup
	reads.Go(func() { _, _ = c.AppStream.DescribeImages(ctx, &appstream.DescribeImagesInput{}) })
	reads.Go(func() { _, _ = c.AppStream.ListExportImageTasks(ctx, &appstream.ListExportImageTasksInput{}) })
	reads.Go(func() {
		_, _ = c.AppStream.ListTagsForResource(ctx, &appstream.ListTagsForResourceInput{ResourceArn: arn})
	})
	reads.Wait()
	_, _ = c.AppStream.CreateExportImageTask(ctx, &appstream.CreateExportImageTaskInput{ImageName: arn, AmiName: arn, IamRoleArn: arn},
		func(o *appstream.Options) { o.RetryMaxAttempts = 1 })
	_, _ = c.SNS.Publish(ctx, &sns.PublishInput{TopicArn: arn, Message: arn}, func(o *sns.Options) { o.RetryMaxAttempts = 1 })
	_, _ = c.SQS.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: arn, MessageBody: arn}, func(o *sqs.Options) { o.RetryMaxAttempts = 1 })
}

// Everything that the first invocation needs is open by then, and nothing was sent for that.
func TestConnect(t *testing.T) {
	servers, seen := map[string]*httptest.Server{}, map[string]*counts{}
	variables := map[string]string{}
	for _, service := range []string{"APPSTREAM", "SNS", "SQS"} {
		servers[service], seen[service] = instant(t, 10)
		variables["AWS_ENDPOINT_URL_"+service] = servers[service].URL
	}
	variables["AWS_CA_BUNDLE"] = bundle(t, servers["SNS"])
	environment(t, variables)
	clients, err := New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	clients.Connect(t.Context())
	time.Sleep(50 * time.Millisecond) // net/http puts a connection into its pool a moment after the handshake

	for _, step := range []struct {
		name     string
		requests map[string]int64
	}{
		{"after INIT", map[string]int64{"APPSTREAM": 0, "SNS": 0, "SQS": 0}},
		{"after an invocation", map[string]int64{"APPSTREAM": 4, "SNS": 1, "SQS": 1}},
	} {
		for service, want := range map[string]int64{"APPSTREAM": 3, "SNS": 1, "SQS": 1} {
			if got := seen[service].connections.Load(); got != want {
				t.Errorf("%s: %d connections to %s, want %d", step.name, got, service, want)
			}
			if got := seen[service].requests.Load(); got != step.requests[service] {
				t.Errorf("%s: %d requests to %s, want %d", step.name, got, service, step.requests[service])
			}
		}
		invocation(t.Context(), clients)
	}
}

// Whatever stands in the way of a connection, INIT goes on.
func TestConnectFails(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and never says a word
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	plain := httptest.NewServer(nil)
	plain.Close()
	for name, endpoint := range map[string]string{
		"nobody there":   "https://" + plain.Listener.Addr().String(),
		"no such name":   "https://appstream.invalid",
		"no TLS":         "http://" + silent.Addr().String(),
		"never answered": "https://" + silent.Addr().String(),
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, map[string]string{"AWS_ENDPOINT_URL": endpoint})
			clients, err := New(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			clients.Connect(t.Context()) // ends within connectLimit, or the test never does
		})
	}
	if connectLimit > time.Second {
		t.Errorf("INIT may become longer by %v", connectLimit)
	}
}
