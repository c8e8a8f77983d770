package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/doctor"
	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/localtest"
)

func TestMain(m *testing.M) { os.Exit(localtest.Main(m)) }

// The doctor finds in a local account, as `make local` starts one, what there is to find, and says unknown of the rest.
func TestLocal(t *testing.T) {
	account := localtest.Start(t, localaws.Options{})
	for _, image := range []appstream.Image{
		{Name: "win2022-base-7"}, {Name: "win2022-new-1", State: types.ImageStateCreating}, {Name: "win2019-legacy", Platform: types.PlatformTypeWindowsServer2019},
	} {
		account.AppStream.PutImage(image)
	}
	endpoint, err := account.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": endpoint.URL(), "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_PROFILE": "", "AWS_ACCESS_KEY_ID": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
	} {
		t.Setenv(name, value)
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-json"}, strings.NewReader(""), &out, time.Now); err != nil {
		t.Errorf("something needs a person, or it failed: %v", err)
	}
	var found struct{ Checks []doctor.Line }
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		t.Fatal(err)
	}
	want := map[string]doctor.Verdict{
		"stack": doctor.OK, "version": doctor.OK, "AppStream": doctor.OK, "dry run": doctor.OK, "stack's key": doctor.OK,
		"work queue": doctor.OK, "dead letters": doctor.OK, "failed events": doctor.OK,
		"last night": doctor.Warn, "alarms": doctor.Warn, // of a new stack
	}
	for _, line := range found.Checks {
		wanted, ok := want[line.Name]
		if !ok {
			wanted = doctor.Unknown
		}
		if line.Verdict != wanted || wanted == doctor.Unknown && !strings.Contains(line.Seen, "this AWS does not know ") {
			t.Errorf("%+v, want %s", line, wanted)
		}
	}
	out.Reset()
	if err := run(t.Context(), nil, strings.NewReader(""), &out, time.Now); err != nil {
		t.Error(err)
	}
	has(t, out.String(), "3 images selected, 1 to be exported by the next run, 1 waiting (the image is CREATING), 1 that cannot be", "8 ok, 2 warn, 0 FAIL, 17 unknown.")
}
