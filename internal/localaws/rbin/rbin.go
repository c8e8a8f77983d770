// Package rbin emulates the retention rules of Recycle Bin. What is in the bin is EC2's business.
package rbin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"appstream-ami-exporter/internal/localaws/awsreply"
	"appstream-ami-exporter/internal/localaws/iam"
)

// Options says what kind of account the emulator plays. Every field may be left zero.
type Options struct {
	Account   string // default 123456789012
	Partition string // default aws
	Now       func() time.Time
	MaxPage   int // the most that a page has, whatever is asked for; 1,000 by default

	// Authorize is asked about each call before anything is done. None allows everything.
	Authorize func(iam.Request) bool
}

// Rule keeps deleted resources of one type: those that have one of its tags, or all that have none of its exclusions.
type Rule struct {
	ID           string
	ResourceType string // EC2_IMAGE or EBS_SNAPSHOT
	Days         int
	Pending      bool // not available yet: it retains nothing
	Tags         []Tag
	Exclusions   []Tag
}

// Tag is one of a rule's; an empty value matches every value.
type Tag struct {
	Key   string `json:"ResourceTagKey"`
	Value string `json:"ResourceTagValue,omitempty"`
}

// RecycleBin is the service in all Regions of one account. It is an http.Handler that finds the Region in the signature of a
// request, and is safe for concurrent use.
type RecycleBin struct {
	options Options

	mu       sync.Mutex
	requests int
	caller   string // the access key of the request that is being served
	rules    map[string][]Rule
	faults   map[string][]string
}

// New returns an account without rules.
func New(options Options) *RecycleBin {
	if options.Account == "" {
		options.Account = "123456789012"
	}
	if options.Partition == "" {
		options.Partition = "aws"
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.MaxPage == 0 {
		options.MaxPage = 1000
	}
	if options.Authorize == nil {
		options.Authorize = func(iam.Request) bool { return true }
	}
	return &RecycleBin{options: options, rules: map[string][]Rule{}, faults: map[string][]string{}}
}

// SetRules says which rules a Region has.
func (b *RecycleBin) SetRules(region string, rules ...Rule) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range rules {
		if rules[i].ID == "" {
			rules[i].ID = fmt.Sprintf("rule%07d", i+1)
		}
	}
	b.rules[region] = rules
}

// FailNext answers the next calls of an operation with these error codes, one call each; "" lets a call pass.
func (b *RecycleBin) FailNext(operation string, codes ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults[operation] = append(b.faults[operation], codes...)
}

// Retention is how long a resource with these tags is kept when it is deleted now, 0 for not at all.
// https://docs.aws.amazon.com/ebs/latest/userguide/recycle-bin-concepts.html
func (b *RecycleBin) Retention(region, resourceType string, tags map[string]string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	has := func(t Tag) bool {
		value, ok := tags[t.Key]
		return ok && (t.Value == "" || t.Value == value)
	}
	days := 0
	for _, rule := range b.rules[region] {
		switch {
		case rule.Pending || rule.ResourceType != resourceType:
		case len(rule.Tags) > 0 && slices.ContainsFunc(rule.Tags, has), len(rule.Tags) == 0 && !slices.ContainsFunc(rule.Exclusions, has):
			days = max(days, rule.Days)
		}
	}
	return time.Duration(days) * 24 * time.Hour
}

// refusal is an answer other than success.
type refusal struct{ code, message string }

func (r *refusal) Error() string { return r.code + ": " + r.message }

func refuse(code, format string, args ...any) error {
	return &refusal{code: code, message: fmt.Sprintf(format, args...)}
}

func (r *refusal) status() int {
	switch r.code {
	case "ResourceNotFoundException":
		return http.StatusNotFound
	case "AccessDeniedException":
		return http.StatusForbidden
	case "InternalServerException":
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// ServeHTTP answers one request of the AWS REST JSON 1.0 protocol.
func (b *RecycleBin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests++
	status, answer := http.StatusOK, any(nil)
	output, err := b.serve(r)
	if err == nil {
		answer = output
	} else {
		failure, ok := errors.AsType[*refusal](err)
		if !ok {
			failure = &refusal{code: "InternalServerException", message: err.Error()}
		}
		status = failure.status()
		w.Header().Set("X-Amzn-ErrorType", failure.code)
		answer = struct{ Message string }{failure.message}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-RequestId", fmt.Sprintf("00000000-0000-4000-8000-%012x", b.requests))
	w.Header().Set("Date", b.options.Now().UTC().Format(http.TimeFormat))
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // fails only when the client has gone
}

const rulePath = "/rules/"

// OperationOf returns the operation that a request is for, which its path says, or "" for one that is not played.
func OperationOf(r *http.Request) string {
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/list-rules":
		return "ListRules"
	case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, rulePath):
		return "GetRule"
	}
	return ""
}

func (b *RecycleBin) serve(r *http.Request) (any, error) {
	signed, ok := awsreply.SignatureOf(r)
	if !ok {
		return nil, refuse("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	region := signed.Region
	b.caller = signed.AccessKeyID
	operation := OperationOf(r)
	if err := b.nextFault(operation); err != nil {
		return nil, err
	}
	switch operation {
	case "ListRules":
		return b.listRules(region, r.Body)
	case "GetRule":
		return b.getRule(region, strings.TrimPrefix(r.URL.Path, rulePath))
	}
	return nil, refuse("UnknownOperationException", "%s %s is not known.", r.Method, r.URL.Path)
}

func (b *RecycleBin) nextFault(operation string) error {
	codes := b.faults[operation]
	if len(codes) == 0 {
		return nil
	}
	b.faults[operation] = codes[1:]
	if codes[0] == "" {
		return nil
	}
	return refuse(codes[0], "The %s request was made to fail.", operation)
}

func (b *RecycleBin) authorize(region, action, resource string, keys map[string][]string) error {
	sent := maps.Clone(keys)
	sent["aws:RequestedRegion"] = []string{region}
	if !b.options.Authorize(iam.Request{Action: action, Resource: resource, AccessKeyID: b.caller, Keys: sent}) {
		return refuse("AccessDeniedException", "The role is not authorized to perform: %s on resource: %s", action, resource)
	}
	return nil
}

func (b *RecycleBin) arn(region, id string) string {
	return fmt.Sprintf("arn:%s:rbin:%s:%s:rule/%s", b.options.Partition, region, b.options.Account, id)
}

type period struct {
	RetentionPeriodValue int
	RetentionPeriodUnit  string
}

type ruleSummary struct {
	Identifier      string
	RetentionPeriod period
	RuleArn         string
}

type listRulesInput struct {
	ResourceType string
	ResourceTags []Tag
	MaxResults   int
	NextToken    string
}

type listRulesOutput struct {
	Rules     []ruleSummary
	NextToken string `json:",omitempty"`
}

// https://docs.aws.amazon.com/recyclebin/latest/APIReference/API_ListRules.html
func (b *RecycleBin) listRules(region string, body io.Reader) (any, error) {
	var in listRulesInput
	if err := json.NewDecoder(body).Decode(&in); err != nil {
		return nil, refuse("ValidationException", "The request is not a JSON object: %v", err)
	}
	if !slices.Contains([]string{"EC2_IMAGE", "EBS_SNAPSHOT", "EBS_VOLUME"}, in.ResourceType) {
		return nil, refuse("ValidationException", "The resource type %q is not known.", in.ResourceType)
	}
	if err := b.authorize(region, "rbin:ListRules", "*", map[string][]string{"rbin:Request/ResourceType": {in.ResourceType}}); err != nil {
		return nil, err
	}
	out := listRulesOutput{Rules: []ruleSummary{}}
	for _, rule := range b.rules[region] {
		missing := func(t Tag) bool { return !slices.Contains(rule.Tags, t) }
		if rule.ResourceType == in.ResourceType && !slices.ContainsFunc(in.ResourceTags, missing) {
			out.Rules = append(out.Rules, ruleSummary{rule.ID, period{rule.Days, "DAYS"}, b.arn(region, rule.ID)})
		}
	}
	from, _ := strconv.Atoi(in.NextToken)
	out.Rules = out.Rules[min(from, len(out.Rules)):]
	most := b.options.MaxPage
	if in.MaxResults > 0 {
		most = min(most, in.MaxResults)
	}
	if len(out.Rules) > most {
		out.Rules, out.NextToken = out.Rules[:most], strconv.Itoa(from+most)
	}
	return out, nil
}

type getRuleOutput struct {
	Identifier          string
	ResourceType        string
	RetentionPeriod     period
	RuleArn             string
	Status              string
	ResourceTags        []Tag
	ExcludeResourceTags []Tag
}

// https://docs.aws.amazon.com/recyclebin/latest/APIReference/API_GetRule.html
func (b *RecycleBin) getRule(region, id string) (any, error) {
	i := slices.IndexFunc(b.rules[region], func(rule Rule) bool { return rule.ID == id })
	if i < 0 {
		return nil, refuse("ResourceNotFoundException", "The rule %s does not exist.", id)
	}
	rule := b.rules[region][i]
	if err := b.authorize(region, "rbin:GetRule", b.arn(region, id),
		map[string][]string{"rbin:Attribute/ResourceType": {rule.ResourceType}}); err != nil {
		return nil, err
	}
	status := "available"
	if rule.Pending {
		status = "pending"
	}
	return getRuleOutput{
		Identifier: id, ResourceType: rule.ResourceType, RetentionPeriod: period{rule.Days, "DAYS"}, RuleArn: b.arn(region, id),
		Status:       status,
		ResourceTags: append([]Tag{}, rule.Tags...), ExcludeResourceTags: append([]Tag{}, rule.Exclusions...),
	}, nil
}
