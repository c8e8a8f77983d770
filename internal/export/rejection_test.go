package export

import (
	"testing"
	"time"

	"appstream-ami-exporter/internal/tags"
	"appstream-ami-exporter/internal/trigger"
)

// A sweep tells a rejection once a week, or when something about it is new.
func TestRejectionRepeats(t *testing.T) {
	t.Parallel()
	night := func(day int) Order {
		return Order{Sweep: true, Trigger: trigger.Trigger{Time: time.Date(2026, 11, day, 4, 0, 0, 0, time.UTC)}}
	}
	d := Decision{ImageName: "win", AMIName: "win(1)", Code: "InvalidRoleException"}
	told := night(10).rejectionOf(d).String()
	if err := tags.Check(tags.Rejected, told); err != nil {
		t.Fatalf("%q cannot be the value of a tag: %v", told, err)
	}
	tests := map[string]struct {
		day      int
		code     string
		amiName  string
		tag      string
		repeated bool
	}{
		"the next night":        {11, d.Code, d.AMIName, told, true},
		"six nights later":      {16, d.Code, d.AMIName, told, true},
		"a week later":          {17, d.Code, d.AMIName, told, false},
		"another reason":        {11, "OperationNotPermittedException", d.AMIName, told, false},
		"another AMI name":      {11, d.Code, "win-20261111", told, false},
		"never told":            {11, d.Code, d.AMIName, "", false},
		"a tag of another form": {11, d.Code, d.AMIName, "yes", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := night(test.day).rejectionOf(Decision{AMIName: test.amiName, Code: test.code})
			if got := now.repeats(test.tag); got != test.repeated {
				t.Errorf("repeated: %v", got)
			}
		})
	}
}
