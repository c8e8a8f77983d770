package localaws

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"appstream-ami-exporter/internal/localaws/iam"
	"appstream-ami-exporter/internal/localaws/lambda"
	"appstream-ami-exporter/internal/localaws/rbin"
	"appstream-ami-exporter/internal/localaws/template"
)

// keeperKey is the access key of the keeper's role: its calls are held to the template's policies.
const keeperKey = "ASIALOCALKEEPERLOCAL"

// regionsOf are the Regions that the account has enabled: the stack's own, two more, and those that the parameters copy AMIs to.
func regionsOf(parameters map[string]string) []string {
	regions := []string{template.Region, "us-east-1", "eu-central-1"}
	for _, region := range copyRegions(parameters) {
		if !slices.Contains(regions, region) {
			regions = append(regions, region)
		}
	}
	return regions
}

func copyRegions(parameters map[string]string) (regions []string) {
	for region := range strings.SplitSeq(parameters["CopyRegions"], ",") {
		if region = strings.TrimSpace(region); region != "" {
			regions = append(regions, region)
		}
	}
	return regions
}

// allows holds the keeper to its role. Everybody else may do everything.
func (a *Account) allows(r iam.Request) bool {
	if r.AccessKeyID != keeperKey {
		return true
	}
	return iam.Allows(a.keeperMay, r)
}

// deployKeeper puts the keeper behind Lambda, where the stack has one.
func (a *Account) deployKeeper(deployed *template.Template, options Options) error {
	if a.Stack.Keeper == nil {
		return nil
	}
	if options.Keeper == "" {
		return errors.New("the parameters ask for a keeper, and no compiled keeper is given")
	}
	if err := a.makeRecycleBinRules(deployed, copyRegions(options.Parameters)); err != nil {
		return err
	}
	for _, s := range a.Stack.Keeper.Statements {
		a.keeperMay = append(a.keeperMay, iam.Statement{
			Effect: s.Effect, Actions: s.Actions, Resources: s.Resources, Condition: s.Condition,
		})
	}
	function := a.Stack.Keeper.Function
	environment := a.environment(function, options.Keeper, options.OnKeeperLog)
	environment.AccessKeyID = keeperKey
	a.Keeper = lambda.NewFunction(lambda.FunctionOptions{
		Environment:          environment,
		Timeout:              function.Timeout,
		MaximumRetryAttempts: &function.RetryAttempts,
		Scale:                options.Scale,
		OnResult:             func(result lambda.Result) { a.watchFunction(function.Name, result) },
	})
	return nil
}

// makeRecycleBinRules makes the rules of the stack, and abroad those of examples/recycle-bin.
func (a *Account) makeRecycleBinRules(deployed *template.Template, abroad []string) error {
	resources, err := deployed.Resources("AWS::Rbin::Rule")
	if err != nil {
		return err
	}
	var rules []rbin.Rule
	for id, properties := range resources {
		rule, err := parseRule(properties)
		if err != nil {
			return fmt.Errorf("resource %s: %w", id, err)
		}
		rules = append(rules, rule)
	}
	for _, region := range append([]string{template.Region}, abroad...) {
		a.Regional.RecycleBin.SetRules(region, slices.Clone(rules)...)
	}
	return nil
}

// parseRule reads what the template says of a rule. CloudFormation takes numbers as text as well.
func parseRule(properties map[string]any) (rbin.Rule, error) {
	var p struct {
		ResourceType    string
		ResourceTags    []struct{ ResourceTagKey, ResourceTagValue string }
		RetentionPeriod struct {
			RetentionPeriodUnit  string
			RetentionPeriodValue json.Number
		}
	}
	data, err := json.Marshal(properties)
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err != nil {
		return rbin.Rule{}, err
	}
	days, err := p.RetentionPeriod.RetentionPeriodValue.Int64()
	if err != nil || p.RetentionPeriod.RetentionPeriodUnit != "DAYS" {
		return rbin.Rule{}, fmt.Errorf("a retention of %v is not supported here", p.RetentionPeriod)
	}
	rule := rbin.Rule{ResourceType: p.ResourceType, Days: int(days)}
	for _, tag := range p.ResourceTags {
		rule.Tags = append(rule.Tags, rbin.Tag{Key: tag.ResourceTagKey, Value: tag.ResourceTagValue})
	}
	return rule, nil
}

// tellKeeper sends an event to the keeper if one of its rules takes it.
func (a *Account) tellKeeper(event []byte) (bool, error) {
	if a.Keeper == nil {
		return false, nil
	}
	taken, err := a.Stack.Keeper.Takes(event)
	if taken {
		a.Keeper.InvokeAsync(event)
	}
	return taken, err
}

// FireKeeper does what EventBridge Scheduler does every hour.
func (a *Account) FireKeeper(scheduled time.Time) error {
	payload, err := a.Stack.Keeper.Schedule.Payload(scheduled)
	if err != nil {
		return err
	}
	a.Keeper.InvokeAsync(payload)
	return nil
}
