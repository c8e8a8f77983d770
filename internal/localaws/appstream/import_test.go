package appstream_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/iam"
)

func TestImport(t *testing.T) {
	const ami, encrypted = "ami-0123456789abcdef0", "ami-0123456789abcdef1"
	s := newScene(t, appstream.Options{Importable: func(id string) (bool, string) {
		if id == encrypted {
			return true, "it is encrypted"
		}
		return id == ami, ""
	}})
	s.PutImage(appstream.Image{Name: "win"})
	for _, test := range []struct {
		name   string
		change func(*sdk.CreateImportedImageInput)
		code   string
	}{
		{"dry run", func(in *sdk.CreateImportedImageInput) { in.DryRun = aws.Bool(true) }, "DryRunOperationException"},
		{"dry run of an encrypted AMI", func(in *sdk.CreateImportedImageInput) {
			in.DryRun, in.SourceAmiId = aws.Bool(true), aws.String(encrypted)
		}, "IncompatibleImageException"},
		{"no such AMI", func(in *sdk.CreateImportedImageInput) { in.SourceAmiId = aws.String("ami-0123456789abcdef2") },
			"ResourceNotFoundException"},
		{"no such role", func(in *sdk.CreateImportedImageInput) { in.IamRoleArn = aws.String("arn:aws:iam::999999999999:role/x") },
			"InvalidRoleException"},
		{"a name that is taken", func(in *sdk.CreateImportedImageInput) { in.Name = aws.String("win") }, "ResourceAlreadyExistsException"},
		{"a name that is none", func(in *sdk.CreateImportedImageInput) { in.Name = aws.String("-win") }, "ValidationException"},
	} {
		input := &sdk.CreateImportedImageInput{Name: aws.String("back"), SourceAmiId: aws.String(ami), IamRoleArn: aws.String(exportRole)}
		test.change(input)
		_, err := s.client.CreateImportedImage(t.Context(), input)
		if err == nil || !strings.Contains(err.Error(), test.code) {
			t.Errorf("%s: got %v, want %s", test.name, err, test.code)
		}
	}
	if images := s.Images(); len(images) != 1 {
		t.Errorf("what was refused has made %+v", images)
	}
	out, err := s.client.CreateImportedImage(t.Context(), &sdk.CreateImportedImageInput{
		Name: aws.String("back"), SourceAmiId: aws.String(ami), IamRoleArn: aws.String(exportRole),
	})
	if err != nil || out.Image.State != types.ImageStateImporting || out.Image.ImageType != types.ImageTypeCustom {
		t.Fatalf("the import is %+v, %v", out, err)
	}
	s.pass(time.Hour)
	described, err := s.client.DescribeImages(t.Context(), &sdk.DescribeImagesInput{Names: []string{"back"}})
	if err != nil || described.Images[0].State != types.ImageStateAvailable {
		t.Errorf("an hour later it is %+v, %v", described, err)
	}
}

// TestMade has every export make one AMI, pending as long as it runs, whose name is free again once it is deregistered.
func TestMade(t *testing.T) {
	s := newScene(t, appstream.Options{ExportDuration: func(string, string) time.Duration { return time.Hour }})
	s.PutImage(appstream.Image{Name: "win", Tags: map[string]string{"k": "v"}})
	s.SetOutcome("win", appstream.Outcome{}, appstream.Outcome{End: types.ExportImageTaskStateFailed},
		appstream.Outcome{End: types.ExportImageTaskStateExporting})
	for _, name := range []string{"win-1", "win-2", "win-3"} {
		if _, err := s.export(t, "win", name); err != nil {
			t.Fatal(err)
		}
	}
	made := s.Made(0)
	if len(made) != 3 || made[0].Name != "win-1" || !made[0].Ready.Equal(start.Add(time.Hour)) || made[0].Failed || !made[1].Failed ||
		made[2].Ready.Year() != 9999 || made[0].Region != "eu-west-1" {
		t.Errorf("made are %+v", made)
	}
	if later := s.Made(2); len(later) != 1 || later[0].Name != "win-3" || len(s.Made(9)) != 0 {
		t.Errorf("made after the second are %+v", later)
	}
	s.pass(time.Hour)
	if amis := s.AMIs(); len(amis) != 1 || amis[0].ID != made[0].ID {
		t.Errorf("the AMIs are %+v", amis)
	}
	if _, err := s.export(t, "win", "win-1"); err == nil {
		t.Error("a name that is taken is exported to")
	}
	s.ForgetAMI(made[0].ID, true)
	if _, err := s.export(t, "win", "win-1"); err != nil || len(s.AMIs()) != 0 {
		t.Errorf("after the AMI is gone: %v, %+v", err, s.AMIs())
	}
}

// TestAuthorize has AppStream ask IAM what the Service Authorization Reference says it asks.
func TestAuthorize(t *testing.T) {
	var asked []iam.Request
	s := newScene(t, appstream.Options{Authorize: func(r iam.Request) bool {
		asked = append(asked,
			r)
		return r.Action != "appstream:TagResource"
	}})
	s.PutImage(appstream.Image{Name: "win"})
	arn := s.ImageARN("win")
	if _, err := s.client.ListExportImageTasks(t.Context(), &sdk.ListExportImageTasksInput{}); err != nil {
		t.Error(err)
	}
	_, err := s.client.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"a": "b"}})
	if err == nil || !strings.Contains(err.Error(), "AccessDeniedException") || len(s.TagsOf("win")) > 0 {
		t.Errorf("what is not allowed: %v, %v", err, s.TagsOf("win"))
	}
	if len(asked) != 2 || asked[0].Action != "appstream:ListExportImageTasks" || asked[0].Resource != "*" || asked[1].Resource != arn ||
		!slices.Equal(asked[1].Keys["aws:RequestTag/a"], []string{"b"}) || !slices.Equal(asked[1].Keys["aws:TagKeys"], []string{"a"}) {
		t.Errorf("asked is %+v", asked)
	}
}
