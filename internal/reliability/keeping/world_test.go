//go:build !race

package keeping

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdkappstream "github.com/aws/aws-sdk-go-v2/service/appstream"
	sdksns "github.com/aws/aws-sdk-go-v2/service/sns"

	"appstream-ami-exporter/internal/keep"
	"appstream-ami-exporter/internal/keepaws"
	"appstream-ami-exporter/internal/keepconfig"
	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/iam"
	"appstream-ami-exporter/internal/localaws/rbin"
	"appstream-ami-exporter/internal/localaws/regional"
	"appstream-ami-exporter/internal/localaws/ssm"
	"appstream-ami-exporter/internal/localaws/template"
	"appstream-ami-exporter/internal/metrics"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/tags"
)

const (
	home   = template.Region
	abroad = "us-east-1"
	stack  = "appstream-ami-exporter@" + home
	day    = 24 * time.Hour
)

// world is an account in virtual time with the keeper's stack in it.
type world struct {
	t   *testing.T
	rnd *rand.Rand
	now time.Time

	appStream *appstream.Server
	ec2       *ec2.EC2
	ssm       *ssm.SSM
	rbin      *rbin.RecycleBin
	config    aws.Config // of the clients

	parameters map[string]string // of the stack
	statements []iam.Statement   // of the keeper's role, as the stack has it now
	settings   keep.Config
	keeper     *keep.Keeper

	subscriptions int
	told          []notify.Document
	denied        []iam.Request // what the role was refused in this pass
	calls         int
	fault         func(service, action string) (code string, lost bool) // code: the call is refused; lost: it is done, and no answer comes
	trace         strings.Builder
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{
		t: t, rnd: rand.New(rand.NewPCG(seed, seed)), now: time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC), subscriptions: 1,
		parameters: map[string]string{
			"Keep": "last=2,daily=3,weekly=2,monthly=2", "KeepMode": "ON", "Families": "base=win2022-base-*", "GraceDays": "5",
			"CopyRegions": abroad, "LatestAmiParameter": "/amis", "UndoDays": "3",
		},
	}
	taskID := 0
	services := regional.New(regional.Options{
		Regions: []string{home, abroad, "eu-central-1"}, Now: func() time.Time { return w.now }, Authorize: w.allows,
		GhostsFor: 10 * time.Minute, MaxPage: 7,
		// Whether an export tags its snapshots is not known: here it does so for some.
		TagsSnapshots: func(number int) bool { return number%2 == 0 },
		AppStream: appstream.Options{
			NewID: func() string { taskID++; return fmt.Sprintf("3f0c2f0e-8a55-4c1c-9f0e-%012x", taskID) },
		},
	})
	w.appStream, w.ec2, w.ssm, w.rbin = services.AppStream, services.EC2, services.SSM, services.RecycleBin
	w.config = aws.Config{
		Region: home, BaseEndpoint: aws.String("http://aws.test"), HTTPClient: &http.Client{Transport: w},
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""), RetryMaxAttempts: 1,
	}
	w.deploy()
	return w
}

// deploy updates the stack: what the keeper is told, and what it may do.
func (w *world) deploy() {
	w.t.Helper()
	loaded, err := template.Load("../../../template.yaml", w.parameters)
	if err != nil {
		w.t.Fatal(err)
	}
	deployed, err := loaded.Stack(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.statements = nil
	for _, s := range deployed.Keeper.Statements {
		w.statements = append(w.statements, iam.Statement{Effect: s.Effect, Actions: s.Actions, Resources: s.Resources,
			Condition: s.Condition})
	}
	environment := deployed.Keeper.Function.Environment
	environment["AWS_REGION"] = home
	config, err := keepconfig.FromEnvironment(func(name string) (string, bool) { value, ok := environment[name]; return value, ok })
	if err != nil {
		w.t.Fatal(err)
	}
	rules, err := loaded.Resources("AWS::Rbin::Rule")
	if err != nil {
		w.t.Fatal(err)
	}
	w.rbin.SetRules(home)
	w.rbin.SetRules(abroad)
	if len(rules) == 2 { // and examples/recycle-bin has been deployed abroad
		for _, region := range []string{home, abroad} {
			var made []rbin.Rule
			for _, kind := range []string{"EC2_IMAGE", "EBS_SNAPSHOT"} {
				made = append(made, rbin.Rule{ID: kind, ResourceType: kind, Days: config.Keep.UndoDays,
					Tags: []rbin.Tag{{Key: tags.Stack, Value: stack}}})
			}
			w.rbin.SetRules(region, made...)
		}
	}
	w.settings = config.Keep
	regions := map[string]keep.Region{}
	for _, region := range append([]string{config.Keep.Home}, config.Keep.CopyRegions...) {
		regions[region] = keepaws.NewRegion(w.config, region)
	}
	topic := sdksns.NewFromConfig(w.config)
	w.keeper, err = keep.New(keep.Keeper{
		Config: config.Keep, Regions: regions, AppStream: keepaws.AppStream{Client: sdkappstream.NewFromConfig(w.config)},
		Topic: keepaws.Topic{Topic: notify.Topic{SNS: topic, ARN: config.TopicARN}, Client: topic},
		Now:   func() time.Time { return w.now }, Sleep: func(context.Context, time.Duration) error { return nil },
		Log: slog.New(slog.NewTextHandler(&w.trace, nil)), Metrics: &metrics.Recorder{Out: io.Discard, Function: "keeper", Now: time.Now},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// allows asks the keeper's role, and notes what it refuses.
func (w *world) allows(r iam.Request) bool {
	allowed := iam.Allows(w.statements, r)
	if !allowed {
		w.denied = append(w.denied, r)
	}
	return allowed
}

// RoundTrip is AWS: the signature says which service and Region is meant. There is no network between, so that a seed always goes
// the same way.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	w.calls++
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	service := strings.Split(scope, "/")[3]
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	request := httptest.NewRequest(r.Method, r.URL.String(), bytes.NewReader(body))
	request.Header = r.Header
	handler := map[string]http.Handler{
		"ec2": w.ec2, "ssm": w.ssm, "rbin": w.rbin, "appstream": w.appStream, "sns": http.HandlerFunc(w.sns),
	}[service]
	reply := httptest.NewRecorder()
	code, lost := "", false
	if w.fault != nil {
		code, lost = w.fault(service, actionOf(r, string(body)))
	}
	if code == "" {
		handler.ServeHTTP(reply, request)
	} else {
		reply.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(reply, "<Response><Errors><Error><Code>%s</Code><Message>No.</Message></Error></Errors></Response>", code)
	}
	if lost {
		return nil, errors.New("read: connection reset by peer")
	}
	answer := reply.Result()
	answer.Request = r
	return answer, nil
}

func actionOf(r *http.Request, body string) string {
	if form, err := url.ParseQuery(body); err == nil && form.Get("Action") != "" {
		return form.Get("Action")
	}
	return r.Header.Get("X-Amz-Target") + r.URL.Path
}

// sns takes what is told. Whoever has subscribed has confirmed it.
func (w *world) sns(out http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	action := r.Form.Get("Action")
	keys := map[string][]string{"aws:RequestedRegion": {home}}
	if !w.allows(iam.Request{Action: "sns:" + action, Resource: r.Form.Get("TopicArn"), Keys: keys}) {
		out.WriteHeader(http.StatusForbidden)
		fmt.Fprint(out, "<ErrorResponse><Error><Code>AuthorizationError</Code></Error></ErrorResponse>")
		return
	}
	if action == "Publish" {
		var d notify.Document
		if err := json.Unmarshal([]byte(r.Form.Get("Message")), &d); err != nil {
			w.t.Errorf("told was %s: %v", r.Form.Get("Message"), err)
		}
		w.told = append(w.told, d)
		fmt.Fprint(out, "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>")
		return
	}
	fmt.Fprintf(out,
		"<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes><entry><key>SubscriptionsConfirmed</key><value>%d</value>"+
			"</entry></Attributes></GetTopicAttributesResult></GetTopicAttributesResponse>", w.subscriptions)
}

// export makes an AMI of an image as the exporter does, once the image is there.
func (w *world) export(image string) {
	arn := w.appStream.ImageARN(image)
	if w.appStream.TagsOf(image) == nil {
		w.appStream.PutImage(appstream.Image{Name: image})
	}
	created := w.now
	for _, i := range w.appStream.Images() {
		if i.Name == image {
			created = i.CreatedTime
		}
	}
	name := image + "-" + w.now.UTC().Format("20060102")
	statements := w.statements
	w.statements = []iam.Statement{{Effect: "Allow", Actions: []string{"*"}, Resources: []string{"*"}}} // somebody else exports
	defer func() { w.statements = statements }()
	_, err := sdkappstream.NewFromConfig(w.config).CreateExportImageTask(w.t.Context(), &sdkappstream.CreateExportImageTaskInput{
		ImageName: &image, AmiName: &name, IamRoleArn: aws.String("arn:aws:iam::123456789012:role/export"),
		TagSpecifications: map[string]string{
			tags.Stack: stack, tags.AMIName: tags.Marker(name), tags.ImageARN: arn, tags.ImageCreated: created.UTC().Format(time.RFC3339),
			tags.ExportedAt: w.now.UTC().Format(time.RFC3339), tags.Trigger: "schedule", tags.TriggerID: "t", "Team": "Desktop",
		},
	})
	if err != nil {
		w.t.Fatalf("export of %s: %v", image, err)
	}
}

// asSomebody does what a person with all rights does.
func (w *world) asSomebody(do func()) {
	statements := w.statements
	w.statements = []iam.Statement{{Effect: "Allow", Actions: []string{"*"}, Resources: []string{"*"}}}
	do()
	w.statements = statements
}

// familyOf is an AMI's family, worked out without the keeper's code.
func (w *world) familyOf(image ec2.Image) string {
	name := image.Tags[tags.ImageARN][strings.LastIndex(image.Tags[tags.ImageARN], "/")+1:]
	if w.parameters["Families"] != "" && strings.HasPrefix(name, "win2022-base-") {
		return "base"
	}
	return name
}

// counts tells whether an AMI takes a slot of its family.
func counts(image ec2.Image) bool {
	_, kept := image.Tags[tags.Keep]
	_, retired := image.Tags[tags.Retired]
	return image.State == ec2.Available && image.Tags[tags.Stack] == stack && image.Tags[tags.Complete] == image.ID && !kept && !retired &&
		image.Tags[tags.AMIName] == tags.Marker(image.Name)
}

// members are the AMIs of a family in a Region that count, newest first.
func (w *world) members(images []ec2.Image, family string) []ec2.Image {
	var members []ec2.Image
	for _, image := range images {
		if counts(image) && w.familyOf(image) == family {
			members = append(members, image)
		}
	}
	slices.SortStableFunc(members, func(a, b ec2.Image) int {
		return strings.Compare(b.Tags[tags.ImageCreated]+b.Tags[tags.ExportedAt], a.Tags[tags.ImageCreated]+a.Tags[tags.ExportedAt])
	})
	return members
}

func (w *world) images() map[string][]ec2.Image {
	all := map[string][]ec2.Image{}
	for _, region := range []string{home, abroad, "eu-central-1"} {
		all[region] = w.ec2.Images(region)
	}
	return all
}

// foreign are the tags without those that are the keeper's business.
func foreign(all map[string]string) map[string]string {
	rest := maps.Clone(all)
	for _, key := range []string{tags.Complete, tags.RetireAt, tags.Retired, tags.Told, tags.Copies} {
		delete(rest, key)
	}
	return rest
}
