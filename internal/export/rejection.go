package export

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"

	"appstream-ami-exporter/internal/tags"
)

// toldAgainAfter is how long a rejection that every night finds again is not told again.
const toldAgainAfter = 7 * 24 * time.Hour

// rejection is what a sweep remembers on an image of what it told: when, AppStream's code, and under which AMI name, in one tag.
type rejection struct {
	at      time.Time // the time of the trigger, so that nights a week apart are a week apart
	code    string
	amiName string // its marker
}

func (o Order) rejectionOf(d Decision) rejection {
	return rejection{at: o.Trigger.Time.UTC().Truncate(time.Second), code: tags.Value(d.Code), amiName: tags.Marker(d.AMIName)}
}

func (r rejection) String() string { return r.at.Format(time.RFC3339) + " " + r.code + " " + r.amiName }

// repeats tells whether the value of the tag says that the same was told less than a week ago.
func (r rejection) repeats(remembered string) bool {
	date, what, _ := strings.Cut(remembered, " ")
	at, err := time.Parse(time.RFC3339, date)
	return err == nil && what == r.code+" "+r.amiName && r.at.Sub(at) < toldAgainAfter
}

// RememberRejection notes on an image that a sweep's rejection of it was told, so that the next nights need not tell it again. Its
// error means that they will.
func (e *Exporter) RememberRejection(ctx context.Context, order Order, d Decision) error {
	_, err := e.AppStream.TagResource(ctx, &appstream.TagResourceInput{
		ResourceArn: aws.String(e.Place.ImageARN(d.ImageName)),
		Tags:        map[string]string{tags.Rejected: order.rejectionOf(d).String()},
	})
	if err != nil {
		return fmt.Errorf("TagResource: %w", classifyTagging(err, e.RoleARN))
	}
	return nil
}
