package config

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// environment reads variables and gathers what is wrong with them.
type environment struct {
	lookup    func(string) (string, bool)
	variables map[string]Variable
	problems  []error
	warnings  []string
}

// quoted is how a problem shows a value: the environment has room for 4 KB of them, the log line need not repeat all.
const quoted = "%.200q"

// get returns the value, or the default where the variable is not set or empty: CloudFormation cannot leave out a
// variable whose parameter is empty.
func (e *environment) get(name string) string {
	if value, _ := e.lookup(name); value != "" {
		return value
	}
	return e.variables[name].Default
}

// problem notes what is wrong with a variable, if anything is.
func (e *environment) problem(name string, err error) {
	if err != nil {
		e.problems = append(e.problems, fmt.Errorf("%s="+quoted+": %w (allowed: %s)", name, e.get(name), err, e.variables[name].Allowed))
	}
}

// warn notes what is probably not meant, but no reason not to start: the parameter's pattern cannot keep it from being deployed.
func (e *environment) warn(name, what string) {
	e.warnings = append(e.warnings, fmt.Sprintf("%s="+quoted+": %s", name, e.get(name), what))
}

func (e *environment) required(name string) string {
	value := e.get(name)
	if value == "" {
		e.problem(name, errors.New("it is not set"))
	}
	return value
}

func (e *environment) arn(name, service string) arn.ARN {
	value := e.required(name)
	if value == "" {
		return arn.ARN{}
	}
	parsed, err := arn.Parse(value)
	if err != nil {
		e.problem(name, errors.New("it is no ARN"))
		return parsed
	}
	e.problem(name, checkARN(parsed, service))
	return parsed
}

func checkARN(parsed arn.ARN, service string) error {
	if parsed.Service != service {
		return fmt.Errorf("it is the ARN of something in %s", parsed.Service)
	}
	if service == "iam" && !strings.HasPrefix(parsed.Resource, "role/") {
		return errors.New("it is not the ARN of a role")
	}
	if !isAccount(parsed.AccountID) {
		// The ARNs of images are made with the role's account, so a wrong one would hide them all.
		return errors.New("its account is not 12 digits")
	}
	if parsed.Partition == "" || service == "sns" && (parsed.Region == "" || parsed.Resource == "") {
		return errors.New("a part of the ARN is empty")
	}
	return nil
}

func isAccount(id string) bool {
	return len(id) == 12 && strings.Trim(id, "0123456789") == ""
}

func (e *environment) url(name string) string {
	value := e.required(name)
	if value == "" {
		return ""
	}
	if parsed, err := url.Parse(value); err != nil || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http" {
		e.problem(name, errors.New("it is no URL"))
	}
	return value
}

func (e *environment) number(name string, low, high int) int {
	value, err := strconv.Atoi(e.get(name))
	if errors.Is(err, strconv.ErrSyntax) {
		e.problem(name, errors.New("it is not a whole number"))
	} else if value < low || value > high {
		e.problem(name, errors.New("it is out of range")) // as is a number too long for Atoi, which returns the nearest that is not
	}
	return value
}

// hours reads a number with or without a fraction, as CloudFormation takes it for a parameter of type Number.
func (e *environment) hours(name string, low, high float64) time.Duration {
	value, err := strconv.ParseFloat(e.get(name), 64)
	if errors.Is(err, strconv.ErrSyntax) {
		e.problem(name, errors.New("it is not a number"))
		return 0
	}
	if !(value >= low && value <= high) { // written so that NaN is out of range
		e.problem(name, errors.New("it is out of range"))
		return 0
	}
	return time.Duration(value * float64(time.Hour))
}

// zone is the time zone of that name. One that Scheduler knows and this version does not is no reason not to start. "Local", which
// Go knows as well, would be that of the machine.
func (e *environment) zone(name string) *time.Location {
	location, err := time.LoadLocation(e.get(name))
	if err != nil || location == time.Local {
		e.warn(name, "this version does not know that time zone; dates are in UTC")
		return time.UTC
	}
	return location
}

func (e *environment) boolean(name string) bool {
	switch e.get(name) {
	case "true":
		return true
	case "false":
	default:
		e.problem(name, errors.New("it is neither"))
	}
	return false
}

// pairs reads Key=Value,Key=Value. A value may hold "=", neither may hold a comma. Spaces around them are no part of them.
func (e *environment) pairs(name string) map[string]string {
	pairs := map[string]string{}
	for _, entry := range SplitList(e.get(name)) {
		key, value, ok := strings.Cut(entry, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" {
			e.problem(name, fmt.Errorf(quoted+" is not Key=Value", entry))
			continue
		}
		if _, twice := pairs[key]; twice {
			e.warn(name, fmt.Sprintf("the key "+quoted+" is there twice; the last value counts", key))
		}
		pairs[key] = value
	}
	return pairs
}

// accountInURL is the account in the URL of a queue, https://sqs.<Region>.amazonaws.com/<account>/<name>, where there is one.
func accountInURL(queueURL string) string {
	parsed, err := url.Parse(queueURL)
	if err != nil {
		return ""
	}
	if account, _, _ := strings.Cut(strings.TrimPrefix(parsed.Path, "/"), "/"); isAccount(account) {
		return account
	}
	return ""
}

// SplitList reads a list with commas, as in IMAGES. Spaces around an entry are no part of it; empty entries are none.
func SplitList(text string) (entries []string) {
	for entry := range strings.SplitSeq(text, ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			entries = append(entries, entry)
		}
	}
	return entries
}
