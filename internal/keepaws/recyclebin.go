package keepaws

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rbin"
	"github.com/aws/aws-sdk-go-v2/service/rbin/types"

	"appstream-ami-exporter/internal/keep"
	"appstream-ami-exporter/internal/tags"
)

// UndoRules implements keep.Reader.
func (r *Region) UndoRules(ctx context.Context, stack string) (keep.UndoRules, error) {
	amis, err := r.undo(ctx, types.ResourceTypeEc2Image, stack)
	if err != nil {
		return keep.UndoRules{}, err
	}
	snapshots, err := r.undo(ctx, types.ResourceTypeEbsSnapshot, stack)
	if err != nil {
		return keep.UndoRules{}, err
	}
	return keep.UndoRules{AMIs: amis, Snapshots: snapshots}, nil
}

// undo is the longest retention of the available rules on the stack's tag for one type of resource.
func (r *Region) undo(ctx context.Context, of types.ResourceType, stack string) (time.Duration, error) {
	tag := types.ResourceTag{ResourceTagKey: aws.String(tags.Stack), ResourceTagValue: aws.String(stack)}
	var ids []string
	err := pages(func(token *string) (*string, error) {
		page, err := r.rbin.ListRules(ctx, &rbin.ListRulesInput{ResourceType: of, ResourceTags: []types.ResourceTag{tag}, NextToken: token})
		if err != nil {
			return nil, classify("ListRules", err)
		}
		for _, rule := range page.Rules {
			ids = append(ids, aws.ToString(rule.Identifier))
		}
		return page.NextToken, nil
	})
	if err != nil {
		return 0, err
	}
	var longest time.Duration
	for _, id := range ids {
		rule, err := r.rbin.GetRule(ctx, &rbin.GetRuleInput{Identifier: aws.String(id)})
		if err != nil {
			return 0, classify("GetRule", err)
		}
		if rule.Status != types.RuleStatusAvailable || rule.RetentionPeriod == nil || !isFor(rule.ResourceTags, stack) {
			continue
		}
		if rule.RetentionPeriod.RetentionPeriodUnit == types.RetentionPeriodUnitDays {
			longest = max(longest, time.Duration(aws.ToInt32(rule.RetentionPeriod.RetentionPeriodValue))*24*time.Hour)
		}
	}
	return longest, nil
}

// isFor tells whether a rule keeps what has the stack's tag; a rule without a value takes every value.
func isFor(rule []types.ResourceTag, stack string) bool {
	for _, tag := range rule {
		if value := aws.ToString(tag.ResourceTagValue); aws.ToString(tag.ResourceTagKey) == tags.Stack && (value == stack || value == "") {
			return true
		}
	}
	return false
}
