package export

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/trigger"
)

// amiNamePattern is AppStream's.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_CreateExportImageTask.html
var (
	amiNamePattern   = regexp.MustCompile(`^[a-zA-Z0-9().\-/_]{3,128}$`)
	imageNamePattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,100}$`)
)

var (
	place   = Place{Partition: "aws", Account: "123456789012", Region: "eu-west-1"}
	created = time.Date(2026, 11, 20, 11, 15, 0, 0, time.FixedZone("CET", 3600))
	due     = time.Date(2026, 11, 23, 0, 30, 0, 0, time.FixedZone("CET", 3600))
)

func valuesOf(image string) values {
	return values{image: image, created: created, trigger: due, zone: time.UTC, place: place}
}

func nameTemplate(t testing.TB, text string) Template {
	t.Helper()
	template, err := ParseNameTemplate(text)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// hash is the first 12 hexadecimal digits of what is hashed for a name that does not fit.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:12]
}

func TestName(t *testing.T) {
	long := strings.Repeat("i", 101)
	tests := map[string]struct{ template, image, want string }{
		"the default":        {"{image}-{created}", "win2022-base-7", "win2022-base-7-20261120T101500Z"},
		"the trigger's date": {"{image}-{date}", "win", "win-20261122"}, // in UTC
		"the trigger's time": {"{image}-{time}", "win", "win-20261122T233000Z"},
		"everything": {"{region}/{account}/({image})_{image}.{created}-{date}-{time}", "w",
			"eu-west-1/123456789012/(w)_w.20261120T101500Z-20261122-20261122T233000Z"},
		"nothing but the image": {"{image}", "win", "win"},
		"128 characters":        {"{image}-{created}-0123456789", long[:100], long[:100] + "-20261120T101500Z-0123456789"},
		"the longest image":     {"{image}-{created}", long, long + "-20261120T101500Z"},
		"129 characters": {"{image}-{created}-0123456789", long, long + "-20261120T1015" + "-" +
			hash(long+"-20261120T101500Z-0123456789")},
		"one character":  {"{image}", "a", "a-" + hash("a")},
		"two characters": {"{image}", "ab", "ab-" + hash("ab")},
		"a long text before": {strings.Repeat("x", 200) + "{image}", "win", strings.Repeat("x", 115) + "-" +
			hash(strings.Repeat("x", 200)+"win")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			template := nameTemplate(t, test.template)
			got := template.name(valuesOf(test.image))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("AMI name (-want +got):\n%s", diff)
			}
			if !amiNamePattern.MatchString(got) {
				t.Errorf("AppStream does not take %q", got)
			}
			if CheckAMIName(got) != nil {
				t.Errorf("CheckAMIName does not take %q", got)
			}
		})
	}
}

// The AMI name is the idempotency key: the same intention has the same name, another one another.
func TestNameIsTheKey(t *testing.T) {
	long := strings.Repeat("i", 100)
	overflow := "{image}-{created}-" + strings.Repeat("x", 40)
	distinct := map[string]string{}
	for what, name := range map[string]string{
		"an image":           nameTemplate(t, overflow).name(valuesOf(long + "1")),
		"another image":      nameTemplate(t, overflow).name(valuesOf(long + "2")),
		"made anew":          nameTemplate(t, overflow).name(values{long + "1", created.Add(time.Second), due, time.UTC, place}),
		"with another end":   nameTemplate(t, overflow+"y").name(valuesOf(long + "1")),
		"short":              nameTemplate(t, "{image}").name(valuesOf("a")),
		"another short":      nameTemplate(t, "{image}").name(valuesOf("b")),
		"a short that is so": nameTemplate(t, "{image}").name(valuesOf("ab")),
	} {
		if before, taken := distinct[name]; taken {
			t.Errorf("%s and %s have one AMI name: %s", what, before, name)
		}
		distinct[name] = what
	}
	later := values{image: long, created: created.UTC(), trigger: due.UTC(), zone: time.UTC, place: place}
	if first, again := nameTemplate(t, overflow).name(valuesOf(long)), nameTemplate(t, overflow).name(later); first != again {
		t.Errorf("the same moment in two time zones makes %q and %q", first, again)
	}
}

func TestParseNameTemplateRefuses(t *testing.T) {
	tests := map[string]struct {
		template string
		says     []string
	}{
		"nothing":               {"", []string{`template "" lacks {image}`}},
		"no image":              {"backup-{date}", []string{"lacks {image}: all images would get one name"}},
		"a space":               {"{image} {date}", []string{"a character that AppStream does not take"}},
		"a colon":               {"{image}:{date}", []string{"allowed are letters, digits and ( ) . - / _"}},
		"a letter of Unicode's": {"{image}-ü", []string{"a character that AppStream does not take"}},
		"invalid UTF-8":         {"{image}\xff", []string{"a character that AppStream does not take"}},
		"an unknown one": {"{image}-{day}", []string{"holds {day}; placeholders are {image}, {created}, {date}, {time}, {region} " +
			"and {account}"}},
		"other letters":    {"{Image}", []string{"holds {Image};"}},
		"an empty one":     {"{image}{}", []string{"holds {};"}},
		"one with a space": {"{image}{ date}", []string{"holds { date};"}},
		"not closed":       {"{image}-{date", []string{"a brace without its partner"}},
		"not opened":       {"{image}-date}", []string{"a brace without its partner"}},
		"opened twice":     {"{{image}", []string{"a brace without its partner"}},
		"closed twice":     {"{image}}", []string{"a brace without its partner"}},
		"one in the other": {"{image}-{da{te}}", []string{"a brace without its partner"}},
		"all problems":     {"backup {date}", []string{"lacks {image}", "a character that AppStream does not take"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseNameTemplate(test.template)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range append(test.says, "the AMI name template") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error = %v, want %q in it", err, want)
				}
			}
		})
	}
}

// A template is as long as it may be, or refused.
func TestLongestTemplate(t *testing.T) {
	longest := "{image}" + strings.Repeat("a", 1024-len("{image}"))
	if _, err := ParseNameTemplate(longest); err != nil {
		t.Error(err)
	}
	says := "the AMI name template is 1025 bytes long, 1024 are the most"
	if _, err := ParseNameTemplate(longest + "a"); err == nil || err.Error() != says {
		t.Errorf("one byte more: %v", err)
	}
}

func TestCheckAMIName(t *testing.T) {
	for _, name := range []string{"abc", "a.b", "azAZ09", "(a)/b_c-D.9", strings.Repeat("a", 128)} {
		if err := CheckAMIName(name); err != nil || !amiNamePattern.MatchString(name) {
			t.Errorf("%v", err)
		}
	}
	for _, name := range []string{"", "ab", strings.Repeat("a", 129), "a b", "a@b", "[ab]", "a'b", "äbc", "abc\n", "ab\xff", "{image}"} {
		if err := CheckAMIName(name); err == nil || amiNamePattern.MatchString(name) {
			t.Errorf("%q is taken", name)
		}
	}
}

func TestDescription(t *testing.T) {
	tests := map[string]struct{ template, want string }{
		"none":           {"", ""},
		"the default":    {"AppStream image {image}, made {created}", "AppStream image win, made 20261120T101500Z"},
		"all of ASCII":   {" !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az|~", " !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az|~"},
		"255 characters": {strings.Repeat("a", 248) + "{image}", strings.Repeat("a", 248) + "win"},
		"256 characters": {strings.Repeat("a", 246) + "{created}", strings.Repeat("a", 246) + "20261120T"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			template, err := ParseDescriptionTemplate(test.template)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, template.description(valuesOf("win"))); diff != "" {
				t.Errorf("description (-want +got):\n%s", diff)
			}
		})
	}
	const notTaken = ", which EC2 does not take in a description: allowed are the letters a to z and A to Z, digits, spaces and the " +
		"punctuation of ASCII"
	for text, says := range map[string]string{
		"{name}": "holds {name}; placeholders are", "}": "has a brace without its partner", "{": "has a brace", "{image": "has a brace",
		"{image} – base":               `the AMI description template "{image} – base" holds "–"` + notTaken,
		"Größe":                        `holds "ö"` + notTaken,
		"two\nlines":                   `holds "\n"` + notTaken,
		"\x7f":                         `holds "\x7f"` + notTaken,
		"\x1f":                         `holds "\x1f"` + notTaken,
		"a\xff":                        `holds "\xff"` + notTaken,
		strings.Repeat("a", 256):       "the AMI description template is 256 characters long, EC2 takes at most 255",
		strings.Repeat("–", 256):       "is 256 characters long, EC2 takes at most 255",
		strings.Repeat("{image}", 100): "is 700 characters long",
	} {
		if _, err := ParseDescriptionTemplate(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v\nlacks %s", text, err, says)
		}
	}
}

func FuzzName(f *testing.F) {
	f.Add("{image}-{created}", "win2022-base-7", int64(1795169700))
	f.Add("{image}", "a", int64(0))
	f.Add("{region}/{account}/{image}.{date}{time}", strings.Repeat("i", 101), int64(253402300799))
	f.Add("{image", "a", int64(-62135596800))
	f.Fuzz(func(t *testing.T, text, image string, unix int64) {
		template, err := ParseNameTemplate(text)
		if err != nil {
			return
		}
		if unix < -62135596800 || unix > 253402300799 || !imageNamePattern.MatchString(image) {
			t.Skip() // AppStream has no such images
		}
		v := values{image: image, created: time.Unix(unix, 0), trigger: time.Unix(unix, 0).UTC(), zone: time.UTC, place: place}
		name := template.name(v)
		if !amiNamePattern.MatchString(name) || CheckAMIName(name) != nil {
			t.Errorf("AppStream does not take the AMI name %q", name)
		}
		if again := template.name(v); again != name {
			t.Errorf("the name changes from %q to %q", name, again)
		}
		other := v
		other.image += "x"
		if len(other.image) <= 101 && template.name(other) == name {
			t.Errorf("two images have the AMI name %q", name)
		}
	})
}

// What failed with one description gets another chance with another, not with another night.
func TestDescribes(t *testing.T) {
	tests := map[string]struct {
		template, text string
		want           bool
	}{
		"the same":                   {"image {image}", "image win", true},
		"another text":               {"image {image}", "picture win", false},
		"another image":              {"image {image}", "image lin", false},
		"longer":                     {"image {image}", "image win2", false},
		"shorter":                    {"image {image}", "image wi", false},
		"of before it was mended":    {"image - {image}", "image – win", false},
		"another night's date":       {"{image} of {date}", "win of 20260101", true},
		"another night's time":       {"{image} of {time}", "win of 20260101T020000Z", true},
		"a date instead of a time":   {"{image} of {time}", "win of 20260101", false},
		"another time of creation":   {"{image} of {created}", "win of 20260101T020000Z", false},
		"cut":                        {strings.Repeat("a", 246) + "{created}", strings.Repeat("a", 246) + "20261120T", true},
		"cut within the date":        {strings.Repeat("a", 240) + "{image}-{time}", strings.Repeat("a", 240) + "win-20260101T02", true},
		"cut, and another before it": {strings.Repeat("a", 240) + "{image}-{time}", strings.Repeat("a", 240) + "win+20260101T02", false},
		"nothing":                    {"image {image}", "", false},
		"nothing, and nothing made":  {"", "", true},
	}
	for name, test := range tests {
		template, err := ParseDescriptionTemplate(test.template)
		if err != nil {
			t.Fatal(err)
		}
		if got := template.describes(test.text, valuesOf("win")); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzDescription(f *testing.F) {
	f.Add("AppStream image {image}, made {created}", "win")
	f.Add(strings.Repeat("€", 300), "win")
	f.Add(strings.Repeat("{image}", 30), strings.Repeat("w", 101))
	f.Add("{time} {date}", "\xff")
	f.Fuzz(func(t *testing.T, text, image string) {
		template, err := ParseDescriptionTemplate(text)
		if err != nil {
			return
		}
		if !imageNamePattern.MatchString(image) {
			t.Skip() // AppStream has no such images
		}
		description := template.description(valuesOf(image))
		if !regexp.MustCompile(`^[ -~]{0,255}$`).MatchString(description) {
			t.Errorf("EC2 does not take the description %q", description)
		}
		later := valuesOf(image)
		later.trigger = later.trigger.AddDate(0, 1, 3)
		if !template.describes(description, later) {
			t.Errorf("%q is not known as a description of the same template", description)
		}
	})
}

// Five nights have five dates in the zone in which they are counted. In UTC the clock change of spring gives two of them one date.
func TestDateIsThatOfTheZone(t *testing.T) {
	t.Parallel()
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	distinct := map[*time.Location]map[string]bool{london: {}, time.UTC: {}}
	for day := 26; day <= 30; day++ { // summer time began on 29 March 2026
		night := time.Date(2026, 3, day, 0, 30, 0, 0, london)
		for zone, names := range distinct {
			order := Order{Trigger: trigger.Trigger{Time: night.UTC()}, Name: nameTemplate(t, "{image}-{date}"), Zone: zone}
			names[order.amiNameFor(win(), place)] = true
		}
	}
	if len(distinct[london]) != 5 || len(distinct[time.UTC]) != 4 {
		t.Errorf("names = %v", distinct)
	}
	if got := (Order{Trigger: nightly, Name: nameTemplate(t, "{image}-{date}-{time}")}).amiNameFor(win(), place); got !=
		"win-20261122-20261122T233000Z" {
		t.Errorf("without a zone the name is %s", got)
	}
}
