package regional_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdkappstream "github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/regional"
	"appstream-ami-exporter/internal/localaws/ssm"
)

const home = "eu-west-1"

// An export becomes an AMI, of which EC2 tells once it has ended, and which AppStream imports unless something speaks against it.
func TestLifeOfAnAMI(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, time.January, 1, 4, 0, 0, 0, time.UTC)
	account := regional.New(regional.Options{
		Regions: []string{home, "us-east-1"}, Now: func() time.Time { return now },
		AppStream: appstream.Options{ExportDuration: func(string, string) time.Duration { return 40 * time.Minute }},
	})
	services := append(account.Behind(), gateway.Service{SigningName: "appstream", Handler: account.AppStream})
	network := gateway.New(gateway.Options{}, services...)
	t.Cleanup(func() { _ = network.Close() })
	endpoint, err := network.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := sdkappstream.NewFromConfig(aws.Config{Region: home, BaseEndpoint: aws.String(endpoint.URL()),
		Credentials: credentials.NewStaticCredentialsProvider("x", "x", "")})
	restore := func(ami, name string) string {
		_, err := client.CreateImportedImage(t.Context(), &sdkappstream.CreateImportedImageInput{
			SourceAmiId: &ami, Name: &name, IamRoleArn: aws.String("arn:aws:iam::123456789012:role/import"), DryRun: aws.Bool(true),
		})
		if err == nil {
			return ""
		}
		return err.Error()
	}

	account.AppStream.PutImage(appstream.Image{Name: "win"})
	account.AppStream.PutImage(appstream.Image{Name: "broken"})
	account.AppStream.SetOutcome("broken", appstream.Outcome{End: "FAILED", After: time.Minute})
	for _, image := range []string{"win", "broken"} {
		if _, err := client.CreateExportImageTask(t.Context(), &sdkappstream.CreateExportImageTaskInput{
			ImageName: &image, AmiName: aws.String(image + "-1"), IamRoleArn: aws.String("arn:aws:iam::123456789012:role/export"),
			TagSpecifications: map[string]string{"Team": "Desktop"},
		}); err != nil {
			t.Fatal(err)
		}
	}
	made := account.EC2.Images(home)
	if len(made) != 2 || made[0].State != ec2.Pending || made[0].Tags["Team"] != "Desktop" {
		t.Fatalf("the exports make %+v", made)
	}
	if got := restore(made[0].ID, "again"); !strings.Contains(got, "it is pending") {
		t.Errorf("import of a pending AMI: %s", got)
	}
	began := now
	now = now.Add(time.Hour)
	changes, err := account.Changes(home, began, now)
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]ec2.State{}
	for _, change := range changes {
		var event struct {
			DetailType string `json:"detail-type"`
			Time       time.Time
			Detail     struct{ ImageId, State, ErrorMessage string }
		}
		if err := json.Unmarshal(change.Event, &event); err != nil || event.DetailType != "EC2 AMI State Change" ||
			event.Detail.ImageId != change.ImageID || event.Detail.State != string(change.State) || !event.Time.Equal(change.At) {
			t.Errorf("the event is %s, %v", change.Event, err)
		}
		states[change.ImageID] = change.State
	}
	if diff := cmp.Diff(map[string]ec2.State{made[0].ID: ec2.Available, made[1].ID: ec2.Failed}, states); diff != "" {
		t.Errorf("EC2 tells (-want +got):\n%s", diff)
	}
	if later, err := account.Changes(home, now, now.Add(time.Hour)); err != nil || len(later) != 0 {
		t.Errorf("EC2 tells again: %v, %v", later, err)
	}

	if got := restore(made[0].ID, "again"); !strings.Contains(got, "DryRunOperationException") {
		t.Errorf("import: %s", got)
	}
	account.EC2.EditImage(home, made[0].ID, func(i *ec2.Image) { i.Volumes[0].Encrypted = true })
	if got := restore(made[0].ID, "again"); !strings.Contains(got, "its volume is encrypted") {
		t.Errorf("import of an encrypted AMI: %s", got)
	}
	account.EC2.EditImage(home, made[0].ID, func(i *ec2.Image) { i.Volumes = append(i.Volumes, ec2.Volume{Device: "xvdb"}) })
	if got := restore(made[0].ID, "again"); !strings.Contains(got, "more than one volume") {
		t.Errorf("import of an AMI with two volumes: %s", got)
	}
	account.EC2.EditImage(home, made[0].ID, func(i *ec2.Image) { i.Deregistered = now })
	if got := restore(made[0].ID, "again"); !strings.Contains(got, "was not found") {
		t.Errorf("import of an AMI that is gone: %s", got)
	}
}

// A parameter names an AMI only where that is available, and EC2 shows that it is referred to.
func TestPointer(t *testing.T) {
	t.Parallel()
	account := regional.New(regional.Options{Regions: []string{home}})
	id := account.EC2.PutImage(ec2.Image{Region: home, Name: "win"})
	account.SSM.Put(home, ssm.Parameter{Name: "/amis/win", Value: id})
	if got := account.SSM.References(home, id); len(got) != 1 {
		t.Errorf("%s is referred to by %v", id, got)
	}
}
