// Package awsclient builds the SDK's clients once, at start, with what all of them need: time limits for every attempt, and
// a way around a defect of the SDK's transport.
package awsclient

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Clients are the three services that the function calls.
type Clients struct {
	AppStream *appstream.Client
	SNS       *sns.Client
	SQS       *sqs.Client
}

const (
	// attemptLimit bounds one attempt of a call, from sending it to the last byte of its answer. AppStream answers within
	// a few seconds when it answers at all; three attempts fit into the shortest timeout that the template allows.
	attemptLimit = 15 * time.Second

	// dialLimit bounds opening a connection, which takes milliseconds within a Region.
	dialLimit = 3 * time.Second

	// idleLimit is after how long an unused connection is not used again. While Lambda freezes the function between two
	// invocations, the other side closes idle connections unnoticed; a request on such a connection fails, and
	// CreateExportImageTask must not be repeated. net/http compares with the wall clock, which a freeze does not stop.
	idleLimit = 10 * time.Second
)

// New loads the SDK's configuration from the environment and builds the clients. Retries are the SDK's standard
// ones, three attempts; CreateExportImageTask turns them off at its call.
func New(ctx context.Context) (Clients, error) { return build(ctx, httpClient()) }

// Config loads the SDK's configuration from the environment, for functions that have other clients.
func Config(ctx context.Context) (aws.Config, error) { return load(ctx, httpClient()) }

func load(ctx context.Context, client *awshttp.BuildableClient) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client))
	if err != nil {
		return aws.Config{}, fmt.Errorf("load the AWS configuration: %w", err)
	}
	// Only now: the SDK can add the certificates of AWS_CA_BUNDLE to no other client than its own.
	cfg.HTTPClient = wholeBody{cfg.HTTPClient}
	return cfg, nil
}

func build(ctx context.Context, client *awshttp.BuildableClient) (Clients, error) {
	cfg, err := load(ctx, client)
	if err != nil {
		return Clients{}, err
	}
	return Clients{
		AppStream: appstream.NewFromConfig(cfg),
		SNS:       sns.NewFromConfig(cfg),
		SQS:       sqs.NewFromConfig(cfg),
	}, nil
}

func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithTimeout(attemptLimit).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialLimit }).
		WithTransportOptions(func(t *http.Transport) { t.IdleConnTimeout = idleLimit })
}
