package keepaws

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"appstream-ami-exporter/internal/keep"
)

// TagAMI implements keep.Writer.
func (r *Region) TagAMI(ctx context.Context, id string, set map[string]string) error {
	return r.createTags(ctx, []string{id}, set)
}

// TagSnapshots implements keep.Writer.
func (r *Region) TagSnapshots(ctx context.Context, ids []string, set map[string]string) error {
	if len(ids) == 0 {
		return nil
	}
	return r.createTags(ctx, ids, set)
}

func (r *Region) createTags(ctx context.Context, ids []string, set map[string]string) error {
	_, err := r.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: ids, Tags: listed(set)})
	return classify("CreateTags", err)
}

// UntagAMI implements keep.Writer.
func (r *Region) UntagAMI(ctx context.Context, id string, keys ...string) error {
	if len(keys) == 0 {
		return nil // EC2 would remove them all
	}
	var named []types.Tag
	for _, key := range keys {
		named = append(named, types.Tag{Key: aws.String(key)})
	}
	_, err := r.ec2.DeleteTags(ctx, &ec2.DeleteTagsInput{Resources: []string{id}, Tags: named})
	return classify("DeleteTags", err)
}

// Deprecate implements keep.Writer.
func (r *Region) Deprecate(ctx context.Context, id string, at time.Time) error {
	_, err := r.ec2.EnableImageDeprecation(ctx, &ec2.EnableImageDeprecationInput{ImageId: aws.String(id), DeprecateAt: aws.Time(at.UTC())})
	return classify("EnableImageDeprecation", err)
}

// CancelDeprecation implements keep.Writer.
func (r *Region) CancelDeprecation(ctx context.Context, id string) error {
	_, err := r.ec2.DisableImageDeprecation(ctx, &ec2.DisableImageDeprecationInput{ImageId: aws.String(id)})
	return classify("DisableImageDeprecation", err)
}

// dryRunWouldSucceed is the code with which EC2 answers a dry run of something that is allowed.
const dryRunWouldSucceed = "DryRunOperation"

// TryDeregister implements keep.Writer.
func (r *Region) TryDeregister(ctx context.Context, id string) error {
	_, err := r.ec2.DeregisterImage(ctx, &ec2.DeregisterImageInput{ImageId: aws.String(id), DryRun: aws.Bool(true)})
	failure, ok := errors.AsType[*keep.Failure](classify("DeregisterImage", err))
	if !ok || failure.Code == dryRunWouldSucceed {
		return nil
	}
	return failure
}

// Deregister implements keep.Writer.
func (r *Region) Deregister(ctx context.Context, id string) ([]keep.Snapshot, error) {
	reply, err := r.ec2.DeregisterImage(ctx, &ec2.DeregisterImageInput{ImageId: aws.String(id), DeleteAssociatedSnapshots: aws.Bool(true)})
	if err != nil {
		return nil, classify("DeregisterImage", err)
	}
	var left []keep.Snapshot
	for _, result := range reply.DeleteSnapshotResults {
		if result.ReturnCode != types.SnapshotReturnCodesSuccess {
			left = append(left, keep.Snapshot{ID: aws.ToString(result.SnapshotId), ReturnCode: string(result.ReturnCode)})
		}
	}
	return left, nil
}

// Copy implements keep.Writer.
func (r *Region) Copy(ctx context.Context, order keep.Copy) (string, error) {
	input := &ec2.CopyImageInput{
		Name:          aws.String(order.Name),
		SourceImageId: aws.String(order.SourceID),
		SourceRegion:  aws.String(order.SourceRegion),
		ClientToken:   aws.String(order.ClientToken),
		TagSpecifications: []types.TagSpecification{
			{ResourceType: types.ResourceTypeImage, Tags: listed(order.Tags)},
			{ResourceType: types.ResourceTypeSnapshot, Tags: listed(order.Tags)},
		},
	}
	if order.KMSKeyID != "" {
		input.Encrypted, input.KmsKeyId = aws.Bool(true), aws.String(order.KMSKeyID)
	}
	reply, err := r.ec2.CopyImage(ctx, input)
	if err != nil {
		return "", classify("CopyImage", err)
	}
	return aws.ToString(reply.ImageId), nil
}

// listed has the tags in the order of their keys, so that the same call is the same to the byte.
func listed(set map[string]string) []types.Tag {
	var list []types.Tag
	for _, key := range slices.Sorted(maps.Keys(set)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(set[key])})
	}
	return list
}

// escape makes a value stand for itself in a filter, in which * and ? are wildcards.
func escape(value string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`).Replace(value)
}

func isMissing(err error) bool {
	failure, ok := errors.AsType[*keep.Failure](err)
	return ok && failure.Outcome == keep.Missing
}
