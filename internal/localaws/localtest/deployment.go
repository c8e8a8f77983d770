package localtest

import (
	"archive/zip"
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// CloudFormation starts a server that plays AWS well enough to deploy this project's template, and returns its address. It
// ends with the test.
func CloudFormation(t testing.TB) string {
	t.Helper()
	python := Tool(t, "python3", "https://www.python.org")
	if exec.Command(python, "-c", "import boto3, moto.server, samtranslator").Run() != nil {
		const why = "boto3, moto or aws-sam-translator is not installed, so this is NOT tested; " +
			"to have them: pip install boto3 'moto[server]' aws-sam-translator"
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip("SKIPPED: " + why)
	}
	server := exec.Command(python, "scripts/play_aws.py")
	server.Dir = Root(t)
	var problems bytes.Buffer
	server.Stderr = &problems
	input, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close() // it ends when there is no more to read
		_ = server.Wait() // how does not matter
	})
	address, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatalf("scripts/play_aws.py does not start: %v\n%s", err, problems.String())
	}
	return strings.TrimSpace(address)
}

// Code zips the function for Lambda and returns the path of the zip.
func Code(t testing.TB) string {
	t.Helper()
	binary, err := os.ReadFile(Bootstrap(t))
	if err != nil {
		t.Fatal(err)
	}
	var code bytes.Buffer
	archive := zip.NewWriter(&code)
	file, err := archive.Create("bootstrap")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(binary); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "code.zip")
	if err := os.WriteFile(path, code.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
