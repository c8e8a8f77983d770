package export_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/export"
)

func parse(t testing.TB, patterns []string, tag map[string]string) export.Selection {
	t.Helper()
	selection, err := export.ParseSelection(patterns, tag)
	if err != nil {
		t.Fatal(err)
	}
	return selection
}

func TestMatchesName(t *testing.T) {
	tests := []struct {
		patterns []string
		matches  []string
		not      []string
	}{
		{nil, []string{"a", "prod-1", "A.b_c-d"}, nil},
		{[]string{"*"}, []string{"a", "prod-1"}, nil},
		{[]string{"prod"}, []string{"prod"}, []string{"prod-1", "Prod", "a-prod"}},
		{[]string{"prod-*"}, []string{"prod-", "prod-1", "prod-1.2_3"}, []string{"prod", "Prod-1", "a-prod-1"}},
		{[]string{"prod-?"}, []string{"prod-1"}, []string{"prod-", "prod-12"}},
		{[]string{"prod-[0-9]"}, []string{"prod-1"}, []string{"prod-a", "prod-[0-9]"}},
		{[]string{"prod-[^0-9]"}, []string{"prod-a"}, []string{"prod-1"}},
		{[]string{`prod\-1`}, []string{"prod-1"}, []string{`prod\-1`}},
		{[]string{"prod-*", "test-1"}, []string{"prod-1", "test-1"}, []string{"test-2"}},
		{[]string{"prod-*", "!prod-test"}, []string{"prod-1"}, []string{"prod-test", "a"}},
		{[]string{"!prod-test", "prod-*"}, []string{"prod-1"}, []string{"prod-test"}}, // the order is of no matter
		{[]string{"prod-*", "!*-test"}, []string{"prod-1"}, []string{"prod-test"}},
		{[]string{"!*-test"}, []string{"prod-1", "a"}, []string{"prod-test"}}, // only exclusions: all the others
		{[]string{"*", "!*"}, nil, []string{"a"}},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.patterns, ","), func(t *testing.T) {
			selection := parse(t, test.patterns, nil)
			for _, name := range test.matches {
				if !selection.MatchesName(name) {
					t.Errorf("%s is not selected", name)
				}
			}
			for _, name := range test.not {
				if selection.MatchesName(name) {
					t.Errorf("%s is selected", name)
				}
			}
		})
	}
	if !(export.Selection{}).MatchesName("a") || !(export.Selection{}).MatchesTags(nil) {
		t.Error("the zero Selection does not select every image")
	}
}

func TestMatchesTags(t *testing.T) {
	tests := []struct {
		name      string
		asked     map[string]string
		has       map[string]string
		isMatched bool
	}{
		{"nothing asked, none there", nil, nil, true},
		{"nothing asked", map[string]string{}, map[string]string{"a": "b"}, true},
		{"there", map[string]string{"Backup": "yes"}, map[string]string{"Backup": "yes", "a": "b"}, true},
		{"another value", map[string]string{"Backup": "yes"}, map[string]string{"Backup": "no"}, false},
		{"other letters", map[string]string{"Backup": "yes"}, map[string]string{"backup": "yes"}, false},
		{"one of two", map[string]string{"Backup": "yes", "Team": "a"}, map[string]string{"Backup": "yes"}, false},
		{"both", map[string]string{"Backup": "yes", "Team": "a"}, map[string]string{"Team": "a", "Backup": "yes"}, true},
		{"an empty value is not an absent tag", map[string]string{"Backup": ""}, nil, false},
		{"an empty value", map[string]string{"Backup": ""}, map[string]string{"Backup": ""}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := parse(t, nil, test.asked).MatchesTags(test.has); got != test.isMatched {
				t.Errorf("matched: %v, want %v", got, test.isMatched)
			}
		})
	}
}

func TestNames(t *testing.T) {
	tests := []struct {
		patterns []string
		names    []string
		only     bool
	}{
		{nil, nil, false},
		{[]string{"*"}, nil, false},
		{[]string{"!a"}, nil, false},
		{[]string{"b", "a", "b"}, []string{"a", "b"}, true},
		{[]string{"a", "prod-*"}, []string{"a"}, false},
		{[]string{"a", "b", "!b"}, []string{"a"}, true},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.patterns, ","), func(t *testing.T) {
			names, only := parse(t, test.patterns, nil).Names()
			if diff := cmp.Diff(test.names, names); diff != "" || only != test.only {
				t.Errorf("only = %v, want %v; names (-want +got):\n%s", only, test.only, diff)
			}
		})
	}
}

func TestSelectionThatNothingFits(t *testing.T) {
	const none = "every image that is named is excluded as well, so none is selected"
	for _, test := range []struct {
		patterns []string
		says     string
	}{
		{[]string{"a", "b", "!a", "!b*"}, none}, {[]string{"a", "!*"}, none},
		{[]string{"a", "b", "!a"}, ""}, {[]string{"a", "b*", "!a"}, ""}, {[]string{"!*"}, ""}, {nil, ""},
	} {
		selection, err := export.ParseSelection(test.patterns, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := selection.CheckNotEmpty(); (err == nil) != (test.says == "") || err != nil && err.Error() != test.says {
			t.Errorf("%v: %v", test.patterns, err)
		}
	}
}

// Matching must not take long, however many stars there are.
func TestLongPatterns(t *testing.T) {
	begin := time.Now()
	selection, err := export.ParseSelection([]string{strings.Repeat("*a", 5000) + "b"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if selection.MatchesName(strings.Repeat("a", 101)) {
			t.Fatal("it matches")
		}
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("a thousand names take %v", took)
	}
}

func TestParseSelectionRefuses(t *testing.T) {
	tests := map[string]struct {
		patterns []string
		tag      map[string]string
		says     []string
	}{
		"an empty name":           {[]string{""}, nil, []string{`"" is not an image name`}},
		"an empty exclusion":      {[]string{"!"}, nil, []string{`"" is not an image name`}},
		"a double exclusion":      {[]string{"!!a"}, nil, []string{`"!a" is not an image name`}},
		"a name with a space":     {[]string{"a b"}, nil, []string{`"a b" is not an image name`, "1 to 101 letters, digits"}},
		"one that begins badly":   {[]string{"-a"}, nil, []string{`"-a" is not an image name`}},
		"one too long":            {[]string{strings.Repeat("a", 102)}, nil, []string{"is not an image name"}},
		"an ARN":                  {[]string{"arn:aws:appstream:eu-west-1:123456789012:image/a"}, nil, []string{"is not an image name"}},
		"a set that does not end": {[]string{"a[b"}, nil, []string{`"a[b" is not an image pattern`, "[a-z] for one of a set"}},
		"a lone backslash":        {[]string{`a\`}, nil, []string{`is not an image pattern`}},
		"a pattern with a space":  {[]string{"prod-* test-*"}, nil, []string{"holds a character that no image name has"}},
		"too many patterns":       {many("x%d-*", 4000), nil, []string{"20000 are the most"}},
		"too many tags":           {nil, tags(51), []string{"an image has at most 50"}},
		"a tag key":               {nil, map[string]string{"": "x"}, []string{`"" is not a tag key`}},
		"all problems": {[]string{"a b", "c", "["}, map[string]string{"a?": "y", "z": "("},
			[]string{`"a b"`, `"["`, `"a?"`, `"z"`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := export.ParseSelection(test.patterns, test.tag)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range test.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error = %v, want %q in it", err, want)
				}
			}
		})
	}
}

// Patterns and exclusions may take as much room as there is, and not one byte more.
func TestMostPatterns(t *testing.T) {
	most := []string{"!" + strings.Repeat("a", 92)} // which takes 96 bytes, as each of the others
	for i := range 207 {
		most = append(most, fmt.Sprintf("%03d*%s", i, strings.Repeat("a", 88)))
	}
	most = append(most, "abcdefghijklmnop*"+strings.Repeat("a", 11)) // and 32 are left
	if _, err := export.ParseSelection(most, nil); err != nil {
		t.Error(err)
	}
	most[0] += "a"
	if _, err := export.ParseSelection(most, nil); err == nil || !strings.Contains(err.Error(), "are 20001 bytes long") {
		t.Errorf("one byte more: %v", err)
	}
}

// An image has at most 50 tags, and all of them may be asked for.
func TestMostTags(t *testing.T) {
	if _, err := export.ParseSelection(nil, tags(50)); err != nil {
		t.Error(err)
	}
}

func many(format string, count int) (entries []string) {
	for i := range count {
		entries = append(entries, fmt.Sprintf(format, i))
	}
	return entries
}

func tags(count int) map[string]string {
	tags := map[string]string{}
	for _, key := range many("k%d", count) {
		tags[key] = "v"
	}
	return tags
}

// imageName is AppStream's pattern.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_CreateExportImageTask.html
var imageName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,100}$`)

func TestCheckImageName(t *testing.T) {
	for _, name := range []string{"a", "z", "A", "Z", "0", "9", "a.b_c-D", "azAZ09", strings.Repeat("a", 101)} {
		if err := export.CheckImageName(name); err != nil || !imageName.MatchString(name) {
			t.Errorf("%v", err)
		}
	}
	for _, name := range []string{"", ".a", "_a", "`", "{", "@", "[", "/", ":", "-", "a/b", "a b", "ä", "a\n", "a\xff", "*",
		strings.Repeat("a", 102)} {
		if err := export.CheckImageName(name); err == nil || imageName.MatchString(name) {
			t.Errorf("%q is taken", name)
		}
	}
}

// Patterns come from anybody who may invoke the function.
func FuzzSelection(f *testing.F) {
	f.Add("prod-*", "!prod-test", "prod-1", "Backup", "yes")
	f.Add("[a-z]", "!", "a", "", "")
	f.Add(`\`, "!!", "é", "aws:x", "\n")
	f.Add(strings.Repeat("*a", 128), "x", strings.Repeat("a", 101), "k", "v")
	f.Fuzz(func(t *testing.T, first, second, name, key, value string) {
		selection, err := export.ParseSelection([]string{first, second}, map[string]string{key: value})
		if err != nil {
			return
		}
		names, only := selection.Names()
		for _, name := range names {
			if !imageName.MatchString(name) {
				t.Errorf("AppStream is asked for an image named %q", name)
			}
			if !selection.MatchesName(name) {
				t.Errorf("%q is meant and not selected", name)
			}
		}
		if only && selection.MatchesName(name) {
			found := false
			for _, meant := range names {
				found = found || meant == name
			}
			if !found {
				t.Errorf("%q is selected, but only %q are looked at", name, names)
			}
		}
		if excluded, ok := strings.CutPrefix(first, "!"); ok && excluded == name && imageName.MatchString(name) &&
			selection.MatchesName(name) {
			t.Errorf("%q is excluded and selected", name)
		}
		if selection.MatchesTags(nil) || !selection.MatchesTags(map[string]string{key: value}) {
			t.Errorf("the tag %q=%q does not decide", key, value)
		}
	})
}
