package keepaws_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/keep"
	"appstream-ami-exporter/internal/keepaws"
	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/iam"
	"appstream-ami-exporter/internal/localaws/rbin"
	"appstream-ami-exporter/internal/localaws/ssm"
	"appstream-ami-exporter/internal/tags"
)

const (
	home, abroad = "eu-west-1", "us-east-1"
	account      = "123456789012"
	stack        = "exports@eu-west-1"
)

var now = time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)

// cloud is an account on the emulators, called by the SDK's own clients.
type cloud struct {
	ec2  *ec2.EC2
	ssm  *ssm.SSM
	rbin *rbin.RecycleBin
	now  time.Time

	allows       func(iam.Request) bool
	home, abroad *keepaws.Region
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{now: now, allows: func(iam.Request) bool { return true }}
	clock := func() time.Time { return c.now }
	c.rbin = rbin.New(rbin.Options{Now: clock, MaxPage: 1})
	c.ec2 = ec2.New(ec2.Options{
		Now: clock, MaxPage: 2, Retention: c.rbin.Retention, GhostsFor: 10 * time.Minute,
		Authorize:           func(r iam.Request) bool { return c.allows(r) },
		ParameterReferences: func(region, id string) []string { return c.ssm.References(region, id) },
	})
	c.ssm = ssm.New(ssm.Options{Now: clock})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed := r.Header.Get("Authorization")
		switch {
		case strings.Contains(signed, "/ec2/aws4_request"):
			c.ec2.ServeHTTP(w, r)
		case strings.Contains(signed, "/ssm/aws4_request"):
			c.ssm.ServeHTTP(w, r)
		default:
			c.rbin.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	cfg := aws.Config{
		BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""),
		RetryMaxAttempts: 1,
	}
	c.home, c.abroad = keepaws.NewRegion(cfg, home), keepaws.NewRegion(cfg, abroad)
	return c
}

// put makes an AMI of the stack.
func (c *cloud) put(name string, change func(*ec2.Image)) string {
	image := ec2.Image{Region: home, Name: name, Created: now.Add(-time.Hour), Tags: map[string]string{tags.Stack: stack}}
	if change != nil {
		change(&image)
	}
	return c.ec2.PutImage(image)
}

// outcome is that of an error, "" of none.
func outcome(err error) keep.Outcome {
	if failure, ok := errors.AsType[*keep.Failure](err); ok {
		return failure.Outcome
	}
	return ""
}

func TestAMIs(t *testing.T) {
	c := newCloud(t)
	first := c.put("first", func(i *ec2.Image) {
		i.DeprecationTime, i.LastLaunched = now.Add(24*time.Hour), now.Add(-48*time.Hour)
		i.SourceImageID, i.SourceImageRegion = "ami-0123456789abcdef0", abroad
		i.Volumes = []ec2.Volume{{Device: "/dev/sda1", SizeGiB: 200, Type: "gp3", Encrypted: true}}
	})
	disabled := c.put("disabled", func(i *ec2.Image) { i.Disabled = true })
	pending := c.put("pending", func(i *ec2.Image) { i.Ready = now.Add(time.Minute) })
	failed := c.put("failed", func(i *ec2.Image) { i.Ready, i.FailReason = now.Add(-time.Minute), "the key cannot be used" })
	c.put("foreign", func(i *ec2.Image) { i.Tags = map[string]string{tags.Stack: "other@eu-west-1"} })
	c.put("elsewhere", func(i *ec2.Image) { i.Region = abroad })

	listing, err := c.home.AMIs(t.Context(), stack)
	if err != nil {
		t.Fatal(err)
	}
	if !listing.ServerTime.Equal(now) {
		t.Errorf("AWS's clock says %s", listing.ServerTime)
	}
	seen := map[string]keep.AMI{}
	for _, ami := range listing.AMIs {
		seen[ami.ID] = ami
	}
	states := map[string]string{}
	for id, ami := range seen {
		states[id] = ami.State + ami.StateReason
	}
	want := map[string]string{first: "available", disabled: "disabled", pending: "pending", failed: "failedthe key cannot be used"}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	got := seen[first]
	if len(got.BlockDevices) != 1 || got.BlockDevices[0].SnapshotID == "" {
		t.Fatalf("its devices are %+v", got.BlockDevices)
	}
	got.BlockDevices[0].SnapshotID = ""
	shown := keep.AMI{
		ID: first, Name: "first", OwnerID: account, State: keep.StateAvailable, CreationDate: now.Add(-time.Hour),
		DeprecationTime:  now.Add(24 * time.Hour),
		LastLaunchedTime: now.Add(-48 * time.Hour), DeregistrationProtection: keep.ProtectionDisabled,
		SourceImageID: "ami-0123456789abcdef0", SourceImageRegion: abroad, Tags: map[string]string{tags.Stack: stack},
		BlockDevices: []keep.BlockDevice{{DeviceName: "/dev/sda1", VolumeType: "gp3", VolumeSize: 200, Encrypted: true}},
		Architecture: "x86_64", VirtualizationType: "hvm", BootMode: "uefi", TPMSupport: "v2.0", ENASupport: true,
		PlatformDetails: "Windows",
	}
	if diff := cmp.Diff(shown, got); diff != "" {
		t.Errorf("the first (-want +got):\n%s", diff)
	}
	c.ec2.FailNext("DescribeImages", "", "RequestLimitExceeded")
	if part, err := c.home.AMIs(t.Context(), stack); outcome(err) != keep.Throttled || len(part.AMIs) > 0 {
		t.Errorf("a listing whose second page fails: %d AMIs, %v", len(part.AMIs), err)
	}
}

func TestAMIsByID(t *testing.T) {
	c := newCloud(t)
	first, second := c.put("first", nil), c.put("second", nil)
	amis, err := c.home.AMIsByID(t.Context(), []string{first, "ami-00000000000000000", second})
	if err != nil || len(amis) != 2 {
		t.Errorf("%d AMIs, %v", len(amis), err)
	}
	if amis, err := c.home.AMIsByID(t.Context(), []string{"ami-00000000000000000"}); err != nil || len(amis) != 0 {
		t.Errorf("of none: %v, %v", amis, err)
	}
	c.ec2.FailNext("DescribeImages", "InternalError")
	if _, err := c.home.AMIsByID(t.Context(), []string{first}); outcome(err) != keep.Unknown {
		t.Error(err)
	}
}

func TestForeignAMI(t *testing.T) {
	c := newCloud(t)
	for range 3 {
		c.put("own", nil)
	}
	if id, err := c.home.ForeignAMI(t.Context(), stack); err != nil || id != "" {
		t.Errorf("%q, %v", id, err)
	}
	foreign := c.put("foreign", func(i *ec2.Image) { i.Tags = nil })
	if id, err := c.home.ForeignAMI(t.Context(), stack); err != nil || id != foreign {
		t.Errorf("%q, %v", id, err)
	}
}

func TestWhoUsesAnAMI(t *testing.T) {
	c := newCloud(t)
	id := c.put("used", func(i *ec2.Image) { i.Permissions = []ec2.Permission{{UserID: "210987654321"}, {Group: "all"}} })
	c.ec2.SetReferences(home, id, ec2.Reference{Type: "ec2:LaunchTemplate", ARN: "arn:aws:ec2:x:1:launch-template/lt-1", Depth: 5000})
	c.ssm.Put(home, ssm.Parameter{Name: "/amis/base", Value: id})
	references, err := c.home.References(t.Context(), []string{id})
	want := map[string][]string{id: {"ec2:LaunchTemplate arn:aws:ec2:x:1:launch-template/lt-1",
		"ssm:Parameter arn:aws:ssm:eu-west-1:123456789012:parameter/amis/base"}}
	if diff := cmp.Diff(want, references); diff != "" || err != nil {
		t.Errorf("references (-want +got):\n%s%v", diff, err)
	}
	amis, err := c.home.AMIsByID(t.Context(), []string{id})
	if err != nil || len(amis) != 1 || !amis[0].Public {
		t.Fatalf("%+v, %v", amis, err)
	}
	snapshot := amis[0].SnapshotIDs()[0]
	c.ec2.EditSnapshot(home, snapshot, func(s *ec2.Snapshot) {
		s.Permissions, s.Tags = []ec2.Permission{{UserID: "333333333333"}}, map[string]string{"a": "b"}
	})
	with, err := c.home.SharedWith(t.Context(), amis[0])
	if diff := cmp.Diff([]string{"210987654321", "all", "333333333333"}, with); diff != "" || err != nil {
		t.Errorf("shared with (-want +got):\n%s%v", diff, err)
	}
	tagged, err := c.home.SnapshotTags(t.Context(), []string{snapshot, "snap-00000000000000000"})
	if diff := cmp.Diff(map[string]map[string]string{snapshot: {"a": "b"}}, tagged); diff != "" || err != nil {
		t.Errorf("tags of snapshots (-want +got):\n%s%v", diff, err)
	}
}

func TestTagsAndDeprecation(t *testing.T) {
	c := newCloud(t)
	id := c.put("own", nil)
	see := func() ec2.Image { image, _ := c.ec2.Image(home, id); return image }
	at := now.Add(72 * time.Hour)
	for _, err := range []error{
		c.home.TagAMI(t.Context(), id, map[string]string{"a": "1", "b": "2"}), c.home.UntagAMI(t.Context(), id),
		c.home.UntagAMI(t.Context(), id, "a"),
		c.home.Deprecate(t.Context(), id, at),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(map[string]string{tags.Stack: stack, "b": "2"}, see().Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if !see().DeprecationTime.Equal(at) {
		t.Errorf("it is deprecated at %s", see().DeprecationTime)
	}
	if err := c.home.CancelDeprecation(t.Context(), id); err != nil || !see().DeprecationTime.IsZero() {
		t.Errorf("%s, %v", see().DeprecationTime, err)
	}
	if err := c.home.TagAMI(t.Context(), "ami-00000000000000000", map[string]string{"a": "1"}); outcome(err) != keep.Missing {
		t.Error(err)
	}
}

func TestDeregister(t *testing.T) {
	c := newCloud(t)
	id := c.put("own", nil)
	if err := c.home.TryDeregister(t.Context(), id); err != nil {
		t.Errorf("it may be deregistered: %v", err)
	}
	c.allows = func(r iam.Request) bool { return r.Action != "ec2:DeregisterImage" }
	if err := c.home.TryDeregister(t.Context(), id); outcome(err) != keep.Denied {
		t.Errorf("it may not: %v", err)
	}
	if _, err := c.home.Deregister(t.Context(), id); outcome(err) != keep.Denied {
		t.Error(err)
	}
	c.allows = func(iam.Request) bool { return true }
	if image, _ := c.ec2.Image(home, id); !image.Deregistered.IsZero() {
		t.Fatal("a dry run deregisters")
	}
	image, _ := c.ec2.Image(home, id)
	snapshot := image.Volumes[0].SnapshotID
	c.ec2.EditSnapshot(home, snapshot, func(s *ec2.Snapshot) { s.DeleteCode = "internal-error" })
	left, err := c.home.Deregister(t.Context(), id)
	if diff := cmp.Diff([]keep.Snapshot{{ID: snapshot, ReturnCode: "internal-error"}}, left); diff != "" || err != nil {
		t.Errorf("snapshots that are left (-want +got):\n%s%v", diff, err)
	}
	if _, err := c.home.Deregister(t.Context(), id); outcome(err) != keep.Missing {
		t.Errorf("once more: %v", err)
	}
	protected := c.put("protected", func(i *ec2.Image) { i.Protection = keep.ProtectionWithoutCooldown })
	if _, err := c.home.Deregister(t.Context(), protected); outcome(err) != keep.Refused {
		t.Errorf("protected: %v", err)
	}
}

func TestCopy(t *testing.T) {
	c := newCloud(t)
	id := c.put("own", nil)
	order := keep.Copy{
		Name: "own", SourceID: id, SourceRegion: home, ClientToken: strings.Repeat("a", 64),
		Tags: map[string]string{tags.Stack: stack, tags.SourceAMI: id},
	}
	copied, err := c.abroad.Copy(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.abroad.Copy(t.Context(), order); err != nil || again != copied {
		t.Errorf("the same token makes %s after %s, %v", again, copied, err)
	}
	image, _ := c.ec2.Image(abroad, copied)
	if diff := cmp.Diff(order.Tags, image.Tags); diff != "" {
		t.Errorf("tags of the copy (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(order.Tags, c.ec2.Snapshots(abroad)[image.Volumes[0].SnapshotID].Tags); diff != "" {
		t.Errorf("tags of its snapshot (-want +got):\n%s", diff)
	}
	order.ClientToken, order.KMSKeyID = strings.Repeat("b", 64), "arn:aws:kms:us-east-1:123456789012:key/1"
	encrypted, err := c.abroad.Copy(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	if image, _ := c.ec2.Image(abroad, encrypted); !image.Volumes[0].Encrypted {
		t.Error("a key does not encrypt the copy")
	}
}

func TestPointer(t *testing.T) {
	c := newCloud(t)
	first, second := c.put("first", nil), c.put("second", nil)
	read := func() keep.Pointer {
		t.Helper()
		pointer, err := c.home.Pointer(t.Context(), "/amis/base")
		if err != nil {
			t.Fatal(err)
		}
		return pointer
	}
	if pointer := read(); pointer != (keep.Pointer{}) {
		t.Errorf("before it is made it is %+v", pointer)
	}
	if err := c.home.CreatePointer(t.Context(), "/amis/base", first, stack); err != nil {
		t.Fatal(err)
	}
	want := keep.Pointer{Exists: true, Value: first, Written: first, DataType: keep.PointerDataType, Stack: stack}
	if diff := cmp.Diff(want, read()); diff != "" {
		t.Errorf("made (-want +got):\n%s", diff)
	}
	if err := c.home.CreatePointer(t.Context(), "/amis/base", second, stack); outcome(err) != keep.Refused {
		t.Errorf("made again: %v", err)
	}
	if err := c.home.MovePointer(t.Context(), "/amis/base", second); err != nil {
		t.Fatal(err)
	}
	want.Value, want.Written = second, second
	if diff := cmp.Diff(want, read()); diff != "" {
		t.Errorf("moved (-want +got):\n%s", diff)
	}
	c.ssm.Put(home, ssm.Parameter{Name: "/amis/base", Value: first})
	if pointer := read(); pointer.Value != first || pointer.Written == first || pointer.Stack == stack {
		t.Errorf("written by somebody else it is %+v", pointer)
	}
}

func TestUndoRules(t *testing.T) {
	c := newCloud(t)
	own, other := []rbin.Tag{{Key: tags.Stack, Value: stack}}, []rbin.Tag{{Key: tags.Stack, Value: "other@eu-west-1"}}
	c.rbin.SetRules(home,
		rbin.Rule{ResourceType: "EC2_IMAGE", Days: 7, Tags: own},
		rbin.Rule{ResourceType: "EC2_IMAGE", Days: 99, Tags: own, Pending: true},
		rbin.Rule{ResourceType: "EC2_IMAGE", Days: 98, Tags: other},
		rbin.Rule{ResourceType: "EBS_SNAPSHOT", Days: 8, Tags: own},
		rbin.Rule{ResourceType: "EBS_SNAPSHOT", Days: 9, Tags: own},
	)
	rules, err := c.home.UndoRules(t.Context(), stack)
	if want := (keep.UndoRules{AMIs: 7 * 24 * time.Hour, Snapshots: 9 * 24 * time.Hour}); rules != want || err != nil {
		t.Errorf("%+v, %v", rules, err)
	}
	if rules, err := c.abroad.UndoRules(t.Context(), stack); rules != (keep.UndoRules{}) || err != nil {
		t.Errorf("elsewhere: %+v, %v", rules, err)
	}
}

// What an error means decides what may be done next.
func TestOutcomes(t *testing.T) {
	c := newCloud(t)
	id := c.put("own", nil)
	for code, want := range map[string]keep.Outcome{
		"UnauthorizedOperation": keep.Denied, "InvalidAMIID.Unavailable": keep.Missing, "RequestLimitExceeded": keep.Throttled,
		"InternalError": keep.Unknown, "Unavailable": keep.Unknown, "OperationNotPermitted": keep.Refused, "SomethingNew": keep.Refused,
	} {
		c.ec2.FailNext("EnableImageDeprecation", code)
		err := c.home.Deprecate(t.Context(), id, now.Add(time.Hour))
		failure, ok := errors.AsType[*keep.Failure](err)
		if !ok || failure.Outcome != want || failure.Code != code || !strings.HasPrefix(err.Error(), "EnableImageDeprecation: "+code) {
			t.Errorf("%s: %+v", code, err)
		}
	}
	closed := keepaws.NewRegion(aws.Config{
		BaseEndpoint: aws.String("http://127.0.0.1:1"), Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""),
		RetryMaxAttempts: 1,
	}, home)
	if err := closed.Deprecate(t.Context(), id, now); outcome(err) != keep.Unknown || !strings.Contains(err.Error(), "no answer came") {
		t.Errorf("without an answer: %v", err)
	}
}
