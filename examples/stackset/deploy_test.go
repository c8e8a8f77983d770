// Package stackset_test runs the example against an AWS that moto plays.
package stackset_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/localtest"
)

func TestMain(m *testing.M) { os.Exit(localtest.Main(m)) }

const here, other = "123456789012", "210987654321"

func TestDeploy(t *testing.T) {
	localtest.ByCheck(t)
	cli := localtest.Tool(t, "aws", "pip install awscli")
	endpoint := localtest.CloudFormation(t)
	code := filepath.Join(t.TempDir(), "appstream-ami-exporter-v1.2.3.zip")
	for _, name := range []string{"appstream-ami-exporter-v1.2.3.zip", "appstream-ami-exporter-keeper-v1.2.3.zip"} {
		content, err := os.ReadFile(localtest.Code(t))
		if err != nil {
			t.Fatal(err)
		}
		// The stack below has no keeper, so its code is stored and not run; but it is another file.
		if err := os.WriteFile(filepath.Join(filepath.Dir(code), name), append(content, name...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Nothing of the developer's own AWS.
	environment := slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "AWS_") })
	environment = append(environment, "AWS_ENDPOINT_URL="+endpoint, "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_PAGER=",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"REGIONS=eu-west-1 us-east-1", "ACCOUNTS="+here+" "+other, "ORGANIZATIONAL_UNITS=", "NAME=exporter")

	run := func(parameters ...string) string {
		t.Helper()
		command := exec.Command("./deploy", append([]string{code}, parameters...)...)
		command.Env = environment
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("deploy: %v\n%s", err, output)
		}
		return string(output)
	}
	ask := func(into any, arguments ...string) {
		t.Helper()
		command := exec.Command(cli, append(arguments, "--output", "json")...)
		command.Env = environment
		output, err := command.Output()
		if err != nil {
			t.Fatalf("aws %s: %v", strings.Join(arguments, " "), err)
		}
		if err := json.Unmarshal(output, into); err != nil {
			t.Fatalf("aws %s: %v", strings.Join(arguments, " "), err)
		}
	}

	// moto knows no alarms, and the dashboard would refer to them.
	output := run("Alarms=DISABLED", "Images=prod-*,!prod-test")
	if !strings.HasSuffix(output, "the operation is SUCCEEDED\n") {
		t.Errorf("it ends with %q", output)
	}
	var instances []string
	ask(&instances, "cloudformation", "list-stack-instances", "--region", "eu-west-1", "--stack-set-name", "exporter",
		"--query", "Summaries[].join(' ', [Account, Region])")
	slices.Sort(instances)
	if diff := cmp.Diff([]string{here + " eu-west-1", here + " us-east-1", other + " eu-west-1", other + " us-east-1"},
		instances); diff != "" {
		t.Errorf("instances (-want +got):\n%s", diff)
	}
	for _, region := range []string{"eu-west-1", "us-east-1"} {
		var images []string
		ask(&images, "lambda", "list-functions", "--region", region, "--query", "Functions[].Environment.Variables.IMAGES")
		if diff := cmp.Diff([]string{"prod-*,!prod-test"}, images); diff != "" {
			t.Errorf("what the functions in %s select (-want +got):\n%s", region, diff)
		}
		var files []string
		ask(&files, "s3api", "list-objects-v2", "--region", region, "--bucket", "exporter-"+here+"-"+region, "--query", "Contents[].Key")
		zips := slices.DeleteFunc(files, func(file string) bool { return !regexp.MustCompile(`^[0-9a-f]{64}\.zip$`).MatchString(file) })
		if len(zips) != 2 {
			t.Errorf("the bucket in %s has the code %q, not that of exporter and keeper", region, zips)
		}
	}

	var template string
	ask(&template, "cloudformation", "describe-stack-set", "--region", "eu-west-1", "--stack-set-name", "exporter", "--query",
		"StackSet.TemplateBody")
	if strings.Contains(template, `"Transform"`) || strings.Contains(template, "AWS::Serverless::") {
		t.Error("the template has a transform; a service-managed StackSet would refuse it")
	}
	if want := `"S3Bucket":{"Fn::Sub":"exporter-` + here + `-${AWS::Region}"}`; !strings.Contains(template, want) {
		t.Errorf("the template lacks %s: every Region would read the same bucket", want)
	}

	// The second time it is an update.
	run("Alarms=DISABLED", "Images=dev-*")
	var parameters []string
	ask(&parameters, "cloudformation", "describe-stack-set", "--region", "eu-west-1", "--stack-set-name", "exporter",
		"--query", "StackSet.Parameters[].join('=', [ParameterKey, ParameterValue])")
	if !slices.Contains(parameters, "Images=dev-*") {
		t.Errorf("after the update the parameters are %q", parameters)
	}
}

func TestDeploySaysWhatItNeeds(t *testing.T) {
	for name, test := range map[string]struct{ environment, argument, want string }{
		"no code":    {"REGIONS=eu-west-1", "", "the zip that make package has made"},
		"no Regions": {"ACCOUNTS=" + here, "code.zip", "REGIONS and either ORGANIZATIONAL_UNITS or ACCOUNTS"},
		"no keeper":  {"REGIONS=eu-west-1", "code.zip", "appstream-ami-exporter-keeper-code.zip is not there"},
	} {
		t.Run(name, func(t *testing.T) {
			command := exec.Command("./deploy", test.argument)
			command.Env = []string{"PATH=" + os.Getenv("PATH"), test.environment}
			output, err := command.CombinedOutput()
			if err == nil || !strings.Contains(string(output), test.want) {
				t.Errorf("got %v: %s; want %q", err, output, test.want)
			}
		})
	}
}
