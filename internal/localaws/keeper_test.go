package localaws_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/localaws/template"
	"appstream-ami-exporter/internal/tags"
)

const stackName = "appstream-ami-exporter@" + template.Region

// exported is the AMI of an export that is some days old.
func exported(image string, days int) ec2.Image {
	at := time.Now().AddDate(0, 0, -days).UTC().Truncate(time.Second)
	name := image + "-" + at.Format("20060102")
	return ec2.Image{Region: template.Region, Name: name, Created: at, Tags: map[string]string{
		tags.Stack: stackName, tags.AMIName: tags.Marker(name), tags.ExportedAt: at.Format(time.RFC3339),
		tags.ImageARN:     "arn:aws:appstream:eu-west-1:123456789012:image/" + image,
		tags.ImageCreated: "2026-01-02T03:04:05Z",
	}}
}

// wait waits until something has become so.
func wait(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// The compiled keeper proves, copies, marks and points at what the account shows, held to the role that the template gives it.
func TestKeeper(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: builds the keeper, whose client of EC2 takes minutes to compile the first time")
	}
	account := localtest.Start(t, localaws.Options{
		Keeper: localtest.Keeper(t), CopyDuration: func(ec2.Image) time.Duration { return 20 * time.Millisecond },
		Parameters: map[string]string{"Keep": "last=1", "KeepMode": "ON", "CopyRegions": "us-east-1", "LatestAmiParameter": "/amis"},
	})
	amis := account.Regional.EC2
	ids := map[int]string{}
	for _, days := range []int{200, 100} {
		image := exported("win2022-base-7", days)
		ids[days] = amis.PutImage(image)
		amis.EditImage(template.Region, ids[days], func(i *ec2.Image) { i.Tags[tags.Complete] = i.ID })
	}
	foreign := amis.PutImage(ec2.Image{Region: template.Region, Name: "golden"})
	// The newest is an export, which AppStream says is complete.
	account.AppStream.PutImage(appstream.Image{Name: "win2022-base-7"})
	localtest.Invoke(t, account, []byte(`{"imageName":"win2022-base-7"}`))
	localtest.Settle(t, account)
	newest := account.AppStream.AMIs()[0].ID

	tagOf := func(region, id, key string) string {
		image, _ := amis.Image(region, id)
		return image.Tags[key]
	}
	// EC2 tells that it is available; the rule brings that to the keeper.
	changes, err := account.Regional.Changes(template.Region, time.Now().Add(-time.Hour), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, change := range changes {
		if change.ImageID != newest {
			continue
		}
		told++
		if matched, err := account.PutEvent(change.Event); err != nil || !matched {
			t.Fatalf("the event %s is taken: %t, %v", change.Event, matched, err)
		}
	}
	if told != 1 {
		t.Fatalf("EC2 tells %d times of %s", told, newest)
	}
	wait(t, "the export is complete", func() bool { return tagOf(template.Region, newest, tags.Complete) == newest })
	wait(t, "it is pointed at", func() bool {
		return account.Regional.SSM.Parameters(template.Region)["/amis/win2022-base-7"].Value == newest
	})
	wait(t, "it is copied", func() bool { return len(amis.Images("us-east-1")) == 1 })
	wait(t, "the pass is over", account.Keeper.Idle)
	copied := amis.Images("us-east-1")[0]
	wait(t, "the copy is available", func() bool { return !time.Now().Before(copied.Ready) })
	if err := account.FireKeeper(time.Now()); err != nil {
		t.Fatal(err)
	}
	wait(t, "the copy is complete", func() bool { return tagOf("us-east-1", copied.ID, tags.Complete) == copied.ID })
	wait(t, "the others are marked, since a newer one is abroad", func() bool {
		return tagOf(template.Region, ids[200], tags.RetireAt) != "" && tagOf(template.Region, ids[100], tags.RetireAt) != ""
	})
	wait(t, "the pass is over", account.Keeper.Idle)
	notifications, err := account.Notifications()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, n := range notifications {
		kinds[n.Attributes["type"]]++
	}
	if kinds["AmiCopied"] != 1 || kinds["AmisRetiring"] != 1 {
		t.Errorf("told was %v", kinds)
	}

	// Whoever signs with the key of the keeper's role may do what the role may; everybody else is free.
	deregister := func(key, id string) string {
		return call(t, account, key, url.Values{"Action": {"DeregisterImage"}, "ImageId": {id}, "DryRun": {"true"}})
	}
	if got := deregister("ASIALOCALKEEPERLOCAL", foreign); !strings.Contains(got, "UnauthorizedOperation") {
		t.Errorf("the keeper deregisters a foreign AMI: %s", got)
	}
	if got := deregister("ASIALOCALKEEPERLOCAL", ids[200]); !strings.Contains(got, "DryRunOperation") {
		t.Errorf("the keeper deregisters an AMI of the stack: %s", got)
	}
	if got := deregister("local", foreign); !strings.Contains(got, "DryRunOperation") {
		t.Errorf("a person deregisters an AMI: %s", got)
	}
}

// call sends one request to EC2, signed with a key, and returns the answer.
func call(t *testing.T, account *localaws.Account, accessKeyID string, form url.Values) string {
	t.Helper()
	endpoint, err := account.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint.URL(), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization",
		"AWS4-HMAC-SHA256 Credential="+accessKeyID+"/20261124/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=0")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// A stack that asks for a keeper cannot be deployed without one.
func TestKeeperIsNeeded(t *testing.T) {
	_, err := localaws.Start(context.Background(), localaws.Options{
		Template: "../../template.yaml", Bootstrap: localtest.Bootstrap(t), Parameters: map[string]string{"Keep": "last=1"},
	})
	if err == nil || !strings.Contains(err.Error(), "no compiled keeper is given") {
		t.Errorf("the error is %v", err)
	}
}
