package doctor

import (
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

const (
	exportRoleARN = "arn:aws:iam::123456789012:role/export"
	keyARN        = "arn:aws:kms:eu-west-1:123456789012:key/k"
	trust         = `{"Statement":{"Effect":"Allow","Principal":{"Service":"appstream.amazonaws.com"},"Action":"sts:AssumeRole"}}`
	keyPolicy     = `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*"},
		{"Effect":"Allow","Principal":{"Service":["cloudwatch.amazonaws.com","events.amazonaws.com"]},"Action":["kms:Decrypt",
		"kms:GenerateDataKey*"]},
		{"Effect":"Allow","Principal":{"Service":"logs.eu-west-1.amazonaws.com"},"Action":"kms:*","Condition":{"Bool":{"x":true}}}]}`
)

func deployment() Deployment {
	return Deployment{
		Stack: "exporter", Region: "eu-west-1", Account: "123456789012", Partition: "aws", Status: "CREATE_COMPLETE",
		Created:    noon.Add(-30 * 24 * time.Hour),
		Parameters: map[string]string{"Schedule": "ENABLED", "ImageEvents": "ENABLED", "HoursWithoutRun": "26"},
		Outputs: map[string]string{
			"FunctionName": "exporter-fn", "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:exporter-fn",
			"ExportRole": exportRoleARN,
			"Topic":      "arn:aws:sns:eu-west-1:123456789012:topic", "LogGroupName": "exporter-log",
			"WorkQueueUrl": "https://sqs/123456789012/work", "DeadLetterQueueUrl": "https://sqs/123456789012/dead",
			"FailedEventsQueueUrl": "https://sqs/123456789012/failed",
		},
	}
}

// well are the facts of a stack with which all is well.
func well() Facts {
	d := deployment()
	allowed := func(rights []Right) Answer[[]Decision] {
		var decisions []Decision
		for _, right := range rights {
			decisions = append(decisions, Decision{Right: right})
		}
		return Given(decisions)
	}
	return Facts{
		Now: noon, Deployment: d, Searched: 8 * 24 * time.Hour, Keeper: Absent[Keeper](), Version: Given("v1.2.0"),
		Function:  Given(Function{State: "Active", Update: "Successful", Modified: noon}),
		Recursion: Given("Allow"), Reserved: Absent[int](), Concurrency: Given(Concurrency{1000, 900}),
		Tasks: Given(Tasks{Total: 12, Running: 1}),
		Plan: Given(Plan{Export: []string{"a"}, Wait: []string{"the image is CREATING"}, Exported: 3,
			Unfit: []string{"platform ROCKY_LINUX8 cannot be exported"}, Others: 2}),
		ExportRole: Given(Role{ARN: exportRoleARN, Trust: trust}), ExportRights: allowed(ExportRoleRights()),
		FunctionRights: allowed(d.FunctionRights()), ScheduleRights: allowed(d.ScheduleRights()),
		Topic: Given(Topic{ARN: d.Outputs["Topic"]}), Subscriptions: Given([]Subscription{{"email", "a@example.com", true}}),
		TopicKey: Absent[Key](), StackKey: Absent[Key](),
		Rule:          Given(Rule{"rule", "ENABLED"}),
		Trails:        Given([]Trail{{"trail", Given(true), Given([]Selector{{Management: true, ReadWrite: "All"}})}}),
		Schedule:      Given(Schedule{"nightly", "ENABLED", "cron(0 2 * * ? *)", "UTC"}),
		Mapping:       Given(Mapping{State: "Enabled", LastResult: "OK"}),
		EBSEncryption: Given(false), AMIs: Given(40), AMIQuota: Given(50000),
		Work: Given(Queue{Visible: 1, InFlight: 2}), DeadLetters: Given(Queue{}), FailedEvents: Given(Queue{}),
		Alarms: Given([]Alarm{{LogicalID: "NightMissedAlarm", Name: "x-NightMissedAlarm-1", State: "OK"}}),
		Night:  Given(Night{At: noon.Add(-10 * time.Hour), Images: 5, Skipped: 5}),
	}
}

func lineOf(t *testing.T, f Facts, name string) Line {
	t.Helper()
	for _, line := range Examine(f) {
		if line.Name == name {
			return line
		}
	}
	t.Fatalf("there is no check %q", name)
	return Line{}
}

func TestAllIsWell(t *testing.T) {
	lines := Examine(well())
	for _, line := range lines {
		if line.Verdict != OK || line.Seen == "" || line.Do != "" {
			t.Errorf("%+v", line)
		}
	}
	if got := Summary(lines); NeedsPerson(lines) || !strings.HasSuffix(got, " ok, 0 warn, 0 FAIL, 0 unknown. Nothing needs a person.") {
		t.Errorf("the summary is %q", got)
	}
}

// What was not asked, and what the caller may not ask, is unknown and never fine.
func TestNothingIsKnown(t *testing.T) {
	standing := map[string]bool{"stack": true, "stack's key": true} // known from the stack itself
	notAsked := Examine(Facts{Now: noon, Deployment: deployment()})
	for _, line := range notAsked {
		if !standing[line.Name] && (line.Verdict != Unknown || !strings.HasPrefix(line.Seen, "not asked")) {
			t.Errorf("not asked: %+v", line)
		}
	}
	if got := Summary(notAsked); NeedsPerson(notAsked) || !strings.HasSuffix(got, "Nothing that was seen needs a person.") {
		t.Errorf("the summary is %q", got)
	}
	d := deployment()
	d.Parameters["KmsKeyArn"] = keyARN
	denied := Facts{
		Now: noon, Deployment: d, Version: Denied[string]("logs:FilterLogEvents"),
		Function:  Denied[Function]("lambda:GetFunctionConfiguration"),
		Recursion: Denied[string]("lambda:GetFunctionRecursionConfig"), Reserved: Denied[int]("lambda:GetFunctionConcurrency"),
		Concurrency: Denied[Concurrency]("lambda:GetAccountSettings"), Tasks: Denied[Tasks]("appstream:ListExportImageTasks"),
		Plan:       Denied[Plan]("lambda:InvokeFunction"),
		ExportRole: Denied[Role]("iam:GetRole"), ExportRights: Denied[[]Decision]("iam:SimulatePrincipalPolicy"),
		FunctionRights: Denied[[]Decision]("iam:SimulatePrincipalPolicy"),
		ScheduleRights: Denied[[]Decision]("iam:SimulatePrincipalPolicy"),
		Topic:          Denied[Topic]("sns:GetTopicAttributes"), Subscriptions: Denied[[]Subscription]("sns:ListSubscriptionsByTopic"),
		TopicKey: Denied[Key]("kms:DescribeKey"), StackKey: Denied[Key]("kms:DescribeKey"), Rule: Denied[Rule]("events:DescribeRule"),
		Trails: Denied[[]Trail]("cloudtrail:DescribeTrails"), Schedule: Denied[Schedule]("scheduler:GetSchedule"),
		Mapping:       Denied[Mapping]("lambda:ListEventSourceMappings"),
		EBSEncryption: Denied[bool]("ec2:GetEbsEncryptionByDefault"), AMIs: Denied[int]("ec2:DescribeImages"),
		Keeper:   Denied[Keeper]("x:Y"),
		AMIQuota: Denied[int]("servicequotas:GetServiceQuota"),
		Work:     Denied[Queue]("sqs:GetQueueAttributes"), DeadLetters: Denied[Queue]("sqs:GetQueueAttributes"),
		FailedEvents: Denied[Queue]("sqs:GetQueueAttributes"),
		Alarms:       Denied[[]Alarm]("cloudwatch:DescribeAlarms"), Night: Denied[Night]("logs:FilterLogEvents"),
	}
	for _, line := range Examine(denied) {
		if line.Name != "stack" && (line.Verdict != Unknown || !strings.Contains(line.Seen,
			"your rights do not allow ") || !strings.HasSuffix(line.Seen, line.Missing) || line.Missing == "") {
			t.Errorf("denied: %+v", line)
		}
	}
	if got := Summary(Examine(denied)); !strings.Contains(got,
		"docs/doctor-policy.json allows what your rights do not: appstream:ListExportImageTasks, cloudtrail:DescribeTrails, ") {
		t.Errorf("the summary is %q", got)
	}
	if line := lineOf(t, Facts{Function: Failed[Function]("no connection")},
		"function"); line.Verdict != Unknown || !strings.Contains(line.Seen, "no connection") {
		t.Errorf("failed: %+v", line)
	}
}

func TestChecks(t *testing.T) {
	denied := func(action string) Answer[[]Decision] {
		return Given([]Decision{{Right: Right{Action: "ec2:CopyImage", Resource: "*"}},
			{Right: Right{Action: action, Resource: "*"}, Why: "the permissions boundary does not allow it"}})
	}
	trail := func(selectors ...Selector) func(*Facts) {
		return func(f *Facts) { f.Trails = Given([]Trail{{"main", Given(true), Given(selectors)}}) }
	}
	encrypted := func(f *Facts, key string) { f.EBSEncryption, f.EBSKeyID = Given(true), Given(key) }
	customer := func(f *Facts) {
		encrypted(f, keyARN)
		f.EBSKey = Given(Key{ARN: keyARN, State: "Enabled", Manager: "CUSTOMER", Policy: Given(keyPolicy)})
	}
	withKey := func(f *Facts, key Key) {
		f.Deployment.Parameters["KmsKeyArn"], f.StackKey = keyARN, Given(key)
	}
	encryptedTopic := func(f *Facts, fifo bool, key Answer[Key]) {
		f.Topic, f.TopicKey = Given(Topic{ARN: "t", FIFO: fifo, KeyID: keyARN}), key
	}
	keep := func(mode string) func(*Facts) {
		return func(f *Facts) {
			f.Deployment.Parameters["Keep"], f.Deployment.Parameters["KeepMode"] = "last=3", mode
			f.Keeper = Given(Keeper{
				Given(Function{State: "Active", Update: "Successful"}), Given(Schedule{State: "ENABLED", Expression: "rate(1 hour)"}),
			})
		}
	}
	for _, test := range []struct {
		name, title string
		change      func(*Facts)
		verdict     Verdict
		seen, do    string
	}{
		{"stack", "updated", func(f *Facts) { f.Deployment.Status, f.Deployment.Updated = "UPDATE_COMPLETE", noon }, OK,
			"UPDATE_COMPLETE since 2026-11-26 12:00 UTC", ""},
		{"stack", "rolled back", func(f *Facts) { f.Deployment.Status = "UPDATE_ROLLBACK_COMPLETE" }, Warn, "",
			"the version before it runs"},
		{"stack", "failed", func(f *Facts) { f.Deployment.Status, f.Deployment.Reason = "ROLLBACK_COMPLETE", "no role" }, Fail, "no role",
			"stack's events"},
		{"stack", "update failed", func(f *Facts) { f.Deployment.Status = "UPDATE_ROLLBACK_FAILED" }, Fail, "", "deploy again"},
		{"stack", "rolling back", func(f *Facts) { f.Deployment.Status = "UPDATE_ROLLBACK_IN_PROGRESS" }, Fail, "", ""},
		{"stack", "being deployed", func(f *Facts) { f.Deployment.Status = "UPDATE_IN_PROGRESS" }, Warn, "", "Wait"},
		{"stack", "being deleted", func(f *Facts) { f.Deployment.Status = "DELETE_IN_PROGRESS" }, Fail, "", ""},
		{"stack", "something new", func(f *Facts) { f.Deployment.Status = "REVIEWED" }, Warn, "REVIEWED", ""},
		{"version", "not started", func(f *Facts) { f.Version = Absent[string]() }, Warn, "no start of the function", "make plan"},
		{"function", "gone", func(f *Facts) { f.Function = Absent[Function]() }, Fail, "exporter-fn is gone", "deploy it anew"},
		{"function", "failed", func(f *Facts) { f.Function = Given(Function{State: "Failed", StateReason: "no key"}) }, Fail, "no key",
			"deploy it anew"},
		{"function", "update failed", func(f *Facts) {
			f.Function = Given(Function{State: "Active", Update: "Failed", UpdateReason: "no role"})
		}, Fail, "no role", ""},
		{"function", "updating", func(f *Facts) { f.Function = Given(Function{State: "Active", Update: "InProgress"}) }, Warn, "InProgress",
			"Wait"},
		{"function", "inactive is only asleep", func(f *Facts) { f.Function = Given(Function{State: "Inactive", Update: "Successful"}) },
			OK,
			"Inactive", ""},
		{"recursion", "stopped", func(f *Facts) { f.Recursion = Given("Terminate") }, Fail, "Terminate", "--recursive-loop Allow"},
		{"concurrency", "switched off", func(f *Facts) { f.Reserved = Given(0) }, Fail, "0 of the account's 1000",
			"switched the function off"},
		{"concurrency", "too few", func(f *Facts) { f.Reserved = Given(2) }, Warn, "2 of the account's 1000 reserved", ""},
		{"concurrency", "reserved", func(f *Facts) { f.Reserved = Given(3) }, OK, "3 of the account's 1000 reserved", ""},
		{"concurrency", "reserved, account not known", func(f *Facts) { f.Reserved, f.Concurrency = Given(3), Denied[Concurrency]("x") },
			OK,
			"3 reserved", ""},
		{"concurrency", "new account", func(f *Facts) { f.Concurrency = Given(Concurrency{10, 10}) }, Warn, "share 10 of 10",
			"Service Quotas"},
		{"concurrency", "others have all", func(f *Facts) { f.Concurrency = Given(Concurrency{1000, 2}) }, Fail, "2 of the account's 1000",
			"ReservedConcurrency"},
		{"concurrency", "account denied", func(f *Facts) { f.Concurrency = Denied[Concurrency]("lambda:GetAccountSettings") }, Unknown,
			"lambda:GetAccountSettings", ""},
		{"AppStream", "not in the Region", func(f *Facts) { f.Tasks = Absent[Tasks]() }, Fail, "no endpoint in eu-west-1",
			"Region of AppStream"},
		{"AppStream", "denied, but the function can", func(f *Facts) { f.Tasks = Denied[Tasks]("appstream:ListExportImageTasks") }, OK,
			"answers the function", ""},
		{"AppStream", "denied, and the function cannot", func(f *Facts) {
			f.Tasks, f.Plan = Denied[Tasks]("appstream:ListExportImageTasks"), Given(Plan{Trouble: "no"})
		}, Unknown, "appstream:ListExportImageTasks", ""},
		{"dry run", "counts", func(*Facts) {}, OK, "6 images selected, 1 to be exported by the next run, 1 waiting (the image is " +
			"CREATING), 3 exported, 1 that cannot be exported (platform ROCKY_LINUX8 cannot be exported), 2 not selected", ""},
		{"dry run", "the function fails", func(f *Facts) { f.Plan = Given(Plan{Trouble: "the function says: nothing was started"}) }, Fail,
			"the function says", "roles and rights"},
		{"dry run", "nothing selected", func(f *Facts) { f.Plan = Given(Plan{Others: 7}) }, Warn, "0 images selected, 7 not selected",
			"ImageTag"},
		{"dry run", "failed too often", func(f *Facts) { f.Plan = Given(Plan{Exported: 1, GivenUp: []string{"win-1"}}) }, Warn,
			"failed too often (win-1)", "make export IMAGE="},
		{"dry run", "nothing that can be exported", func(f *Facts) { f.Plan = Given(Plan{Unfit: []string{"a", "a"}}) }, Warn,
			"(a (2 times))",
			"Windows Server"},
		{"dry run", "very many", func(f *Facts) { f.Plan = Given(Plan{More: 2000}) }, OK, "2000 more", ""},
		{"export role", "gone", func(f *Facts) { f.ExportRole = Absent[Role]() }, Fail, exportRoleARN, "ExportRoleArn"},
		{"export role: trust", "gone", func(f *Facts) { f.ExportRole = Absent[Role]() }, Fail, "no role", ""},
		{"export role: trust", "somebody else", func(f *Facts) { f.ExportRole.Value.Trust = strings.Replace(trust, "appstream", "ec2", 1) },
			Fail, "may not assume", "trust policy"},
		{"export role: trust", "another action",
			func(f *Facts) { f.ExportRole.Value.Trust = strings.Replace(trust, "AssumeRole", "TagSession", 1) }, Fail, "", ""},
		{"export role: trust", "denied", func(f *Facts) { f.ExportRole.Value.Trust = strings.Replace(trust, "Allow", "Deny", 1) }, Fail, "",
			""},
		{"export role: trust", "lists and patterns", func(f *Facts) {
			f.ExportRole.Value.Trust = `{"Statement":[{"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com",
				"appstream.amazonaws.com"]},
				"Action":["sts:tagsession","STS:assume*"]}]}`
		}, OK, "may assume it", ""},
		{"export role: trust", "on conditions", func(f *Facts) {
			f.ExportRole.Value.Trust = `{"Statement":[{"Effect":"Allow","Principal":{"Service":"appstream.amazonaws.com"},
				"Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:SourceAccount":"1"}}}]}`
		}, Warn, "(aws:SourceAccount)", "InvalidRoleException"},
		{"export role: trust", "unreadable", func(f *Facts) { f.ExportRole.Value.Trust = "%7B" }, Unknown, "cannot be read", ""},
		{"export role: rights", "a boundary", func(f *Facts) { f.ExportRights = denied("ec2:CreateTags") }, Fail,
			"1 of 2 are denied, so AppStream makes no AMI; the permissions boundary does not allow it: ec2:CreateTags", "boundary"},
		{"export role: rights", "gone", func(f *Facts) { f.ExportRights = Absent[[]Decision]() }, Fail, "no such role", ""},
		{"function's role: rights", "denied", func(f *Facts) { f.FunctionRights = denied("iam:PassRole") }, Fail, "iam:PassRole",
			"boundary"},
		{"schedule's role: rights", "denied", func(f *Facts) { f.ScheduleRights = denied("lambda:InvokeFunction") }, Fail, "no night runs",
			"As for the function"},
		{"topic", "gone", func(f *Facts) { f.Topic = Absent[Topic]() }, Fail, "nobody is told", "TopicArn"},
		{"topic", "FIFO", func(f *Facts) { f.Topic = Given(Topic{ARN: "t.fifo", FIFO: true}) }, Warn, "alarms cannot publish",
			"standard topic"},
		{"topic", "shut to alarms", func(f *Facts) { f.Topic.Value.Policy = `{"Statement":[]}` }, Warn, "alarms ring unheard",
			"sns:Publish"},
		{"topic", "shut to alarms that there are not", func(f *Facts) {
			f.Topic.Value.Policy, f.Deployment.Parameters["Alarms"] = `{"Statement":[]}`, "DISABLED"
		}, OK, "topic", ""},
		{"topic", "SNS's own policy", func(f *Facts) {
			f.Topic.Value.Policy = `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["SNS:Publish","SNS:Subscribe"],
				"Condition":{"StringEquals":{"AWS:SourceOwner":"123456789012"}}}]}`
		}, OK, "topic", ""},
		{"topic", "for alarms", func(f *Facts) {
			f.Topic.Value.Policy = `{"Statement":[{"Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},
				"Action":"sns:Publish"}]}`
		}, OK, "topic", ""},
		{"subscriptions", "none", func(f *Facts) { f.Subscriptions = Given[[]Subscription](nil) }, Warn, "nobody is subscribed",
			"aws sns subscribe"},
		{"subscriptions", "no topic", func(f *Facts) { f.Subscriptions = Absent[[]Subscription]() }, Fail, "no topic", ""},
		{"subscriptions", "unconfirmed", func(f *Facts) { f.Subscriptions = Given([]Subscription{{"email", "a@example.com", false}}) },
			Warn,
			"nobody is told: email a@example.com", "link in the mail"},
		{"subscriptions", "one of two", func(f *Facts) {
			f.Subscriptions.Value = append(f.Subscriptions.Value, Subscription{"email", "b@example.com", false})
		}, Warn, "1 confirmed; not confirmed: email b@example.com", ""},
		{"topic's key", "SNS's own", func(f *Facts) { f.Topic = Given(Topic{KeyID: "alias/aws/sns"}) }, Fail, "alarms ring unheard",
			"examples/key"},
		{"topic's key", "a good one", func(f *Facts) {
			encryptedTopic(f, false, Given(Key{ARN: keyARN, State: "Enabled", Policy: Given(keyPolicy)}))
		}, OK, "cloudwatch.amazonaws.com may use it", ""},
		{"topic's key", "shut to alarms", func(f *Facts) {
			encryptedTopic(f, false, Given(Key{ARN: keyARN, State: "Enabled", Policy: Given(`{"Statement":[]}`)}))
		}, Fail, "does not let cloudwatch.amazonaws.com", "examples/key"},
		{"topic's key", "of a FIFO topic", func(f *Facts) { encryptedTopic(f, true, Given(Key{ARN: keyARN, State: "Enabled"})) }, OK,
			"is Enabled", ""},
		{"topic's key", "policy denied", func(f *Facts) {
			encryptedTopic(f, false, Given(Key{ARN: keyARN, State: "Enabled", Policy: Denied[string]("kms:GetKeyPolicy")}))
		}, Unknown, "kms:GetKeyPolicy", ""},
		{"topic's key", "gone", func(f *Facts) { encryptedTopic(f, false, Absent[Key]()) }, Fail, "does not exist", ""},
		{"stack's key", "a good one", func(f *Facts) { withKey(f, Key{ARN: keyARN, State: "Enabled", Policy: Given(keyPolicy)}) }, OK,
			"logs.eu-west-1.amazonaws.com may use it", ""},
		{"stack's key", "disabled", func(f *Facts) { withKey(f, Key{ARN: keyARN, State: "Disabled"}) }, Fail, "Disabled", "Enable the key"},
		{"stack's key", "shut to events", func(f *Facts) {
			withKey(f, Key{ARN: keyARN, State: "Enabled", Policy: Given(strings.Replace(keyPolicy, "events.", "x.", 1))})
		}, Fail, "does not let events.amazonaws.com", "examples/key"},
		{"stack's key", "unreadable", func(f *Facts) { withKey(f, Key{ARN: keyARN, State: "Enabled", Policy: Given("no")}) }, Unknown,
			"cannot be read", ""},
		{"schedule", "next run", func(*Facts) {}, OK, "next run 2026-11-27 02:00 UTC", ""},
		{"schedule", "lost in a change of clocks", func(f *Facts) { f.Schedule.Value.TimeZone = "Europe/Berlin" }, Warn,
			"none on 2027-03-28, when", "Nothing is lost"},
		{"schedule", "a rate", func(f *Facts) { f.Schedule.Value.Expression = "rate(1 day)" }, OK, "counts from when", ""},
		{"schedule", "never again", func(f *Facts) { f.Schedule.Value.Expression = "cron(0 2 1 1 ? 2020)" }, Fail, "no such time",
			"ScheduleExpression"},
		{"schedule", "off", func(f *Facts) { f.Schedule.Value.State, f.Deployment.Parameters["Schedule"] = "DISABLED", "DISABLED" }, Warn,
			"as the parameter Schedule says", ""},
		{"schedule", "off by hand", func(f *Facts) { f.Schedule.Value.State = "DISABLED" }, Fail, "although the parameter",
			"Enable the schedule"},
		{"schedule", "gone", func(f *Facts) { f.Schedule = Absent[Schedule]() }, Fail, "gone", "deploy it anew"},
		{"image events", "off by hand", func(f *Facts) { f.Rule.Value.State = "DISABLED" }, Fail, "although the parameter",
			"Enable the rule"},
		{"image events", "off", func(f *Facts) { f.Rule.Value.State, f.Deployment.Parameters["ImageEvents"] = "DISABLED", "DISABLED" }, OK,
			"new images wait for the night", ""},
		{"image events", "gone", func(f *Facts) { f.Rule = Absent[Rule]() }, Fail, "gone", ""},
		{"CloudTrail", "no trail", func(f *Facts) { f.Trails = Given[[]Trail](nil) }, Warn, "no trail for this Region", "free of charge"},
		{"CloudTrail", "not wanted", func(f *Facts) { f.Trails, f.Deployment.Parameters["ImageEvents"] = Given[[]Trail](nil), "DISABLED" },
			OK, "not needed", ""},
		{"CloudTrail", "not logging", func(f *Facts) { f.Trails = Given([]Trail{{Name: "main", Logging: Given(false)}}) }, Warn,
			"main does not log now", ""},
		{"CloudTrail", "writes only", trail(Selector{Management: true, ReadWrite: "WriteOnly"}), OK, "main logs", ""},
		{"CloudTrail", "reads only", trail(Selector{Management: true, ReadWrite: "ReadOnly"}), Warn, "does not log write", ""},
		{"CloudTrail", "data only", trail(Selector{ReadWrite: "All"}), Warn, "does not log write", ""},
		{"CloudTrail", "advanced", trail(Selector{Fields: []Field{{Name: "eventCategory", Equals: []string{"Management"}},
			{Name: "readOnly",
				Equals: []string{"false"}}, {Name: "eventSource", NotEquals: []string{"kms.amazonaws.com"}}}}), OK, "main logs", ""},
		{"CloudTrail", "advanced, data", trail(Selector{Fields: []Field{{Name: "eventCategory", Equals: []string{"Data"}}}}), Warn, "", ""},
		{"CloudTrail", "advanced, reads", trail(Selector{Fields: []Field{{Name: "eventCategory", Equals: []string{"Management"}},
			{Name: "readOnly", Equals: []string{"true"}}}}), Warn, "", ""},
		{"CloudTrail", "advanced, not ours",
			trail(Selector{Fields: []Field{{Name: "eventCategory", Equals: []string{"Management"}},
				{Name: "eventSource", NotEquals: []string{"appstream.amazonaws.com"}}}}), Warn, "", ""},
		{"CloudTrail", "advanced, others only",
			trail(Selector{Fields: []Field{{Name: "eventCategory", Equals: []string{"Management"}},
				{Name: "eventSource", Equals: []string{"iam.amazonaws.com"}}}}), Warn, "", ""},
		{"CloudTrail", "one of two", func(f *Facts) {
			f.Trails.Value = append([]Trail{{Name: "old", Logging: Given(false)},
				{Name: "foreign", Logging: Denied[bool]("cloudtrail:GetTrailStatus")}}, f.Trails.Value...)
		}, OK, "trail logs", ""},
		{"CloudTrail", "one that cannot be seen", func(f *Facts) {
			f.Trails = Given([]Trail{{Name: "old", Logging: Given(false)},
				{Name: "foreign", Logging: Denied[bool]("cloudtrail:GetTrailStatus")}})
		}, Unknown, "cloudtrail:GetTrailStatus", ""},
		{"work queue is read", "off", func(f *Facts) { f.Mapping = Given(Mapping{State: "Disabled"}) }, Fail, "not followed",
			"Enable the trigger"},
		{"work queue is read", "problem", func(f *Facts) {
			f.Mapping = Given(Mapping{State: "Enabled",
				LastResult: "PROBLEM: Access denied"})
		}, Fail, "PROBLEM", "function's role"},
		{"work queue is read", "being made", func(f *Facts) { f.Mapping = Given(Mapping{State: "Creating", Reason: "new"}) }, Warn,
			"Creating (new)", "Wait"},
		{"work queue is read", "gone", func(f *Facts) { f.Mapping = Absent[Mapping]() }, Fail, "feeds no function", "deploy it anew"},
		{"EBS encryption", "EBS's own key", func(f *Facts) { encrypted(f, "alias/aws/ebs") }, Warn, "cannot be imported",
			"without encryption by default"},
		{"EBS encryption", "key denied", func(f *Facts) { encrypted(f, keyARN); f.EBSKey = Denied[Key]("kms:DescribeKey") }, Warn,
			"kms:DescribeKey", ""},
		{"EBS encryption", "key id denied",
			func(f *Facts) { f.EBSEncryption, f.EBSKeyID = Given(true), Denied[string]("ec2:GetEbsDefaultKmsKeyId") }, Warn,
			"ec2:GetEbsDefaultKmsKeyId", ""},
		{"EBS encryption", "key gone", func(f *Facts) { encrypted(f, keyARN); f.EBSKey = Absent[Key]() }, Fail, "does not exist",
			"another default key"},
		{"EBS encryption", "key disabled", func(f *Facts) { encrypted(f, keyARN); f.EBSKey = Given(Key{State: "PendingDeletion"}) }, Fail,
			"PendingDeletion", ""},
		{"EBS encryption", "EBS's own key by its ARN",
			func(f *Facts) { encrypted(f, keyARN); f.EBSKey = Given(Key{State: "Enabled", Manager: "AWS"}) }, Warn, "EBS's own", ""},
		{"EBS encryption", "a key that the role may use", func(f *Facts) { customer(f); f.EBSKeyRights = Given([]Decision{{}}) }, Warn,
			"which the export role may use", ""},
		{"EBS encryption", "a key that the role may not use", func(f *Facts) { customer(f); f.EBSKeyRights = denied("kms:CreateGrant") },
			Fail, "may not do kms:CreateGrant", "ExportRoleArn"},
		{"EBS encryption", "a key whose policy names the role", func(f *Facts) {
			customer(f)
			f.EBSKeyRights = denied("kms:CreateGrant")
			f.EBSKey.Value.Policy = Given(`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"` + exportRoleARN + `"},"Action":"kms:*"}]}`)
		}, Warn, "the key's policy names the role", "EXPORT="},
		{"EBS encryption", "rights denied",
			func(f *Facts) { customer(f); f.EBSKeyRights = Denied[[]Decision]("iam:SimulatePrincipalPolicy") }, Warn,
			"iam:SimulatePrincipalPolicy", ""},
		{"AMI quota", "full", func(f *Facts) { f.AMIQuota = Given(40) }, Fail, "40 AMIs of 40", "Deregister"},
		{"AMI quota", "nearly", func(f *Facts) { f.AMIQuota = Given(44) }, Warn, "40 AMIs of 44", ""},
		{"AMI quota", "not known", func(f *Facts) { f.AMIQuota = Denied[int]("servicequotas:GetServiceQuota") }, Unknown,
			"40 AMIs; the quota is not known: your rights do not allow servicequotas:GetServiceQuota", ""},
		{"keeper", "plans", keep("PLAN"), OK, "rate(1 hour); it only tells what it would retire, as KeepMode is PLAN", ""},
		{"keeper", "acts", keep("ON"), OK, "it retires what Keep=last=3 does not keep", ""},
		{"keeper", "only copies", func(f *Facts) { keep("ON")(f); f.Deployment.Parameters["Keep"] = "" }, OK,
			"retires none, as Keep is empty", ""},
		{"keeper", "nobody hears", func(f *Facts) { keep("ON")(f); f.Subscriptions.Value = nil }, Warn, "as long as nobody is subscribed",
			"subscriptions"},
		{"keeper", "somebody's own topic", func(f *Facts) {
			keep("ON")(f)
			f.Subscriptions.Value, f.Deployment.Parameters["TopicArn"] = nil, "t"
		}, OK, "it retires what", ""},
		{"keeper", "failed", func(f *Facts) { keep("ON")(f); f.Keeper.Value.Function.Value.State = "Failed" }, Fail, "Failed", ""},
		{"keeper", "gone", func(f *Facts) { keep("ON")(f); f.Keeper.Value.Function = Absent[Function]() }, Fail, "is gone",
			"deploy it anew"},
		{"keeper", "off", func(f *Facts) { keep("ON")(f); f.Keeper.Value.Schedule.Value.State = "DISABLED" }, Fail, "DISABLED",
			"Enable its schedule"},
		{"keeper", "without a schedule", func(f *Facts) { keep("ON")(f); f.Keeper.Value.Schedule = Absent[Schedule]() }, Fail,
			"schedule is gone", ""},
		{"keeper", "schedule denied", func(f *Facts) {
			keep("ON")(f)
			f.Keeper.Value.Schedule = Denied[Schedule]("scheduler:GetSchedule")
		}, Unknown, "scheduler:GetSchedule", ""},
		{"CloudTrail", "advanced, by prefix",
			trail(Selector{Fields: []Field{{Name: "eventCategory", Equals: []string{"Management"}}, {Name: "eventSource", Other: true}}}),
			Warn,
			"", ""},
		{"last night", "too long ago", func(f *Facts) { f.Night.Value.At = noon.Add(-27 * time.Hour) }, Fail, "27h00m ago",
			"A night did not run"},
		{"last night", "too long ago, and switched off", func(f *Facts) {
			f.Night.Value.At, f.Deployment.Parameters["Schedule"] = noon.Add(-27*time.Hour), "DISABLED"
		}, OK, "27h00m ago", ""},
		{"last night", "none of a new stack", func(f *Facts) { f.Night, f.Deployment.Created = Absent[Night](), noon.Add(-2*time.Hour) },
			Warn, "the stack is 2h00m old", "make night"},
		{"last night", "none", func(f *Facts) { f.Night = Absent[Night]() }, Fail, "none in the last 8 days", ""},
		{"last night", "none, weekly", func(f *Facts) { f.Night, f.Deployment.Parameters["HoursWithoutRun"] = Absent[Night](), "0" }, Warn,
			"none", ""},
		{"last night", "none, switched off", func(f *Facts) { f.Night, f.Deployment.Parameters["Schedule"] = Absent[Night](), "DISABLED" },
			OK, "DISABLED", ""},
		{"last night", "rejected", func(f *Facts) { f.Night.Value.Rejected = 1 }, Warn, "1 rejected", "An export was rejected"},
		{"last night", "no image", func(f *Facts) { f.Night.Value.Images = 0 }, Warn, "0 images", "ImageTag"},
		{"alarms", "none there", func(f *Facts) { f.Alarms = Given[[]Alarm](nil) }, Warn, "no alarms", "ENABLED"},
		{"alarms", "one rings", func(f *Facts) {
			f.Alarms.Value = append(f.Alarms.Value,
				Alarm{LogicalID: "ExportFailedAlarm", Name: "x-ExportFailedAlarm", State: "ALARM", Since: noon,
					Description: "It failed. Look."})
		}, Fail, "1 of 2 ring: x-ExportFailedAlarm since 2026-11-26 12:00 UTC: It failed", "docs/OPERATIONS.md"},
		{"alarms", "the night's, of a new stack", func(f *Facts) { f.Alarms.Value[0].State, f.Night = "ALARM", Absent[Night]() }, Warn,
			"NightMissedAlarm", "first run"},
		{"alarms", "the night's, of an old stack", func(f *Facts) { f.Alarms.Value[0].State = "ALARM" }, Fail, "1 of 1 ring", ""},
		{"alarms", "muted", func(f *Facts) { f.Alarms.Value[0].Muted = true }, Warn, "actions of x-NightMissedAlarm-1 are disabled", ""},
		{"work queue", "empty", func(f *Facts) { f.Work = Given(Queue{}) }, OK, "nothing is unfinished", ""},
		{"work queue", "some", func(*Facts) {}, OK, "3 unfinished: 1 due, 2 not due yet", ""},
		{"work queue", "gone", func(f *Facts) { f.Work = Absent[Queue]() }, Fail, "gone", ""},
		{"dead letters", "two", func(f *Facts) { f.DeadLetters, f.DeadReasons = Given(Queue{Visible: 2}), Given([]string{"a", "a"}) }, Fail,
			"2 messages: a (2 times)", "dead-letter queue"},
		{"dead letters", "gone", func(f *Facts) { f.DeadLetters = Absent[Queue]() }, Fail, "gone", ""},
		{"failed events", "one, why is denied", func(f *Facts) {
			f.FailedEvents, f.FailedReasons = Given(Queue{Visible: 1}), Denied[[]string]("sqs:ReceiveMessage")
		}, Fail, "1 message; why is not known: your rights do not allow sqs:ReceiveMessage", "make replay"},
	} {
		t.Run(test.name+": "+test.title, func(t *testing.T) {
			f := well()
			test.change(&f)
			line := lineOf(t, f, test.name)
			if line.Verdict != test.verdict || !strings.Contains(line.Seen, test.seen) || !strings.Contains(line.Do, test.do) {
				t.Errorf("%+v\nwant %s, %q, do %q", line, test.verdict, test.seen, test.do)
			}
			if (line.Verdict == Warn || line.Verdict == Fail) != (line.Do != "") {
				t.Errorf("what to do is not said, or is said where there is nothing to do: %+v", line)
			}
			if strings.ContainsAny(line.Seen+line.Do, "\n\t") {
				t.Errorf("it is not one line: %+v", line)
			}
		})
	}
}

func TestSummary(t *testing.T) {
	f := well()
	f.Topic, f.Mapping = Absent[Topic](), Absent[Mapping]()
	lines := Examine(f)
	if got := Summary(lines); !NeedsPerson(lines) || !strings.HasSuffix(got, "This needs a person: topic, work queue is read.") {
		t.Errorf("the summary is %q", got)
	}
}

func TestManyReasons(t *testing.T) {
	if got, want := tally([]string{"f", "b", "a", "b", "c", "d", "e"}), "b (2 times); a; c; d; e; and 1 more"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := few([]string{"a", "b", "c", "d", "e", "f", "g"}), "a, b, c, d, e and 2 more"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
