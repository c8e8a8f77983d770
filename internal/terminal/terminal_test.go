package terminal

import (
	"context"
	"crypto/sha1"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// configure gives the test an AWS configuration of its own, with nothing from the machine's.
func configure(t *testing.T, content string) {
	t.Helper()
	directory := t.TempDir()
	file := filepath.Join(directory, "config")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // restored after the test
			_ = os.Unsetenv(name)
		}
	}
	t.Setenv("HOME", directory) // where the tokens of single sign-on are kept
	t.Setenv("AWS_CONFIG_FILE", file)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
}

const keys = "\naws_access_key_id = own\naws_secret_access_key = secret\n"

func TestLoad(t *testing.T) {
	tests := map[string]struct {
		config      string
		environment map[string]string
		target      Target
		region, key string
	}{
		"of the file": {config: "[default]\nregion = eu-west-1" + keys, region: "eu-west-1", key: "own"},
		"a Region chosen": {config: "[default]\nregion = eu-west-1" + keys, target: Target{Region: "eu-west-3"}, region: "eu-west-3",
			key: "own"},
		"a profile chosen": {
			config:      "[profile backup]\nregion = eu-north-1" + keys,
			environment: map[string]string{"AWS_ACCESS_KEY_ID": "another", "AWS_SECRET_ACCESS_KEY": "secret"},
			target:      Target{Profile: "backup"}, region: "eu-north-1", key: "own",
		},
		"of a program": {
			config: "[default]\nregion = eu-west-1\n" +
				`credential_process = echo '{"Version":1,"AccessKeyId":"told","SecretAccessKey":"secret"}'`,
			region: "eu-west-1", key: "told",
		},
		"a local AWS and nothing else": {
			environment: map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, region: "us-east-1", key: "local",
		},
		"a local AWS and a file": {
			config: "[default]\nregion = eu-west-1" + keys, environment: map[string]string{"AWS_ENDPOINT_URL": "http://localhost:9"},
			region: "eu-west-1", key: "local",
		},
		"a local AWS and a profile chosen": {
			config: "[profile mine]\nregion = eu-west-1" + keys, environment: map[string]string{
				"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_PROFILE": "mine",
			},
			region: "eu-west-1", key: "own",
		},
		"a local AWS and a profile named": {
			config: "[profile mine]\nregion = eu-west-1" + keys, environment: map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
			target: Target{Profile: "mine"}, region: "eu-west-1", key: "own",
		},
		"an AWS elsewhere": {
			config: "[default]\nregion = eu-west-1" + keys, environment: map[string]string{
				"AWS_ENDPOINT_URL": "https://aws.example.com",
			}, region: "eu-west-1", key: "own",
		},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			configure(t, test.config)
			for name, value := range test.environment {
				t.Setenv(name, value)
			}
			cfg, err := test.target.Load(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			credentials, err := cfg.Credentials.Retrieve(t.Context())
			if err != nil || credentials.AccessKeyID != test.key || cfg.Region != test.region {
				t.Errorf("the Region is %s, the key %s (%v), want %s and %s", cfg.Region, credentials.AccessKeyID, err, test.region,
					test.key)
			}
		})
	}
}

// Each failure to find Region or credentials says what to do about it.
func TestLoadFails(t *testing.T) {
	tests := map[string]struct {
		config string
		target Target
		says   []string
	}{
		"no Region":  {config: "[default]" + keys, says: []string{"no Region is configured", "REGION=eu-west-1"}},
		"no profile": {target: Target{Profile: "nobody"}, says: []string{"There is no profile nobody in ", "PROFILE="}},
		"no credentials": {
			config: "[default]\nregion = eu-west-1\n", says: []string{
				"there are no credentials, neither in the environment nor in your AWS configuration", "aws configure",
			},
		},
		"a program that fails": {
			config: "[default]\nregion = eu-west-1\ncredential_process = echo >&2 no; exit 3\n", says: []string{
				"there are no credentials", "credential_process",
			},
		},
		"single sign-on": {
			config: "[default]\nregion = eu-west-1\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n" +
				"[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://example.awsapps.com/start\n",
			says: []string{"there are no credentials", "aws sso login"},
		},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			configure(t, test.config)
			_, err := test.target.Load(t.Context())
			for _, part := range test.says {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("it does not say %q: %v", part, err)
				}
			}
		})
	}
}

// A role that wants a code of MFA asks for it, and is assumed with it.
func TestMFA(t *testing.T) {
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		if r.FormValue("TokenCode") != "123456" {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(refusal("AccessDenied", "MultiFactorAuthentication failed")))
			return
		}
		_, _ = w.Write([]byte(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
			<AccessKeyId>role</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
			<Expiration>2126-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`))
	}))
	t.Cleanup(sts.Close)
	for code, want := range map[string]string{
		"123456": "", "": "no MFA code was given",
		"654321": "there are no credentials: STS AssumeRole: AccessDenied: MultiFactorAuthentication failed\n" +
			"The role of your profile cannot be assumed",
	} {
		configure(t, "[default]\nregion = eu-west-1\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = me\n"+
			"mfa_serial = arn:aws:iam::123456789012:mfa/me\n[profile me]"+keys)
		t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL)
		typed(t, code)
		cfg, err := Target{}.Load(t.Context())
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: it does not say %q: %v", code, want, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%q: %v", code, err)
		}
		if credentials, err := cfg.Credentials.Retrieve(t.Context()); err != nil || credentials.AccessKeyID != "role" {
			t.Errorf("the credentials are %+v, %v", credentials, err)
		}
	}
}

// typed has somebody type a line.
func typed(t *testing.T, line string) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := write.WriteString(line + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	stdin := os.Stdin
	os.Stdin = read
	t.Cleanup(func() { os.Stdin = stdin; _ = read.Close() })
}

// client is an AWS configuration whose calls all go to url.
func client(url string) aws.Config {
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "x", SecretAccessKey: "x"}, nil
		}),
	}
}

// A session of single sign-on that is over although the token's file says otherwise is no want of a permission.
func TestSessionIsOver(t *testing.T) {
	portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-ErrorType", "UnauthorizedException")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"message":"Session token not found or invalid"}`))
	}))
	t.Cleanup(portal.Close)
	configure(t, "[default]\nregion = eu-west-1\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n"+
		"[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://example.awsapps.com/start\n")
	t.Setenv("AWS_ENDPOINT_URL_SSO", portal.URL)
	cache := filepath.Join(os.Getenv("HOME"), ".aws", "sso", "cache")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	file := fmt.Sprintf("%x.json", sha1.Sum([]byte("s")))
	if err := os.WriteFile(filepath.Join(cache, file), []byte(`{"accessToken":"t","expiresAt":"2126-01-01T00:00:00Z"}`),
		0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Target{}.Load(t.Context())
	if err == nil || !strings.Contains(err.Error(), "SSO GetRoleCredentials: UnauthorizedException") ||
		!strings.Contains(err.Error(), "aws sso login") {
		t.Errorf("it says: %v", err)
	}
}
