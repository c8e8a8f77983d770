package main_test

import (
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"appstream-ami-exporter/internal/localaws/lambda"
	"appstream-ami-exporter/internal/localaws/localtest"
)

// The connections are opened in INIT, where Lambda gives the time of a whole core for nothing, and nothing is asked for that.
func TestConnectionsBeforeTheFirstInvocation(t *testing.T) {
	t.Parallel()
	type counts struct{ connections, requests atomic.Int64 }
	seen := map[string]*counts{}
	variables := map[string]string{}
	for _, service := range []string{"APPSTREAM", "SNS", "SQS"} {
		counted := &counts{}
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { counted.requests.Add(1) }))
		server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				counted.connections.Add(1)
			}
		}
		server.StartTLS()
		t.Cleanup(server.Close)
		bundle := filepath.Join(t.TempDir(), "ca.pem") // all three have the certificate of net/http/httptest
		certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
		if err := os.WriteFile(bundle, certificate, 0o600); err != nil {
			t.Fatal(err)
		}
		seen[service], variables["AWS_ENDPOINT_URL_"+service], variables["AWS_CA_BUNDLE"] = counted, server.URL, bundle
	}
	if err := start(t, environment(variables)); err != nil {
		t.Fatal(err)
	}
	for service, want := range map[string]int64{"APPSTREAM": 3, "SNS": 1, "SQS": 1} {
		check(t, "connections to "+service, want, seen[service].connections.Load())
		check(t, "requests to "+service, 0, seen[service].requests.Load())
	}
}

// The memory that Lambda tells decides whether Go uses more than one thread; Go's own trace says on how many it runs.
func TestThreads(t *testing.T) {
	t.Parallel()
	if runtime.NumCPU() == 1 {
		t.Skip("SKIPPED: this machine has one core, so Go uses one thread in any case")
	}
	for memory, one := range map[int]bool{128: true, 1769: false} {
		log := &localtest.Log{}
		e, err := lambda.StartEnvironment(t.Context(), lambda.EnvironmentOptions{
			Binary: localtest.Bootstrap(t), FunctionName: "exporter", Region: "eu-west-1", AccountID: account, MemorySize: memory,
			Variables: environment(map[string]string{"GODEBUG": "schedtrace=10"}), OnLog: log.Add,
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // some lines of the trace
		e.Kill()
		threads := regexp.MustCompile(`gomaxprocs=(\d+)`).FindAllStringSubmatch(log.String(), -1)
		if len(threads) == 0 {
			t.Fatal("Go writes no trace")
		}
		check(t, "one thread at the end", one, threads[len(threads)-1][1] == "1")
	}
}
