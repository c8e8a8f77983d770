package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/doctor"
	"appstream-ami-exporter/internal/terminal"
	"appstream-ami-exporter/internal/trigger"
)

// trialTag is on the AMI of a trial and on nothing else.
const trialTag = "appstream-ami-exporter-doctor"

const (
	// lookEvery is how exactly the times of a trial are known. AppStream's own rate is not known either, and a look costs nothing.
	lookEvery = 15 * time.Second
	// patience is how many looks in a row may fail: a network that is away for some minutes ends no trial.
	patience = 20
	// blindLooks is how many times EC2 is asked for the AMI in vain: mostly the caller may not.
	blindLooks = 3
	// availableLimit is how long an AMI may take to become available after its task is COMPLETED; a copy of hundreds of GB takes
	// less.
	availableLimit = time.Hour
)

// tester exports an image for real, to see what AWS does not say.
type tester struct {
	clients
	deployment doctor.Deployment
	screen     terminal.Screen
	answers    *bufio.Reader // of whoever sits at the terminal
	questions  io.Writer
	now        func() time.Time
	pause      func(context.Context, time.Duration) error
}

var errNothingDone = errors.New("nothing was started")

// try exports the image, once it is agreed to, and with twice a second time under the same AMI name. What was seen is reported also
// where looking was broken off.
func (t tester) try(ctx context.Context, image string, twice bool) error {
	amiName := image + "-doctor-" + t.now().UTC().Format("20060102T150405Z")
	spec := trigger.Spec{ImageName: image, AMIName: amiName, Tags: map[string]string{trialTag: t.now().UTC().Format(time.RFC3339)}}
	if err := t.rehearse(ctx, spec); err != nil {
		return err
	}
	if !t.agreed(fmt.Sprintf("This exports %s for real, as the AMI %s. An AMI costs what its snapshot holds, $0.05 per GB and month in "+
		"US East (N. Virginia): 60 GB are $3.00 a month, until you deregister it. AWS documents no charge for the export itself. It takes "+
		"perhaps an hour; Ctrl-C ends the looking, not the export.", image, amiName)) {
		return errNothingDone
	}
	seen := doctor.Trial{Deployment: t.deployment, ImageName: image, AMIName: amiName, Tag: trialTag}
	task, err := t.start(ctx, spec)
	if err != nil {
		return err
	}
	seen.Asked = t.now()
	t.screen.Line("%s  started: task %s", clock(t.now()), task)
	broken := t.follow(ctx, task, &seen)
	if broken != nil {
		t.screen.Line("%s  no longer looked at. The export goes on: `make status` shows it, and its AMI will cost money", clock(t.now()))
	}
	ami := t.lookAtAMI(ctx, task, &seen)
	t.lookAround(context.WithoutCancel(ctx), &seen) // also for somebody who has had enough of waiting
	if twice && broken == nil && seen.Completed() {
		seen.Second = t.startAgain(ctx, image, amiName, task)
	}
	t.screen.Line("\n%s", t.screen.Paint(terminal.Bold, "To be pasted into an issue; it names no account, image or AMI:"))
	t.screen.Line("\n%s", seen.Report())
	if ami != "" {
		t.screen.Line("The AMI costs money until you remove it:\n  aws ec2 deregister-image --region %s --image-id %s "+
			"--delete-associated-snapshots", t.deployment.Region, ami)
	}
	switch {
	case broken != nil:
		return broken
	case !seen.Completed():
		return terminal.Attention("the export did not complete: docs/OPERATIONS.md, section \"An export failed\"")
	}
	return nil
}

// sentence is an SDK's error on one line, without advice.
func sentence(err error) string {
	line, _, _ := strings.Cut(terminal.Explain(err).Error(), "\n")
	return strings.TrimSuffix(line, ".")
}

// agreed asks a question whose answer is no unless somebody types y.
func (t tester) agreed(question string) bool {
	fmt.Fprintf(t.questions, "%s\nGo on? [y/N] ", wrapped(question, ""))
	line, _ := t.answers.ReadString('\n') // what cannot be read is no
	fmt.Fprintln(t.questions)
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}

// rehearse has the function say whether it could export the image, before anybody is asked.
func (t tester) rehearse(ctx context.Context, spec trigger.Spec) error {
	spec.DryRun = true
	reply, err := t.request(ctx, spec)
	if err != nil {
		return err
	}
	if len(reply.WouldStart) == 1 {
		return nil
	}
	return fmt.Errorf("%w: %s", errNothingDone, why(reply))
}

// start has the function export the image, and returns the id of the task.
func (t tester) start(ctx context.Context, spec trigger.Spec) (task string, err error) {
	reply, err := t.request(ctx, spec)
	switch {
	case err != nil:
		return "", err
	case len(reply.Started) == 1:
		return reply.Started[0].TaskID, nil
	case len(reply.Waiting) == 1:
		return "", fmt.Errorf("it waits (%s) and will be started as soon as it can be, as %s; `make status` shows when. "+
			"Try again at another time", why(reply), spec.AMIName)
	}
	return "", fmt.Errorf("%w: %s", errNothingDone, why(reply))
}

func (t tester) request(ctx context.Context, spec trigger.Spec) (deployed.Reply, error) {
	reply, err := deployed.Ask(ctx, t.functions, t.deployment.Outputs["FunctionName"], spec)
	return reply, terminal.Explain(err)
}

// why the image of a reply is not started.
func why(r deployed.Reply) string {
	for _, list := range [][]deployed.Entry{r.Rejected, r.Waiting, r.Skipped} {
		for _, e := range list {
			return strings.TrimSpace(e.Reason + ". " + e.Hint)
		}
	}
	return "the function says nothing of the image"
}

// follow looks at the task until it ends.
func (t tester) follow(ctx context.Context, task string, seen *doctor.Trial) error {
	seen.ListedAfter = doctor.Absent[time.Duration]()
	for failures := 0; ; {
		if !seen.ListedAfter.There() {
			t.lookAtList(ctx, task, seen)
		}
		found, err := deployed.GetTask(ctx, t.appStream, task)
		seen.Looks, seen.Looked = seen.Looks+1, t.now()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case coded(err, "ThrottlingException", "RequestLimitExceededException"):
			seen.Refused++
		case err != nil:
			if failures++; failures > patience || terminal.Denied(err) {
				return terminal.Explain(err)
			}
		default:
			failures = 0
			state := string(found.State)
			if n := len(seen.States); n == 0 || seen.States[n-1].State != state {
				t.screen.Line("%s  %s, %s after the start", clock(t.now()), state, t.now().Sub(seen.Asked).Round(time.Second))
				seen.States = append(seen.States, doctor.StateSeen{State: state, At: t.now()})
			}
			seen.TaskTags, seen.Errors = doctor.Given(found.TagSpecifications), errorsOf(found)
			if seen.Ended = ended(found); seen.Ended {
				seen.States[len(seen.States)-1].At = t.now()
				return nil
			}
		}
		if err := t.pause(ctx, lookEvery); err != nil {
			return err
		}
	}
}

// lookAtList finds out whether the list shows the task by now, and with its tags.
func (t tester) lookAtList(ctx context.Context, task string, seen *doctor.Trial) {
	tasks, err := deployed.ListTasks(ctx, t.appStream)
	if err != nil {
		seen.ListedAfter = answer(time.Duration(0), err, "appstream:ListExportImageTasks")
		return
	}
	for _, found := range tasks {
		if aws.ToString(found.TaskId) == task {
			seen.ListedAfter, seen.ListTags = doctor.Given(t.now().Sub(seen.Asked)), doctor.Given(found.TagSpecifications)
		}
	}
}

// lookAtAMI sees what the export has made, and waits until it is available, or until ctx ends.
func (t tester) lookAtAMI(ctx context.Context, task string, seen *doctor.Trial) (id string) {
	if !seen.Completed() {
		return ""
	}
	asking := context.WithoutCancel(ctx)
	found, err := deployed.GetTask(asking, t.appStream, task)
	if err != nil {
		seen.AMI = answer(doctor.AMI{}, err, "appstream:GetExportImageTask")
		return ""
	}
	id = aws.ToString(found.AmiId)
	since := t.now()
	seen.Available = doctor.Absent[time.Duration]()
	for looks, failures := 0, 0; ; looks++ {
		ami, state, snapshots := t.ami(asking, id)
		if looks == 0 {
			seen.AMIAtEnd = state
		}
		seen.AMI = ami
		if state.There() && state.Value == "available" {
			seen.Available = doctor.Given(t.now().Sub(since))
		}
		if !state.Known() {
			failures++
		}
		if seen.Available.There() || failures == blindLooks || t.now().Sub(since) > availableLimit || t.pause(ctx, lookEvery) != nil {
			seen.Snapshots = doctor.Without[[]doctor.Snapshot](ami)
			if ami.There() {
				seen.Snapshots = t.snapshots(asking, snapshots)
			}
			t.screen.Line("%s  AMI %s", clock(t.now()), id)
			return id
		}
	}
}

// lookAround asks what can be asked without an export.
func (t tester) lookAround(ctx context.Context, seen *doctor.Trial) {
	seen.Version = t.version(ctx, t.deployment, t.now())
	seen.Images = t.images(ctx)
	seen.Tasks = t.tasksSeen(ctx)
	seen.Filter = t.filtered(ctx)
	seen.ExportQuotas = t.exportQuotas(ctx)
	seen.ImageEvents = t.imageEvents(ctx, t.now())
	seen.Trust = t.role(ctx, t.deployment.Outputs["ExportRole"])
}

// startAgain starts the same export under the same AMI name, past the function: that would not.
func (t tester) startAgain(ctx context.Context, image, amiName, first string) *doctor.SecondStart {
	if !t.agreed(fmt.Sprintf("Now a second start of %s under the same AMI name %s, to see what AppStream answers. It is made with your "+
		"own rights. It may leave a second AMI, which costs as much as the first: $0.05 per GB and month in US East (N. Virginia), until "+
		"you deregister it.", image, amiName)) {
		return nil
	}
	task, err := t.startDirectly(ctx, image, amiName)
	answer, answered := errors.AsType[*awshttp.ResponseError](err)
	switch {
	case terminal.Denied(err):
		return &doctor.SecondStart{NotAsked: "your rights do not allow appstream:CreateExportImageTask with iam:PassRole"}
	case answered && answer.HTTPStatusCode() < http.StatusInternalServerError:
		return &doctor.SecondStart{Refused: sentence(err)}
	case err != nil: // it may have been started
		return &doctor.SecondStart{NotAsked: "it was not answered, and may have been started: " + sentence(err)}
	}
	second := aws.ToString(task.TaskId)
	if second == first {
		return &doctor.SecondStart{SameTask: true}
	}
	t.screen.Line("%s  started again: task %s", clock(t.now()), second)
	followed := doctor.Trial{Asked: t.now()}
	broken := t.follow(ctx, second, &followed)
	s := &doctor.SecondStart{Errors: followed.Errors}
	if n := len(followed.States); n > 0 {
		s.State = followed.States[n-1].State
	}
	if broken != nil {
		s.Errors = append(s.Errors, "nobody looked any longer: "+broken.Error())
	}
	if found, err := deployed.GetTask(ctx, t.appStream, second); err == nil && aws.ToString(found.AmiId) != "" {
		s.AMI = true
		t.screen.Line("%s  a second AMI %s; it costs money until you remove it:\n  aws ec2 deregister-image --region %s --image-id %s "+
			"--delete-associated-snapshots",
			clock(t.now()), aws.ToString(found.AmiId), t.deployment.Region, aws.ToString(found.AmiId))
	}
	return s
}

func errorsOf(task types.ExportImageTask) (errors []string) {
	for _, detail := range task.ErrorDetails {
		errors = append(errors, strings.Trim(aws.ToString(detail.ErrorCode)+": "+aws.ToString(detail.ErrorMessage), ": "))
	}
	return errors
}

// clock writes a time of day, for lines that follow one another.
func clock(t time.Time) string { return t.UTC().Format(time.TimeOnly) }

// sleep waits, or until nobody wants to any longer.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
