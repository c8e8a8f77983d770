package queues_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/queues"
)

const (
	region    = "eu-west-1"
	accountID = "123456789012"
)

func newQueues(t *testing.T, scale float64) *queues.Server {
	t.Helper()
	q := queues.New(queues.Options{Region: region, AccountID: accountID, Scale: scale})
	t.Cleanup(q.Close)
	return q
}

func createQueue(t *testing.T, q *queues.Server, name string, options queues.QueueOptions) queues.Queue {
	t.Helper()
	queue, err := q.CreateQueue(name, options)
	if err != nil {
		t.Fatal(err)
	}
	return queue
}

func createTopic(t *testing.T, q *queues.Server, name string) queues.Topic {
	t.Helper()
	topic, err := q.CreateTopic(name)
	if err != nil {
		t.Fatal(err)
	}
	return topic
}

func send(t *testing.T, q *queues.Server, queue queues.Queue, body string) string {
	t.Helper()
	id, err := q.Send(queue, body)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// clientConfig configures SDK clients of the queues.
func clientConfig(t *testing.T, q *queues.Server) aws.Config {
	t.Helper()
	g := gateway.New(gateway.Options{Latency: 2 * time.Millisecond}, // see there
		gateway.Service{SigningName: "sns", Handler: q}, gateway.Service{SigningName: "sqs", Handler: q})
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	endpoint, err := g.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	return aws.Config{
		Region:           region,
		BaseEndpoint:     aws.String(endpoint.URL()),
		Credentials:      credentials.NewStaticCredentialsProvider("local", "local", ""),
		RetryMaxAttempts: 1,
		HTTPClient:       client,
	}
}

// within returns a context that ends before the test binary would.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// errorCode returns the code of an error that AWS answered, or "" if it is none.
func errorCode(err error) string {
	if apiError, ok := errors.AsType[smithy.APIError](err); ok {
		return apiError.ErrorCode()
	}
	return ""
}
