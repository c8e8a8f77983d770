package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdkappstream "github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/google/uuid"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/template"
	"appstream-ami-exporter/internal/tags"
)

// When the year begins, and what is asked of the keeper in it.
var (
	newYear        = time.Date(2027, time.January, 1, 0, 0, 0, 0, time.UTC)
	yearParameters = map[string]string{
		"Keep": "last=3,daily=7,weekly=5,monthly=12", "KeepMode": "ON", "GraceDays": "3", "Families": "base=win2022-base-*",
		"CopyRegions": copyRegion, "LatestAmiParameter": pointerPath,
	}
)

// exportTime is what an export takes.
const exportTime = 40 * time.Minute

// nightlyImage is exported on a day: each month has a new version.
func nightlyImage(day time.Time) string { return fmt.Sprintf("win2022-base-%d", day.Month()) }

// played is a year while it is played. Time passes in steps: nothing happens between them.
type played struct {
	ctx     context.Context
	account *localaws.Account
	exports *sdkappstream.Client
	time    atomic.Pointer[time.Time]
	told    time.Time // until when EC2's events were brought to the keeper
	passes  int
	lives   []life   // what people did
	stay    []string // the names of AMIs at home that nobody may retire any more
	months  []month
}

// year plays the nights of a year, until a day, with the compiled keeper, and shows month by month what was kept, copied and retired,
// beside what keeping everything would cost. It fails if the year does not end as it must.
func year(ctx context.Context, w io.Writer, s scene, until time.Time) (err error) {
	began := time.Now()
	y, err := begin(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, y.account.Close()) }()
	for day := newYear; day.Before(until); day = day.AddDate(0, 0, 1) {
		if err := y.play(day); err != nil {
			return fmt.Errorf("on %s: %w", day.Format(time.DateOnly), err)
		}
	}
	y.show(w, time.Since(began))
	return y.check()
}

// begin opens an account on New Year's Day. The account is to be closed.
func begin(ctx context.Context, s scene) (y *played, err error) {
	y = &played{ctx: ctx, told: newYear}
	y.at(newYear)
	if y.account, err = localaws.Start(ctx, localaws.Options{
		Template: s.template, Keeper: s.keeper, Parameters: yearParameters, Forgetful: true,
		AppStream: appstream.Options{
			Now:            func() time.Time { return *y.time.Load() },
			NewID:          numbered(),
			ExportDuration: func(string, string) time.Duration { return exportTime },
		},
	}); err != nil {
		return nil, err
	}
	endpoint, err := y.account.Listen("127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, y.account.Close())
	}
	y.exports = sdkappstream.NewFromConfig(aws.Config{Region: template.Region, BaseEndpoint: aws.String(endpoint.URL()),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", "")})
	for _, region := range []string{template.Region, copyRegion} { // not the stack's: the fence is tried with it
		y.account.Regional.EC2.PutImage(ec2.Image{Region: region, Name: "golden-web", Tags: map[string]string{"Name": "golden-web"}})
	}
	return y, nil
}

// numbered makes ids of export tasks that are the same in every year.
func numbered() func() string {
	made := byte(0)
	id := uuid.UUID{6: 0x40, 8: 0x80}
	return func() string {
		if made++; made == 0 {
			id[14]++
		}
		id[15] = made
		return id.String()
	}
}

func (y *played) at(now time.Time) { y.time.Store(&now) }

func (y *played) now() time.Time { return *y.time.Load() }

// play plays one day: the night's export, and a pass when EC2 says that its AMI is available. Of the hourly passes only one a week is
// played: each would only do a little earlier what the next one does, and 8,760 take minutes.
func (y *played) play(day time.Time) error {
	y.at(day)
	if err := y.meddle(day); err != nil {
		return err
	}
	y.at(day.Add(4 * time.Hour))
	if err := y.night(day); err != nil {
		return err
	}
	y.at(day.Add(4*time.Hour + exportTime))
	if err := y.morning(); err != nil {
		return err
	}
	if day.Weekday() == time.Sunday {
		y.at(day.Add(5*time.Hour + 30*time.Minute))
		if err := y.hour(); err != nil {
			return err
		}
	}
	if day.AddDate(0, 0, 1).Day() == 1 {
		return y.closeMonth(day)
	}
	return nil
}

// hour is a pass of the keeper's schedule.
func (y *played) hour() error {
	payload, err := y.account.Stack.Keeper.Schedule.Payload(y.now())
	if err != nil {
		return err
	}
	return y.pass(payload)
}

func (y *played) pass(payload []byte) error {
	y.passes++
	result, err := y.account.Keeper.Invoke(y.ctx, payload)
	if err == nil && result.Failed() {
		err = fmt.Errorf("a pass failed: %s: %s", result.ErrorType, result.ErrorMessage)
	}
	return err
}

// night starts the export, as the exporter does with AmiNameTemplate {image}-{date}.
func (y *played) night(day time.Time) error {
	y.account.AppStream.ForgetTasks() // how long AppStream remembers them is not known
	image := nightlyImage(day)
	if y.account.AppStream.TagsOf(image) == nil {
		y.account.AppStream.PutImage(appstream.Image{Name: image, CreatedTime: y.now().Add(-time.Hour), Tags: map[string]string{}})
	}
	name := image + "-" + day.Format("20060102")
	_, err := y.exports.CreateExportImageTask(y.ctx, &sdkappstream.CreateExportImageTaskInput{
		ImageName: &image, AmiName: &name, IamRoleArn: aws.String("arn:aws:iam::" + template.AccountID + ":role/export"),
		TagSpecifications: map[string]string{
			tags.Stack: "appstream-ami-exporter@" + template.Region, tags.AMIName: tags.Marker(name), tags.Trigger: "schedule",
			tags.TriggerID: "schedule@" + y.now().Format(time.RFC3339), tags.ImageARN: y.account.AppStream.ImageARN(image),
			tags.ImageCreated: y.created(image).UTC().Format(time.RFC3339), tags.ExportedAt: y.now().Format(time.RFC3339),
		},
	})
	return err
}

func (y *played) created(name string) time.Time {
	for _, image := range y.account.AppStream.Images() {
		if image.Name == name {
			return image.CreatedTime
		}
	}
	return time.Time{}
}

// morning marks the images whose exports have completed, as the exporter does, and brings EC2's events to the keeper.
func (y *played) morning() error {
	for _, task := range y.account.AppStream.Tasks() {
		if task.Forgotten || task.AMIID == "" {
			continue
		}
		_, err := y.exports.TagResource(y.ctx, &sdkappstream.TagResourceInput{ResourceArn: &task.ImageARN, Tags: map[string]string{
			tags.AMIName: tags.Marker(task.AMIName), tags.AMIID: task.AMIID,
		}})
		if err != nil {
			return err
		}
	}
	changes, err := y.account.Regional.Changes(template.Region, y.told, y.now())
	if err != nil {
		return err
	}
	y.told = y.now()
	if len(changes) == 0 {
		return errors.New("EC2 tells of no AMI")
	}
	taken, err := y.account.Stack.Keeper.Takes(changes[0].Event)
	if err != nil || !taken {
		return errors.Join(err, fmt.Errorf("no rule of the template takes the event of %s", changes[0].ImageID))
	}
	return y.pass(changes[0].Event)
}

// life is one thing that happened.
type life struct {
	day  time.Time
	what string
}

func (y *played) tell(day time.Time, format string, args ...any) {
	y.lives = append(y.lives, life{day, fmt.Sprintf(format, args...)})
}

// stays tells what somebody did for an AMI, which from then on is not retired any more.
func (y *played) stays(day time.Time, name, format string) {
	y.stay = append(y.stay, name)
	y.tell(day, format, name)
}

// meddle does what happens in a year: an export and a copy fail, people use, keep and bring back AMIs that are to go.
func (y *played) meddle(day time.Time) error {
	amis := y.account.Regional.EC2
	switch day.Format("01-02") {
	case "02-10":
		y.account.AppStream.SetOutcome("win2022-base-2", appstream.Outcome{After: exportTime, End: "FAILED"}, appstream.Outcome{})
		y.tell(day, "the export of win2022-base-2 fails")
	case "03-15":
		ami, err := y.marked()
		if err != nil {
			return err
		}
		amis.SetReferences(template.Region, ami.ID, ec2.Reference{Type: "ec2:LaunchTemplate", ARN: launchTemplate})
		y.stays(day, ami.Name, "a launch template is made to use %s, which was to be retired: it stays")
	case "05-20":
		ami, err := y.marked()
		if err != nil {
			return err
		}
		amis.EditImage(template.Region, ami.ID, func(i *ec2.Image) { i.Tags = maps.Clone(i.Tags); i.Tags[tags.Keep] = "auditors" })
		y.stays(day, ami.Name, "somebody tags %s appstream-ami-exporter:keep: it stays")
	case "07-07":
		amis.FailCopies(copyRegion, "Insufficient capacity.")
		y.tell(day, "a copy to %s fails, and is made anew", copyRegion)
	case "09-09":
		for _, image := range amis.Images(template.Region) {
			if image.State == ec2.Deregistered && amis.BringBack(template.Region, image.ID) {
				y.stays(day, image.Name, "somebody brings %s back from Recycle Bin: it stays")
				return nil
			}
		}
		return errors.New("there is nothing in Recycle Bin to be brought back")
	case "11-11":
		y.account.Regional.SSM.Delete(copyRegion, pointerPath+"/base")
		y.tell(day, "somebody deletes the parameter %s/base in %s: it is made anew", pointerPath, copyRegion)
	}
	return nil
}

// marked is the oldest AMI at home that is marked to be retired.
func (y *played) marked() (ec2.Image, error) {
	for _, image := range y.account.Regional.EC2.Images(template.Region) {
		if image.State == ec2.Available && image.Tags[tags.RetireAt] != "" && image.Tags[tags.Keep] == "" {
			return image, nil
		}
	}
	return ec2.Image{}, errors.New("no AMI is to be retired")
}
