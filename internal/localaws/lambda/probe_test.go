package lambda_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"appstream-ami-exporter/internal/localaws/awsreply"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/lambda"
	"appstream-ami-exporter/internal/localaws/queues"
)

const (
	region    = "eu-west-1"
	accountID = "123456789012"
)

// latency keeps smithy-go from dropping connections; see gateway.Options.
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
func probeEnvironment(t *testing.T) lambda.EnvironmentOptions {
	t.Helper()
	binary, err := probeBinary()
	if err != nil {
		t.Fatal(err)
	}
	return lambda.EnvironmentOptions{Binary: binary, FunctionName: "probe", Region: region, AccountID: accountID}
}

// newFunction deploys a function and removes it when the test ends.
func newFunction(t *testing.T, options lambda.FunctionOptions) *lambda.Function {
	t.Helper()
	if options.Environment.Binary == "" {
		options.Environment = probeEnvironment(t)
	}
	if options.Timeout == 0 {
		options.Timeout = 30 * time.Second // nothing but a test's purpose should time out, on a slow machine either
	}
	f := lambda.NewFunction(options)
	t.Cleanup(f.Close)
	return f
}

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

// sendTo is a destination for failures.
func sendTo(q *queues.Server, queue queues.Queue) func([]byte) error {
	return func(record []byte) error {
		_, err := q.Send(queue, string(record))
		return err
	}
}

// countingAppStream answers every call with an empty result and counts them.
type countingAppStream struct{ calls atomic.Int32 }

func (a *countingAppStream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.calls.Add(1)
	_, _ = io.Copy(io.Discard, r.Body)
	awsreply.Write(w, r, struct{}{})
}

// services are what the probe calls; AppStream does nothing.
func services(q *queues.Server) []gateway.Service {
	return []gateway.Service{
		{SigningName: "appstream", Handler: new(countingAppStream)}, {SigningName: "sns", Handler: q}, {SigningName: "sqs", Handler: q},
	}
}

func newGateway(t *testing.T, services ...gateway.Service) *gateway.Gateway {
	t.Helper()
	g := gateway.New(gateway.Options{Latency: latency}, services...)
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
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
