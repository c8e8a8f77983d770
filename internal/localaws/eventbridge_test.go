package localaws_test

import (
	"strings"
	"testing"
	"time"

	"appstream-ami-exporter/internal/localaws"
)

func TestMatchPattern(t *testing.T) {
	const instance = `{"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification",
		"resources": ["arn:a", "arn:b"], "tags": [], "time": "2026-11-23T02:00:00Z",
		"detail": {"state": "running", "count": 5, "limit": 301.8, "ok": true, "nothing": null, "empty": "", "codes": [1, 2],
			"inner": {"deep": "x"}, "people": [{"first": "Anna", "last": "Smith"}, {"first": "Peter", "last": "Jones"}]}}`
	tests := []struct {
		name, pattern string
		want          bool
	}{
		{"exact", `{"source": ["aws.ec2"]}`, true},
		{"exact, other", `{"source": ["aws.s3"]}`, false},
		{"exact respects case", `{"source": ["AWS.EC2"]}`, false},
		{"one of several", `{"detail": {"state": ["stopped", "running"]}}`, true},
		{"all fields", `{"source": ["aws.ec2"], "detail": {"state": ["stopped"]}}`, false},
		{"field that is not there", `{"detail": {"colour": ["red"]}}`, false},
		{"object that is not there", `{"detail": {"colour": {"of": ["red"]}}}`, false},
		{"field below a plain value", `{"detail": {"state": {"of": ["running"]}}}`, false},
		{"object where a value is wanted", `{"detail": {"inner": ["x"]}}`, false},
		{"number", `{"detail": {"count": [5]}}`, true},
		{"number is not text", `{"detail": {"count": ["5"]}}`, false},
		{"number written differently", `{"detail": {"count": [5.0]}}`, false},
		{"boolean", `{"detail": {"ok": [true]}}`, true},
		{"boolean is not text", `{"detail": {"ok": ["true"]}}`, false},

		{"list in the event intersects", `{"resources": ["arn:b", "arn:c"]}`, true},
		{"list in the event does not intersect", `{"resources": ["arn:c"]}`, false},
		{"objects in a list", `{"detail": {"people": {"first": ["Anna"]}}}`, true},
		{"objects in a list, same element", `{"detail": {"people": {"first": ["Anna"], "last": ["Smith"]}}}`, true},
		{"objects in a list, different elements", `{"detail": {"people": {"first": ["Anna"], "last": ["Jones"]}}}`, false},

		{"null", `{"detail": {"nothing": [null]}}`, true},
		{"null is not empty text", `{"detail": {"nothing": [""]}}`, false},
		{"empty text", `{"detail": {"empty": [""]}}`, true},
		{"empty text is not null", `{"detail": {"empty": [null]}}`, false},
		{"null is not absence", `{"detail": {"colour": [null]}}`, false},

		{"exists", `{"detail": {"count": [{"exists": true}]}}`, true},
		{"exists, null", `{"detail": {"nothing": [{"exists": true}]}}`, true},
		{"exists, not there", `{"detail": {"colour": [{"exists": true}]}}`, false},
		{"exists looks at leaves only", `{"detail": {"inner": [{"exists": true}]}}`, false},
		{"exists, empty list", `{"tags": [{"exists": true}]}`, false},
		{"absent", `{"detail": {"colour": [{"exists": false}]}}`, true},
		{"absent, there", `{"detail": {"count": [{"exists": false}]}}`, false},
		{"absent, null is there", `{"detail": {"nothing": [{"exists": false}]}}`, false},
		{"absent looks at leaves only", `{"detail": {"inner": [{"exists": false}]}}`, true},
		{"absent below null", `{"detail": {"nothing": {"more": [{"exists": false}]}}}`, true},
		{"absent below what is not there", `{"detail": {"colour": {"of": [{"exists": false}]}}}`, true},
		{"absent in no element of a list", `{"detail": {"people": {"first": [{"exists": false}]}}}`, false},
		{"absent or a value, absent", `{"detail": {"dryRun": [{"exists": false}, false]}}`, true},
		{"absent or a value, other value", `{"detail": {"ok": [{"exists": false}, false]}}`, false},

		{"anything but", `{"detail": {"state": [{"anything-but": "stopped"}]}}`, true},
		{"anything but, the same", `{"detail": {"state": [{"anything-but": "running"}]}}`, false},
		{"anything but a list", `{"detail": {"state": [{"anything-but": ["running", "stopped"]}]}}`, false},
		{"anything but numbers", `{"detail": {"count": [{"anything-but": [1, 2]}]}}`, true},
		{"anything but needs the field", `{"detail": {"colour": [{"anything-but": "red"}]}}`, false},
		{"anything but, null", `{"detail": {"nothing": [{"anything-but": "red"}]}}`, true},
		{"anything but, one of a list differs", `{"detail": {"codes": [{"anything-but": 1}]}}`, true},

		{"prefix", `{"time": [{"prefix": "2026-11-23"}]}`, true},
		{"prefix, other", `{"time": [{"prefix": "2026-11-24"}]}`, false},
		{"prefix of a number", `{"detail": {"count": [{"prefix": "5"}]}}`, false},
		{"suffix", `{"source": [{"suffix": ".ec2"}]}`, true},
		{"suffix, other", `{"source": [{"suffix": "aws"}]}`, false},
		{"any case", `{"source": [{"equals-ignore-case": "AWS.EC2"}]}`, true},
		{"any case, other", `{"source": [{"equals-ignore-case": "AWS.EC"}]}`, false},

		{"numeric", `{"detail": {"count": [{"numeric": [">", 4]}]}}`, true},
		{"numeric, outside", `{"detail": {"count": [{"numeric": [">", 5]}]}}`, false},
		{"numeric range", `{"detail": {"count": [{"numeric": [">", 0, "<=", 5]}]}}`, true},
		{"numeric range, outside", `{"detail": {"count": [{"numeric": [">=", 0, "<", 5]}]}}`, false},
		{"numeric equality ignores the spelling", `{"detail": {"limit": [{"numeric": ["=", 3.018e2]}]}}`, true},
		{"numeric needs a number", `{"detail": {"state": [{"numeric": [">", 0]}]}}`, false},

		{"or, first", `{"$or": [{"source": ["aws.ec2"]}, {"detail": {"state": ["stopped"]}}]}`, true},
		{"or, second", `{"$or": [{"source": ["aws.s3"]}, {"detail": {"state": ["running"]}}]}`, true},
		{"or, none", `{"$or": [{"source": ["aws.s3"]}, {"detail": {"state": ["stopped"]}}]}`, false},
		{"or beside a field", `{"source": ["aws.s3"], "$or": [{"source": ["aws.ec2"]}, {"time": ["x"]}]}`, false},
		{"or below a field", `{"detail": {"$or": [{"count": [6]}, {"state": ["running"]}]}}`, true},
		{"or inside or", `{"$or": [{"source": ["x"]}, {"source": ["aws.ec2"], "$or": [{"time": ["x"]}, {"detail": {"ok": [true]}}]}]}`, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := localaws.MatchPattern([]byte(test.pattern), []byte(instance))
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("pattern %s matches: %t, want %t", test.pattern, got, test.want)
			}
		})
	}
}

// TestMatchPatternRefuses covers patterns that EventBridge does not accept, and those that are not played here. The
// event has none of their fields: a bad pattern is an error all the same.
func TestMatchPatternRefuses(t *testing.T) {
	tests := []struct{ name, pattern, want string }{
		{"not JSON", `{`, "cannot be read"},
		{"two values", `{"a": ["x"]} {}`, "something follows"},
		{"not an object", `["x"]`, "not a JSON object"},
		{"empty", `{}`, "an empty object is not allowed"},
		{"empty object", `{"a": {}}`, "a: an empty object is not allowed"},
		{"empty list", `{"a": []}`, "a: an empty list is not allowed"},
		{"plain value", `{"a": "x"}`, "a: an object or a list is needed"},
		{"list in a list", `{"a": [["x"]]}`, "a list inside a list"},
		{"two operators", `{"a": [{"prefix": "x", "suffix": "y"}]}`, "an object with one operator is needed, this one has 2"},
		{"wildcard", `{"a": {"b": [{"wildcard": "*x"}]}}`, "a: b: wildcard: this operator is not supported here"},
		{"cidr", `{"a": [{"cidr": "10.0.0.0/8"}]}`, "cidr: this operator is not supported here"},
		{"misspelt operator", `{"a": [{"exist": true}]}`, "exist: this operator is not supported here"},
		{"exists with text", `{"a": [{"exists": "false"}]}`, "exists: true or false is needed"},
		{"prefix with an object", `{"a": [{"prefix": {"equals-ignore-case": "x"}}]}`, "prefix: text is needed"},
		{"anything-but with a boolean", `{"a": [{"anything-but": true}]}`, "anything-but: text or a number"},
		{"anything-but mixed", `{"a": [{"anything-but": ["x", 1]}]}`, "anything-but: text or a number"},
		{"anything-but empty", `{"a": [{"anything-but": []}]}`, "anything-but: text or a number"},
		{"anything-but with an object", `{"a": [{"anything-but": {"prefix": "x"}}]}`, "other forms are not supported here"},
		{"numeric without a number", `{"a": [{"numeric": [">", "1"]}]}`, "is not a comparison"},
		{"numeric with an unknown operator", `{"a": [{"numeric": ["!=", 1]}]}`, "is not a comparison"},
		{"numeric incomplete", `{"a": [{"numeric": [">"]}]}`, "a comparison such as"},
		{"numeric upside down", `{"a": [{"numeric": [">", 5, "<", 1]}]}`, "is not a range"},
		{"or with one alternative", `{"$or": [{"a": ["x"]}]}`, "$or: a list of at least two objects is needed"},
		{"or of values", `{"$or": ["x", "y"]}`, "$or: a list of at least two objects is needed"},
		{"or of operators", `{"a": {"$or": [{"prefix": ["x"]}, {"b": ["y"]}]}}`, "not allowed inside $or"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			matches, err := localaws.MatchPattern([]byte(test.pattern), []byte(`{"z": 1}`))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("pattern %s: got %t and error %v, want one with %q", test.pattern, matches, err, test.want)
			}
		})
	}
}

func TestMatchPatternRefusesEvents(t *testing.T) {
	for _, event := range []string{``, `[]`, `"x"`, `{"a": }`} {
		if _, err := localaws.MatchPattern([]byte(`{"a": ["x"]}`), []byte(event)); err == nil {
			t.Errorf("event %q: no error", event)
		}
	}
}

func TestSchedulePayload(t *testing.T) {
	scheduled := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	schedule := localaws.StackSchedule{ARN: "arn:s", Input: `{"s":"<aws.scheduler.schedule-arn>","t":"<aws.scheduler.scheduled-time>"}`}
	got, err := schedule.Payload(scheduled)
	if want := `{"s":"arn:s","t":"2026-11-23T02:00:00Z"}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	for _, input := range []string{`{"id":"<aws.scheduler.execution-id>"}`, `{`, ``} {
		schedule.Input = input
		if got, err := schedule.Payload(scheduled); err == nil {
			t.Errorf("Input %q: got %s, want an error", input, got)
		}
	}
}
