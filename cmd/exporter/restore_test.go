package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/localtest"
)

// TestRestore tries, asks and imports, against the local AWS. The stack of the exporter need not be there.
func TestRestore(t *testing.T) {
	account := localtest.Start(t, localaws.Options{AppStream: appstream.Options{ImportDuration: 10 * time.Millisecond}})
	for id, encrypted := range map[string]bool{"ami-0123456789abcdef0": false, "ami-0123456789abcdef1": true} {
		account.Regional.EC2.PutImage(ec2.Image{ID: id, Region: "eu-west-1", Name: "exported " + id, Volumes: []ec2.Volume{
			{Device: "/dev/sda1", SizeGiB: 200, Type: "gp3", Encrypted: encrypted},
		}})
	}
	account.AppStream.PutImage(appstream.Image{Name: "win2022-base-7"})
	endpoint, err := account.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": endpoint.URL(), "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_PROFILE": "", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
		"AWS_REGION": "eu-west-1",
	} {
		t.Setenv(name, value)
	}
	const role = "arn:aws:iam::123456789012:role/import"
	restore := func(answer string, args ...string) (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), append(args, "restore", "-stack", "none"), strings.NewReader(answer), &out, time.Now)
		return out.String(), err
	}
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"no AMI", []string{"-name", "back"}, "which AMI, as which image?"},
		{"no name", []string{"-ami", "ami-0123456789abcdef0"}, "which AMI, as which image?"},
		{"no role", []string{"-ami", "ami-0123456789abcdef0", "-name", "back"}, "Deploy examples/restore"},
		{"encrypted", []string{"-ami", "ami-0123456789abcdef1", "-name", "back", "-role", role}, "An encrypted one can never be imported."},
		{"elsewhere", []string{"-ami", "ami-1", "-name", "back", "-role", role}, "REGION=<its name> chooses another"},
		{"a name that is taken", []string{"-ami", "ami-0123456789abcdef0", "-name", "win2022-base-7", "-role", role},
			"Choose another: NAME="},
		{"a role of another account", []string{"-ami", "ami-0123456789abcdef0", "-name", "back", "-role",
			"arn:aws:iam::999999999999:role/x"},
			"examples/restore makes one"},
	} {
		if screen, err := restore("y\n", test.args...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q\n%s", test.name, err, test.want, screen)
		}
	}
	possible := []string{"-ami", "ami-0123456789abcdef0", "-name", "back", "-role", role}
	if screen, err := restore("\n", possible...); err != nil || !strings.Contains(screen, "have passed") ||
		!strings.Contains(screen, "Nothing was imported.") {
		t.Errorf("not agreed to: %v\n%s", err, screen)
	}
	if images := account.AppStream.Images(); len(images) != 1 {
		t.Errorf("without a yes there are %+v", images)
	}
	screen, err := restore("y\n", possible...)
	if err != nil || !strings.Contains(screen, "The image back is available.") {
		t.Errorf("agreed to: %v\n%s", err, screen)
	}
	images := account.AppStream.Images()
	if len(images) != 2 || images[1].Name != "back" || images[1].State != types.ImageStateAvailable {
		t.Errorf("the images are %+v", images)
	}
	if screen, err := restore("", "-ami", "ami-0123456789abcdef0", "-name", "again", "-role", role, "-yes", "-json"); err != nil ||
		!strings.Contains(screen, `"state": "AVAILABLE"`) {
		t.Errorf("for programs: %v\n%s", err, screen)
	}
}
