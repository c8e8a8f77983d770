package doctor

import (
	"strings"
	"testing"
	"time"
)

// completedTrial is one of which all is known.
func completedTrial() Trial {
	d := deployment()
	return Trial{
		Deployment: d, Version: Given("v1.2.0"), ImageName: "win-1", AMIName: "win-1-doctor-1", Tag: "tried",
		Images: Given([]Image{{Name: "win-1", State: "AVAILABLE", Platform: "WINDOWS_SERVER_2022", Type: "BYOL"}}),
		Asked:  noon, States: []StateSeen{{"EXPORTING", noon}, {completed, noon.Add(41 * time.Minute)}}, Ended: true, Looks: 164,
		Looked:      noon.Add(41 * time.Minute),
		ListedAfter: Given(time.Second), TaskTags: Given(map[string]string{"tried": "x"}), ListTags: Given(map[string]string{"tried": "x"}),
		Tasks: Given([]TaskSeen{{Created: noon, State: completed, Ended: true},
			{Created: noon.Add(-72 * time.Hour), State: completed, Ended: true}}),
		Filter: Given("a page of 1 tasks in 1 states"), AMIAtEnd: Given("available"), Available: Given(time.Duration(0)),
		AMI:       Given(AMI{ID: "ami-1", SourceID: "ami-2", SourceRegion: "eu-west-1", Tags: map[string]string{"tried": "x"}}),
		Snapshots: Given([]Snapshot{{GB: 200}}), ExportQuotas: Given[[]string](nil),
		ImageEvents: Given(map[string]int{"PENDING": 3, "AVAILABLE": 3}),
		Trust:       Given(Role{Trust: trust}), Second: &SecondStart{Refused: "no"},
	}
}

func answerOf(t *testing.T, tr Trial, asks string) string {
	t.Helper()
	found := ""
	for _, a := range tr.Answers() {
		if strings.Contains(a.Asks, asks) {
			if found != "" {
				t.Fatalf("there are several questions with %q", asks)
			}
			found = a.Answer
		}
	}
	if found == "" {
		t.Fatalf("there is no question with %q", asks)
	}
	return found
}

// A trial of which all is known answers all that can be tried, and one of which nothing is known answers nothing.
func TestEveryQuestionIsAnswered(t *testing.T) {
	all, none := completedTrial().Answers(), Trial{}.Answers()
	tried := 0
	for i, a := range all {
		if strings.HasPrefix(a.Answer, "Not known") {
			t.Errorf("%s %s", a.Asks, a.Answer)
		}
		if strings.HasPrefix(a.Answer, "Not tried") {
			continue
		}
		tried++
		if none[i].Answer == a.Answer {
			t.Errorf("%s %s, although nothing is known", a.Asks, none[i].Answer)
		}
	}
	if tried < 20 {
		t.Errorf("only %d questions are tried", tried)
	}
}

func TestAnswers(t *testing.T) {
	task := func(hours int, state string) TaskSeen {
		return TaskSeen{Created: noon.Add(time.Duration(hours) * time.Hour), State: state, Ended: state != "EXPORTING" && state != ""}
	}
	list := func(tasks ...TaskSeen) func(*Trial) { return func(tr *Trial) { tr.Tasks = Given(tasks) } }
	running := func(tr *Trial) {
		tr.Ended, tr.States, tr.Looked = false, []StateSeen{{"EXPORTING", noon}}, noon.Add(5*time.Minute)
	}
	conditional := func(tr *Trial) {
		tr.Trust = Given(Role{Trust: `{"Statement":{"Effect":"Allow","Principal":{"Service":"appstream.amazonaws.com"},
			"Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:SourceAccount":"1"}}}}`})
	}
	for _, test := range []struct {
		asks   string
		change func(*Trial)
		want   string
	}{
		{"How long does an export", func(*Trial) {}, "41m0s until it was seen COMPLETED, looking 164 times."},
		{"How long does an export", running, "Longer than 5m0s: nobody looked any longer, the task was EXPORTING."},
		{"Which states does a task", func(*Trial) {},
			"This one: EXPORTING after 0s, COMPLETED after 41m0s. All that the list shows: COMPLETED 2."},
		{"Which error codes", list(task(0, "FAILED"), TaskSeen{State: "TIMED_OUT", Ended: true, Errors: []string{"X"}}),
			"In the list: FAILED without any 1, TIMED_OUT X 1."},
		{"available when", func(*Trial) {}, "Yes."},
		{"available when", func(tr *Trial) { tr.AMIAtEnd, tr.Available = Given("pending"), Given(90*time.Second) },
			"No: it was pending, and available 1m30s later."},
		{"available when", func(tr *Trial) { tr.AMIAtEnd, tr.Available = Given("pending"), Absent[time.Duration]() },
			"No: it was pending, and not available as long as anybody looked."},
		{"available when", func(tr *Trial) { tr.AMIAtEnd, tr.Available = Absent[string](), Given(time.Minute) },
			"No: it was not to be seen, and available 1m0s later."},
		{"available when", func(tr *Trial) { tr.AMIAtEnd = Denied[string]("ec2:DescribeImages") },
			"Not known: your rights do not allow ec2:DescribeImages."},
		{"available when", running, "Not known: the task has not completed."},
		{"Does the AMI have the tags", func(tr *Trial) { tr.AMI.Value.Tags = map[string]string{"a": "b"} }, "No, it has others (1)."},
		{"snapshots have them", func(*Trial) {}, "No, it has no tags."},
		{"snapshots have them", func(tr *Trial) { tr.Snapshots = Given([]Snapshot{{}, {Tags: map[string]string{"tried": "x"}}, {}}) },
			"Of 3 snapshots: No, it has no tags. (2 times); Yes (1 tag in all)."},
		{"snapshots have them", func(tr *Trial) { tr.Snapshots = Given([]Snapshot{}) }, "There is no snapshot."},
		{"encrypted", func(*Trial) {}, "Not encrypted (200 GB)."},
		{"encrypted", func(tr *Trial) { tr.Snapshots = Given([]Snapshot{{Encrypted: true, Key: "AWS", GB: 60}}) },
			"Encrypted with a key that AWS manages (60 GB)."},
		{"encrypted", func(tr *Trial) { tr.Snapshots = Given([]Snapshot{{Encrypted: true, GB: 60}}) },
			"Encrypted, with which key is not known (60 GB)."},
		{"copied", func(tr *Trial) { tr.AMI.Value.SourceID = "" }, "EC2 does not tell."},
		{"show one at once", func(tr *Trial) { tr.ListedAfter = Absent[time.Duration]() }, "No: it never showed this one."},
		{"show one at once", func(tr *Trial) { tr.ListedAfter = Given(15 * time.Second) }, "No: after 15s."},
		{"tell their tags", func(*Trial) {}, "Yes. A look at the task itself does."},
		{"tell their tags", func(tr *Trial) {
			tr.ListTags, tr.TaskTags = Given[map[string]string](nil), Given[map[string]string](nil)
		}, "No. A look at the task itself does not."},
		{"which order", func(*Trial) {}, "The newest first (2 tasks)."},
		{"which order", list(task(-2, "FAILED"), task(-1, "FAILED")), "The oldest first (2 tasks)."},
		{"which order", list(task(-2, "FAILED"), task(0, "FAILED"), task(-1, "FAILED")), "Not by when they were started (3 tasks)."},
		{"which order", list(task(0, "FAILED")), "Not to be seen from 1 task."},
		{"remembered", func(*Trial) {}, "At least 3 days: the oldest in the list that has ended (of 2)."},
		{"remembered", list(task(0, "EXPORTING")), "The list shows none that has ended."},
		{"at once, and is there a quota", list(task(0, "EXPORTING"), task(0, "")),
			"2 run now. Service Quotas knows none of AppStream that speaks of exports."},
		{"at once, and is there a quota", func(tr *Trial) { tr.ExportQuotas = Given([]string{"L-1 Concurrent exports = 5"}) },
			"0 run now. Service Quotas: L-1 Concurrent exports = 5."},
		{"of which types", func(*Trial) {}, "This one is WINDOWS_SERVER_2022 of the type BYOL, and its task was last seen COMPLETED."},
		{"of which types", func(tr *Trial) { tr.Images = Given([]Image{}) }, "Not known: the image is not in the list."},
		{"shared with others", func(*Trial) {}, "None of those listed as PRIVATE is shared; if you share one, it is not."},
		{"shared with others", func(tr *Trial) { tr.Images.Value[0].SharedWithOthers = true }, "Yes: 1."},
		{"becomes AVAILABLE", func(*Trial) {},
			"CloudTrail's CreateImage events of the last 90 days, by the image's state: AVAILABLE 3, PENDING 3."},
		{"becomes AVAILABLE", func(tr *Trial) { tr.ImageEvents = Given(map[string]int{}) },
			"CloudTrail has no CreateImage event of the last 90 days."},
		{"aws:SourceAccount", func(*Trial) {}, "Not to be seen: the role has no condition."},
		{"aws:SourceAccount", conditional, "It sends what the role's conditions want: aws:SourceAccount."},
		{"aws:SourceAccount", func(tr *Trial) { conditional(tr); running(tr) },
			"Perhaps not: the role has conditions (aws:SourceAccount) and the export did not complete."},
		{"in this Region", running, "Not known: this one has not completed in eu-west-1."},
		{"second start", func(*Trial) {}, "Refused at once: no."},
		{"second start", func(tr *Trial) { tr.Second = nil }, "Not tried: `TWICE=1` tries it."},
		{"second start", func(tr *Trial) { tr.Second = &SecondStart{NotAsked: "no right"} }, "Not known: no right."},
		{"second start", func(tr *Trial) { tr.Second = &SecondStart{SameTask: true} }, "It answers with the task of the first."},
		{"second start", func(tr *Trial) { tr.Second = &SecondStart{State: "FAILED", Errors: []string{"taken"}} },
			"It answers with a task of its own, last seen FAILED (taken) and made no AMI."},
		{"second start", func(tr *Trial) { tr.Second = &SecondStart{State: completed, AMI: true} },
			"It answers with a task of its own, last seen COMPLETED and made a second AMI of the same name."},
	} {
		tr := completedTrial()
		test.change(&tr)
		if got := answerOf(t, tr, test.asks); got != test.want {
			t.Errorf("%s... %s\nwant %s", test.asks, got, test.want)
		}
	}
}

// The block goes to strangers.
func TestReportIsPrivate(t *testing.T) {
	tr := completedTrial()
	tr.Errors = []string{"arn:aws:iam::123456789012:role/exporter-x may not copy ami-2 to win-1-doctor-1 of win-1 as ami-1"}
	report := tr.Report()
	const want = "This one: arn:aws:iam::<account>:role/<stack>-x may not copy <source AMI> to <AMI name> of <image> as <AMI>."
	if !strings.Contains(report, want) {
		t.Errorf("it lacks %q:\n%s", want, report)
	}
	if !strings.HasPrefix(report, "### What one export showed\n\nv1.2.0, eu-west-1, on 2026-11-26\n") {
		t.Errorf("it begins:\n%s", report)
	}
}

// Names that are words, or parts of what stands for them.
func TestPrivateNames(t *testing.T) {
	for name, want := range map[string]string{
		"image": "no such <image>, <image> <image>", "a": "no such image, image image", "AMI": "no such image, image image",
		"such": "no <image> image, image image",
	} {
		tr := Trial{ImageName: name, AMIName: "made", Deployment: Deployment{Stack: "stack", Account: "123456789012"}}
		if got := tr.private("no such image, image image"); got != want {
			t.Errorf("an image called %s: %q, want %q", name, got, want)
		}
	}
	tr := Trial{ImageName: "a", AMIName: "a-doctor-1"}
	if got, want := tr.private("a task of a-doctor-1 failed"), "<image> task of <AMI name> failed"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
