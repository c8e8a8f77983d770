package doctor

import (
	"testing"
	"time"
	_ "time/tzdata" // the zones, wherever the tests run
)

func TestNextRun(t *testing.T) {
	for _, test := range []struct{ expression, zone, next, lost string }{
		{"cron(0 2 * * ? *)", "UTC", "2026-11-27T02:00:00Z", ""},
		{"cron(0 2 * * ? *)", "America/New_York", "2026-11-27T02:00:00-05:00", "2027-03-14"},
		{"cron(0 13 * * ? *)", "UTC", "2026-11-26T13:00:00Z", ""},
		{"cron(0 12 * * ? *)", "UTC", "2026-11-27T12:00:00Z", ""}, // now is not next
		{"cron(0/15 8-10 ? * MON-FRI *)", "UTC", "2026-11-27T08:00:00Z", ""},
		{"cron(30 2 ? * SAT *)", "UTC", "2026-11-28T02:30:00Z", ""},
		{"cron(0 2 ? * FRI-MON *)", "UTC", "2026-11-27T02:00:00Z", ""},
		{"cron(0 2 ? * 1,2 *)", "UTC", "2026-11-29T02:00:00Z", ""}, // 1 is Sunday
		{"cron(0 2 29 FEB ? *)", "UTC", "2028-02-29T02:00:00Z", ""},
		{"cron(0 2 1 1 ? 2020)", "UTC", "", ""},
		{"cron(5 0 1 dec ? *)", "Asia/Kolkata", "2026-12-01T00:05:00+05:30", ""},
	} {
		next, lost, err := nextRun(test.expression, test.zone, noon)
		if err != nil {
			t.Errorf("%s: %v", test.expression, err)
			continue
		}
		got := ""
		if !next.IsZero() {
			got = next.Format(time.RFC3339)
		}
		if got != test.next || lost != test.lost {
			t.Errorf("%s in %s comes next %s and loses %q, want %s and %q", test.expression, test.zone, got, lost, test.next, test.lost)
		}
	}
	for _, expression := range []string{"rate(1 day)", "cron(0 2 L * ? *)", "cron(0 2 ? * 6#3 *)", "cron(0 2 15W * ? *)", "cron(0 2 * *)",
		"cron(0 2/0 * * ? *)", "cron(61 2 * * ? *)", "at(2026-11-26T00:00:00)"} {
		if next, _, err := nextRun(expression, "UTC", noon); err == nil {
			t.Errorf("%s is said to come next %s", expression, next)
		}
	}
	if _, _, err := nextRun("cron(0 2 * * ? *)", "Europe/Nowhere", noon); err == nil {
		t.Error("a zone that there is not is known")
	}
}
