package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/template"
)

// It is evening when the account opens, so that there is time to try the commands before the night exports all images.
const (
	untilNight    = 10 * time.Hour
	untilNewImage = 18 * time.Hour
	day           = 24 * time.Hour
)

// stay keeps an account open for other programs until ctx ends, and shows what happens in it.
func stay(ctx context.Context, w io.Writer, s scene, address string) (err error) {
	out := newScreen(w, s)
	account, err := s.deploy(ctx, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, account.Close()) }()
	s.furnish(account.AppStream)
	furnishAMIs(account.Regional.EC2)
	endpoint, err := account.Listen(address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is taken, perhaps by another `make local`. PORT=<number> chooses another port", address)
	case err != nil:
		return err
	}
	out.start(time.Now())
	out.heading("A local AWS, with the AppStream AMI Exporter deployed in it",
		"The compiled function runs behind Lambda's API; AppStream, EventBridge, SQS, SNS, CloudFormation, CloudWatch and its logs are "+
			"local.",
		fmt.Sprintf("Time runs %g times faster: an export of 40 minutes takes %s, a day %s. AppStream exports %d images at a time.",
			s.speed, brief(s.compress(40*time.Minute)), brief(s.compress(day)), s.limit),
		fmt.Sprintf("There are %d images. It is evening: the nightly run comes in %s and exports those that can be exported.",
			len(account.AppStream.Images()), brief(s.compress(untilNight))))
	out.text("Try it from another terminal, in this directory:\n\n"+
		"  export AWS_ENDPOINT_URL=%s AWS_DEFAULT_REGION=eu-west-1 AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local\n\n"+
		"  make plan\n"+
		"  make export IMAGE=win2022-base-7 FOLLOW=1\n"+
		"  make status\n"+
		"  make night\n"+
		"%s\n"+
		"The alarms that say that nothing has run yet ring until the first night, as in every new stack. make doctor works as\n"+
		"well, but takes minutes to build the first time.\n"+
		"The aws command and boto3 find it as well, for example: aws appstream list-export-image-tasks\n"+
		"Ctrl-C ends it. What happens:\n", endpoint.URL(), s.aboutKeeper(account))
	defer out.showDeliveries(account)()
	if account.Keeper == nil {
		return days(ctx, account, out, s)
	}
	return both(ctx, func(ctx context.Context) error { return days(ctx, account, out, s) },
		func(ctx context.Context) error { return hours(ctx, account, s) })
}

// both runs two things until ctx ends, or one of them fails.
func both(ctx context.Context, first, second func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		err := first(ctx)
		cancel()
		ended <- err
	}()
	err := second(ctx)
	cancel()
	return errors.Join(err, <-ended)
}

// aboutKeeper says what there is to try of the keeper.
func (s scene) aboutKeeper(account *localaws.Account) string {
	if account.Keeper == nil {
		return "\nWith make local KEEP=last=2,monthly=6 the keeper is deployed as well, which looks after the AMIs; building it takes\n" +
			"minutes the first time."
	}
	image := account.Regional.EC2.Images(template.Region)[0]
	return fmt.Sprintf("  make keep\n"+
		"  make restore AMI=%s NAME=win2022-base-back ROLE=arn:aws:iam::%s:role/import\n\n"+
		"The keeper is deployed, with Keep=%s and KeepMode=%s. For it, and for the dates in these commands, a day is a day: it\n"+
		"finds AMIs of the last year, copies the newest to %s, and points to them below %s. make year shows a year of it.",
		image.ID, template.AccountID, s.keep, s.keepMode, copyRegion, pointerPath)
}

// days lets one night come after the other, and by day an image builder make a new image.
func days(ctx context.Context, account *localaws.Account, out *screen, s scene) error {
	for n := 0; ; n++ {
		midnight := time.Duration(n) * day
		if out.until(ctx, midnight+untilNight) != nil {
			return nil // somebody has ended it
		}
		out.event("schedule", "night: EventBridge Scheduler sends the function its nightly event")
		if _, err := account.FireSchedule(time.Now().Truncate(time.Second)); err != nil {
			return err
		}
		if out.until(ctx, midnight+untilNewImage) != nil {
			return nil
		}
		if err := newImage(account, out, s, fmt.Sprintf("win2022-new-%d", n+1)); err != nil {
			return err
		}
	}
}

// brief writes a duration without what nobody reads.
func brief(d time.Duration) string {
	if d < time.Second {
		return d.String()
	}
	text := d.Round(time.Second).String()
	if minutes, ok := strings.CutSuffix(text, "m0s"); ok {
		return minutes + "m"
	}
	return text
}
