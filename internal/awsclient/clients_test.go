package awsclient

import (
	"encoding/pem"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// environment is the least that Lambda gives a function, and nothing of the machine that the test runs on.
func environment(t *testing.T, more map[string]string) {
	t.Helper()
	variables := map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	}
	maps.Copy(variables, more)
	for name, value := range variables {
		t.Setenv(name, value)
	}
}

// Every client has the limits: one that hangs must not eat the invocation.
func TestLimits(t *testing.T) {
	environment(t, nil)
	clients, err := New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, found := range map[string]struct {
		client      any
		maxAttempts int
	}{
		"AppStream": {clients.AppStream.Options().HTTPClient, clients.AppStream.Options().Retryer.MaxAttempts()},
		"SNS":       {clients.SNS.Options().HTTPClient, clients.SNS.Options().Retryer.MaxAttempts()},
		"SQS":       {clients.SQS.Options().HTTPClient, clients.SQS.Options().Retryer.MaxAttempts()},
	} {
		t.Run(name, func(t *testing.T) {
			whole, ok := found.client.(wholeBody)
			if !ok {
				t.Fatalf("the client is a %T", found.client)
			}
			transport, ok := whole.next.(*awshttp.BuildableClient)
			if !ok {
				t.Fatalf("the transport is a %T", whole.next)
			}
			if got := transport.GetTimeout(); got != 15*time.Second {
				t.Errorf("an attempt may take %v", got)
			}
			if got := transport.GetDialer().Timeout; got != 3*time.Second {
				t.Errorf("opening a connection may take %v", got)
			}
			if got := transport.GetTransport().IdleConnTimeout; got != 10*time.Second {
				t.Errorf("a connection is used again after %v", got)
			}
			if found.maxAttempts != 3 {
				t.Errorf("%d attempts, want the SDK's standard 3", found.maxAttempts)
			}
		})
	}
}

// bundle writes the server's certificate to a file.
func bundle(t *testing.T, server *httptest.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// The clients as the function has them, at a server with a certificate of somebody's own, as behind an inspecting proxy.
func TestNewAtAServer(t *testing.T) {
	server, seen := instant(t, large)
	environment(t, map[string]string{"AWS_ENDPOINT_URL_APPSTREAM": server.URL, "AWS_CA_BUNDLE": bundle(t, server)})
	clients, err := New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const calls = 100
	if err := call(t.Context(), clients.AppStream, calls); err != nil {
		t.Fatal(err)
	}
	if connections, requests := seen.connections.Load(), seen.requests.Load(); connections != 1 || requests != calls {
		t.Errorf("%d connections and %d requests for %d calls, want 1 and %d", connections, requests, calls, calls)
	}
}

func TestNewFails(t *testing.T) {
	environment(t, map[string]string{"AWS_CA_BUNDLE": filepath.Join(t.TempDir(), "missing.pem")})
	if _, err := New(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "load the AWS configuration: ") {
		t.Errorf("error = %v", err)
	}
}

var _ aws.HTTPClient = wholeBody{}
