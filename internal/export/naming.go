package export

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits and pattern of AppStream's own.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_CreateExportImageTask.html
const (
	minAMIName = 3
	maxAMIName = 128

	// maxDescription is EC2's, whom AppStream hands the description to; AppStream itself takes 256 of any characters.
	// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html
	maxDescription = 255

	// hashBytes is how much of a hash tells shortened names apart: with 48 bits, ten thousand of them collide once in five million
	// accounts.
	hashBytes = 6

	// shownOfPlaceholder is how much of an unknown placeholder is shown: enough to recognise a misspelt one.
	shownOfPlaceholder = 40

	// maxTemplate is ours: four times what AppStream takes of the result, so that a request stays small in the queue.
	maxTemplate = 1024
)

// Both forms are legal in AMI names, which ISO 8601 with colons is not, and sort by time.
const (
	timeForm = "20060102T150405Z"
	dateForm = "20060102"
)

// Template is the text of an AMI's name or description with placeholders: {image}, {created}, {date},
// {time}, {region} and {account}.
type Template struct {
	parts []string // a placeholder, or the text between two, which may be none
}

// values are what the placeholders stand for. Date and time are the trigger's, so that a redelivery
// makes the same name. The date is that in the stack's time zone, as people who set the schedule count the nights: in UTC the
// nights of a zone that is ahead of it would have the dates of the days before, and where its clocks change two could have one.
type values struct {
	image   string
	created time.Time
	trigger time.Time
	zone    *time.Location
	place   Place
}

var placeholders = map[string]func(values) string{
	"{image}":   func(v values) string { return v.image },
	"{created}": func(v values) string { return v.created.UTC().Format(timeForm) },
	"{date}":    func(v values) string { return v.trigger.In(v.zone).Format(dateForm) },
	"{time}":    func(v values) string { return v.trigger.UTC().Format(timeForm) },
	"{region}":  func(v values) string { return v.place.Region },
	"{account}": func(v values) string { return v.place.Account },
}

// ParseNameTemplate checks a template for AMI names: it must hold {image}, since two images with one AMI
// name could not both be exported, and else only what AppStream takes in an AMI name.
func ParseNameTemplate(text string) (Template, error) {
	t, err := parseTemplate("AMI name", text)
	if err != nil {
		return t, err
	}
	var problems []error
	if !t.uses("{image}") {
		problems = append(problems, fmt.Errorf("the AMI name template %s lacks {image}: all images would get one name", quote(text)))
	}
	for _, part := range t.parts {
		if placeholders[part] == nil && !allRunes(part, amiNameRune) {
			problems = append(problems, fmt.Errorf("the AMI name template %s holds a character that AppStream does not take in an "+
				"AMI name: allowed are letters, digits and ( ) . - / _", quote(text)))
			break
		}
	}
	return t, errors.Join(problems...)
}

// ParseDescriptionTemplate checks a template for AMI descriptions. It may hold what EC2 takes in a description: AppStream takes more,
// and exports with it fail when EC2 makes the AMI.
func ParseDescriptionTemplate(text string) (Template, error) {
	t, err := parseTemplate("AMI description", text)
	if err != nil {
		return t, err
	}
	var problems []error
	notTaken := func(r rune) bool { return !descriptionRune(r) }
	if i := strings.IndexFunc(text, notTaken); i >= 0 {
		_, size := utf8.DecodeRuneInString(text[i:])
		problems = append(problems, fmt.Errorf("the AMI description template %s holds %q, which EC2 does not take in a description: "+
			"allowed are the letters a to z and A to Z, digits, spaces and the punctuation of ASCII", quote(text), text[i:i+size]))
	}
	if runes := utf8.RuneCountInString(text); runes > maxDescription {
		problems = append(problems, fmt.Errorf("the AMI description template is %d characters long, EC2 takes at most %d", runes,
			maxDescription))
	}
	return t, errors.Join(problems...)
}

// isDescription tells whether EC2 takes the text as the description of an AMI.
func isDescription(text string) bool {
	return len(text) <= maxDescription && allRunes(text, descriptionRune)
}

func parseTemplate(what, text string) (t Template, err error) {
	if len(text) > maxTemplate {
		return t, fmt.Errorf("the %s template is %d bytes long, %d are the most", what, len(text), maxTemplate)
	}
	for rest := text; rest != ""; {
		brace := strings.IndexAny(rest, "{}")
		if brace < 0 {
			t.parts = append(t.parts, rest)
			break
		}
		t.parts = append(t.parts, rest[:brace])
		rest = rest[brace:]
		end := strings.IndexByte(rest, '}')
		if end <= 0 || strings.LastIndexByte(rest[:end], '{') > 0 {
			return t, fmt.Errorf("the %s template %s has a brace without its partner", what, quote(text))
		}
		if placeholders[rest[:end+1]] == nil {
			return t, fmt.Errorf("the %s template %s holds %.*s; placeholders are {image}, {created}, {date}, {time}, {region} and "+
				"{account}", what, quote(text), shownOfPlaceholder, rest[:end+1])
		}
		t.parts = append(t.parts, rest[:end+1])
		rest = rest[end+1:]
	}
	return t, nil
}

// CheckAMIName checks a name that somebody chose in full.
func CheckAMIName(name string) error {
	if len(name) < minAMIName || len(name) > maxAMIName || !allRunes(name, amiNameRune) {
		return fmt.Errorf("%s is not an AMI name that AppStream takes: 3 to 128 letters, digits and ( ) . - / _", quote(name))
	}
	return nil
}

func (t Template) uses(placeholder string) bool { return slices.Contains(t.parts, placeholder) }

func (t Template) fill(v values) string {
	var text strings.Builder
	for _, part := range t.parts {
		if value := placeholders[part]; value != nil {
			part = value(v)
		}
		text.WriteString(part)
	}
	return text.String()
}

// name is the same for the same values, different for different ones, and always legal: one too long
// loses its end to a hash of the whole, one too short gains it.
func (t Template) name(v values) string {
	name := t.fill(v)
	if len(name) >= minAMIName && len(name) <= maxAMIName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	suffix := "-" + hex.EncodeToString(sum[:hashBytes])
	return name[:min(len(name), maxAMIName-len(suffix))] + suffix
}

// description is cut to EC2's limit. It is ASCII, as the template and names of images are.
func (t Template) description(v values) string {
	text := t.fill(v)
	return text[:min(len(text), maxDescription)]
}

// describes tells whether the text is the description that the template makes for the same image, whenever that was asked for:
// {date} and {time} are another each night.
func (t Template) describes(text string, v values) bool {
	const anyByte = "\x00" // is in no description
	timeless := Template{parts: slices.Clone(t.parts)}
	for i, part := range timeless.parts {
		if part == "{date}" || part == "{time}" {
			timeless.parts[i] = strings.Repeat(anyByte, len(placeholders[part](v)))
		}
	}
	pattern := timeless.description(v)
	if len(text) != len(pattern) {
		return false
	}
	for i := range pattern {
		if pattern[i] != text[i] && pattern[i] != anyByte[0] {
			return false
		}
	}
	return true
}
