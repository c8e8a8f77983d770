package export

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// What a sweep told is remembered on the image, among its other tags.
func TestRememberRejection(t *testing.T) {
	d := Decision{ImageName: "win", AMIName: "win(1)", Code: "InvalidRoleException"}
	for name, test := range map[string]struct {
		answer func() error
		want   map[string]string
		says   string
	}{
		"it can":           {nil, map[string]string{"Owner": "it", tags.Rejected: sweep(t).rejectionOf(d).String()}, ""},
		"it cannot":        {denied, map[string]string{"Owner": "it"}, "TagResource: AccessDeniedException: why"},
		"there is no room": {full, map[string]string{"Owner": "it"}, "TagResource: LimitExceededException: why"},
	} {
		t.Run(name, func(t *testing.T) {
			appStream := &fake{tags: map[string]map[string]string{"win": {"Owner": "it"}},
				on: map[string]func() error{"TagResource": test.answer}}
			err := appStream.exporter().RememberRejection(t.Context(), sweep(t), d)
			if (err == nil) != (test.says == "") || err != nil && err.Error() != test.says {
				t.Errorf("error %v, want %q", err, test.says)
			}
			if diff := cmp.Diff(test.want, appStream.tags["win"]); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
		})
	}
}
