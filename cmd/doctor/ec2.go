package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"appstream-ami-exporter/internal/doctor"
)

// encryption finds out whether EBS encrypts by default, with which key, and whether the export role may use it.
func (c clients) encryption(ctx context.Context, f *doctor.Facts) {
	o, err := c.ec2.GetEbsEncryptionByDefault(ctx, &ec2.GetEbsEncryptionByDefaultInput{})
	if err != nil {
		f.EBSEncryption = answer(false, err, "ec2:GetEbsEncryptionByDefault")
		return
	}
	f.EBSEncryption = doctor.Given(aws.ToBool(o.EbsEncryptionByDefault))
	if !f.EBSEncryption.Value {
		return
	}
	key, err := c.ec2.GetEbsDefaultKmsKeyId(ctx, &ec2.GetEbsDefaultKmsKeyIdInput{})
	if err != nil {
		f.EBSKeyID = answer("", err, "ec2:GetEbsDefaultKmsKeyId")
		return
	}
	f.EBSKeyID = doctor.Given(aws.ToString(key.KmsKeyId))
	f.EBSKey = c.key(ctx, f.EBSKeyID.Value)
	if f.EBSKey.There() && f.EBSKey.Value.Manager == "CUSTOMER" {
		f.EBSKeyRights = c.rights(ctx, f.Deployment.Outputs["ExportRole"], doctor.KeyRights(f.EBSKey.Value.ARN))
	}
}

// amis counts the AMIs of the account in the Region, as its quota does: those that are disabled are among them.
func (c clients) amis(ctx context.Context) doctor.Answer[int] {
	const most = 1000 // AMIs in a page
	count := 0
	pages := ec2.NewDescribeImagesPaginator(c.ec2,
		&ec2.DescribeImagesInput{Owners: []string{"self"}, IncludeDisabled: aws.Bool(true), MaxResults: aws.Int32(most)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return answer(0, err, "ec2:DescribeImages")
		}
		count += len(page.Images)
	}
	return doctor.Given(count)
}

// amiQuota is how many AMIs the account may have in the Region.
func (c clients) amiQuota(ctx context.Context) doctor.Answer[int] {
	// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-quotas.html
	const service, amis = "ec2", "L-B665C33B"
	o, err := c.quotas.GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{ServiceCode: aws.String(service),
		QuotaCode: aws.String(amis)})
	if err != nil || o.Quota == nil {
		return answer(0, err, "servicequotas:GetServiceQuota")
	}
	return doctor.Given(int(aws.ToFloat64(o.Quota.Value)))
}
