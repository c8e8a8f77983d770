package stack

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// These tests say the project's template.yaml a second time, as it is once resolved: a change of what the stack is made of, or
// of who may do what in it, is a decision and not an accident. The alarms and the dashboard are in watch_test.go.

type (
	object = map[string]any
	list   = []any
)

const (
	projectFunction = "arn:aws:lambda:eu-west-1:123456789012:function:appstream-ami-exporter-ExportFunction"
	projectRoles    = "arn:aws:iam::123456789012:role/appstream-ami-exporter-"
	projectImages   = "arn:aws:appstream:eu-west-1:123456789012:image/*"
	projectLogs     = "appstream-ami-exporter-FunctionLogGroup"
	queueARN        = "arn:aws:sqs:eu-west-1:123456789012:appstream-ami-exporter-"
	queueURL        = "https://sqs.eu-west-1.amazonaws.com/123456789012/appstream-ami-exporter-"
)

// Each value is another than the default, and no two that could be mistaken are the same: so the wrong parameter in a property shows.
var chosenParameters = map[string]string{
	"Images": "prod-*", "ImageTag": "Backup=yes", "RequestsWithinSelection": "true", "AmiNameTemplate": "x-{image}",
	"AmiDescriptionTemplate": "Made {created}", "AmiTags": "Team=Desktop", "CopyImageTags": "false",
	"WaitDeadlineHours": "24", "ExportDeadlineHours": "48", "ScheduleExpression": "rate(2 days)", "ScheduleTimezone": "Europe/Dublin",
	"Schedule": "DISABLED", "MemorySize": "256", "Timeout": "600", "ReservedConcurrency": "3", "LogRetentionDays": "30",
	"NotificationEmail": "desktop@example.com", "EmailAbout": "PROBLEMS",
}

func TestProjectResources(t *testing.T) {
	want := map[string]map[string]object{
		"AWS::Serverless::Function": {"ExportFunction": wantFunction},
		"AWS::Logs::LogGroup":       {"FunctionLogGroup": {"RetentionInDays": "30"}},
		"AWS::SNS::Topic":           {"Topic": {"DisplayName": "AppStream AMI exports"}},
		"AWS::SNS::TopicPolicy": {"TopicPolicy": {
			"Topics": list{ownTopic},
			"PolicyDocument": document(
				object{
					"Sid": "LeaveTheOwnerInCharge", "Effect": "Allow", "Principal": object{"AWS": "arn:aws:iam::123456789012:root"},
					"Resource": ownTopic,
					"Action": list{
						"sns:AddPermission", "sns:DeleteTopic", "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic",
						"sns:Publish", "sns:RemovePermission", "sns:SetTopicAttributes", "sns:Subscribe",
					},
				},
				object{
					"Sid": "LetAlarmsTell", "Effect": "Allow", "Principal": object{"Service": "cloudwatch.amazonaws.com"},
					"Action": "sns:Publish", "Resource": ownTopic, "Condition": ofThisAccount,
				},
				refusal("sns:Publish", ownTopic),
			),
		}},
		"AWS::SNS::Subscription": {"EmailSubscription": {
			"TopicArn": ownTopic, "Protocol": "email", "Endpoint": "desktop@example.com", "FilterPolicyScope": "MessageBody",
			"FilterPolicy": object{"$or": list{
				object{"error": object{"code": list{object{"exists": true}}}},
				object{"AlarmName": list{object{"exists": true}}},
			}},
		}},
		"AWS::SQS::Queue": {
			"WorkQueue": {
				"SqsManagedSseEnabled": true, "MessageRetentionPeriod": 1209600, "VisibilityTimeout": 1800,
				"RedrivePolicy": object{"deadLetterTargetArn": queueARN + "DeadLetterQueue", "maxReceiveCount": 1000},
			},
			"DeadLetterQueue":   {"SqsManagedSseEnabled": true, "MessageRetentionPeriod": 1209600},
			"FailedEventsQueue": {"SqsManagedSseEnabled": true, "MessageRetentionPeriod": 1209600},
		},
		"AWS::SQS::QueuePolicy": {
			"WorkQueuePolicy": {
				"Queues": list{queueURL + "WorkQueue"}, "PolicyDocument": document(refusal("sqs:*", queueARN+"WorkQueue")),
			},
			"DeadLetterQueuePolicy": {
				"Queues": list{queueURL + "DeadLetterQueue"}, "PolicyDocument": document(refusal("sqs:*", queueARN+"DeadLetterQueue")),
			},
			"FailedEventsQueuePolicy": {
				"Queues": list{queueURL + "FailedEventsQueue"},
				"PolicyDocument": document(refusal("sqs:*", queueARN+"FailedEventsQueue"), object{
					"Sid": "KeepUndeliveredImageEvents", "Effect": "Allow", "Principal": object{"Service": "events.amazonaws.com"},
					"Action": "sqs:SendMessage", "Resource": queueARN + "FailedEventsQueue",
					"Condition": object{"ArnEquals": object{
						"aws:SourceArn": "arn:aws:events:eu-west-1:123456789012:rule/appstream-ami-exporter-ExportFunctionImageEvents",
					}},
				}),
			},
		},
		"AWS::IAM::Role": wantRoles,
	}
	got := map[string]map[string]object{}
	for _, kind := range projectKinds(t) {
		if kind != "AWS::CloudWatch::Alarm" && kind != "AWS::CloudWatch::Dashboard" && kind != "AWS::Rbin::Rule" {
			got[kind] = projectResources(t, kind, chosenParameters)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
}

var wantFunction = object{
	"Description": "Exports AppStream images to AMIs and follows the exports.",
	"CodeUri":     ".", "Handler": "bootstrap", "Runtime": "provided.al2023", "Architectures": list{"arm64"},
	"MemorySize": "256", "Timeout": "600", "ReservedConcurrentExecutions": "3", "RecursiveLoop": "Allow",
	"Role":          projectRoles + "FunctionRole",
	"LoggingConfig": object{"LogFormat": "JSON", "LogGroup": projectLogs, "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"},
	"Environment": object{"Variables": object{
		"IMAGES": "prod-*", "IMAGE_TAG": "Backup=yes", "REQUESTS_WITHIN_SELECTION": "true", "AMI_NAME_TEMPLATE": "x-{image}",
		"AMI_DESCRIPTION_TEMPLATE": "Made {created}", "AMI_TAGS": "Team=Desktop", "COPY_IMAGE_TAGS": "false",
		"SCHEDULE_TIMEZONE": "Europe/Dublin", "STACK": "appstream-ami-exporter@eu-west-1",
		"WAIT_DEADLINE_HOURS": "24", "EXPORT_DEADLINE_HOURS": "48",
		"EXPORT_ROLE_ARN": projectRoles + "ExportRole", "TOPIC_ARN": ownTopic,
		"WORK_QUEUE_URL": queueURL + "WorkQueue", "DEAD_LETTER_QUEUE_URL": queueURL + "DeadLetterQueue", "MAX_RECEIVE_COUNT": "1000",
	}},
	"EventInvokeConfig": object{
		"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 21600,
		"DestinationConfig": object{"OnFailure": object{"Type": "SQS", "Destination": queueARN + "FailedEventsQueue"}},
	},
	"Events": object{
		"Nightly": object{"Type": "ScheduleV2", "Properties": object{
			"Description": "Export all selected AppStream images that have no AMI yet.",
			"OmitName":    true, "State": "DISABLED", "ScheduleExpression": "rate(2 days)", "ScheduleExpressionTimezone": "Europe/Dublin",
			"Input": `{"source":"aws.scheduler","detail-type":"Scheduled Event","resources":["<aws.scheduler.schedule-arn>"],` +
				`"time":"<aws.scheduler.scheduled-time>","detail":{}}`,
			"RoleArn":          projectRoles + "ScheduleRole",
			"RetryPolicy":      object{"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400},
			"DeadLetterConfig": object{"Arn": queueARN + "FailedEventsQueue"},
		}},
		"ImageEvents": object{"Type": "EventBridgeRule", "Properties": object{
			"State": "ENABLED",
			"Pattern": object{"account": list{"123456789012"}, "$or": list{
				calls("AWS Service Event via CloudTrail", list{"CreateImage"}, nil),
				calls("AWS API Call via CloudTrail", list{"CreateUpdatedImage", "CreateImportedImage"},
					object{"dryRun": list{object{"exists": false}, false}}),
				calls("AWS API Call via CloudTrail", list{"CopyImage"}, object{"destinationRegion": list{"eu-west-1"}}),
				object{"detail-type": list{"AppStream Image Ready"}},
			}},
			"RetryPolicy":      object{"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400},
			"DeadLetterConfig": object{"Arn": queueARN + "FailedEventsQueue"},
		}},
		"Work": object{"Type": "SQS", "Properties": object{
			"Queue": queueARN + "WorkQueue", "BatchSize": 10, "FunctionResponseTypes": list{"ReportBatchItemFailures"},
			"ScalingConfig": object{"MaximumConcurrency": 2},
		}},
	},
}

var wantRoles = map[string]object{
	"ExportRole": {
		"Description":              "Lets AppStream copy its images to AMIs of this account.",
		"AssumeRolePolicyDocument": document(trust("appstream.amazonaws.com", nil)),
		"Policies":                 list{policy("MakeAmis", list{"ec2:CopyImage", "ec2:DescribeImages", "ec2:CreateTags"}, "*", nil)},
	},
	"FunctionRole": {
		"Description":              "What the AppStream AMI exporter may do.",
		"AssumeRolePolicyDocument": document(trust("lambda.amazonaws.com", nil)),
		"Policies": list{
			policy("ReadImagesAndTasks", list{
				"appstream:DescribeImages", "appstream:GetExportImageTask", "appstream:ListExportImageTasks",
				"appstream:ListTagsForResource",
			}, "*", nil),
			policy("StartExports", "appstream:CreateExportImageTask", "*",
				object{"StringEquals": object{"aws:RequestedRegion": "eu-west-1"}}),
			policy("PassExportRole", "iam:PassRole", projectRoles+"ExportRole",
				object{"StringEquals": object{"iam:PassedToService": "appstream.amazonaws.com"}}),
			policy("MarkExportedImages", "appstream:TagResource", projectImages,
				object{"ForAllValues:StringLike": object{"aws:TagKeys": "appstream-ami-exporter:*"}}),
			policy("Notify", "sns:Publish", ownTopic, nil),
			policy("WorkOnQueue", list{
				"sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility",
			}, queueARN+"WorkQueue", nil),
			policy("SetAsideFailures", "sqs:SendMessage", list{queueARN + "DeadLetterQueue", queueARN + "FailedEventsQueue"}, nil),
			policy("WriteLogs", list{"logs:CreateLogStream", "logs:PutLogEvents"},
				"arn:aws:logs:eu-west-1:123456789012:log-group:"+projectLogs+":*", nil),
		},
	},
	"ScheduleRole": {
		"Description":              "Lets the schedule start the AppStream AMI exporter.",
		"AssumeRolePolicyDocument": document(trust("scheduler.amazonaws.com", ofThisAccount)),
		"Policies": list{
			policy("StartFunction", "lambda:InvokeFunction", projectFunction, nil),
			policy("KeepUndeliveredSchedules", "sqs:SendMessage", queueARN+"FailedEventsQueue", nil),
		},
	},
}

var ofThisAccount = object{"StringEquals": object{"aws:SourceAccount": "123456789012"}}

func document(statements ...any) object {
	return object{"Version": "2012-10-17", "Statement": statements}
}

func policy(name string, actions, resources any, condition object) object {
	return object{"PolicyName": name, "PolicyDocument": document(
		withCondition(object{"Effect": "Allow", "Action": actions, "Resource": resources}, condition),
	)}
}

func trust(service string, condition object) object {
	return withCondition(object{"Effect": "Allow", "Principal": object{"Service": service}, "Action": "sts:AssumeRole"}, condition)
}

func withCondition(statement, condition object) object {
	if condition != nil {
		statement["Condition"] = condition
	}
	return statement
}

// refusal is the statement that refuses everybody without TLS.
func refusal(action, resource string) object {
	return object{
		"Sid": "RefuseUnencryptedTransport", "Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource,
		"Condition": object{"Bool": object{"aws:SecureTransport": "false"}},
	}
}

// calls is the part of the rule's pattern for calls of AppStream that were not refused.
func calls(detailType string, names list, requestParameters object) object {
	detail := object{"eventSource": list{"appstream.amazonaws.com"}, "eventName": names, "errorCode": list{object{"exists": false}}}
	if requestParameters != nil {
		detail["requestParameters"] = requestParameters
	}
	return object{"source": list{"aws.appstream"}, "detail-type": list{detailType}, "detail": detail}
}

func TestProjectConditions(t *testing.T) {
	for _, test := range []struct {
		name       string
		parameters map[string]string
		missing    []string // from the stack with all resources
	}{
		{"everything", map[string]string{"NotificationEmail": "desktop@example.com"}, nil},
		{"no address", map[string]string{}, []string{"EmailSubscription"}},
		{"existing topic", map[string]string{"TopicArn": existingTopic}, []string{"EmailSubscription", "Topic", "TopicPolicy"}},
		{"existing role", map[string]string{"NotificationEmail": "desktop@example.com", "ExportRoleArn": projectRoles + "other"},
			[]string{"ExportRole"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			maps.Copy(test.parameters, everythingKept)
			var missing []string
			made := map[string]bool{}
			for _, kind := range projectKinds(t) {
				for id := range projectResources(t, kind, test.parameters) {
					made[id] = true
				}
			}
			for id := range readProjectTemplate(t).Resources {
				if !made[id] {
					missing = append(missing, id)
				}
			}
			slices.Sort(missing)
			if diff := cmp.Diff(test.missing, missing); diff != "" {
				t.Errorf("resources that are not made (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProjectOutputs(t *testing.T) {
	got := map[string]string{}
	for name, output := range readProjectTemplate(t).Outputs {
		for key, node := range output {
			if key == "Description" {
				continue
			}
			text, err := yaml.Marshal(&node)
			if err != nil {
				t.Fatal(err)
			}
			got[name+"."+key] = strings.TrimSpace(string(text))
		}
	}
	want := map[string]string{
		"Topic.Value":            "!If [MakeTopic, !Ref Topic, !Ref TopicArn]",
		"FunctionName.Value":     "!Ref ExportFunction",
		"FunctionArn.Value":      "!GetAtt ExportFunction.Arn",
		"DashboardUrl.Condition": "LinkDashboard",
		"DashboardUrl.Value": "!Sub\n- https://${Console}/cloudwatch/home?region=${AWS::Region}#dashboards/dashboard/${ExportDashboard}\n" +
			"- Console: !If\n    - InGovCloud\n    - console.amazonaws-us-gov.com\n    - !If\n      - InChina\n      - " +
			"console.amazonaws.cn\n" +
			"      - !If [InSovereignCloud, !Sub '${AWS::Region}.console.amazonaws-eusc.eu', console.aws.amazon.com]",
		"FunctionRole.Value":         "!GetAtt FunctionRole.Arn",
		"ExportRole.Value":           "!If [MakeExportRole, !GetAtt ExportRole.Arn, !Ref ExportRoleArn]",
		"WorkQueueUrl.Value":         "!Ref WorkQueue",
		"DeadLetterQueueUrl.Value":   "!Ref DeadLetterQueue",
		"FailedEventsQueueUrl.Value": "!Ref FailedEventsQueue",
		"LogGroupName.Value":         "!Ref FunctionLogGroup",

		"KeeperFunctionName.Condition": "MakeKeeper",
		"KeeperFunctionName.Value":     "!Ref KeeperFunction",
		"KeeperRole.Condition":         "MakeKeeper",
		"KeeperRole.Value":             "!GetAtt KeeperRole.Arn",
		"KeeperLogGroupName.Condition": "MakeKeeper",
		"KeeperLogGroupName.Value":     "!Ref KeeperLogGroup",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
}

type projectDocument struct {
	Resources map[string]struct {
		Type string `yaml:"Type"`
	} `yaml:"Resources"`
	Outputs map[string]map[string]yaml.Node `yaml:"Outputs"`
}

func readProjectTemplate(t *testing.T) (document projectDocument) {
	t.Helper()
	text, err := os.ReadFile(projectTemplate)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// projectKinds are the types of the template's resources.
func projectKinds(t *testing.T) []string {
	t.Helper()
	kinds := map[string]bool{}
	for _, resource := range readProjectTemplate(t).Resources {
		kinds[resource.Type] = true
	}
	return slices.Sorted(maps.Keys(kinds))
}
