package eventpattern_test

import (
	"strings"
	"testing"

	"appstream-ami-exporter/internal/localaws/eventpattern"
)

func parse(t *testing.T, pattern string) eventpattern.Pattern {
	t.Helper()
	parsed, err := eventpattern.Parse([]byte(pattern))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestMatches(t *testing.T) {
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

		{"or, first", `{"$or": [{"source": ["aws.ec2"]}, {"detail": {"state": ["stopped"]}}]}`, true},
		{"or, second", `{"$or": [{"source": ["aws.s3"]}, {"detail": {"state": ["running"]}}]}`, true},
		{"or, none", `{"$or": [{"source": ["aws.s3"]}, {"detail": {"state": ["stopped"]}}]}`, false},
		{"or beside a field", `{"source": ["aws.s3"], "$or": [{"source": ["aws.ec2"]}, {"time": ["x"]}]}`, false},
		{"or below a field", `{"detail": {"$or": [{"count": [6]}, {"state": ["running"]}]}}`, true},
		{"or inside or", `{"$or": [{"source": ["x"]}, {"source": ["aws.ec2"], "$or": [{"time": ["x"]}, {"detail": {"ok": [true]}}]}]}`,
			true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parse(t, test.pattern).Matches([]byte(instance))
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("pattern %s matches: %t, want %t", test.pattern, got, test.want)
			}
		})
	}
}

// TestParseRefuses covers patterns that EventBridge does not accept, and those that are not played here.
func TestParseRefuses(t *testing.T) {
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
		{"an operator", `{"a": {"b": [{"wildcard": "*x"}]}}`, "a: b: wildcard: this operator is not supported here"},
		{"misspelt operator", `{"a": [{"exist": true}]}`, "exist: this operator is not supported here"},
		{"exists with text", `{"a": [{"exists": "false"}]}`, "exists: true or false is needed"},
		{"or with one alternative", `{"$or": [{"a": ["x"]}]}`, "$or: a list of at least two objects is needed"},
		{"or of values", `{"$or": ["x", "y"]}`, "$or: a list of at least two objects is needed"},
		{"or of operators", `{"a": {"$or": [{"prefix": ["x"]}, {"b": ["y"]}]}}`, "not allowed inside $or"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := eventpattern.Parse([]byte(test.pattern))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("pattern %s: got error %v, want one with %q", test.pattern, err, test.want)
			}
		})
	}
}

func TestMatchesRefusesEvents(t *testing.T) {
	for _, event := range []string{``, `[]`, `"x"`, `{"a": }`} {
		if _, err := parse(t, `{"a": ["x"]}`).Matches([]byte(event)); err == nil {
			t.Errorf("event %q: no error", event)
		}
	}
}
