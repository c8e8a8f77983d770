package config_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/config"
	"appstream-ami-exporter/internal/export"
)

// required is the least that a stack sets.
var required = map[string]string{
	"EXPORT_ROLE_ARN":       "arn:aws:iam::123456789012:role/exporter/ExportRole-1A2B",
	"TOPIC_ARN":             "arn:aws:sns:eu-west-1:123456789012:exports",
	"WORK_QUEUE_URL":        "https://sqs.eu-west-1.amazonaws.com/123456789012/work",
	"DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead",
	"AWS_REGION":            "eu-west-1",
}

func read(changes map[string]string) (config.Config, error) {
	env := maps.Clone(required)
	maps.Copy(env, changes)
	return config.FromEnvironment(func(name string) (string, bool) { value, ok := env[name]; return value, ok })
}

func name(t *testing.T, text string) export.Template {
	t.Helper()
	template, err := export.ParseNameTemplate(text)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

func description(t *testing.T, text string) export.Template {
	t.Helper()
	template, err := export.ParseDescriptionTemplate(text)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

func selection(t *testing.T, patterns []string, tag map[string]string) export.Selection {
	t.Helper()
	selection, err := export.ParseSelection(patterns, tag)
	if err != nil {
		t.Fatal(err)
	}
	return selection
}

var unexported = cmp.Options{
	cmp.AllowUnexported(export.Selection{}, export.Template{}),
	cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() }),
}

func defaults(t *testing.T) config.Config {
	return config.Config{
		Place:              export.Place{Partition: "aws", Account: "123456789012", Region: "eu-west-1"},
		ExportRoleARN:      "arn:aws:iam::123456789012:role/exporter/ExportRole-1A2B",
		TopicARN:           "arn:aws:sns:eu-west-1:123456789012:exports",
		WorkQueueURL:       "https://sqs.eu-west-1.amazonaws.com/123456789012/work",
		DeadLetterQueueURL: "https://sqs.eu-west-1.amazonaws.com/123456789012/dead",
		MaxReceiveCount:    1000,
		Selection:          selection(t, []string{"*"}, map[string]string{}),
		Name:               name(t, "{image}-{created}"),
		Description:        description(t, "AppStream image {image}, made {created}"),
		Tags:               map[string]string{},
		CopyImageTags:      true,
		Zone:               time.UTC,
		WaitDeadline:       72 * time.Hour,
		ExportDeadline:     72 * time.Hour,
	}
}

func TestFromEnvironment(t *testing.T) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		env    map[string]string
		change func(*config.Config)
	}{
		"defaults": {nil, func(*config.Config) {}},
		"what is empty is not set": {map[string]string{
			"MAX_RECEIVE_COUNT": "", "IMAGES": "", "IMAGE_TAG": "", "REQUESTS_WITHIN_SELECTION": "", "AMI_NAME_TEMPLATE": "",
			"STACK": "", "AMI_DESCRIPTION_TEMPLATE": "", "AMI_TAGS": "", "COPY_IMAGE_TAGS": "", "SCHEDULE_TIMEZONE": "",
			"WAIT_DEADLINE_HOURS": "", "EXPORT_DEADLINE_HOURS": "",
		}, func(*config.Config) {}},
		"everything": {map[string]string{
			"EXPORT_ROLE_ARN":           "arn:aws-us-gov:iam::210987654321:role/R",
			"TOPIC_ARN":                 "arn:aws-us-gov:sns:us-gov-west-1:999999999999:exports.fifo",
			"WORK_QUEUE_URL":            "http://localhost:4100/work",
			"DEAD_LETTER_QUEUE_URL":     "http://localhost:4100/dead",
			"AWS_REGION":                "us-gov-west-1",
			"MAX_RECEIVE_COUNT":         "10",
			"STACK":                     "exporter@us-gov-west-1",
			"SCHEDULE_TIMEZONE":         "Europe/London",
			"IMAGES":                    "prod-*, win2022-base ,!prod-test,",
			"IMAGE_TAG":                 "Backup=yes,Team=a=b",
			"REQUESTS_WITHIN_SELECTION": "true",
			"AMI_NAME_TEMPLATE":         "backup/{image}-{date}",
			"AMI_DESCRIPTION_TEMPLATE":  "Unicode-free, {account}",
			"AMI_TAGS":                  "Owner = platform team ,Cost Center=42,Empty=",
			"COPY_IMAGE_TAGS":           "false",
			"WAIT_DEADLINE_HOURS":       "1",
			"EXPORT_DEADLINE_HOURS":     "168",
		}, func(c *config.Config) {
			*c = config.Config{
				Place:              export.Place{Partition: "aws-us-gov", Account: "210987654321", Region: "us-gov-west-1"},
				ExportRoleARN:      "arn:aws-us-gov:iam::210987654321:role/R",
				TopicARN:           "arn:aws-us-gov:sns:us-gov-west-1:999999999999:exports.fifo",
				WorkQueueURL:       "http://localhost:4100/work",
				DeadLetterQueueURL: "http://localhost:4100/dead",
				MaxReceiveCount:    10,
				Stack:              "exporter@us-gov-west-1",
				Zone:               london,
				Selection: selection(t, []string{"prod-*", "win2022-base", "!prod-test"},
					map[string]string{"Backup": "yes", "Team": "a=b"}),
				RequestsWithinSelection: true,
				Name:                    name(t, "backup/{image}-{date}"),
				Description:             description(t, "Unicode-free, {account}"),
				Tags:                    map[string]string{"Owner": "platform team", "Cost Center": "42", "Empty": ""},
				WaitDeadline:            time.Hour,
				ExportDeadline:          168 * time.Hour,
			}
		}},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			want := defaults(t)
			test.change(&want)
			got, err := read(test.env)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, unexported); diff != "" {
				t.Errorf("FromEnvironment (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadValues(t *testing.T) {
	manyTags := make([]string, 48)
	for i := range manyTags {
		manyTags[i] = fmt.Sprintf("k%d=v", i)
	}
	tests := []struct{ name, value, says string }{
		{"EXPORT_ROLE_ARN", "", "it is not set"},
		{"EXPORT_ROLE_ARN", "ExportRole", "it is no ARN"},
		{"EXPORT_ROLE_ARN", "arn:aws:sns:eu-west-1:123456789012:exports", "it is the ARN of something in sns"},
		{"EXPORT_ROLE_ARN", "arn:aws:iam::123456789012:user/jane", "it is not the ARN of a role"},
		{"EXPORT_ROLE_ARN", "arn:aws:iam:::role/R", "its account is not 12 digits"},
		{"EXPORT_ROLE_ARN", "arn:aws:iam::12345678901x:role/R", "its account is not 12 digits"},
		{"EXPORT_ROLE_ARN", "arn:aws:iam::210987654321:role/R", "the role is in the account 210987654321, the function in 123456789012"},
		{"EXPORT_ROLE_ARN", "arn::iam::123456789012:role/R", "a part of the ARN is empty"},
		{"TOPIC_ARN", "", "it is not set"},
		{"TOPIC_ARN", "exports", "it is no ARN"},
		{"TOPIC_ARN", "arn:aws:sqs:eu-west-1:123456789012:work", "it is the ARN of something in sqs"},
		{"TOPIC_ARN", "arn:aws:sns:us-east-1:123456789012:exports", "the topic is in us-east-1, the function in eu-west-1"},
		{"TOPIC_ARN", "arn:aws:sns:::exports", "its account is not 12 digits"},
		{"TOPIC_ARN", "arn:aws:sns::123456789012:exports", "a part of the ARN is empty"},
		{"TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:", "a part of the ARN is empty"},
		{"WORK_QUEUE_URL", "", "it is not set"},
		{"WORK_QUEUE_URL", "arn:aws:sqs:eu-west-1:123456789012:work", "it is no URL"},
		{"WORK_QUEUE_URL", "https:///work", "it is no URL"},
		{"WORK_QUEUE_URL", "https://host/%zz", "it is no URL"},
		{"DEAD_LETTER_QUEUE_URL", "", "it is not set"},
		{"DEAD_LETTER_QUEUE_URL", "ftp://host/dead", "it is no URL"},
		{"MAX_RECEIVE_COUNT", "many", "it is not a whole number"},
		{"MAX_RECEIVE_COUNT", "9", "it is out of range"},
		{"MAX_RECEIVE_COUNT", "1001", "it is out of range"},
		{"MAX_RECEIVE_COUNT", "99999999999999999999", "it is out of range"},
		{"IMAGES", "prod[", `"prod[" is not an image pattern`},
		{"IMAGES", "ok,-bad", `"-bad" is not an image name`},
		{"IMAGES", "!", `"" is not an image name`},
		{"IMAGE_TAG", "Backup", `"Backup" is not Key=Value`},
		{"IMAGE_TAG", "=yes", `"=yes" is not Key=Value`},
		{"IMAGE_TAG", " =yes", `"=yes" is not Key=Value`},
		{"IMAGE_TAG", "a=(1)", `the tag "a" has a value that is not allowed`},
		{"REQUESTS_WITHIN_SELECTION", "yes", "it is neither"},
		{"REQUESTS_WITHIN_SELECTION", "True", "it is neither"},
		{"AMI_NAME_TEMPLATE", "backup-{date}", "lacks {image}"},
		{"AMI_NAME_TEMPLATE", "{image} {date}", "a character that AppStream does not take"},
		{"AMI_NAME_TEMPLATE", "{image}-{day}", "holds {day}; placeholders are"},
		{"AMI_NAME_TEMPLATE", "{image}-{date", "a brace without its partner"},
		{"AMI_DESCRIPTION_TEMPLATE", "{name}", "holds {name}; placeholders are"},
		{"AMI_DESCRIPTION_TEMPLATE", "}", "a brace without its partner"},
		{"AMI_TAGS", "Owner", `"Owner" is not Key=Value`},
		{"AMI_TAGS", "aws:x=y", `"aws:x" begins with aws:`},
		{"AMI_TAGS", "AWS:x=y", `"AWS:x" begins with aws:`},
		{"AMI_TAGS", "appstream-ami-exporter:ami-id=ami-1", `begins with appstream-ami-exporter:`},
		{"AMI_TAGS", "a?=1", `"a?" is not a tag key`},
		{"AMI_TAGS", strings.Join(manyTags, ","), "48 tags are too many"},
		{"COPY_IMAGE_TAGS", "0", "it is neither"},
		{"STACK", "exporter", "it is not name@Region"},
		{"STACK", "@eu-west-1", "it is not name@Region"},
		{"STACK", "exporter@", "it is not name@Region"},
		{"STACK", "ex*porter@eu-west-1", "has a value that is not allowed"},
		{"WAIT_DEADLINE_HOURS", "0", "it is out of range"},
		{"WAIT_DEADLINE_HOURS", "169", "it is out of range"},
		{"WAIT_DEADLINE_HOURS", "0.99", "it is out of range"},
		{"WAIT_DEADLINE_HOURS", "168.01", "it is out of range"},
		{"WAIT_DEADLINE_HOURS", "NaN", "it is out of range"},
		{"WAIT_DEADLINE_HOURS", "1e999", "it is out of range"},
		{"EXPORT_DEADLINE_HOURS", "-1", "it is out of range"},
		{"EXPORT_DEADLINE_HOURS", "72h", "it is not a number"},
		{"AWS_REGION", "", "it is not set"},
	}
	for _, test := range tests {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			_, err := read(map[string]string{test.name: test.value})
			if err == nil {
				t.Fatal("accepted")
			}
			shown := []rune(test.value)
			for _, want := range []string{
				fmt.Sprintf("%s=%q: ", test.name, string(shown[:min(len(shown), 200)])), test.says, "(allowed: " + allowed(t, test.name) +
					")",
			} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error\n\t%s\nlacks\n\t%s", err, want)
				}
			}
			for _, v := range config.Variables() {
				if v.Name != test.name && strings.Contains(err.Error(), v.Name+"=") {
					t.Errorf("the error blames %s as well:\n\t%s", v.Name, err)
				}
			}
		})
	}
	t.Run("every variable is among them", func(t *testing.T) {
		for _, v := range config.Variables() {
			if v.Name != alwaysTaken && !slices.ContainsFunc(tests,
				func(test struct{ name, value, says string }) bool { return test.name == v.Name }) {
				t.Errorf("no bad value of %s is tested", v.Name)
			}
		}
	})
}

// alwaysTaken is the one variable of which no value keeps the function from starting: see TestUnknownTimeZone.
const alwaysTaken = "SCHEDULE_TIMEZONE"

func allowed(t *testing.T, name string) string {
	t.Helper()
	for _, v := range config.Variables() {
		if v.Name == name {
			return v.Allowed
		}
	}
	t.Fatalf("no variable %s", name)
	return ""
}

// Who deploys sees all that is wrong at the first try.
func TestEveryProblemAtOnce(t *testing.T) {
	bad := map[string]string{
		"EXPORT_ROLE_ARN": "role", "TOPIC_ARN": "topic", "WORK_QUEUE_URL": "queue", "DEAD_LETTER_QUEUE_URL": "dead",
		"MAX_RECEIVE_COUNT": "x", "IMAGES": "-", "IMAGE_TAG": "x", "REQUESTS_WITHIN_SELECTION": "x", "AMI_NAME_TEMPLATE": "x",
		"AMI_DESCRIPTION_TEMPLATE": "{x}", "AMI_TAGS": "x", "STACK": "x",
		"COPY_IMAGE_TAGS": "x", "WAIT_DEADLINE_HOURS": "x", "EXPORT_DEADLINE_HOURS": "x", "AWS_REGION": "",
	}
	_, err := read(bad)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, v := range config.Variables() {
		if v.Name != alwaysTaken && !strings.Contains(err.Error(), fmt.Sprintf("%s=%q: ", v.Name, bad[v.Name])) {
			t.Errorf("%s is not named in:\n%s", v.Name, err)
		}
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != len(bad) {
		t.Errorf("%d lines for %d problems:\n%s", lines, len(bad), err)
	}
}

// What a parameter's pattern cannot keep out is deployed, and the function says so and starts.
func TestWarnings(t *testing.T) {
	c, err := read(map[string]string{"IMAGES": "a,b,!a,!b*", "IMAGE_TAG": "a=1,b=2,a=3", "AMI_TAGS": "x=2,x=1"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`IMAGE_TAG="a=1,b=2,a=3": the key "a" is there twice; the last value counts`,
		`IMAGES="a,b,!a,!b*": every image that is named is excluded as well, so none is selected`,
		`AMI_TAGS="x=2,x=1": the key "x" is there twice; the last value counts`,
	}
	if diff := cmp.Diff(want, c.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	wanted := selection(t, []string{"a", "b", "!a", "!b*"}, map[string]string{"a": "3", "b": "2"})
	if diff := cmp.Diff(wanted, c.Selection, cmp.AllowUnexported(export.Selection{})); diff != "" {
		t.Errorf("selection (-want +got):\n%s", diff)
	}
	if got := c.Tags["x"]; got != "1" {
		t.Errorf("the tag is %q", got)
	}
}

// Scheduler refuses a time zone that it does not know; one that only this version does not know must not keep it from starting.
func TestUnknownTimeZone(t *testing.T) {
	for _, name := range []string{"Europe/Atlantis", "Local", "../etc"} {
		c, err := read(map[string]string{"SCHEDULE_TIMEZONE": name})
		if err != nil || c.Zone != time.UTC {
			t.Errorf("%s: %v, %v", name, c.Zone, err)
		}
		want := []string{fmt.Sprintf("SCHEDULE_TIMEZONE=%q: this version does not know that time zone; dates are in UTC", name)}
		if diff := cmp.Diff(want, c.Warnings); diff != "" {
			t.Errorf("warnings (-want +got):\n%s", diff)
		}
	}
}

// CloudFormation takes fractions for a parameter of type Number.
func TestHours(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1": time.Hour, "168": 168 * time.Hour, "1.5": 90 * time.Minute, "+2": 2 * time.Hour, "1e2": 100 * time.Hour, "024": 24 * time.Hour,
	} {
		c, err := read(map[string]string{"WAIT_DEADLINE_HOURS": text, "EXPORT_DEADLINE_HOURS": text})
		if err != nil || c.WaitDeadline != want || c.ExportDeadline != want {
			t.Errorf("%s: %v, %v, %v", text, c.WaitDeadline, c.ExportDeadline, err)
		}
	}
}

// A batch says by an ARN which queue it comes from; the function knows the URL of its own.
func TestWorkQueueARN(t *testing.T) {
	for _, test := range []struct{ role, region, url, want string }{
		{"arn:aws:iam::123456789012:role/R", "eu-west-1", "https://sqs.eu-west-1.amazonaws.com/123456789012/s-WorkQueue-1A",
			"arn:aws:sqs:eu-west-1:123456789012:s-WorkQueue-1A"},
		{"arn:aws-cn:iam::123456789012:role/R", "cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/w",
			"arn:aws-cn:sqs:cn-north-1:123456789012:w"},
		{"arn:aws:iam::123456789012:role/R", "eu-west-1", "http://localhost:4100/work", "arn:aws:sqs:eu-west-1:123456789012:work"},
	} {
		c, err := read(map[string]string{
			"EXPORT_ROLE_ARN": test.role, "AWS_REGION": test.region, "WORK_QUEUE_URL": test.url,
			"TOPIC_ARN": strings.Replace(strings.Replace(test.role, "iam::", "sns:"+test.region+":", 1), "role/R", "topic", 1),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.WorkQueueARN(); got != test.want {
			t.Errorf("%s: %s, want %s", test.url, got, test.want)
		}
	}
}

// FromEnvironment reads no variable that Variables, and so the documentation, does not show.
func TestVariablesAreAll(t *testing.T) {
	asked := map[string]bool{}
	_, err := config.FromEnvironment(func(name string) (string, bool) {
		asked[name] = true
		return required[name], true
	})
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, v := range config.Variables() {
		shown[v.Name] = true
		if v.Allowed == "" {
			t.Errorf("%s does not say what is allowed", v.Name)
		}
		if _, must := required[v.Name]; must && v.Default != "" {
			t.Errorf("%s is required and has a default", v.Name)
		}
	}
	if diff := cmp.Diff(shown, asked); diff != "" {
		t.Errorf("variables shown and read (-shown +read):\n%s", diff)
	}
}

// What AppStream takes, written independently of the code.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_CreateExportImageTask.html
var (
	tagKey   = regexp.MustCompile(`^.[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
	tagValue = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
)

// Whatever is in the variables: an accepted configuration has legal tags, and a refused one has each of its problems named.
func FuzzFromEnvironment(f *testing.F) {
	f.Add("", "", "", "")
	f.Add("prod-*,!prod-test", "Backup=yes", "Owner=a,Team=b=c", "{image}-{date}")
	f.Add("!", "=", "a=1,a=2", "{}")
	f.Add("[a-", ",,", " = ", "{image")
	f.Add("\\", "é=ü", "aws:a=b", "{image}\n")
	f.Fuzz(func(t *testing.T, images, tag, tags, template string) {
		c, err := read(map[string]string{"IMAGES": images, "IMAGE_TAG": tag, "AMI_TAGS": tags, "AMI_NAME_TEMPLATE": template})
		if err != nil {
			named := slices.ContainsFunc([]string{"IMAGES", "IMAGE_TAG", "AMI_TAGS", "AMI_NAME_TEMPLATE"}, func(name string) bool {
				return strings.Contains(err.Error(), name+"=")
			})
			if !named || !strings.Contains(err.Error(), "(allowed: ") {
				t.Errorf("the error names no variable: %v", err)
			}
			return
		}
		if len(c.Tags) > 35 {
			t.Errorf("%d tags leave no room for our own", len(c.Tags))
		}
		for key, value := range c.Tags {
			reserved := strings.HasPrefix(key, "aws:") || strings.HasPrefix(key, "appstream-ami-exporter:")
			if reserved || len([]rune(key)) > 128 || !tagKey.MatchString(key) || len([]rune(value)) > 256 || !tagValue.MatchString(value) {
				t.Errorf("AppStream does not take the tag %q=%q", key, value)
			}
			if strings.TrimSpace(key) != key || strings.TrimSpace(value) != value {
				t.Errorf("spaces around %q=%q", key, value)
			}
		}
	})
}
