package docs

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"appstream-ami-exporter/internal/keep"
	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/localaws/rbin"
	"appstream-ami-exporter/internal/tags"
)

// The AMI that the documents name, of their image, and its snapshot.
const (
	exampleAMI      = "ami-0123456789abcdef0"
	exampleSnapshot = "snap-0123456789abcdef0"
	exampleName     = "win2022-base-7-20261120T101500Z"

	home   = "eu-west-1"
	abroad = "eu-central-1"
)

// exampleExported is when the AMI was made; the documents know the time to the hour.
var exampleExported = time.Date(2026, 11, 20, 11, 10, 0, 0, time.UTC)

// reader is somebody who does what a page says, one block after the other, in an account of their own.
type reader struct {
	tree        string
	environment []string
	answered    string // a file: what the local AWS has answered
	endpoint    string
	ec2         *ec2.EC2
}

func newReader(t *testing.T, tree, tools string) *reader {
	t.Helper()
	account := localtest.Start(t, localaws.Options{
		Keeper:     localtest.Keeper(t),
		Parameters: map[string]string{"Keep": "last=3", "CopyRegions": abroad, "LatestAmiParameter": "/appstream-amis"},
	})
	account.AppStream.PutImage(appstream.Image{Name: "win2022-base-7"})
	opened, err := account.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := account.FireSchedule(time.Now()); err != nil {
		t.Fatal(err)
	}
	localtest.Settle(t, account)
	if result, err := account.Keeper.Invoke(t.Context(), []byte(`{}`)); err != nil || result.Failed() {
		t.Fatalf("the keeper's first pass: %v, %+v", err, result)
	}
	r := &reader{tree: tree, answered: filepath.Join(t.TempDir(), "answered"), endpoint: opened.URL(), ec2: account.Regional.EC2}
	r.environment = []string{
		"PATH=" + tools + string(os.PathListSeparator) + os.Getenv("PATH"), "AWS_MAX_ATTEMPTS=1", "AWS_ENDPOINT_URL=" + r.endpoint,
		"ANSWERED=" + r.answered, "AWS_DEFAULT_REGION=" + home, "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
	for _, region := range []string{home, abroad} {
		r.ec2.PutImage(ec2.Image{
			ID: exampleAMI, Region: region, Name: exampleName, Created: exampleExported,
			Volumes: []ec2.Volume{{Device: "/dev/sda1", SnapshotID: exampleSnapshot, SizeGiB: 200, Type: "gp3"}},
			Tags:    map[string]string{tags.ImageARN: "arn:aws:appstream:eu-west-1:123456789012:image/win2022-base-7"},
		})
	}
	account.Regional.RecycleBin.SetRules(home,
		rbin.Rule{ResourceType: "EC2_IMAGE", Days: 7}, rbin.Rule{ResourceType: "EBS_SNAPSHOT", Days: 7})
	return r
}

// execute does what a block says.
func (r *reader) execute(t *testing.T, b block) {
	t.Helper()
	if strings.Contains(b.text, "-from-recycle-bin") { // the page speaks of an AMI that was retired
		execute(t, r.tree, "aws ec2 deregister-image --image-id "+exampleAMI+" --delete-associated-snapshots", r.environment)
	}
	execute(t, r.tree, strings.ReplaceAll(b.text, "http://127.0.0.1:4577", r.endpoint), r.environment)
}

// keeperSees is an AMI of a reader's account as the keeper sees it.
func keeperSees(image ec2.Image) keep.AMI {
	return keep.AMI{
		ID: image.ID, Name: image.Name, OwnerID: image.Owner, State: string(image.State), CreationDate: image.Created, Tags: image.Tags,
		SourceImageID: image.SourceImageID, SourceImageRegion: image.SourceImageRegion,
	}
}

// decides is what the keeper makes of an AMI of a reader's, when it sees nothing else.
func decides(t *testing.T, image ec2.Image) *keep.Decision {
	t.Helper()
	now := exampleExported.Add(30 * 24 * time.Hour)
	rules, err := keep.ParseRules("last=1")
	if err != nil {
		t.Fatal(err)
	}
	ami := keeperSees(image)
	ami.State = keep.StateAvailable // a copy will be
	plan := keep.MakePlan(
		keep.Config{
			Home: home, Account: "123456789012", Partition: "aws", Stack: "appstream-ami-exporter@" + home, Location: time.UTC, Keep: rules,
		},
		keep.Facts{Now: now, Regions: []keep.RegionFacts{{
			Region: home, Listing: keep.Listing{AMIs: []keep.AMI{ami}, ServerTime: now},
		}}},
	)
	return plan.Regions[0].Decisions[0]
}

// afterwards is what must be so in the account of somebody who has done all that a page says.
var afterwards = map[string]func(*testing.T, *reader){
	"docs/KEEPING.md": func(t *testing.T, r *reader) {
		image, _ := r.ec2.Image(home, exampleAMI)
		if d := decides(t, image); d.Fate != keep.FateKeep || !strings.Contains(d.Reason, "somebody tagged it") {
			t.Errorf("with the tag that is to keep it, the AMI's fate is %s: %s", d.Fate, d.Reason)
		}
		image.Tags = maps.Clone(image.Tags)
		delete(image.Tags, tags.Keep)
		if d := decides(t, image); d.Fate != keep.FateKeep || d.Family.Name != "win2022-base-7" {
			t.Errorf("an AMI that was adopted as the page says is not judged: %s: %s", d.Fate, d.Reason)
		}
		image.Name = "win2022-base-7 (2)" // what EC2 takes in a name it takes in a tag
		image.Tags[tags.AMIName] = image.Name
		if d := decides(t, image); d.Fate != keep.FateKeep {
			t.Errorf("an AMI with parentheses in its name is not judged: %s: %s", d.Fate, d.Reason)
		}
	},
	"docs/RESTORE.md": func(t *testing.T, r *reader) {
		at := slices.IndexFunc(r.ec2.Images(home), func(image ec2.Image) bool { return image.SourceImageID == exampleAMI })
		if at < 0 {
			t.Fatal("nothing was copied into the Region of AppStream")
		}
		if d := decides(t, r.ec2.Images(home)[at]); d.Fate != keep.FateLeft {
			t.Errorf("the copy is not left alone by the keeper: %s: %s", d.Fate, d.Reason)
		}
	},
}

// byPage are the blocks of a kind, by their page.
func byPage(blocks []block, kind string) map[string][]block {
	pages := map[string][]block{}
	for _, b := range blocks {
		if b.kind == kind {
			pages[b.page] = append(pages[b.page], b)
		}
	}
	return pages
}

// answers are the calls that a local AWS has answered.
type answers struct {
	mu   sync.Mutex
	seen []string
}

// add takes over what one reader's account has answered.
func (a *answers) add(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for call := range strings.SplitSeq(string(text), "\n") {
		a.seen = append(a.seen, call)
	}
}

// had expects each of the calls to have been answered.
func (a *answers) had(t *testing.T, calls ...string) {
	t.Helper()
	for _, call := range calls {
		if !slices.Contains(a.seen, call) {
			t.Errorf("the local AWS has not answered aws %s", call)
		}
	}
}
