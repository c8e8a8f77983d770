package awsclient

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// connectLimit bounds what Connect may add to INIT.
const connectLimit = time.Second

// Connect opens the connections that the first invocation needs, all at once. It is for INIT, in which Lambda gives a whole
// core and more; in an invocation of the smallest function the same handshakes take ten times as long. What cannot be
// opened now is opened when it is needed, and reported then.
//
// It makes the very calls that an invocation begins and ends with, and stops each where it would be sent: so the SDK itself
// says where to connect to, whatever the environment sets, and its first use is behind it as well.
func (c Clients) Connect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	ofAppStream := func(o *appstream.Options) { o.HTTPClient, o.Retryer = opener{o.HTTPClient}, aws.NopRetryer{} }
	unsaid := aws.String("-")
	var wait sync.WaitGroup
	for _, call := range []func(){
		// AppStream is asked these three at once, each on a connection of its own.
		func() { _, _ = c.AppStream.DescribeImages(ctx, &appstream.DescribeImagesInput{}, ofAppStream) },
		func() {
			_, _ = c.AppStream.ListExportImageTasks(ctx, &appstream.ListExportImageTasksInput{}, ofAppStream)
		},
		func() {
			_, _ = c.AppStream.ListTagsForResource(ctx, &appstream.ListTagsForResourceInput{ResourceArn: unsaid}, ofAppStream)
		},
		func() {
			_, _ = c.SNS.Publish(ctx, &sns.PublishInput{TopicArn: unsaid, Message: unsaid},
				func(o *sns.Options) { o.HTTPClient, o.Retryer = opener{o.HTTPClient}, aws.NopRetryer{} })
		},
		func() {
			_, _ = c.SQS.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: unsaid, MessageBody: unsaid},
				func(o *sqs.Options) { o.HTTPClient, o.Retryer = opener{o.HTTPClient}, aws.NopRetryer{} })
		},
	} {
		wait.Go(call)
	}
	wait.Wait()
}

// opener opens a connection to where a request would go, and leaves it in its client's pool. The request is not sent.
type opener struct{ client aws.HTTPClient }

var errNotSent = errors.New("not sent: the call was made to open a connection")

func (o opener) Do(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme != "https" {
		return nil, errNotSent // without a handshake there is little to gain
	}
	ctx, cancel := context.WithCancel(request.Context())
	defer cancel()
	done := make(chan struct{})
	finish := sync.OnceFunc(func() { close(done) })
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// net/http goes on connecting, for whoever comes next, when the request that it does so for is cancelled.
		ConnectStart:     func(string, string) { cancel() },
		TLSHandshakeDone: func(tls.ConnectionState, error) { finish() },
		ConnectDone: func(_, _ string, err error) {
			if err != nil {
				finish()
			}
		},
	})
	root := request.URL.Scheme + "://" + request.URL.Host
	knock, err := http.NewRequestWithContext(ctx, http.MethodHead, root, nil)
	if err != nil {
		return nil, err
	}
	if answer, err := o.client.Do(knock); err == nil {
		_ = answer.Body.Close() // a connection was there already
	}
	if ctx.Err() == nil {
		return nil, errNotSent // nothing is being opened
	}
	select {
	case <-done:
	case <-request.Context().Done():
	}
	return nil, errNotSent
}
