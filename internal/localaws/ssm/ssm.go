// Package ssm emulates Parameter Store of AWS Systems Manager, as far as a parameter that names an AMI needs it.
package ssm

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"appstream-ami-exporter/internal/localaws/iam"
)

// Options says what kind of account the emulator plays. Every field may be left zero.
type Options struct {
	Account   string   // default 123456789012
	Partition string   // default aws
	Regions   []string // those the account has enabled; default eu-west-1, us-east-1, eu-central-1

	// Now is the only clock: nothing happens between two requests but what Now says has passed.
	Now func() time.Time
	// ValidationDelay is how long it takes until an aws:ec2:image is written, or dropped without a word.
	ValidationDelay time.Duration
	// ImageExists tells whether an AMI can be used in a Region. None accepts every AMI.
	ImageExists func(region, imageID string) bool

	// Authorize is asked about each parameter of each call before anything is done. None allows everything.
	Authorize func(iam.Request) bool
}

// SSM is the service in all Regions of one account. It is an http.Handler that finds the Region in the signature of a
// request, keeps everything in memory, and is safe for concurrent use.
type SSM struct {
	options Options

	mu       sync.Mutex
	requests int
	caller   string // the access key of the request that is being served
	regions  map[string]map[string]*Parameter
	faults   map[string][]string
	calls    map[string]int
}

// Parameter is one of Parameter Store.
type Parameter struct {
	Name        string
	Value       string
	Description string
	Type        string
	DataType    string
	Version     int64 // 0 while the first value of an aws:ec2:image is being validated
	Modified    time.Time
	Tags        map[string]string

	history  []Parameter // the versions, the latest last
	proposed *proposal
}

// proposal is a value that is being validated.
type proposal struct {
	value, description string
	decided            time.Time
}

// maxVersions are kept of a parameter; a further one takes the place of the oldest.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html
const maxVersions = 100

// write gives the parameter its next version. No description leaves the one before.
func (p *Parameter) write(value, description string, at time.Time) {
	p.Value, p.Modified = value, at
	if description != "" {
		p.Description = description
	}
	p.Version++
	version := *p
	version.history, version.proposed = nil, nil
	p.history = append(p.history, version)
	p.history = p.history[max(0, len(p.history)-maxVersions):]
}

// New returns an account without parameters.
func New(options Options) *SSM {
	if options.Account == "" {
		options.Account = "123456789012"
	}
	if options.Partition == "" {
		options.Partition = "aws"
	}
	if len(options.Regions) == 0 {
		options.Regions = []string{"eu-west-1", "us-east-1", "eu-central-1"}
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.ImageExists == nil {
		options.ImageExists = func(string, string) bool { return true }
	}
	if options.Authorize == nil {
		options.Authorize = func(iam.Request) bool { return true }
	}
	s := &SSM{options: options, regions: map[string]map[string]*Parameter{}, faults: map[string][]string{}, calls: map[string]int{}}
	for _, name := range options.Regions {
		s.regions[name] = map[string]*Parameter{}
	}
	return s
}

// Calls returns how often each operation was asked for in each Region, as "eu-west-1 PutParameter", refused ones included.
func (s *SSM) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// FailNext answers the next calls of an operation with these error codes, one call each, and does nothing else for them; ""
// lets a call pass.
func (s *SSM) FailNext(operation string, codes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[operation] = append(s.faults[operation], codes...)
}

// Put writes a parameter at once, as somebody else does; what is left zero is as the keeper makes it.
func (s *SSM) Put(region string, p Parameter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Type == "" {
		p.Type = "String"
	}
	if p.DataType == "" {
		p.DataType = imageType
	}
	if before := s.regions[region][p.Name]; before != nil {
		p.Version, p.history = before.Version, before.history
	}
	p.write(p.Value, p.Description, s.options.Now())
	s.regions[region][p.Name] = &p
}

// Delete removes a parameter, as somebody else does.
func (s *SSM) Delete(region, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.regions[region], name)
}

// Parameters returns what is written in a Region now, by name.
func (s *SSM) Parameters(region string) map[string]Parameter {
	s.settle()
	s.mu.Lock()
	defer s.mu.Unlock()
	parameters := map[string]Parameter{}
	for name := range s.regions[region] {
		if p := s.parameter(region, name); p != nil {
			shown := *p
			shown.Tags = maps.Clone(p.Tags)
			parameters[name] = shown
		}
	}
	return parameters
}

// References returns the ARNs of the parameters of a Region that name an AMI, without the values that are being validated.
func (s *SSM) References(region, imageID string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var arns []string
	for name, p := range s.regions[region] {
		if p.Version > 0 && p.DataType == imageType && p.Value == imageID {
			arns = append(arns, s.arn(region, name))
		}
	}
	slices.Sort(arns)
	return arns
}

func (s *SSM) arn(region, name string) string {
	return fmt.Sprintf("arn:%s:ssm:%s:%s:parameter/%s", s.options.Partition, region, s.options.Account, strings.TrimPrefix(name, "/"))
}

const imageType = "aws:ec2:image"

// parameter finds a parameter that is written.
func (s *SSM) parameter(region, name string) *Parameter {
	if p := s.regions[region][name]; p != nil && p.Version > 0 {
		return p
	}
	return nil
}

// settle decides about the values whose validation has ended. It asks about AMIs without holding the lock: whoever knows
// them asks about parameters in turn.
func (s *SSM) settle() {
	type decision struct {
		region   string
		p        *Parameter
		proposed *proposal
	}
	var due []decision
	s.mu.Lock()
	now := s.options.Now()
	for region, parameters := range s.regions {
		for _, p := range parameters {
			if p.proposed != nil && !now.Before(p.proposed.decided) {
				due = append(due, decision{region, p, p.proposed})
			}
		}
	}
	s.mu.Unlock()
	for _, d := range due {
		exists := s.options.ImageExists(d.region, d.proposed.value)
		s.mu.Lock()
		switch {
		case d.p.proposed != d.proposed: // decided, or overtaken by another one
		case exists:
			d.p.proposed = nil
			d.p.write(d.proposed.value, d.proposed.description, d.proposed.decided)
		case d.p.Version > 0:
			d.p.proposed = nil
		default:
			delete(s.regions[d.region], d.p.Name)
		}
		s.mu.Unlock()
	}
}

var (
	// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
	nameForm  = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)
	imageForm = regexp.MustCompile(`^ami-[0-9a-f]{8,17}$`)
)

// maxName is the longest name, less what the ARN around it takes.
const maxName = 1011

// maxLevels is how deep a hierarchy of names may be.
const maxLevels = 15

func checkName(name string) error {
	levels := strings.Split(strings.Trim(name, "/"), "/")
	first := strings.ToLower(levels[0])
	switch {
	case !nameForm.MatchString(name) || len(name) > maxName || strings.Contains(name, "/") && !strings.HasPrefix(name, "/"):
		return refuse("ValidationException", "Parameter name: %q can't be used. It must begin with / where it has levels.", name)
	case strings.HasPrefix(first, "aws") && len(levels) > 1:
		return refuse("AccessDeniedException", "No access to reserved parameter name: %s.", name)
	case strings.HasPrefix(first, "aws") || strings.HasPrefix(first, "ssm"):
		return refuse("ValidationException", "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).")
	case len(levels) > maxLevels:
		return refuse("HierarchyLevelLimitExceededException", "Parameter name has more than %d levels.", maxLevels)
	}
	return nil
}
