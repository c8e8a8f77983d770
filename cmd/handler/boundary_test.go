package main_test

import (
	"debug/buildinfo"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"appstream-ami-exporter/internal/localaws/localtest"
)

// goList runs go list in the repository, with the tags of the deployed build.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	command := exec.Command("go", append([]string{"list", "-tags", "lambda.norpc"}, args...)...)
	command.Dir = localtest.Root(t)
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %v", command, err)
	}
	return strings.Split(strings.TrimSpace(string(output)), "\n")
}

// Every module in the deployed binary is paid for at each cold start and has to be kept up to date. One more needs a
// measured reason, and a line here.
func TestModulesOfTheFunction(t *testing.T) {
	t.Parallel()
	info, err := buildinfo.ReadFile(localtest.Bootstrap(t))
	if err != nil {
		t.Fatal(err)
	}
	const sdk = "github.com/aws/aws-sdk-go-v2"
	want := []string{
		"github.com/aws/aws-lambda-go",
		sdk,
		// Credentials from the environment, and whatever the SDK's configuration brings along for that.
		sdk + "/config",
		sdk + "/credentials",
		sdk + "/feature/ec2/imds",
		sdk + "/internal/configsources",
		sdk + "/internal/endpoints/v2",
		sdk + "/internal/v4a",
		sdk + "/service/appstream",
		sdk + "/service/internal/accept-encoding",
		sdk + "/service/internal/presigned-url",
		sdk + "/service/signin",
		sdk + "/service/sns",
		sdk + "/service/sqs",
		sdk + "/service/sso",
		sdk + "/service/ssooidc",
		sdk + "/service/sts",
		"github.com/aws/smithy-go",
	}
	var got []string
	for _, module := range info.Deps {
		got = append(got, module.Path)
	}
	slices.Sort(got)
	check(t, "modules", want, got)
}

// What serves tests and people at their own machines is no part of the function; nor are packages that the linker cannot
// prune (templates) or that have no business there.
func TestPackagesOfTheFunction(t *testing.T) {
	t.Parallel()
	own := []string{}
	for _, path := range goList(t, "-deps", "./cmd/handler") {
		for _, forbidden := range []string{
			"localaws", "localtest", "notifytest", "goaws", "testing", "net/http/httptest", "yaml", "jsonschema", "go-cmp",
			"text/template", "html/template", "net/rpc", "encoding/gob", "flag", "expvar", "plugin", "net/http/pprof",
		} {
			if path == forbidden || strings.Contains(path, "/"+forbidden) || strings.HasPrefix(path, forbidden+"/") {
				t.Errorf("%s is linked into the function", path)
			}
		}
		if name, ok := strings.CutPrefix(path, "appstream-ami-exporter/"); ok {
			own = append(own, name)
		}
	}
	slices.Sort(own)
	check(t, "own packages", []string{
		"cmd/handler", "internal/awsclient", "internal/config", "internal/console", "internal/export", "internal/handler",
		"internal/metrics",
		"internal/notify", "internal/runtimeapi", "internal/safelog", "internal/tags", "internal/trigger", "internal/work",
	}, own)
}

// Imports point downwards only: the rooms do not know each other's clients, and nothing below the handler knows Lambda.
func TestImportDirections(t *testing.T) {
	t.Parallel()
	const sdk = "github.com/aws/aws-sdk-go-v2/service/"
	// What each package may import of this module, of Lambda's and of the services' clients. The services' types packages
	// hold data only.
	want := map[string][]string{
		"cmd/handler": {
			"internal/awsclient", "internal/config", "internal/export", "internal/handler", "internal/metrics", "internal/notify",
			"internal/runtimeapi", "internal/work",
			"github.com/aws/aws-lambda-go/lambda", "github.com/aws/aws-lambda-go/lambdacontext",
		},
		"internal/handler": {
			"internal/config", "internal/export", "internal/metrics", "internal/notify", "internal/tags", "internal/trigger",
			"internal/work", "github.com/aws/aws-lambda-go/events", "github.com/aws/aws-lambda-go/lambdacontext",
		},
		"internal/config":     {"internal/export", "internal/tags"},
		"internal/trigger":    {"internal/tags"},
		"internal/tags":       nil,
		"internal/console":    nil,
		"internal/metrics":    nil,
		"internal/runtimeapi": {"internal/safelog", "github.com/aws/aws-lambda-go/lambda", "github.com/aws/aws-lambda-go/lambdacontext"},
		"internal/safelog":    nil,
		"internal/export":     {"internal/tags", "internal/trigger", sdk + "appstream", sdk + "appstream/types"},
		"internal/notify":     {"internal/console", sdk + "sns", sdk + "sns/types"},
		"internal/work":       {"internal/notify", "internal/trigger", sdk + "sqs"},
		"internal/awsclient":  {sdk + "appstream", sdk + "sns", sdk + "sqs"},
	}
	patterns := []string{"-f", `{{.ImportPath}} {{join .Imports " "}}`}
	for name := range want {
		patterns = append(patterns, "./"+name)
	}
	for _, line := range goList(t, patterns...) {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], "appstream-ami-exporter/")
		for _, path := range fields[1:] {
			own, isOwn := strings.CutPrefix(path, "appstream-ami-exporter/")
			if isOwn || strings.HasPrefix(path, sdk) || strings.HasPrefix(path, "github.com/aws/aws-lambda-go") {
				if !slices.Contains(want[name], own) {
					t.Errorf("%s imports %s", name, path)
				}
			}
		}
	}
	// The domain's decisions are about bytes and values: what decodes them does no I/O.
	for _, path := range goList(t, "-f", `{{join .Imports "\n"}}`, "./internal/trigger") {
		if slices.Contains([]string{"context", "net", "net/http", "os", "io"}, path) || strings.HasPrefix(path, "github.com/") {
			t.Errorf("internal/trigger imports %s", path)
		}
	}
}
