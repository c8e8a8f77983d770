package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// cli is the aws command, version 1 or 2. It knows the administrator's profiles, single sign-on and proxies, which a program
// with an SDK in it would have to learn.
type cli struct {
	region  string
	profile string
}

// call runs one operation and decodes its answer.
func (c cli) call(ctx context.Context, into any, service, operation string, args ...string) error {
	answer, err := c.answer(ctx, service, operation, args)
	if err != nil {
		return err
	}
	// Where there is nothing to answer with, the aws command writes nothing.
	if len(bytes.TrimSpace(answer)) == 0 {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("aws %s %s did not answer with JSON: %w", service, operation, err)
	}
	return nil
}

// run runs one operation that has nothing to answer.
func (c cli) run(ctx context.Context, service, operation string, args ...string) error {
	_, err := c.answer(ctx, service, operation, args)
	return err
}

func (c cli) answer(ctx context.Context, service, operation string, args []string) ([]byte, error) {
	args = append([]string{service, operation}, args...)
	args = append(args, "--output", "json")
	if c.region != "" {
		args = append(args, "--region", c.region)
	}
	if c.profile != "" {
		args = append(args, "--profile", c.profile)
	}
	command := exec.CommandContext(ctx, "aws", args...)
	// Version 2 shows its answers in a pager otherwise.
	command.Env = append(os.Environ(), "AWS_PAGER=")
	if service == "lambda" {
		// A second attempt would invoke the function a second time.
		command.Env = append(command.Env, "AWS_MAX_ATTEMPTS=1")
	}
	var answer, complaint bytes.Buffer
	command.Stdout, command.Stderr = &answer, &complaint
	err := command.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("the command aws is not there. Install the AWS CLI, https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html, and try again")
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, explain(service+" "+operation, strings.TrimSpace(complaint.String()), err)
	}
	return answer.Bytes(), nil
}

// advice is what to do about complaints of the aws command, by a part of them. The first that fits is given.
var advice = []struct{ complaint, say string }{
	{"You must specify a region", "Say which Region the stack is in: REGION=eu-west-1, for example."},
	{"config profile", "`aws configure list-profiles` lists the profiles there are; choose one with PROFILE=<its name>."},
	{"Unable to locate credentials", "Give the aws command credentials: `aws configure` or `aws sso login`; or choose a profile that has some with PROFILE=<its name>."},
	{"expired", "Log in again, for example with `aws sso login`."},
	{"Expired", "Log in again, for example with `aws sso login`."},
	{"SSO", "Log in again, for example with `aws sso login`."},
	{"InvalidClientTokenId", "The credentials are not valid: see `aws sts get-caller-identity`; PROFILE=<its name> chooses others."},
	{"UnrecognizedClient", "The credentials are not valid: see `aws sts get-caller-identity`; PROFILE=<its name> chooses others."},
	{"AccessDenied", "Your credentials may not do this; docs/PERMISSIONS.md says what a person at the terminal needs."},
	{"not authorized", "Your credentials may not do this; docs/PERMISSIONS.md says what a person at the terminal needs."},
	{"Invalid choice", "Your aws command is too old to know this: install a newer one, `aws --version` shows what you have."},
	{"Could not connect", "Check the network and that REGION is the name of a Region."},
}

func explain(what, complaint string, err error) error {
	if complaint == "" {
		return fmt.Errorf("aws %s failed: %w", what, err)
	}
	// Usage comes first and the complaint last.
	lines := strings.Split(complaint, "\n")
	for _, a := range advice {
		if strings.Contains(complaint, a.complaint) {
			return fmt.Errorf("aws %s: %s\n%s", what, shown(lines, a.complaint), a.say)
		}
	}
	return fmt.Errorf("aws %s: %s", what, complaint)
}

// shown is the line that holds the complaint: a mistaken argument makes the aws command print all arguments that it knows.
func shown(lines []string, part string) string {
	for _, line := range lines {
		if strings.Contains(line, part) {
			return strings.TrimSpace(line)
		}
	}
	return strings.TrimSpace(lines[len(lines)-1])
}
