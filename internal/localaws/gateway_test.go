package localaws_test

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
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	appstreamtypes "github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws"
)

// countingAppStream answers every call with an empty result and counts them.
type countingAppStream struct{ calls atomic.Int32 }

func (a *countingAppStream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.calls.Add(1)
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_, _ = io.WriteString(w, "{}")
}

func TestGatewayRecordsCalls(t *testing.T) {
	t.Parallel()
	q := newQueues(t, 1)
	queue, topic := createQueue(t, q, "work", localaws.QueueOptions{}), createTopic(t, q, "news")
	var told atomic.Int32
	g := newGateway(t, localaws.GatewayOptions{
		AppStream: new(countingAppStream), Queues: q, OnCall: func(localaws.Call) { told.Add(1) },
	})
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
	if _, err := sqs.NewFromConfig(cfg).SendMessageBatch(ctx, &sqs.SendMessageBatchInput{
		QueueUrl: &queue.URL, Entries: []sqstypes.SendMessageBatchRequestEntry{
			{Id: aws.String("a"), MessageBody: aws.String("hello")},
		},
	}); err != nil {
		t.Fatal(err)
	}

	type summary struct {
		Number                     int
		Service, Action, IAMAction string
		Status                     int
	}
	var got []summary
	for _, c := range g.Calls() {
		got = append(got, summary{c.Number, c.Service, c.Action, c.IAMAction, c.Status})
		if c.Time.IsZero() || len(c.Body) == 0 {
			t.Errorf("call %d has no time or body: %+v", c.Number, c)
		}
	}
	want := []summary{
		{1, "appstream", "DescribeImages", "appstream:DescribeImages", 200},
		{2, "sns", "Publish", "sns:Publish", 200},
		{3, "sqs", "SendMessageBatch", "sqs:SendMessage", 200},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	params := []string{
		g.Calls()[0].Param("NextToken"), g.Calls()[0].Param("Names"), g.Calls()[0].Param("Absent"),
		g.Calls()[1].Param("Message"),
	}
	if diff := cmp.Diff([]string{"more", `["win"]`, "", "hello"}, params); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	eventually(t, "OnCall was told of three calls", func() bool { return told.Load() == 3 })
}

func TestGatewayRefusesInTheServicesOwnFormat(t *testing.T) {
	t.Parallel()
	q := newQueues(t, 1)
	g := newGateway(t, localaws.GatewayOptions{AppStream: new(countingAppStream), Queues: q})
	cfg := clientConfig(t, g)
	refuse := func(status int, code string) {
		g.SetFault(func(localaws.Call) localaws.Effect {
			return localaws.Effect{Kind: localaws.Refuse, Status: status, Code: code, Message: "as told"}
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
		_, err := sqs.NewFromConfig(cfg).SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String("x"), MessageBody: aws.String("x")})
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

func TestGatewayEffects(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		effect      localaws.Effect
		wantReached bool
		wantError   error // nil: the call succeeds
	}{
		{"pass", localaws.Effect{}, true, nil},
		{"delay", localaws.Effect{Delay: 50 * time.Millisecond}, true, nil},
		{"delay too long", localaws.Effect{Delay: time.Minute}, false, context.DeadlineExceeded},
		{"reset before", localaws.Effect{Kind: localaws.ResetBefore}, false, syscall.ECONNRESET},
		{"reset after", localaws.Effect{Kind: localaws.ResetAfter}, true, syscall.ECONNRESET},
		{"hang before", localaws.Effect{Kind: localaws.HangBefore}, false, context.DeadlineExceeded},
		{"hang after", localaws.Effect{Kind: localaws.HangAfter}, true, context.DeadlineExceeded},
		{"kill a caller that is no process", localaws.Effect{Kind: localaws.KillBefore}, false, syscall.ECONNRESET},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			backend := new(countingAppStream)
			g := newGateway(t, localaws.GatewayOptions{AppStream: backend})
			g.SetFault(func(localaws.Call) localaws.Effect { return tt.effect })
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

func TestGatewayRefusesWhatIsNoCall(t *testing.T) {
	t.Parallel()
	g := newGateway(t, localaws.GatewayOptions{})
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
