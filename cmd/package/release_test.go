package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"appstream-ami-exporter/internal/localaws/localtest"
)

// A release is deployed with the aws command alone: it uploads the zip as it is, and has the template point there.
func TestRelease(t *testing.T) {
	aws := localtest.Tool(t, "aws", "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html")
	moto := localtest.Moto(t)
	directory := t.TempDir()
	for _, suffix := range []string{".zip", ".yaml"} {
		name := "appstream-ami-exporter-v1.2.3" + suffix
		if err := os.WriteFile(filepath.Join(directory, name), read(t, packed(t), name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) {
		t.Helper()
		command := exec.Command(aws, args...)
		command.Dir = directory
		command.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+moto, "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x",
			"AWS_DEFAULT_REGION=us-east-1", "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("aws %q: %v\n%s", args, err, output)
		}
	}
	run("s3", "mb", "s3://releases")
	run("cloudformation", "package", "--template-file", "appstream-ami-exporter-v1.2.3.yaml", "--s3-bucket", "releases",
		"--output-template-file", "packaged.yaml")
	_, after, found := strings.Cut(string(read(t, directory, "packaged.yaml")), "CodeUri: s3://releases/")
	if !found {
		t.Fatal("the packaged template does not name the code in the bucket")
	}
	key, _, _ := strings.Cut(after, "\n")
	run("s3", "cp", "s3://releases/"+key, "uploaded.zip")
	if !bytes.Equal(read(t, directory, "uploaded.zip"), read(t, directory, "appstream-ami-exporter-v1.2.3.zip")) {
		t.Error("what is uploaded is not the zip of the release")
	}
}
