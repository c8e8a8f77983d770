package doctor

import (
	"path"
)

// ExportRoleRights are what AppStream does with the export role.
// https://docs.aws.amazon.com/appstream2/latest/developerguide/export-image.html
func ExportRoleRights() []Right {
	return []Right{{Action: "ec2:CopyImage", Resource: "*"}, {Action: "ec2:DescribeImages", Resource: "*"},
		{Action: "ec2:CreateTags", Resource: "*"}}
}

// KeyRights are what EBS does with a role's rights where a copy is encrypted with a customer's key.
// https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html#ebs-encryption-permissions
func KeyRights(key string) (rights []Right) {
	for _, action := range []string{
		"kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo",
	} {
		rights = append(rights, Right{Action: action, Resource: key})
	}
	return rights
}

// FunctionRights are the calls made with the function's role: its own, and those of Lambda on its behalf. A test compares them
// with the template.
func (d Deployment) FunctionRights() (rights []Right) {
	add := func(resource string, context map[string][]string, actions ...string) {
		for _, action := range actions {
			rights = append(rights, Right{Action: action, Resource: resource, Context: context})
		}
	}
	images := d.arn("appstream", d.Region, "image/*")
	add("*", nil, "appstream:DescribeImages", "appstream:GetExportImageTask", "appstream:ListExportImageTasks",
		"appstream:ListTagsForResource")
	add("*", map[string][]string{"aws:RequestedRegion": {d.Region}}, "appstream:CreateExportImageTask")
	add(images, map[string][]string{"aws:TagKeys": {"appstream-ami-exporter:ami-name", "appstream-ami-exporter:ami-id"}},
		"appstream:TagResource")
	add(d.Outputs["ExportRole"], map[string][]string{"iam:PassedToService": {"appstream.amazonaws.com"}}, "iam:PassRole")
	add(d.Outputs["Topic"], nil, "sns:Publish")
	add(d.QueueARN("WorkQueueUrl"), nil, "sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes",
		"sqs:ChangeMessageVisibility")
	add(d.QueueARN("DeadLetterQueueUrl"), nil, "sqs:SendMessage")
	add(d.QueueARN("FailedEventsQueueUrl"), nil, "sqs:SendMessage")
	add(d.arn("logs", d.Region, "log-group:"+d.Outputs["LogGroupName"]+":log-stream:any"), nil, "logs:CreateLogStream", "logs:PutLogEvents")
	if key := d.Parameters["KmsKeyArn"]; key != "" {
		for _, service := range []string{"sns", "sqs"} {
			add(key, map[string][]string{"kms:ViaService": {service + "." + d.Region + "." + d.suffix()}}, "kms:Decrypt",
				"kms:GenerateDataKey")
		}
	}
	return rights
}

// ScheduleRights are the calls that EventBridge Scheduler makes with the schedule's role.
func (d Deployment) ScheduleRights() []Right {
	rights := []Right{
		{Action: "lambda:InvokeFunction", Resource: d.Outputs["FunctionArn"]},
		{Action: "sqs:SendMessage", Resource: d.QueueARN("FailedEventsQueueUrl")},
	}
	if key := d.Parameters["KmsKeyArn"]; key != "" {
		via := map[string][]string{"kms:ViaService": {"sqs." + d.Region + "." + d.suffix()}}
		rights = append(rights, Right{Action: "kms:Decrypt", Resource: key, Context: via},
			Right{Action: "kms:GenerateDataKey", Resource: key, Context: via})
	}
	return rights
}

// suffix is what the names of AWS's services end with in the partition, CloudFormation's AWS::URLSuffix.
func (d Deployment) suffix() string {
	switch d.Partition {
	case "aws-cn":
		return "amazonaws.com.cn"
	case "aws-iso-b":
		return "sc2s.sgov.gov"
	case "aws-eusc":
		return "amazonaws.eu"
	}
	return "amazonaws.com"
}

// QueueARN is the ARN of the queue whose URL is the output of this name.
func (d Deployment) QueueARN(output string) string {
	return d.arn("sqs", d.Region, path.Base(d.Outputs[output]))
}

// RoleARN is the ARN of a role that the stack has made, by its name.
func (d Deployment) RoleARN(name string) string { return d.arn("iam", "", "role/"+name) }

func (d Deployment) arn(service, region, resource string) string {
	return "arn:" + d.Partition + ":" + service + ":" + region + ":" + d.Account + ":" + resource
}
