package keep_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"appstream-ami-exporter/internal/keep"
)

func TestParseRules(t *testing.T) {
	for text, want := range map[string]keep.Rules{
		"":                                   {},
		" ":                                  {},
		"last=1":                             {Last: 1},
		"last=3,daily=7,weekly=5,monthly=12": {Last: 3, Daily: 7, Weekly: 5, Monthly: 12},
		" within=30, last=2 ,yearly=10":      {Last: 2, Within: 30, Yearly: 10},
	} {
		got, err := keep.ParseRules(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if again, err := keep.ParseRules(got.String()); err != nil || again != got {
			t.Errorf("%q is printed as %q, which is %+v, %v", text, got, again, err)
		}
	}
	if got := (keep.Rules{Last: 3, Daily: 7, Weekly: 5, Monthly: 12, Yearly: 2,
		Within: 9}).String(); got != "last=3,daily=7,weekly=5,monthly=12,yearly=2,within=9" {
		t.Errorf("printed as %q", got)
	}
	for text, says := range map[string]string{
		"daily=7":             "last=N is missing",
		"last=0":              "a whole number from 1 to 50000",
		"last=-1":             "a whole number from 1 to 50000",
		"last=50001":          "a whole number from 1 to 50000",
		"last=x":              "a whole number from 1",
		"last":                "a whole number from 1",
		"last=1,last=2":       "there twice",
		"last=1,hourly=3":     "is no rule",
		"last=1,":             "is no rule",
		"Last=1":              "is no rule",
		"last=1,daily=0":      `"daily=0" needs`,
		"last=1;daily=7":      `"last=1;daily=7" needs`,
		"monthly=x,within=-2": "within=",
	} {
		if _, err := keep.ParseRules(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What the rules keep is what a plain reading of them says, for random histories in places where days have 23 and 25 hours. Taking
// one AMI away never costs another its place.
func TestSelect(t *testing.T) {
	for seed := range uint64(2000) {
		w := newWorld(seed)
		rules, place := randomRules(w), one(w, locations)
		var exported []time.Time
		at := time.Date(2024, 1, 1, w.rnd.IntN(24), 0, 0, 0, time.UTC)
		for range 1 + w.rnd.IntN(40) {
			at = at.Add(time.Duration(w.rnd.IntN(60*24*one(w, []int{1, 3, 40}))) * time.Minute)
			exported = append(exported, at)
		}
		slices.Reverse(exported)
		for range w.rnd.IntN(3) { // newest first goes by the image, not by the export
			i, j := w.rnd.IntN(len(exported)), w.rnd.IntN(len(exported))
			exported[i], exported[j] = exported[j], exported[i]
		}
		why := rules.Select(exported, place)
		for i := range exported {
			if want := reference(rules, exported, place, i); want != (why[i] != "") {
				t.Fatalf("seed %d: %s keeps no. %d of %v: %v, for the reason %q", seed, rules, i, exported, want, why[i])
			}
		}
		without := w.rnd.IntN(len(exported))
		fewer := rules.Select(slices.Delete(slices.Clone(exported), without, without+1), place)
		for i := range exported {
			after := i
			if i > without {
				after--
			}
			if i != without && why[i] != "" && fewer[after] == "" {
				t.Fatalf("seed %d: without no. %d of %v, %s no longer keeps no. %d", seed, without, exported, rules, i)
			}
		}
	}
}

// A standstill must not empty the history: days are counted from the family's latest.
func TestSelectAfterAStandstill(t *testing.T) {
	long := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, why := range (keep.Rules{Last: 1, Within: 7}).Select([]time.Time{long, long.Add(-6 * day), long.Add(-7 * day),
		long.Add(-7*day - 1)}, time.UTC) {
		if (why != "") != (i < 3) {
			t.Errorf("no. %d: %q", i, why)
		}
	}
}

func TestParseFamilies(t *testing.T) {
	got, err := keep.ParseFamilies(" base=win2022-base-*, office=win2025-office-*,base=golden")
	if err != nil || got.String() != "base=win2022-base-*,office=win2025-office-*,base=golden" {
		t.Fatalf("%s, %v", got, err)
	}
	for image, want := range map[string]keep.Family{
		"win2022-base-7":   {Key: "family:base", Name: "base"},
		"golden":           {Key: "family:base", Name: "base"},
		"win2025-office-1": {Key: "family:office", Name: "office"},
		"other":            {Key: "image:other", Name: "other"},
		"base":             {Key: "image:base", Name: "base"},
	} {
		if got := got.Of(image); got != want {
			t.Errorf("%s is of %+v", image, got)
		}
	}
	first, err := keep.ParseFamilies("a=win-*,b=win-2*")
	if err != nil || first.Of("win-22").Name != "a" {
		t.Errorf("of two patterns that fit the first counts: %+v, %v", first.Of("win-22"), err)
	}
	for text, says := range map[string]string{
		"base":           "is not name=pattern",
		"=win-*":         "is not the name of a family",
		"my base=win-*":  "is not the name of a family",
		"base=*":         "at least 3 characters",
		"base=wi*":       "at least 3 characters",
		"base=wi?2":      "at least 3 characters",
		"base=":          "at least 3 characters",
		"base=win-[a":    "is not a pattern",
		"a/b=win-*":      "is not the name of a family",
		"base=win-*,x=y": "at least 3 characters",
	} {
		if _, err := keep.ParseFamilies(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// AMIs are retired when a day begins, also where it begins at one o'clock.
func TestMidnight(t *testing.T) {
	for _, test := range []struct{ zone, after, want string }{
		{"UTC", "2026-11-26T00:00:00Z", "2026-11-26T00:00:00Z"},
		{"UTC", "2026-11-26T00:00:01Z", "2026-11-27T00:00:00Z"},
		{"Europe/Berlin", "2026-11-26T12:00:00Z", "2026-11-26T23:00:00Z"},
		{"Asia/Kolkata", "2026-11-26T12:00:00Z", "2026-11-26T18:30:00Z"},
		{"America/Santiago", "2026-09-05T12:00:00Z", "2026-09-06T04:00:00Z"}, // clocks go from 24:00 to 1:00
		{"Africa/Cairo", "2026-04-23T12:00:00Z", "2026-04-23T22:00:00Z"},     // and so they do here
	} {
		at, err := time.Parse(time.RFC3339, test.after)
		if err != nil {
			t.Fatal(err)
		}
		place := location(test.zone)
		got := keep.Midnight(place, at)
		if got.UTC().Format(time.RFC3339) != test.want {
			t.Errorf("after %s in %s the first midnight is %s, want %s", test.after, test.zone, got.UTC(), test.want)
		}
		if got.In(place).Add(-time.Second).Day() == got.In(place).Day() {
			t.Errorf("%s is no beginning of a day in %s", got, test.zone)
		}
	}
}
