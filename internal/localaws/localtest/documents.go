package localtest

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/queues"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/notify/notifytest"
)

// Documents returns what was published to the topic so far, oldest first. It fails the test unless each document is what its
// schema says, is indented, holds no field that this version does not know, and has the Subject and the
// attributes that belong to it.
func Documents(t testing.TB, account *localaws.Account) (documents []notify.Document) {
	t.Helper()
	notifications, err := account.Notifications()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range notifications {
		documents = append(documents, document(t, n))
	}
	return documents
}

func document(t testing.TB, n queues.Notification) (d notify.Document) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(n.Message))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		t.Fatalf("a notification is no document: %v\n%s", err, n.Message)
	}
	notifytest.Validate(t, []byte(n.Message))
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(n.Message), "", "  "); err != nil ||
		strings.TrimSpace(indented.String()) != strings.TrimSpace(n.Message) {
		t.Errorf("a notification does not read well in an e-mail (%v):\n%s", err, n.Message)
	}

	_, state, _ := strings.Cut(d.ID, ":")
	want := map[string]string{"type": string(d.Type), "state": state, "imageName": d.ImageName, "trigger": d.Trigger.Type}
	if diff := cmp.Diff(want, n.Attributes); diff != "" {
		t.Errorf("attributes of %s (-want +got):\n%s", d.ID, diff)
	}
	if d.Task != nil && d.Task.TaskID+":"+stateOf(d) != d.ID {
		t.Errorf("the document of the task %s, %s, in state %q has the id %s", d.Task.TaskID, d.Type, d.Task.State, d.ID)
	}
	checkSubject(t, n.Subject, d)
	return d
}

// checkSubject holds the subject to what every version of SNS takes, and to what a reader wants to see of it.
func checkSubject(t testing.TB, subject string, d notify.Document) {
	t.Helper()
	said := map[notify.Type]string{
		notify.ExportStarted: "started", notify.ExportCompleted: "completed", notify.ExportFailed: "FAILED",
		notify.ExportRejected: "REJECTED", notify.ExportGivenUp: "GIVEN UP",
	}[d.Type]
	unprintable := strings.IndexFunc(subject, func(r rune) bool { return r < ' ' || r > '~' }) >= 0
	if subject == "" || len(subject) > 99 || unprintable || said == "" || !strings.HasSuffix(subject, said) {
		t.Errorf("the subject of %s, %s, is %q", d.ID, d.Type, subject)
	}
	if len(d.ImageName) < 60 && !strings.Contains(subject, d.ImageName) {
		t.Errorf("the subject %q does not name the image %s", subject, d.ImageName)
	}
}

// stateOf is what a document about a task is to be known by. A start is one even if it is told when the task has ended.
func stateOf(d notify.Document) string {
	switch d.Type {
	case notify.ExportStarted:
		return "EXPORTING"
	case notify.ExportGivenUp:
		return "GIVEN_UP"
	}
	return d.Task.State
}
