package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"appstream-ami-exporter/internal/doctor"
)

// key describes a KMS key, by its id, ARN or alias.
func (c clients) key(ctx context.Context, id string) doctor.Answer[doctor.Key] {
	const noKey = "NotFoundException"
	o, err := c.keys.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &id})
	if err != nil || o.KeyMetadata == nil {
		return answer(doctor.Key{}, err, "kms:DescribeKey", noKey)
	}
	k := doctor.Key{ARN: aws.ToString(o.KeyMetadata.Arn), State: string(o.KeyMetadata.KeyState), Manager: string(o.KeyMetadata.KeyManager)}
	policy, err := c.keys.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: o.KeyMetadata.KeyId})
	if err != nil {
		k.Policy = answer("", err, "kms:GetKeyPolicy")
	} else {
		k.Policy = doctor.Given(aws.ToString(policy.Policy))
	}
	return doctor.Given(k)
}
