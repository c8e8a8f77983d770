package localtest

import (
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

// Tool returns the path of a command. Where it is not installed, the test is skipped and says so; CI has to have it.
func Tool(t testing.TB, name, from string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed, and CI must have it: %s", name, from)
	}
	t.Skipf("SKIPPED: %s is not installed, so this is NOT tested; to have it: %s", name, from)
	return ""
}

// ByCheck skips a test that starts programs of others for a minute, unless it is `make check` that runs it.
func ByCheck(t testing.TB) {
	t.Helper()
	if os.Getenv("CHECK") != "true" {
		t.Skip("SKIPPED: make check runs it")
	}
}

// Moto starts a server that plays AWS, and returns its address. It ends with the test.
func Moto(t testing.TB) string {
	t.Helper()
	path := Tool(t, "moto_server", "pip install 'moto[server]'")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil { // moto opens the port itself
		t.Fatal(err)
	}
	server := exec.Command(path, "-H", "127.0.0.1", "-p", port)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill() // it may have ended by itself
		_ = server.Wait()
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
			return "http://" + address
		}
		if time.Now().After(deadline) {
			t.Fatalf("moto_server does not start: %v", err)
		}
	}
}
