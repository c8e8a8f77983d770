package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/localtest"
)

// Whoever types `make plan` for the first time waits until all of this is compiled: nothing is in it that is not called. What
// needs EC2's client, a minute by itself, is another program.
func TestServicesOfTheProgram(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "./cmd/exporter")
	list.Dir = localtest.Root(t)
	output, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	var services []string
	for path := range strings.FieldsSeq(string(output)) {
		name, ok := strings.CutPrefix(path, "github.com/aws/aws-sdk-go-v2/service/")
		if ok && !strings.Contains(name, "/") {
			services = append(services, name)
		}
		for _, foreign := range []string{
			"appstream-ami-exporter/internal/localaws", "appstream-ami-exporter/internal/handler", "github.com/aws/aws-lambda-go",
			"testing",
		} {
			if strings.HasPrefix(path, foreign) {
				t.Errorf("%s is compiled for it", path)
			}
		}
	}
	slices.Sort(services)
	want := []string{
		"appstream", "cloudformation", "cloudwatch", "cloudwatchlogs", "lambda", "sqs",
		"signin", "sso", "ssooidc", "sts", // which credentials may come from
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, services); diff != "" {
		t.Errorf("the services whose clients are compiled (-want +got):\n%s", diff)
	}
}
