package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/queues"
)

// night shows one: the schedule fires, an image becomes ready, exports run and end, and every notification is shown as it
// arrives. It fails if the night does not end as it must.
func night(ctx context.Context, w io.Writer, s scene) (err error) {
	out := newScreen(w, s)
	account, err := s.deploy(ctx, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, account.Close()) }()
	s.furnish(account.AppStream)
	out.heading("One night of the AppStream AMI Exporter",
		"The compiled function runs behind the Lambda Runtime API; AppStream, EventBridge, SQS and SNS are local.",
		fmt.Sprintf("Time runs %g times faster. The times at the left are the night's; in notifications 10 seconds stand for %g minutes "+
			"of it.",
			s.speed, 10*s.speed/60),
		fmt.Sprintf("AppStream exports %d images at a time here.", s.limit))

	stopMail := out.showMail(account)
	out.start(time.Now())
	if _, err := account.FireSchedule(time.Now().Truncate(time.Second)); err != nil {
		return err
	}
	out.event("schedule", "EventBridge Scheduler sends the function its nightly event, as the template says")

	if err := out.until(ctx, 10*time.Minute); err != nil {
		return err
	}
	if err := newImage(account, out, s, "win2022-hr-2"); err != nil {
		return err
	}
	err = account.Settle(ctx)
	stopMail()
	if err != nil {
		return err
	}
	return morning(account, out)
}

// newImage has an image builder begin an image, which CloudTrail reports while it is still PENDING.
func newImage(account *localaws.Account, out *screen, s scene, name string) error {
	account.AppStream.PutImage(appstream.Image{
		Name: name, State: types.ImageStatePending,
		Becomes: []appstream.StateChange{{After: s.compress(18 * time.Minute), State: types.ImageStateAvailable}},
	})
	now := time.Now().UTC().Format(time.RFC3339)
	event, err := json.Marshal(map[string]any{
		"version": "0", "id": "f2d0a6b8-6d5e-4a0e-9a0c-3f7b0a1c2d3e", "source": "aws.appstream",
		"detail-type": "AWS Service Event via CloudTrail",
		"account":     "123456789012", "region": "eu-west-1", "time": now, "resources": []string{},
		"detail": map[string]any{
			"eventVersion": "1.09", "eventID": "0b6f9f0a-58c1-4f62-8a3e-1f5a4f0e9c11", "eventTime": now,
			"eventSource": "appstream.amazonaws.com", "eventName": "CreateImage", "eventType": "AwsServiceEvent",
			"requestParameters": nil, "responseElements": nil,
			"serviceEventDetails": map[string]any{"ImageName": name, "ImageState": "PENDING"},
		},
	})
	if err != nil {
		return err
	}
	matched, err := account.PutEvent(event)
	if err != nil {
		return err
	}
	if !matched {
		return fmt.Errorf("no rule of the template takes the event of %s", name)
	}
	out.event("image", "an image builder begins the image %s; CloudTrail tells EventBridge", name)
	return nil
}

// morning shows what the night has left, and checks it.
func morning(account *localaws.Account, out *screen) error {
	expected := map[string]string{
		"win2022-base-7": "ExportCompleted", "win2025-office-12": "ExportFailed", "win2022-cad-3": "ExportCompleted",
		"win2025-lab-1": "ExportCompleted", "win2022-hr-2": "ExportCompleted",
	}
	notifications, err := account.Notifications()
	if err != nil {
		return err
	}
	last := map[string]string{}
	for _, n := range notifications {
		last[n.Attributes["imageName"]] = n.Attributes["type"]
	}
	for image, want := range expected {
		if last[image] != want {
			return fmt.Errorf("the last notification of %s is %q, not %s", image, last[image], want)
		}
	}
	for _, queue := range []queues.Queue{account.WorkQueue, account.DeadLetterQueue, account.FailedEventsQueue} {
		if left := account.Queues.Messages(queue); len(left) > 0 {
			return fmt.Errorf("%d messages are left in %s", len(left), queue.Name)
		}
	}
	out.event("morning", "all queues are empty, %d notifications were sent; these AMIs are new:", len(notifications))
	for _, ami := range account.AppStream.AMIs() {
		out.detail("%s %s", ami.ID, ami.Name)
	}
	out.mails(notifications, "ExportCompleted", "ExportFailed")
	return nil
}

// oneEvent sends the event of a file to the function and shows what becomes of it.
func oneEvent(ctx context.Context, w io.Writer, s scene, path string) (err error) {
	payload, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("the event cannot be read: %w; there are samples in events/", err)
	}
	out := newScreen(w, s)
	out.single = true
	account, err := s.deploy(ctx, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, account.Close()) }()
	s.furnish(account.AppStream)
	// The images that the samples in events/ name beside those of the night.
	for _, name := range []string{"prod-office-1", "prod-test", "win2022-base-8", "win2025-imported-1", "win2022-base-7-copy",
		"win2025-dev-3"} {
		account.AppStream.PutImage(appstream.Image{Name: name, Tags: map[string]string{"Backup": "yes"}})
	}
	stopMail := out.showMail(account)
	out.start(time.Now())
	out.rules(account, payload)
	out.event("invoke", "the function gets %s", path)
	result, err := account.Function.Invoke(ctx, account.FromWorkQueue(payload))
	if err != nil {
		return err
	}
	out.reply(result)
	err = account.Settle(ctx)
	stopMail()
	if err != nil {
		return err
	}
	notifications, err := account.Notifications()
	if err != nil {
		return err
	}
	out.event("end", "all is done: %d notifications, %d messages in the dead-letter queue", len(notifications),
		len(account.Queues.Messages(account.DeadLetterQueue)))
	if result.Failed() {
		return errors.New("the function did not take the event")
	}
	return nil
}
