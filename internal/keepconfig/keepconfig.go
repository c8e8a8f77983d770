// Package keepconfig reads what the stack decided for the keeper from the environment of its function.
package keepconfig

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"appstream-ami-exporter/internal/config"
	"appstream-ami-exporter/internal/keep"
)

// Variables are all that FromEnvironment reads, in the order of the documentation. AWS_REGION is Lambda's own.
func Variables() []config.Variable {
	return []config.Variable{
		{Name: "STACK", Allowed: "the name of the stack, @, and its Region"},
		{Name: "PARTITION", Default: "aws", Allowed: "the partition of AWS"},
		{Name: "ACCOUNT", Allowed: "the 12 digits of the account"},
		{Name: "TOPIC_ARN", Allowed: "the ARN of an SNS topic, standard or FIFO"},
		{Name: "OWN_TOPIC", Default: "true", Allowed: "true if the stack made the topic, false if it existed"},
		{Name: "KEEP", Allowed: "keep rules: last=N, and daily=N, weekly=N, monthly=N, yearly=N, within=DAYS, separated by commas; empty " +
			"keeps everything"},
		{Name: "KEEP_MODE", Default: "PLAN", Allowed: "PLAN or ON"},
		{Name: "FAMILIES", Allowed: "name=pattern pairs, separated by commas"},
		{Name: "SCHEDULE_TIMEZONE", Default: "UTC", Allowed: "a time zone of the IANA database, such as Europe/Berlin"},
		{Name: "GRACE_DAYS", Default: "14", Allowed: "a whole number from 1 to 365"},
		{Name: "UNUSED_DAYS", Default: "30", Allowed: "a whole number from 0 to 3650"},
		{Name: "RETIRE_AT_MOST", Default: "5", Allowed: "a whole number from 1 to 1000"},
		{Name: "UNDO_DAYS", Default: "7", Allowed: "a whole number from 0 to 365"},
		{Name: "COPY_REGIONS", Allowed: "at most 5 other Regions, separated by commas"},
		{Name: "COPY_KMS_KEYS", Allowed: "ARNs of KMS keys in these Regions and the stack's own, separated by commas"},
		{Name: "LATEST_AMI_PARAMETER", Allowed: "a path such as /appstream-amis, not below /aws or /ssm"},
		{Name: "AWS_REGION", Allowed: "the Region, which Lambda sets"},
	}
}

// Config is what one deployed keeper is told.
type Config struct {
	Keep     keep.Config
	TopicARN string
}

// mostCopyRegions bounds what a pass has to read and what the attempts in a tag have room for.
const mostCopyRegions = 5

var (
	stackForm   = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]{0,127}@[a-z0-9-]+$`)
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	regionForm  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]+$`)
	prefixForm  = regexp.MustCompile(`^(/[a-zA-Z0-9_.-]+)+$`)
)

// maxPrefix leaves room for the name of a family in the 1,011 characters of a parameter's name.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
const maxPrefix = 500

// FromEnvironment reads and checks the configuration. Its error lists every problem, each with the variable, its value and what is
// allowed.
func FromEnvironment(lookup func(string) (string, bool)) (Config, error) {
	env := config.NewEnvironment(lookup, Variables())
	form := func(name string, form *regexp.Regexp) string {
		value := env.Required(name)
		if value != "" && !form.MatchString(value) {
			env.Problem(name, errors.New("it has another form"))
		}
		return value
	}
	var c Config
	var topicRegion string
	c.TopicARN, topicRegion = env.Topic("TOPIC_ARN")
	k := &c.Keep
	k.Stack, k.Account, k.Home = form("STACK", stackForm), form("ACCOUNT", accountForm), form("AWS_REGION", regionForm)
	k.Partition, k.OwnTopic = env.Get("PARTITION"), env.Boolean("OWN_TOPIC")
	if topicRegion != "" && topicRegion != k.Home {
		env.Problem("TOPIC_ARN", fmt.Errorf("the topic is in %s, the function in %s; SNS takes messages in the topic's own Region only",
			topicRegion, k.Home))
	}

	var err error
	k.Keep, err = keep.ParseRules(env.Get("KEEP"))
	env.Problem("KEEP", err)
	switch mode := env.Get("KEEP_MODE"); mode {
	case "PLAN", "ON":
		k.On = mode == "ON"
	default:
		env.Problem("KEEP_MODE", errors.New("it is neither"))
	}
	k.Families, err = keep.ParseFamilies(env.Get("FAMILIES"))
	env.Problem("FAMILIES", err)
	k.Location, err = location(env.Get("SCHEDULE_TIMEZONE"))
	env.Problem("SCHEDULE_TIMEZONE", err)
	k.GraceDays = env.Number("GRACE_DAYS", 1, 365)
	k.UnusedDays = env.Number("UNUSED_DAYS", 0, 3650)
	k.RetireAtMost = env.Number("RETIRE_AT_MOST", 1, 1000)
	k.UndoDays = env.Number("UNDO_DAYS", 0, 365)

	k.CopyRegions, err = copyRegions(env.Get("COPY_REGIONS"), k.Home)
	env.Problem("COPY_REGIONS", err)
	// Home's key is not for copies: where the AMIs are encrypted with it, the role needs it to read them, and has it from there.
	k.CopyKMSKeys, err = copyKeys(env.Get("COPY_KMS_KEYS"), append(slices.Clone(k.CopyRegions), k.Home))
	env.Problem("COPY_KMS_KEYS", err)
	k.PointerPrefix, err = pointerPrefix(env.Get("LATEST_AMI_PARAMETER"))
	env.Problem("LATEST_AMI_PARAMETER", err)
	return c, env.Err()
}

func location(name string) (*time.Location, error) {
	if name == "Local" { // Go's name for the time zone of the machine
		return nil, errors.New("it is not known")
	}
	found, err := time.LoadLocation(name)
	if err != nil {
		return nil, errors.New("it is not known")
	}
	return found, nil
}

func copyRegions(text, home string) ([]string, error) {
	regions := config.SplitList(text)
	for i, region := range regions {
		switch {
		case !regionForm.MatchString(region):
			return nil, fmt.Errorf("%.60q is not the name of a Region", region)
		case region == home:
			return nil, fmt.Errorf("%s is the stack's own Region, where the AMIs are", region)
		case slices.Contains(regions[:i], region):
			return nil, fmt.Errorf("%s is there twice", region)
		}
	}
	if len(regions) > mostCopyRegions {
		return nil, fmt.Errorf("%d Regions are too many", len(regions))
	}
	return regions, nil
}

func copyKeys(text string, regions []string) (map[string]string, error) {
	keys := map[string]string{}
	for _, key := range config.SplitList(text) {
		parsed, err := arn.Parse(key)
		switch {
		case err != nil || parsed.Service != "kms" || !strings.HasPrefix(parsed.Resource, "key/"):
			return nil, fmt.Errorf("%.140q is not the ARN of a KMS key", key)
		case !slices.Contains(regions, parsed.Region):
			return nil, fmt.Errorf("nothing is copied to %s, where the key %s is", parsed.Region, key)
		case keys[parsed.Region] != "":
			return nil, fmt.Errorf("there are two keys for %s", parsed.Region)
		}
		keys[parsed.Region] = key
	}
	return keys, nil
}

func pointerPrefix(text string) (string, error) {
	first, _, _ := strings.Cut(strings.TrimPrefix(text, "/"), "/")
	lower := strings.ToLower(first)
	switch {
	case text == "":
	case !prefixForm.MatchString(text) || len(text) > maxPrefix:
		return "", errors.New("it is not a path of letters, digits, and . - _ between slashes, without one at its end")
	case strings.HasPrefix(lower, "aws") || strings.HasPrefix(lower, "ssm"):
		return "", errors.New("AWS keeps the parameters that begin with aws or ssm for itself")
	}
	return text, nil
}
