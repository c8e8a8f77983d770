package main

import (
	"fmt"
	"maps"
	"net/url"
	"strings"

	"appstream-ami-exporter/internal/doctor"
)

// healthy is what AWS answers about a stack with which all is well.
var healthy = map[string]string{
	"sts:GetCallerIdentity": `<Arn>arn:aws:sts::123456789012:assumed-role/Admin/me</Arn>`,
	"cloudformation:DescribeStacks": stackOf("CREATE_COMPLETE", map[string]string{
		"HoursWithoutRun": "26", "ImageEvents": "ENABLED", "KmsKeyArn": "", "Schedule": "ENABLED",
	}),
	"cloudformation:ListStackResources": resourcesOf(map[string]string{
		"ExportFunction": "AWS::Lambda::Function", "ExportFunctionImageEvents": "AWS::Events::Rule",
		"ExportFunctionNightly": "AWS::Scheduler::Schedule",
		"ScheduleRole":          "AWS::IAM::Role", "NightMissedAlarm": "AWS::CloudWatch::Alarm",
		"ExportFailedAlarm": "AWS::CloudWatch::Alarm",
	}),
	"lambda:GetFunctionConfiguration":   `{"State":"Active","LastUpdateStatus":"Successful","LastModified":"2026-11-20T10:15:00.000+0000"}`,
	"lambda:GetFunctionRecursionConfig": `{"RecursiveLoop":"Allow"}`,
	"lambda:GetFunctionConcurrency":     `{}`,
	"lambda:GetAccountSettings":         `{"AccountLimit":{"ConcurrentExecutions":1000,"UnreservedConcurrentExecutions":900}}`,
	"lambda:ListEventSourceMappings":    `{"EventSourceMappings":[{"State":"Enabled","LastProcessingResult":"OK"}]}`,
	"lambda:InvokeFunction": `{"dryRun":true,"wouldStart":[{"imageName":"win2022-cad-4","amiName":"win2022-cad-4-20261123T111500Z"}],
			"started":[],
		"waiting":[{"imageName":"win2025-lab-1","reason":"the image is CREATING"}],
		"skipped":[{"imageName":"win2022-base-7","reason":"already exported"},{"imageName":"win2022-base-6","reason":"already exported"},
			{"imageName":"win2022-cad-3","reason":"in progress"},{"imageName":"rocky8-dev",
				"reason":"platform ROCKY_LINUX8 cannot be exported"},
			{"imageName":"test","reason":"not selected"}],
		"rejected":[]}`,
	"appstream:ListExportImageTasks": `{"ExportImageTasks":[{"TaskId":"1","State":"COMPLETED"},{"TaskId":"2","State":"EXPORTING"}]}`,
	"iam:GetRole":                    trustedBy("appstream.amazonaws.com"),
	"iam:SimulatePrincipalPolicy":    simulation("allowed", ""),
	"sns:GetTopicAttributes":         `<Attributes><entry><key>SubscriptionsConfirmed</key><value>1</value></entry></Attributes>`,
	"sns:ListSubscriptionsByTopic": `<Subscriptions><member>
			<SubscriptionArn>arn:aws:sns:eu-west-1:123456789012:exporter-Topic-1:0f</SubscriptionArn><Protocol>email</Protocol>
			<Endpoint>it@example.com</Endpoint></member></Subscriptions>`,
	"events:DescribeRule": `{"Name":"exporter-ExportFunctionImageEvents-1","State":"ENABLED"}`,
	"scheduler:GetSchedule": `{"State":"ENABLED","ScheduleExpression":"cron(0 1 * * ? *)",
			"ScheduleExpressionTimezone":"Europe/Dublin"}`,
	"cloudtrail:DescribeTrails": `{"trailList":[{"Name":"elsewhere","TrailARN":"arn:aws:cloudtrail:us-east-1:123456789012:trail/elsewhere",
			"HomeRegion":"us-east-1"},
		{"Name":"main","TrailARN":"arn:aws:cloudtrail:us-east-1:123456789012:trail/main","HomeRegion":"us-east-1",
			"IsMultiRegionTrail":true}]}`,
	"cloudtrail:GetTrailStatus": `{"IsLogging":true}`,
	"cloudtrail:GetEventSelectors": `{"EventSelectors":[{"ReadWriteType":"All","IncludeManagementEvents":true,
			"ExcludeManagementEventSources":["kms.amazonaws.com"]}]}`,
	"ec2:GetEbsEncryptionByDefault": `<ebsEncryptionByDefault>false</ebsEncryptionByDefault>`,
	"ec2:DescribeImages":            `<imagesSet><item><imageId>ami-1</imageId></item><item><imageId>ami-2</imageId></item></imagesSet>`,
	"servicequotas:GetServiceQuota": `{"Quota":{"QuotaName":"AMIs","Value":50000}}`,
	"sqs:GetQueueAttributes": `{"Attributes":{"ApproximateNumberOfMessages":"0","ApproximateNumberOfMessagesNotVisible":"0",
			"ApproximateNumberOfMessagesDelayed":"0"}}`,
	"cloudwatch:DescribeAlarms": `{"MetricAlarms":[{"AlarmName":"exporter-ExportFailedAlarm-1","StateValue":"OK","ActionsEnabled":true},
		{"AlarmName":"exporter-NightMissedAlarm-1","StateValue":"OK","ActionsEnabled":true}]}`,
	"logs:FilterLogEvents": `{"events":[
		{"timestamp":1795399201000,"message":"{\"message\":\"started\",\"version\":\"v1.2.0\"}"},
		{"timestamp":1795485602000,
			"message":"{\"message\":\"run finished\",\"triggerId\":\"n2\",\"images\":8,\"started\":3,\"waiting\":1,\"skipped\":4,` +
		`\"version\":\"v1.2.0\"}"},
		{"timestamp":1795486802000,
			"message":"{\"message\":\"run finished\",\"triggerId\":\"n2\",\"images\":1,\"started\":1,\"version\":\"v1.2.0\"}"},
		{"timestamp":1795486802001,"message":"no JSON"}]}`,
}

// ill is what AWS answers about a stack with which much is wrong.
func ill() map[string]string {
	answers := maps.Clone(healthy)
	maps.Copy(answers, map[string]string{
		"cloudformation:DescribeStacks": stackOf("UPDATE_ROLLBACK_COMPLETE", map[string]string{
			"HoursWithoutRun": "26", "ImageEvents": "ENABLED", "KmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/k",
			"Schedule": "ENABLED",
		}),
		"cloudformation:ListStackResources": resourcesOf(map[string]string{
			"ExportFunctionImageEvents": "AWS::Events::Rule", "ExportFunctionNightly": "AWS::Scheduler::Schedule",
			"ScheduleRole":     "AWS::IAM::Role",
			"NightMissedAlarm": "AWS::CloudWatch::Alarm", "ExportFailedAlarm": "AWS::CloudWatch::Alarm",
			"KeeperFunction": "AWS::Lambda::Function", "KeeperFunctionHourly": "AWS::Scheduler::Schedule",
			"KeeperRole": "AWS::IAM::Role",
		}),
		"lambda:GetFunctionConfiguration": `{"State":"Active","LastUpdateStatus":"Failed",
			"LastUpdateStatusReason":"The role cannot be assumed.","LastModified":"2026-11-20T10:15:00.000+0000"}`,
		"lambda:GetFunctionRecursionConfig": `{"RecursiveLoop":"Terminate"}`,
		"lambda:GetFunctionConcurrency":     `{"ReservedConcurrentExecutions":2}`,
		"lambda:ListEventSourceMappings":    `{"EventSourceMappings":[{"State":"Disabled","StateTransitionReason":"USER_INITIATED"}]}`,
		"lambda:InvokeFunction": `function error: {"errorMessage":"nothing was started: AppStream DescribeImages: AccessDeniedException",
			"errorType":"AppStreamUnreadable"}`,
		"iam:GetRole": trustedBy("ec2.amazonaws.com"),
		"iam:SimulatePrincipalPolicy": simulation("implicitDeny",
			`<PermissionsBoundaryDecisionDetail>
				<AllowedByPermissionsBoundary>false</AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail>`),
		"sns:GetTopicAttributes": `<Attributes><entry><key>KmsMasterKeyId</key><value>alias/mine</value></entry>
			<entry><key>Policy</key><value>{"Statement":[]}</value></entry></Attributes>`,
		"sns:ListSubscriptionsByTopic": `<Subscriptions><member><SubscriptionArn>PendingConfirmation</SubscriptionArn>
			<Protocol>email</Protocol><Endpoint>it@example.com</Endpoint></member></Subscriptions>`,
		"kms:DescribeKey": `{"KeyMetadata":{"KeyId":"k","Arn":"arn:aws:kms:eu-west-1:123456789012:key/k","KeyState":"Enabled",
			"KeyManager":"CUSTOMER"}}`,
		"kms:GetKeyPolicy": `{"Policy":"{\"Statement\":[{\"Effect\":\"Allow\",` +
			`\"Principal\":{\"AWS\":\"arn:aws:iam::123456789012:root\"},\"Action\":\"kms:*\"}]}"}`,
		"events:DescribeRule": `{"Name":"exporter-ExportFunctionImageEvents-1","State":"DISABLED"}`,
		"scheduler:GetSchedule": `{"State":"DISABLED","ScheduleExpression":"cron(0 1 * * ? *)",
			"ScheduleExpressionTimezone":"Europe/Dublin"}`,
		"cloudtrail:GetEventSelectors": `{"AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]},
			{"Field":"resources.ARN","StartsWith":["arn:aws:s3"]}]}]}`,
		"ec2:GetEbsEncryptionByDefault": `<ebsEncryptionByDefault>true</ebsEncryptionByDefault>`,
		"ec2:GetEbsDefaultKmsKeyId":     `<kmsKeyId>arn:aws:kms:eu-west-1:123456789012:key/k</kmsKeyId>`,
		"servicequotas:GetServiceQuota": `{"Quota":{"QuotaName":"AMIs","Value":2}}`,
		"sqs:GetQueueAttributes": `{"Attributes":{"ApproximateNumberOfMessages":"1","ApproximateNumberOfMessagesNotVisible":"0",
			"ApproximateNumberOfMessagesDelayed":"1"}}`,
		"sqs:ReceiveMessage": `{"Messages":[
			{"MessageId":"1",
				"Body":"{\"requestPayload\":{},\"responsePayload\":{\"errorType\":\"AppStreamUnreadable\",` +
			`\"errorMessage\":\"nothing was started: AccessDenied\"}}"},
			{"MessageId":"2","Body":"{\"FunctionName\":\"f\",\"Payload\":\"{}\"}","MessageAttributes":{"ERROR_CODE":{"DataType":"String",
			"StringValue":"SDK_CLIENT_ERROR"},"ERROR_MESSAGE":{"DataType":"String","StringValue":"no permission"}}}]}`,
		"cloudwatch:DescribeAlarms": `{"MetricAlarms":[{"AlarmName":"exporter-ExportFailedAlarm-1","StateValue":"ALARM",
			"ActionsEnabled":true,
			"StateUpdatedTimestamp":1795486802,
			"AlarmDescription":"AppStream started an export and it ended without an AMI. The notification has the reason."},
			{"AlarmName":"exporter-NightMissedAlarm-1","StateValue":"OK","ActionsEnabled":false}]}`,
		"logs:FilterLogEvents": `{"events":[]}`,
	})
	return answers
}

func stackOf(status string, parameters map[string]string) string {
	var text strings.Builder
	text.WriteString("<Stacks><member><StackId>arn:aws:cloudformation:eu-west-1:123456789012:stack/exporter/1</StackId>" +
		"<StackName>exporter</StackName><StackStatus>" + status +
		"</StackStatus><CreationTime>2026-11-01T10:15:00Z</CreationTime><Parameters>")
	for key, value := range parameters {
		text.WriteString("<member><ParameterKey>" + key + "</ParameterKey><ParameterValue>" + value + "</ParameterValue></member>")
	}
	text.WriteString("</Parameters><Outputs>")
	for key, value := range outputs {
		text.WriteString("<member><OutputKey>" + key + "</OutputKey><OutputValue>" + value + "</OutputValue></member>")
	}
	return text.String() + "</Outputs></member></Stacks>"
}

var outputs = map[string]string{
	"DeadLetterQueueUrl":   "https://sqs.eu-west-1.amazonaws.com/123456789012/exporter-DeadLetterQueue-1",
	"ExportRole":           "arn:aws:iam::123456789012:role/exporter-ExportRole-1",
	"FailedEventsQueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/exporter-FailedEventsQueue-1",
	"FunctionArn":          "arn:aws:lambda:eu-west-1:123456789012:function:exporter-ExportFunction-1",
	"FunctionName":         "exporter-ExportFunction-1",
	"FunctionRole":         "arn:aws:iam::123456789012:role/exporter-FunctionRole-1", "LogGroupName": "exporter-FunctionLogGroup-1",
	"KeeperLogGroupName": "exporter-KeeperLogGroup-1",
	"Topic":              "arn:aws:sns:eu-west-1:123456789012:exporter-Topic-1",
	"WorkQueueUrl":       "https://sqs.eu-west-1.amazonaws.com/123456789012/exporter-WorkQueue-1",
}

func resourcesOf(types map[string]string) string {
	var text strings.Builder
	text.WriteString("<StackResourceSummaries>")
	for id, kind := range types {
		fmt.Fprintf(&text, "<member><LogicalResourceId>%s</LogicalResourceId><PhysicalResourceId>exporter-%s-1</PhysicalResourceId>"+
			"<ResourceType>%s</ResourceType></member>", id, id, kind)
	}
	return text.String() + "</StackResourceSummaries>"
}

// simulated are all actions that are ever simulated: IAM answers of each, and the doctor takes those that it asked about.
func simulated() []string {
	actions := strings.Fields(`ec2:CopyImage ec2:DescribeImages ec2:CreateTags
		kms:CreateGrant kms:Decrypt kms:DescribeKey kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom kms:ReEncryptTo
		kms:GenerateDataKey
		appstream:DescribeImages appstream:GetExportImageTask appstream:ListExportImageTasks appstream:ListTagsForResource
		appstream:CreateExportImageTask appstream:TagResource
		iam:PassRole sns:Publish sqs:SendMessage sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes sqs:ChangeMessageVisibility
		logs:CreateLogStream logs:PutLogEvents lambda:InvokeFunction`)
	d := doctor.Deployment{Parameters: map[string]string{"Keep": "last=1", "KeepMode": "ON", "CopyRegions": "us-east-1"}}
	for _, right := range append(d.KeeperRights(), d.KeeperFence()...) {
		actions = append(actions, right.Action)
	}
	return actions
}

func simulation(decision, detail string) string {
	var text strings.Builder
	text.WriteString("<EvaluationResults>")
	for _, action := range simulated() {
		fmt.Fprintf(&text, "<member><EvalActionName>%s</EvalActionName><EvalResourceName>*</EvalResourceName>"+
			"<EvalDecision>%s</EvalDecision>%s</member>", action, decision, detail)
	}
	return text.String() + "</EvaluationResults><IsTruncated>false</IsTruncated>"
}

// trustedBy is a role that a service may assume. IAM writes policies as in the query of a URL.
func trustedBy(service string) string {
	trust := fmt.Sprintf(`{"Statement":[{"Effect":"Allow","Principal":{"Service":%q},"Action":"sts:AssumeRole"}]}`, service)
	return "<Role><Arn>arn:aws:iam::123456789012:role/exporter-ExportRole-1</Arn>" +
		"<AssumeRolePolicyDocument>" + url.QueryEscape(trust) + "</AssumeRolePolicyDocument></Role>"
}
