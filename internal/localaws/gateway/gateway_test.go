package gateway_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	appstreamtypes "github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/awsreply"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/queues"
)

const (
	region    = "eu-west-1"
	accountID = "123456789012"
)

func newQueues(t *testing.T) *queues.Server {
	t.Helper()
	q := queues.New(queues.Options{Region: region, AccountID: accountID})
	t.Cleanup(q.Close)
	return q
}

// services are AppStream, SNS and SQS behind a gateway.
func services(stream, q http.Handler) []gateway.Service {
	return []gateway.Service{
		{SigningName: "appstream", Handler: stream}, {SigningName: "sns", Handler: q}, {SigningName: "sqs", Handler: q},
	}
}

func newGateway(t *testing.T, options gateway.Options, services ...gateway.Service) *gateway.Gateway {
	t.Helper()
	options.Latency = 2 * time.Millisecond // see there
	g := gateway.New(options, services...)
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// clientConfig configures SDK clients of the test itself.
func clientConfig(t *testing.T, g *gateway.Gateway) aws.Config {
	t.Helper()
	endpoint, err := g.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	return aws.Config{
		Region:           region,
		BaseEndpoint:     aws.String(endpoint.URL()),
		Credentials:      credentials.NewStaticCredentialsProvider("local", "local", ""),
		RetryMaxAttempts: 1,
		HTTPClient:       client,
	}
}

// within returns a context that ends before the test binary would.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// errorCode returns the code of an error that AWS answered, or "" if it is none.
func errorCode(err error) string {
	if apiError, ok := errors.AsType[smithy.APIError](err); ok {
		return apiError.ErrorCode()
	}
	return ""
}

// countingAppStream answers every call with an empty result and counts them.
type countingAppStream struct{ calls atomic.Int32 }

func (a *countingAppStream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.calls.Add(1)
	_, _ = io.Copy(io.Discard, r.Body)
	awsreply.Write(w, r, struct{}{})
}

func TestRecordsCalls(t *testing.T) {
	t.Parallel()
	q := newQueues(t)
	queue, err := q.CreateQueue("work", queues.QueueOptions{})
	if err != nil {
		t.Fatal(err)
	}
	topic, err := q.CreateTopic("news")
	if err != nil {
		t.Fatal(err)
	}
	var told atomic.Int32
	all := append(services(new(countingAppStream), q),
		gateway.Service{SigningName: "monitoring", IAMPrefix: "cloudwatch", Handler: new(countingAppStream)},
		gateway.Service{SigningName: "lambda", Handler: new(countingAppStream), Operation: func(*http.Request) string { return "Invoke" }})
	g := newGateway(t, gateway.Options{OnCall: func(gateway.Call) { told.Add(1) }}, all...)
	cfg, ctx := clientConfig(t, g), t.Context()

	if _, err := appstream.NewFromConfig(cfg).DescribeImages(ctx, &appstream.DescribeImagesInput{
		Names: []string{"win"}, NextToken: aws.String("more"),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := sns.NewFromConfig(cfg).Publish(ctx, &sns.PublishInput{
		TopicArn: &topic.ARN, Message: aws.String("hello"),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := sqs.NewFromConfig(cfg).SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: &queue.URL, MessageBody: aws.String("hello"),
	}); err != nil {
		t.Fatal(err)
	}

	// By hand: the AppStream of the aws command, which speaks JSON, and others that no client here speaks to.
	for _, headers := range [][]string{
		{"appstream", "X-Amz-Target", "PhotonAdminProxyService.DescribeImages"},
		{"monitoring", "X-Amz-Target", "GraniteServiceVersion20100801.DescribeAlarms"},
		{"lambda", "Content-Type", "application/json"},
	} {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, *cfg.BaseEndpoint, strings.NewReader(`{"NextToken":"more"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x/20261123/eu-west-1/"+headers[0]+"/aws4_request, "+
			"SignedHeaders=host")
		request.Header.Set(headers[1], headers[2])
		response, err := cfg.HTTPClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}

	type summary struct {
		Number                     int
		Service, Action, IAMAction string
		Status                     int
	}
	var got []summary
	for _, c := range g.Calls() {
		got = append(got, summary{c.Number, c.Service, c.Action, c.IAMAction(), c.Status})
		if c.Time.IsZero() || len(c.Body) == 0 {
			t.Errorf("call %d has no time or body: %+v", c.Number, c)
		}
	}
	want := []summary{
		{1, "appstream", "DescribeImages", "appstream:DescribeImages", 200},
		{2, "sns", "Publish", "sns:Publish", 200},
		{3, "sqs", "SendMessage", "sqs:SendMessage", 200},
		{4, "appstream", "DescribeImages", "appstream:DescribeImages", 200},
		{5, "cloudwatch", "DescribeAlarms", "cloudwatch:DescribeAlarms", 200},
		{6, "lambda", "Invoke", "lambda:Invoke", 200},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	params := []string{
		g.Calls()[0].Param("NextToken"), g.Calls()[0].Param("Names"), g.Calls()[0].Param("Absent"),
		g.Calls()[1].Param("Message"), g.Calls()[3].Param("NextToken"),
	}
	if diff := cmp.Diff([]string{"more", `["win"]`, "", "hello", "more"}, params); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	eventually(t, "OnCall was told of all calls", func() bool { return told.Load() == 6 })
}

func TestRefusesInTheServicesOwnFormat(t *testing.T) {
	t.Parallel()
	g := newGateway(t, gateway.Options{}, services(new(countingAppStream), newQueues(t))...)
	cfg := clientConfig(t, g)
	refuse := func(status int, code string) {
		g.SetFault(func(gateway.Call) gateway.Effect {
			return gateway.Effect{Kind: gateway.Refuse, Status: status, Code: code, Message: "as told"}
		})
	}
	describe := func() error {
		_, err := appstream.NewFromConfig(cfg).DescribeImages(t.Context(), &appstream.DescribeImagesInput{})
		return err
	}
	publish := func() error {
		_, err := sns.NewFromConfig(cfg).Publish(t.Context(), &sns.PublishInput{TopicArn: aws.String("x"), Message: aws.String("x")})
		return err
	}
	send := func() error {
		_, err := sqs.NewFromConfig(cfg).SendMessage(t.Context(),
			&sqs.SendMessageInput{QueueUrl: aws.String("x"), MessageBody: aws.String("x")})
		return err
	}

	refuse(400, "ResourceNotFoundException")
	err := describe()
	if typed, ok := errors.AsType[*appstreamtypes.ResourceNotFoundException](err); !ok || typed.ErrorMessage() != "as told" {
		t.Errorf("AppStream: got %v", err)
	}
	refuse(404, "NotFound")
	err = publish()
	if typed, ok := errors.AsType[*snstypes.NotFoundException](err); !ok || typed.ErrorMessage() != "as told" {
		t.Errorf("SNS: got %v", err)
	}
	refuse(400, "QueueDoesNotExist")
	err = send()
	if typed, ok := errors.AsType[*sqstypes.QueueDoesNotExist](err); !ok || typed.ErrorMessage() != "as told" {
		t.Errorf("SQS: got %v", err)
	}
	if got, want := errorCode(err), "AWS.SimpleQueueService.NonExistentQueue"; got != want {
		t.Errorf("SQS: got the code %q, want that of the query protocol, %q", got, want)
	}
	for service, call := range map[string]func() error{"appstream": describe, "sns": publish, "sqs": send} {
		refuse(503, "ServiceUnavailable")
		if err := call(); errorCode(err) != "ServiceUnavailable" {
			t.Errorf("%s: got %v, want ServiceUnavailable", service, err)
		}
	}
}

func TestEffects(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		effect      gateway.Effect
		wantReached bool
		wantError   error // nil: the call succeeds
	}{
		{"pass", gateway.Effect{}, true, nil},
		{"delay", gateway.Effect{Delay: 50 * time.Millisecond}, true, nil},
		{"delay too long", gateway.Effect{Delay: time.Minute}, false, context.DeadlineExceeded},
		{"reset before", gateway.Effect{Kind: gateway.ResetBefore}, false, syscall.ECONNRESET},
		{"reset after", gateway.Effect{Kind: gateway.ResetAfter}, true, syscall.ECONNRESET},
		{"hang before", gateway.Effect{Kind: gateway.HangBefore}, false, context.DeadlineExceeded},
		{"hang after", gateway.Effect{Kind: gateway.HangAfter}, true, context.DeadlineExceeded},
		{"kill a caller that is no process", gateway.Effect{Kind: gateway.KillBefore}, false, syscall.ECONNRESET},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			backend := new(countingAppStream)
			g := newGateway(t, gateway.Options{}, gateway.Service{SigningName: "appstream", Handler: backend})
			g.SetFault(func(gateway.Call) gateway.Effect { return tt.effect })
			limit := 10 * time.Second
			if tt.wantError == context.DeadlineExceeded {
				limit = 300 * time.Millisecond
			}
			start := time.Now()
			_, err := appstream.NewFromConfig(clientConfig(t, g)).
				DescribeImages(within(t, limit), &appstream.DescribeImagesInput{})

			if !errors.Is(err, tt.wantError) {
				t.Errorf("got the error %v, want %v", err, tt.wantError)
			}
			if got := backend.calls.Load() == 1; got != tt.wantReached {
				t.Errorf("reached the service: %v, want %v", got, tt.wantReached)
			}
			if tt.wantError == nil && time.Since(start) < tt.effect.Delay {
				t.Errorf("took %v, want at least %v", time.Since(start), tt.effect.Delay)
			}
			wantStatus := 0
			if tt.wantError == nil {
				wantStatus = 200
			}
			eventually(t, "the outcome is recorded", func() bool {
				call := g.Calls()[0]
				return call.Status == wantStatus && call.Effect == tt.effect
			})
		})
	}
}

func TestRefusesWhatIsNoCall(t *testing.T) {
	t.Parallel()
	g := newGateway(t, gateway.Options{})
	endpoint, err := g.Listen(nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(endpoint.URL(), "text/plain", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "UnknownOperationException") {
		t.Errorf("got %s: %s", response.Status, body)
	}
}
