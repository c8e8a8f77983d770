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

// A release is deployed with the aws command alone: it uploads the zips as they are, and has the template point there.
func TestRelease(t *testing.T) {
	aws := localtest.Tool(t, "aws", "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html")
	moto := localtest.Moto(t)
	directory := t.TempDir()
	const exporter, keeper, template = "appstream-ami-exporter-v1.2.3.zip", "appstream-ami-exporter-keeper-v1.2.3.zip",
		"appstream-ami-exporter-v1.2.3.yaml"
	for _, name := range []string{exporter, keeper, template} {
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
	run("cloudformation", "package", "--template-file", template, "--s3-bucket", "releases",
		"--output-template-file", "packaged.yaml")
	packaged := string(read(t, directory, "packaged.yaml"))
	for function, zip := range map[string]string{"ExportFunction": exporter, "KeeperFunction": keeper} {
		_, after, _ := strings.Cut(packaged, "\n  "+function+":\n")
		_, after, found := strings.Cut(after, "CodeUri: s3://releases/")
		if !found {
			t.Fatalf("the packaged template does not name the code of %s in the bucket", function)
		}
		key, _, _ := strings.Cut(after, "\n")
		run("s3", "cp", "s3://releases/"+key, "uploaded.zip")
		if !bytes.Equal(read(t, directory, "uploaded.zip"), read(t, directory, zip)) {
			t.Errorf("what is uploaded for %s is not %s", function, zip)
		}
	}
}
