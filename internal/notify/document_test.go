package notify_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/notify/notifytest"
)

const (
	taskID   = "3f0c2f0e-8a55-4c1c-9f0e-0d3c5b0c7a11"
	imageARN = "arn:aws:appstream:eu-west-1:123456789012:image/win2022-base-7"
	amiID    = "ami-0123456789abcdef0"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func base(kind notify.Type, id string) notify.Document {
	return notify.Document{
		Summary:       "Export of win2022-base-7: <what happened> & why",
		SchemaVersion: notify.SchemaVersion,
		ID:            id,
		Type:          kind,
		Time:          at("2026-11-23T02:41:07Z"),
		Account:       "123456789012",
		Region:        "eu-west-1",
		ImageName:     "win2022-base-7",
		Trigger: notify.Trigger{Type: "schedule",
			ID: "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/nightly@2026-11-23T02:00:00Z", Time: at("2026-11-23T02:00:00Z")},
	}
}

func task(state string) *notify.Task {
	created := at("2026-11-23T02:00:03Z")
	return &notify.Task{
		TaskID:            taskID,
		ImageARN:          imageARN,
		AMIName:           "win2022-base-7-20261120T101500Z",
		AMIDescription:    "AppStream image win2022-base-7",
		CreatedDate:       &created,
		State:             state,
		TagSpecifications: map[string]string{"appstream-ami-exporter:trigger": "schedule"},
	}
}

func started() notify.Document {
	d := base(notify.ExportStarted, taskID+":EXPORTING")
	d.Task = task("EXPORTING")
	return d
}

func completed() notify.Document {
	d := base(notify.ExportCompleted, taskID+":COMPLETED")
	d.Task, d.DurationSeconds = task("COMPLETED"), aws.Int64(2464)
	d.Task.AMIID = amiID
	d.Links = notify.ConsoleLinks("aws", "eu-west-1", amiID)
	return d
}

func failed(state string) notify.Document {
	d := base(notify.ExportFailed, taskID+":"+string(state))
	d.Task, d.DurationSeconds = task(state), aws.Int64(0)
	d.Task.ErrorDetails = []notify.ErrorDetail{{ErrorCode: "InternalError", ErrorMessage: "The copy failed."}, {ErrorMessage: "Unknown."}}
	d.Error = &notify.Error{Code: "InternalError", Message: "The copy failed.", Hint: "Try again."}
	return d
}

func rejected() notify.Document {
	d := base(notify.ExportRejected, notify.IDWithoutTask("t", "win2022-base-7", "REJECTED"))
	d.AMIName = "win2022-base-7-20261120T101500Z"
	d.Error = &notify.Error{Code: "InvalidRoleException", Message: "The role is invalid.", Hint: "Check the role."}
	return d
}

func unstarted() notify.Document {
	d := base(notify.ExportGivenUp, notify.IDWithoutTask("t", "*", "GIVEN_UP"))
	d.ImageName = "*"
	d.Error = &notify.Error{Code: "DeadlinePassed", Message: "waited for 72h", Hint: "Request it again."}
	return d
}

func unfollowed() notify.Document {
	d := base(notify.ExportGivenUp, taskID+":GIVEN_UP")
	d.Task = task("RUNNING")
	d.Error = &notify.Error{Code: "DeadlinePassed", Message: "still RUNNING", Hint: "Ask AWS Support."}
	return d
}

func body(t testing.TB, d notify.Document) string {
	t.Helper()
	body, err := d.Body()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestDocumentsFollowTheSchema(t *testing.T) {
	unmarked := completed()
	unmarked.Error = &notify.Error{Code: "NotMarked", Message: "AccessDenied", Hint: "Deploy again."}
	bare := base(notify.ExportStarted, taskID+":EXPORTING")
	bare.Task = &notify.Task{TaskID: taskID, ImageARN: imageARN, AMIName: "abc"}
	tests := map[string]notify.Document{
		"started": started(), "completed": completed(), "failed": failed("FAILED"), "timed out": failed("TIMED_OUT"),
		"rejected": rejected(), "given up without a task": unstarted(), "given up with a task": unfollowed(),
		"completed, not marked": unmarked, "the least of a task": bare,
	}
	for name, d := range tests {
		t.Run(name, func(t *testing.T) { notifytest.Validate(t, []byte(body(t, d))) })
	}
}

// The schema is worth something only if it refuses.
func TestSchemaRefuses(t *testing.T) {
	tests := map[string]struct {
		document notify.Document
		change   func(document map[string]any)
	}{
		"no summary":                   {started(), func(d map[string]any) { delete(d, "summary") }},
		"an unknown field":             {started(), func(d map[string]any) { d["new"] = 1 }},
		"an unknown field of the task": {started(), func(d map[string]any) { d["task"].(map[string]any)["New"] = 1 }},
		"another version":              {started(), func(d map[string]any) { d["schemaVersion"] = "2.0" }},
		"an unknown type":              {started(), func(d map[string]any) { d["type"] = "ExportPaused" }},
		"a local time":                 {started(), func(d map[string]any) { d["time"] = "2026-11-23T03:41:07+01:00" }},
		"an impossible time":           {started(), func(d map[string]any) { d["time"] = "2026-13-23T03:41:07Z" }},
		"no account":                   {started(), func(d map[string]any) { d["account"] = "" }},
		"every image has started":      {started(), func(d map[string]any) { d["imageName"] = "*" }},
		"started with no task":         {started(), func(d map[string]any) { delete(d, "task") }},
		"started with an error":        {started(), func(d map[string]any) { d["error"] = rejected().Error }},
		"started with another id":      {started(), func(d map[string]any) { d["id"] = taskID + ":COMPLETED" }},
		"an unknown trigger":           {started(), func(d map[string]any) { d["trigger"].(map[string]any)["type"] = "queue" }},
		"a trigger without id":         {started(), func(d map[string]any) { d["trigger"].(map[string]any)["id"] = "" }},
		"an AMI name with a space":     {started(), func(d map[string]any) { d["task"].(map[string]any)["AmiName"] = "a b c" }},
		"no task id":                   {started(), func(d map[string]any) { d["task"].(map[string]any)["TaskId"] = "" }},
		"completed without a duration": {completed(), func(d map[string]any) { delete(d, "durationSeconds") }},
		"a negative duration":          {completed(), func(d map[string]any) { d["durationSeconds"] = -1 }},
		"completed while FAILED":       {completed(), func(d map[string]any) { d["task"].(map[string]any)["State"] = "FAILED" }},
		"completed with another error": {completed(), func(d map[string]any) { d["error"] = rejected().Error }},
		"a link to nothing":            {completed(), func(d map[string]any) { d["links"] = map[string]any{"ami": "https://example.com"} }},
		"failed without an error":      {failed("FAILED"), func(d map[string]any) { delete(d, "error") }},
		"failed without a hint":        {failed("FAILED"), func(d map[string]any) { delete(d["error"].(map[string]any), "hint") }},
		"failed while COMPLETED":       {failed("FAILED"), func(d map[string]any) { d["task"].(map[string]any)["State"] = "COMPLETED" }},
		"timed out, told as failed":    {failed("TIMED_OUT"), func(d map[string]any) { d["id"] = taskID + ":FAILED" }},
		"rejected with a task": {rejected(), func(d map[string]any) {
			d["task"] = map[string]any{"TaskId": taskID, "ImageArn": imageARN, "AmiName": "abc"}
		}},
		"rejected without an error":     {rejected(), func(d map[string]any) { delete(d, "error") }},
		"given up without an error":     {unstarted(), func(d map[string]any) { delete(d, "error") }},
		"given up for another reason":   {unfollowed(), func(d map[string]any) { d["error"].(map[string]any)["code"] = "Tired" }},
		"given up: a task's id without": {unfollowed(), func(d map[string]any) { delete(d, "task") }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var changed map[string]any
			if err := json.Unmarshal([]byte(body(t, test.document)), &changed); err != nil {
				t.Fatal(err)
			}
			test.change(changed)
			encoded, err := json.Marshal(changed)
			if err != nil {
				t.Fatal(err)
			}
			if notifytest.Check(encoded) == nil {
				t.Errorf("the schema takes it:\n%s", encoded)
			}
		})
	}
}

// The exact text, as it stands in e-mails.
func TestBody(t *testing.T) {
	const want = `{
  "summary": "Export of win2022-base-7: <what happened> & why",
  "schemaVersion": "1.0",
  "id": "3f0c2f0e-8a55-4c1c-9f0e-0d3c5b0c7a11:COMPLETED",
  "type": "ExportCompleted",
  "time": "2026-11-23T02:41:07Z",
  "account": "123456789012",
  "region": "eu-west-1",
  "imageName": "win2022-base-7",
  "trigger": {
    "type": "schedule",
    "id": "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/nightly@2026-11-23T02:00:00Z",
    "time": "2026-11-23T02:00:00Z"
  },
  "task": {
    "TaskId": "3f0c2f0e-8a55-4c1c-9f0e-0d3c5b0c7a11",
    "ImageArn": "arn:aws:appstream:eu-west-1:123456789012:image/win2022-base-7",
    "AmiName": "win2022-base-7-20261120T101500Z",
    "CreatedDate": "2026-11-23T02:00:03Z",
    "AmiDescription": "AppStream image win2022-base-7",
    "State": "COMPLETED",
    "AmiId": "ami-0123456789abcdef0",
    "TagSpecifications": {
      "appstream-ami-exporter:trigger": "schedule"
    }
  },
  "durationSeconds": 2464,
  "links": {
    "ami": "https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#ImageDetails:imageId=ami-0123456789abcdef0"
  }
}`
	if diff := cmp.Diff(want, body(t, completed())); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

// A document waits in the work queue when SNS does not take it, and must come out as it went in.
func TestDocumentSurvivesTheQueue(t *testing.T) {
	for _, d := range []notify.Document{started(), completed(), failed("FAILED"), rejected(), unstarted(), unfollowed()} {
		encoded, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var decoded notify.Document
		if err := json.Unmarshal(encoded, &decoded); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, decoded); diff != "" {
			t.Errorf("%s (-want +got):\n%s", d.Type, diff)
		}
	}
}

func TestBodyThatCannotBe(t *testing.T) {
	d := started()
	d.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := d.Body(); err == nil || !strings.Contains(err.Error(), "encode notification "+d.ID) {
		t.Errorf("error = %v, want one that names the notification", err)
	}
}

func TestSubject(t *testing.T) {
	tests := []struct {
		kind        notify.Type
		image, want string
	}{
		{notify.ExportStarted, "win2022-base-7", "AppStream export of win2022-base-7 started"},
		{notify.ExportCompleted, "win2022-base-7", "AppStream export of win2022-base-7 completed"},
		{notify.ExportFailed, "win2022-base-7", "AppStream export of win2022-base-7 FAILED"},
		{notify.ExportRejected, "win2022-base-7", "AppStream export of win2022-base-7 REJECTED"},
		{notify.ExportGivenUp, "*", "AppStream export of * GIVEN UP"},
		{notify.ExportRejected, "a\r\nBcc: x\x7fé", "AppStream export of a??Bcc: x?? REJECTED"},
		{notify.ExportStarted, strings.Repeat("a", 71), "AppStream export of " + strings.Repeat("a", 71) + " started"},
		{notify.ExportStarted, strings.Repeat("a", 72), "AppStream export of " + strings.Repeat("a", 68) + "... started"},
		{notify.ExportCompleted, strings.Repeat("a", 101), "AppStream export of " + strings.Repeat("a", 66) + "... completed"},
	}
	for _, test := range tests {
		d := base(test.kind, "x:Y")
		d.ImageName = test.image
		if diff := cmp.Diff(test.want, d.Subject()); diff != "" {
			t.Errorf("subject (-want +got):\n%s", diff)
		}
	}
}

func TestSubjectOfAMIs(t *testing.T) {
	for image, want := range map[string]string{
		"win2022-base-7":     "AMIs of AppStream image win2022-base-7 retired",
		notify.SeveralImages: "AMIs of several AppStream images retired",
	} {
		d := base(notify.AMIsRetired, "x")
		d.ImageName, d.AMIs = image, []notify.AMI{{ID: "ami-0123456789abcdef0"}}
		if diff := cmp.Diff(want, d.Subject()); diff != "" {
			t.Errorf("subject (-want +got):\n%s", diff)
		}
	}
}

// The characters of ASCII at both of its ends are kept as they are, and those beyond are not.
func TestSubjectAtTheEdgesOfASCII(t *testing.T) {
	d := base(notify.ExportStarted, "x:Y")
	d.ImageName = "\x1f ~\x7f"
	if diff := cmp.Diff("AppStream export of ? ~? started", d.Subject()); diff != "" {
		t.Errorf("subject (-want +got):\n%s", diff)
	}
}

func TestBodyAtTheEdgesOfTheControlCharacters(t *testing.T) {
	for character, want := range map[string]string{
		"~": "~", "\u007f": `\u007f`, "\u0080": `\u0080`, "\u009f": `\u009f`, "\u00a0": "\u00a0",
	} {
		d := base(notify.ExportStarted, "x:Y")
		d.Summary = character
		body, err := d.Body()
		if err != nil || !strings.Contains(body, `"summary": "`+want+`"`) {
			t.Errorf("%q: error %v, body:\n%s", character, err, body)
		}
	}
}

// subjectRule is what SNS has ever taken: printable ASCII without line breaks, beginning with a letter, less than 100 characters.
var subjectRule = regexp.MustCompile(`^[A-Za-z][ -~]{0,98}$`)

func FuzzSubject(f *testing.F) {
	f.Add("ExportStarted", "win2022-base-7")
	f.Add("ExportGivenUp", "*")
	f.Add("", "a\r\nb\x00\x7f\xff")
	f.Add("ExportCompleted", strings.Repeat("ü", 101))
	f.Fuzz(func(t *testing.T, kind, image string) {
		d := notify.Document{Type: notify.Type(kind), ImageName: image}
		if subject := d.Subject(); !subjectRule.MatchString(subject) {
			t.Errorf("SNS may refuse the subject %q", subject)
		}
	})
}

func TestIDWithoutTask(t *testing.T) {
	id := notify.IDWithoutTask("trigger", "image", "REJECTED")
	if !regexp.MustCompile(`^[0-9a-f]{32}:REJECTED$`).MatchString(id) {
		t.Errorf("id = %q", id)
	}
	if again := notify.IDWithoutTask("trigger", "image", "REJECTED"); again != id {
		t.Errorf("the id changes from %q to %q", id, again)
	}
	for _, other := range []string{
		notify.IDWithoutTask("trigger2", "image", "REJECTED"),
		notify.IDWithoutTask("trigger", "image2", "REJECTED"),
		notify.IDWithoutTask("trigger", "image", "GIVEN_UP"),
	} {
		if other == id {
			t.Errorf("two changes have the id %q", id)
		}
	}
}

func TestConsoleLinks(t *testing.T) {
	tests := []struct {
		partition, region string
		want              *notify.Links
	}{
		{"aws", "eu-west-1", &notify.Links{AMI: "https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#ImageDetails:imageId=" +
			amiID}},
		{"aws-us-gov", "us-gov-west-1",
			&notify.Links{AMI: "https://console.amazonaws-us-gov.com/ec2/home?region=us-gov-west-1#ImageDetails:imageId=" + amiID}},
		{"aws-cn", "cn-north-1",
			&notify.Links{AMI: "https://cn-north-1.console.amazonaws.cn/ec2/home?region=cn-north-1#ImageDetails:imageId=" + amiID}},
		{"aws-iso-b", "us-isob-east-1", nil},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, notify.ConsoleLinks(test.partition, test.region, amiID)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.partition, diff)
		}
	}
}
