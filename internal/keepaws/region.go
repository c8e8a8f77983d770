// Package keepaws is AWS as the keeper uses it: it turns the types and errors of EC2, Systems Manager, Recycle Bin, AppStream and
// SNS into those of internal/keep. Beside cmd/doctor it is the only room that imports service/ec2, service/ssm and service/rbin.
package keepaws

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/rbin"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"appstream-ami-exporter/internal/keep"
)

// Region is one Region of the account: it is a keep.Region.
type Region struct {
	ec2  *ec2.Client
	ssm  *ssm.Client
	rbin *rbin.Client
}

var _ keep.Region = (*Region)(nil)

// NewRegion returns the Region of this name, to be called as the configuration says otherwise.
func NewRegion(cfg aws.Config, name string) *Region {
	cfg = cfg.Copy()
	cfg.Region = name
	return &Region{ec2: ec2.NewFromConfig(cfg), ssm: ssm.NewFromConfig(cfg), rbin: rbin.NewFromConfig(cfg)}
}

// errRepeated says that a listing would never end.
var errRepeated = errors.New("AWS repeats a page of its listing instead of going on")

// pages calls page with the token of each page until there is none.
func pages(page func(token *string) (next *string, err error)) error {
	var token *string
	for {
		next, err := page(token)
		if err != nil || aws.ToString(next) == "" {
			return err
		}
		if aws.ToString(next) == aws.ToString(token) {
			return errRepeated
		}
		token = next
	}
}
