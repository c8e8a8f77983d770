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
	unsaid := aws.String("-")
	// AppStream is asked three things at once, each on a connection of its own.
	calls := []func(*opener){
		func(via *opener) {
			_, _ = c.AppStream.DescribeImages(ctx, &appstream.DescribeImagesInput{}, via.appStream)
		},
		func(via *opener) {
			_, _ = c.AppStream.ListExportImageTasks(ctx, &appstream.ListExportImageTasksInput{}, via.appStream)
		},
		func(via *opener) {
			_, _ = c.AppStream.ListTagsForResource(ctx, &appstream.ListTagsForResourceInput{ResourceArn: unsaid}, via.appStream)
		},
		func(via *opener) {
			_, _ = c.SNS.Publish(ctx, &sns.PublishInput{TopicArn: unsaid, Message: unsaid},
				func(o *sns.Options) { via.client, o.HTTPClient, o.Retryer = o.HTTPClient, via, aws.NopRetryer{} })
		},
		func(via *opener) {
			_, _ = c.SQS.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: unsaid, MessageBody: unsaid},
				func(o *sqs.Options) { via.client, o.HTTPClient, o.Retryer = o.HTTPClient, via, aws.NopRetryer{} })
		},
	}
	var wait, begun sync.WaitGroup
	begun.Add(len(calls))
	for _, call := range calls {
		via := &opener{begin: sync.OnceFunc(begun.Done), begun: &begun}
		wait.Go(func() {
			defer via.begin() // where it came to no connection at all
			call(via)
		})
	}
	wait.Wait()
}

// opener opens a connection to where a request would go, and leaves it in its client's pool. The request is not sent.
type opener struct {
	client aws.HTTPClient
	begin  func()          // called when the connection begins to be opened
	begun  *sync.WaitGroup // until all do: a connection that is ready before would be used in place of another
}

func (o *opener) appStream(options *appstream.Options) {
	o.client, options.HTTPClient, options.Retryer = options.HTTPClient, o, aws.NopRetryer{}
}

var errNotSent = errors.New("not sent: the call was made to open a connection")

func (o *opener) Do(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme != "https" {
		return nil, errNotSent // without a handshake there is little to gain
	}
	ctx, cancel := context.WithCancel(request.Context())
	defer cancel()
	done := make(chan struct{})
	finish := sync.OnceFunc(func() { close(done) })
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// net/http goes on connecting, for whoever comes next, when the request that it does so for is cancelled.
		ConnectStart: func(string, string) { o.begin(); cancel() },
		TLSHandshakeDone: func(tls.ConnectionState, error) {
			o.begun.Wait()
			finish()
		},
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
