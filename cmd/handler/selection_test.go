package main_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/notify"
)

// A dry run shows the plan for every kind of image, and changes nothing anywhere: it only reads.
func TestDryRun(t *testing.T) {
	t.Parallel()
	log := &localtest.Log{}
	a := localtest.Start(t, localaws.Options{OnLog: log.Add, AppStream: endless})
	put(a, "base", "done", "untagged")
	a.AppStream.PutImage(appstream.Image{Name: "building", CreatedTime: made, State: types.ImageStateCreating})
	a.AppStream.PutImage(appstream.Image{Name: "marked", CreatedTime: made,
		Tags: map[string]string{"appstream-ami-exporter:ami-name": amiOf("marked")}})
	a.AppStream.PutImage(appstream.Image{Name: "legacy", CreatedTime: made, Platform: types.PlatformTypeWindowsServer2016})
	exportByHand(t, a, "done", amiOf("done"))
	tasksBefore, imagesBefore := len(a.AppStream.Tasks()), a.AppStream.Images()

	// legacy and missing are asked for by name, the others by a pattern.
	got := request(t, a, `{"images":["*","legacy","missing"],"dryRun":true}`)
	check(t, "fates", map[string]string{
		"base": "would start", "untagged": "would start",
		"building": "waiting: the image is CREATING",
		"marked":   "skipped: already exported",
		"done":     "skipped: in progress",
		"legacy":   "rejected: platform WINDOWS_SERVER_2016 cannot be exported",
		"missing":  "rejected: the image was not found",
	}, got.fates())
	check(t, "what would be started", []entry{
		{ImageName: "base", AMIName: amiOf("base")}, {ImageName: "untagged", AMIName: amiOf("untagged")},
	}, got.WouldStart)
	for _, rejected := range got.Rejected {
		if rejected.Hint == "" {
			t.Errorf("%s is rejected without a hint", rejected.ImageName)
		}
	}

	reads := []string{"appstream:DescribeImages", "appstream:ListExportImageTasks", "appstream:ListTagsForResource",
		"appstream:GetExportImageTask"} // of a running task whose tags the list does not tell
	for _, call := range a.Gateway.Calls() {
		if !slices.Contains(reads, call.IAMAction()) {
			t.Errorf("a dry run calls %s", call.IAMAction())
		}
	}
	check(t, "tasks", tasksBefore, len(a.AppStream.Tasks()))
	check(t, "images and their tags", imagesBefore, a.AppStream.Images())
	check(t, "notifications", 0, len(localtest.Documents(t, a)))
	checkQueues(t, a, 0, 0, 0)
	if text := log.String(); strings.Contains(text, `"ImagesSelected"`) {
		t.Errorf("a dry run counts in the metrics:\n%s", text)
	}
}

// Who may have which image exported: schedules and events only what the stack selects, direct requests what they ask for,
// unless the stack holds them to its selection as well.
func TestSelection(t *testing.T) {
	t.Parallel()
	const ready = `{"source":"pipeline","detail-type":"AppStream Image Ready","detail":{"imageName":%q}}`
	stack := map[string]string{"Images": "prod-*,!prod-test", "ImageTag": "Backup=yes"}
	held := map[string]string{"Images": "prod-*,!prod-test", "ImageTag": "Backup=yes", "RequestsWithinSelection": "true"}
	const (
		otherName = "skipped: not selected: its name does not fit"
		untagged  = "skipped: not selected: it has no tag Backup=yes"
		otherTag  = `skipped: not selected: its tag Backup is "no", not "yes"`
		yesNotNo  = `skipped: not selected: its tag Backup is "yes", not "no"`
	)
	for _, test := range []struct {
		name       string
		parameters map[string]string
		payload    string
		want       map[string]string
	}{
		{"a schedule takes what the stack selects", stack, `{}`, map[string]string{
			"prod-1": "started", "prod-untagged": untagged, "prod-other-tag": otherTag, "prod-test": otherName,
			"dev-1": otherName,
		}},
		{"an event of a selected image", stack, fmt.Sprintf(ready, "prod-1"), map[string]string{"prod-1": "started"}},
		{"an event of an image with another name", stack, fmt.Sprintf(ready, "dev-1"), map[string]string{"dev-1": otherName}},
		{"an event of an excluded image", stack, fmt.Sprintf(ready, "prod-test"), map[string]string{"prod-test": otherName}},
		{"an event of an image without the tag", stack, fmt.Sprintf(ready, "prod-untagged"),
			map[string]string{"prod-untagged": untagged}},
		{"a request chooses for itself", stack, `{"images":["dev-1","prod-untagged"]}`,
			map[string]string{"dev-1": "started", "prod-untagged": "started"}},
		{"a request by tag alone", stack, `{"tag":{"Backup":"yes"}}`, map[string]string{
			"prod-1": "started", "prod-test": "started", "dev-1": "started", "prod-untagged": untagged, "prod-other-tag": otherTag,
		}},
		{"a request by pattern and tag", stack, `{"images":["prod-*"],"tag":{"Backup":"no"}}`, map[string]string{
			"prod-other-tag": "started", "prod-1": yesNotNo, "prod-test": yesNotNo, "dev-1": otherName,
			"prod-untagged": "skipped: not selected: it has no tag Backup=no",
		}},
		{"a request that only excludes", stack, `{"images":["!prod-*"]}`, map[string]string{
			"dev-1": "started", "prod-1": otherName, "prod-test": otherName, "prod-untagged": otherName,
			"prod-other-tag": otherName,
		}},
		{"a request held to the selection", held, `{"images":["dev-1","prod-1","prod-test","prod-untagged"]}`, map[string]string{
			"prod-1": "started", "dev-1": otherName, "prod-test": otherName, "prod-untagged": untagged,
		}},
		{"a request for an image that is not there, held to the selection", held, `{"imageName":"dev-9"}`,
			map[string]string{"dev-9": otherName}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := localtest.Start(t, localaws.Options{Parameters: test.parameters})
			for image, tag := range map[string]string{"prod-1": "yes", "prod-untagged": "", "prod-other-tag": "no", "prod-test": "yes",
				"dev-1": "yes"} {
				tags := map[string]string{"Backup": tag}
				if tag == "" {
					tags = nil
				}
				a.AppStream.PutImage(appstream.Image{Name: image, CreatedTime: made, Tags: tags})
			}
			got := request(t, a, test.payload)
			check(t, "fates", test.want, got.fates())
			localtest.Settle(t, a)
			// Only what was started is told of: being left out is no news.
			want := map[string][]notify.Type{}
			for image, fate := range test.want {
				if fate == "started" {
					want[image] = startedAndCompleted
				}
			}
			check(t, "notifications", want, told(t, a))
		})
	}
}
