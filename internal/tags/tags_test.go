package tags_test

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/tags"
)

// What AppStream takes as tags; the key's "(?!aws:)" is checked apart, since Go's patterns have no such thing.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_CreateExportImageTask.html
var (
	keyPattern   = regexp.MustCompile(`^(?s:.)[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
	valuePattern = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
)

func isTag(key, value string) bool {
	runes := len([]rune(key))
	return runes >= 1 && runes <= 128 && keyPattern.MatchString(key) && !strings.HasPrefix(key, "aws:") &&
		len([]rune(value)) <= 256 && valuePattern.MatchString(value)
}

// numbered are count tags whose keys sort by their number.
func numbered(count int) map[string]string {
	tags := map[string]string{}
	for i := range count {
		tags[fmt.Sprintf("a%02d", i)] = "a"
	}
	return tags
}

// The keys are stored in accounts: one that changes orphans what was tagged before.
func TestKeys(t *testing.T) {
	want := []string{
		"appstream-ami-exporter:trigger-id", "appstream-ami-exporter:trigger", "appstream-ami-exporter:image-arn",
		"appstream-ami-exporter:ami-name", "appstream-ami-exporter:ami-id",
		"appstream-ami-exporter:stack", "appstream-ami-exporter:image-created", "appstream-ami-exporter:exported-at",
		"appstream-ami-exporter:complete", "appstream-ami-exporter:retire-at", "appstream-ami-exporter:retired",
		"appstream-ami-exporter:told",
		"appstream-ami-exporter:source-ami", "appstream-ami-exporter:source-region", "appstream-ami-exporter:copies",
		"appstream-ami-exporter:keep",
	}
	got := []string{
		tags.TriggerID, tags.Trigger, tags.ImageARN, tags.AMIName, tags.AMIID,
		tags.Stack, tags.ImageCreated, tags.ExportedAt,
		tags.Complete, tags.RetireAt, tags.Retired, tags.Told, tags.SourceAMI, tags.SourceRegion, tags.Copies, tags.Keep,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	for _, key := range got {
		if !isTag(key, "") || !tags.Reserved(key) {
			t.Errorf("%q is a tag key: %v, reserved: %v", key, isTag(key, ""), tags.Reserved(key))
		}
	}
}

func TestTagsAreSharedOut(t *testing.T) {
	if sum := tags.Own + tags.Later + tags.MaxOthers; sum != tags.Max {
		t.Errorf("%d of %d tags are shared out", sum, tags.Max)
	}
}

func TestReserved(t *testing.T) {
	for key, want := range map[string]bool{
		"aws:x": true, "AWS:x": true, "Aws:": true, "appstream-ami-exporter:new": true, "appstream-ami-exporter:": true,
		"": false, "aws": false, "awsome": false, "xaws:": false, "appstream-ami-exporter": false, "Owner": false,
	} {
		if got := tags.Reserved(key); got != want {
			t.Errorf("Reserved(%q) = %v", key, got)
		}
	}
}

func TestValue(t *testing.T) {
	tests := []struct {
		name, text string
		kept       bool
	}{
		{"one character", "a", true},
		{"256 characters", strings.Repeat("a", 256), true},
		{"256 letters of two bytes", strings.Repeat("é", 256), true},
		{"every sign allowed", "a _.:/=+-@", true},
		{"257 characters", strings.Repeat("a", 257), false},
		{"empty", "", false},
		{"a comma", "a,b", false},
		{"parentheses", "a(1)", false},
		{"a line break", "a\nb", false},
		{"a separator of lines", "a\u2028b", false},
		{"invalid UTF-8", "a\xff", false},
		{"an emoji", "a\U0001F600", false},
	}
	seen := map[string]string{}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := tags.Value(test.text)
			if got == "" || !isTag("key", got) {
				t.Errorf("%q is no tag value", got)
			}
			if test.kept && got != test.text {
				t.Errorf("Value = %q, want the text itself", got)
			}
			if !test.kept && !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(got) {
				t.Errorf("Value = %q, want a hash", got)
			}
			if other, taken := seen[got]; taken {
				t.Errorf("%.20q and %.20q have the same value", other, test.text)
			}
			seen[got] = test.text
			if again := tags.Value(test.text); again != got {
				t.Errorf("the value changes from %q to %q", got, again)
			}
		})
	}
}

// Marks of earlier versions have to be found again.
func TestMarker(t *testing.T) {
	for amiName, want := range map[string]string{
		"win-20261120T101500Z": "win-20261120T101500Z",
		"a/b.c_d-e":            "a/b.c_d-e",
		"win(2)":               "sha256:3064a524df2b9b6dd40860dfadf0c76667cab138eaf971ecb90963c04d01baea",
	} {
		if got := tags.Marker(amiName); got != want {
			t.Errorf("Marker(%q) = %q, want %q", amiName, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	for key, value := range map[string]string{
		"a": "", "Ü ß": "日本 9", "_.:/=+-@": "_.:/=+-@", "awsome": "x", " ": " ", "xaws:": "y",
		strings.Repeat("é", 128): strings.Repeat("é", 256),
	} {
		if err := tags.Check(key, value); err != nil || !isTag(key, value) {
			t.Errorf("%v", err)
		}
	}
	tests := []struct{ key, value, says string }{
		{"", "x", `"" is not a tag key: 1 to 128 letters, digits, spaces and _ . : / = + - @`},
		{strings.Repeat("a", 129), "x", "is not a tag key"},
		{"a(b", "x", `"a(b" is not a tag key`},
		{"(a", "x", `"(a" is not a tag key`},
		{"a\nb", "x", `"a\nb" is not a tag key`},
		{"a\xff", "x", "is not a tag key"},
		{"a", "(1)", `the tag "a" has a value that is not allowed: at most 256`},
		{"a", "1,2", `the tag "a" has a value that is not allowed`},
		{"a", strings.Repeat("a", 257), `the tag "a" has a value that is not allowed`},
		{"a", "b\u2028c", `the tag "a" has a value that is not allowed`},
		{"a\u2029b", "", "is not a tag key"},
		{"a", "b\xff", `the tag "a" has a value that is not allowed`},
	}
	for _, test := range tests {
		if err := tags.Check(test.key, test.value); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%q=%q: error = %v, want %q in it", test.key, test.value, err, test.says)
		}
	}
}

func TestCheckAll(t *testing.T) {
	for name, accepted := range map[string]map[string]string{"nil": nil, "none": {}, "as many as fit": numbered(35)} {
		if err := tags.CheckAll(accepted); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrong := numbered(46)
	maps.Copy(wrong, map[string]string{"b?": "1", "appstream-ami-exporter:ami-name": "x", "aws:a": "x", "AWS:b": "x"})
	err := tags.CheckAll(wrong)
	if err == nil {
		t.Fatal("accepted")
	}
	want := []string{
		"50 tags are too many, 35 are the most: an AMI has 50, of which 7 say where it comes from and 8 are left free for what is done " +
			"with it later",
		`the tag key "AWS:b" begins with aws:, which AWS keeps for itself`,
		`the tag key "appstream-ami-exporter:ami-name" begins with appstream-ami-exporter:, which this function keeps for itself`,
		`the tag key "aws:a" begins with aws:, which AWS keeps for itself`,
		`"b?" is not a tag key: 1 to 128 letters, digits, spaces and _ . : / = + - @`,
	}
	if diff := cmp.Diff(strings.Join(want, "\n"), err.Error()); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}
