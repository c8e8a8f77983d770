// Package terminal is what the commands for a person at a terminal share: which stack is meant and where it is, advice on what
// went wrong, a screen, and exit codes. It knows no service but CloudFormation, so that a command compiles only what it uses.
package terminal

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/smithy-go/logging"
)

// Target says which stack is meant, and with whose credentials. What is empty comes from where the aws command takes it too:
// the environment and the files in ~/.aws.
type Target struct {
	Stack   string
	Region  string
	Profile string
}

// Register defines the flags that every command has.
func (t *Target) Register(flags *flag.FlagSet) {
	flags.StringVar(&t.Stack, "stack", "appstream-ami-exporter", "the `name` of the CloudFormation stack")
	flags.StringVar(&t.Region, "region", "", "its `Region`, where that is not the default of your AWS configuration")
	flags.StringVar(&t.Profile, "profile", "", "a `profile` of your AWS configuration")
}

// callLimit bounds each attempt at a call. The slowest answers, long lists and searches in logs, take a few seconds.
const callLimit = 30 * time.Second

// Load reads Region, credentials and all else that ~/.aws and the environment say: profiles, single sign-on, credentials of a
// program, roles with MFA, proxies, AWS_ENDPOINT_URL. It fetches the credentials, so that a failure to get some is known from
// a failure of what they are for.
func (t Target) Load(ctx context.Context) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{
		config.WithLogger(logging.Nop{}), // what goes wrong is in the errors
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(callLimit)),
		config.WithAssumeRoleCredentialOptions(func(o *stscreds.AssumeRoleOptions) { o.TokenProvider = askForCode }),
	}
	if t.Region != "" {
		options = append(options, config.WithRegion(t.Region))
	}
	if t.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(t.Profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, Explain(err)
	}
	if t.playsAWS(cfg) {
		// Such a program checks neither, but no call is made without.
		cfg.Credentials = credentials.NewStaticCredentialsProvider("local", "local", "")
		if cfg.Region == "" {
			cfg.Region = "us-east-1"
		}
	}
	if cfg.Region == "" {
		return cfg, errNoRegion
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return cfg, Explain(credentialsError{err})
	}
	return cfg, nil
}

// errNoRegion is Load's answer where nobody says which Region.
var errNoRegion = errors.New("no Region is configured\nSay which Region the stack is in, for example with REGION=eu-west-1")

// playsAWS tells whether a program on this machine plays AWS, such as `make local`, for somebody who has chosen no credentials.
func (t Target) playsAWS(cfg aws.Config) bool {
	if cfg.BaseEndpoint == nil || t.Profile != "" || os.Getenv("AWS_PROFILE") != "" || os.Getenv("AWS_ACCESS_KEY_ID") != "" {
		return false
	}
	endpoint, err := url.Parse(*cfg.BaseEndpoint)
	if err != nil {
		return false
	}
	ip := net.ParseIP(endpoint.Hostname())
	return endpoint.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// askForCode asks for the code of a role that wants MFA. Unlike stscreds.StdinTokenProvider it does not ask on the standard
// output, which may be read by a program.
func askForCode() (code string, err error) {
	fmt.Fprint(os.Stderr, "MFA code: ")
	if _, err := fmt.Scanln(&code); err != nil {
		return "", fmt.Errorf("no MFA code was given: %w", err)
	}
	return code, nil
}
