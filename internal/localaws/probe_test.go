package localaws_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"appstream-ami-exporter/internal/localaws"
)

const (
	region    = "eu-west-1"
	accountID = "123456789012"
)

// latency keeps smithy-go from dropping connections; see GatewayOptions.
const latency = 2 * time.Millisecond

// probeBinary builds testdata/probe once for all tests and returns its path.
var probeBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "probe")
	if err != nil {
		return "", err
	}
	probeDir = dir
	binary := filepath.Join(dir, "bootstrap")
	output, err := exec.Command("go", "build", "-o", binary, "./testdata/probe").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the probe: %w\n%s", err, output)
	}
	return binary, nil
})

// probeDir is what TestMain removes after all tests.
var probeDir string

func TestMain(m *testing.M) {
	code := m.Run()
	if probeDir != "" {
		_ = os.RemoveAll(probeDir)
	}
	os.Exit(code)
}

// probeEnvironment describes an environment that runs the probe.
func probeEnvironment(t *testing.T) localaws.EnvironmentOptions {
	t.Helper()
	binary, err := probeBinary()
	if err != nil {
		t.Fatal(err)
	}
	return localaws.EnvironmentOptions{Binary: binary, FunctionName: "probe", Region: region, AccountID: accountID}
}

// newFunction deploys a function and removes it when the test ends.
func newFunction(t *testing.T, options localaws.FunctionOptions) *localaws.Function {
	t.Helper()
	if options.Environment.Binary == "" {
		options.Environment = probeEnvironment(t)
	}
	if options.Timeout == 0 {
		options.Timeout = 30 * time.Second // nothing but a test's purpose should time out, on a slow machine either
	}
	f := localaws.NewFunction(options)
	t.Cleanup(f.Close)
	return f
}

func newQueues(t *testing.T, scale float64) *localaws.Queues {
	t.Helper()
	q := localaws.NewQueues(localaws.QueuesOptions{Region: region, AccountID: accountID, Scale: scale})
	t.Cleanup(q.Close)
	return q
}

func createQueue(t *testing.T, q *localaws.Queues, name string, options localaws.QueueOptions) localaws.Queue {
	t.Helper()
	queue, err := q.CreateQueue(name, options)
	if err != nil {
		t.Fatal(err)
	}
	return queue
}

func createTopic(t *testing.T, q *localaws.Queues, name string) localaws.Topic {
	t.Helper()
	topic, err := q.CreateTopic(name)
	if err != nil {
		t.Fatal(err)
	}
	return topic
}

func send(t *testing.T, q *localaws.Queues, queue localaws.Queue, body string) string {
	t.Helper()
	id, err := q.Send(queue, body)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func newGateway(t *testing.T, options localaws.GatewayOptions) *localaws.Gateway {
	t.Helper()
	options.Latency = latency
	g := localaws.NewGateway(options)
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// clientConfig configures SDK clients of the test itself.
func clientConfig(t *testing.T, g *localaws.Gateway) aws.Config {
	t.Helper()
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
