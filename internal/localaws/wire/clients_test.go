//go:build !race

package wire_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdkec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	sdkrbin "github.com/aws/aws-sdk-go-v2/service/rbin"
	sdkssm "github.com/aws/aws-sdk-go-v2/service/ssm"

	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/rbin"
	"appstream-ami-exporter/internal/localaws/ssm"
)

const home, abroad = "eu-west-1", "us-east-1"

// clients are the SDK's, of one Region of one account, wherever that is.
type clients struct {
	ec2  *sdkec2.Client
	ssm  *sdkssm.Client
	rbin *sdkrbin.Client
}

func newClients(region, ec2URL, ssmURL, rbinURL string) clients {
	config := func(url string) aws.Config {
		return aws.Config{
			Region:           region,
			BaseEndpoint:     &url,
			Credentials:      credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""),
			RetryMaxAttempts: 1, // every answer is to be seen
		}
	}
	return clients{
		ec2:  sdkec2.NewFromConfig(config(ec2URL)),
		ssm:  sdkssm.NewFromConfig(config(ssmURL)),
		rbin: sdkrbin.NewFromConfig(config(rbinURL)),
	}
}

// local is an account of the emulators.
type local struct {
	ec2  *ec2.EC2
	ssm  *ssm.SSM
	rbin *rbin.RecycleBin
	now  time.Time

	home, abroad clients
}

func newLocal(t *testing.T) *local {
	t.Helper()
	l := &local{now: time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)}
	now := func() time.Time { return l.now }
	l.rbin = rbin.New(rbin.Options{Now: now})
	l.ec2 = ec2.New(ec2.Options{
		Now:       now,
		Retention: l.rbin.Retention,
		ParameterReferences: func(region, id string) []string {
			return l.ssm.References(region, id)
		},
	})
	l.ssm = ssm.New(ssm.Options{Now: now, ImageExists: func(region, id string) bool {
		image, found := l.ec2.Image(region, id)
		return found && image.State == ec2.Available
	}})
	serve := func(h http.Handler) string {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return server.URL
	}
	ec2URL, ssmURL, rbinURL := serve(l.ec2), serve(l.ssm), serve(l.rbin)
	l.home, l.abroad = newClients(home, ec2URL, ssmURL, rbinURL), newClients(abroad, ec2URL, ssmURL, rbinURL)
	return l
}
