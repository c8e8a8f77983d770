package keep

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// Family is the AMIs that replace one another.
type Family struct {
	Key  string // image:<name of the image> or family:<name>
	Name string // the name alone
}

// Families group images into families by their names.
type Families []FamilyPattern

// FamilyPattern puts the images whose names fit into a family.
type FamilyPattern struct {
	Name    string
	Pattern string
}

// literalStart is how many characters a pattern must begin with before it may hold a wildcard: "*" alone would make AMIs replace
// one another that have nothing to do with each other.
const literalStart = 3

// ParseFamilies reads "name=pattern" pairs, separated by commas. A name may come more than once.
func ParseFamilies(text string) (Families, error) {
	var families Families
	var problems []error
	for entry := range strings.SplitSeq(text, ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		name, pattern, ok := strings.Cut(entry, "=")
		name, pattern = strings.TrimSpace(name), strings.TrimSpace(pattern)
		_, bad := path.Match(pattern, "")
		switch {
		case !ok:
			problems = append(problems, fmt.Errorf("%.140q is not name=pattern", entry))
		case !isFamilyName(name):
			problems = append(problems, fmt.Errorf("%.140q is not the name of a family: letters, digits, and . - _", name))
		case bad != nil:
			problems = append(problems, fmt.Errorf("%.140q is not a pattern: * stands for any characters, ? for one, [abc] for one of "+
				"these", pattern))
		case literals(pattern) < literalStart:
			problems = append(problems, fmt.Errorf("the pattern %.140q must begin with at least %d characters that are no wildcards",
				pattern, literalStart))
		default:
			families = append(families, FamilyPattern{Name: name, Pattern: pattern})
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return families, nil
}

// literals counts the characters before the first wildcard.
func literals(pattern string) int {
	if at := strings.IndexAny(pattern, `*?[\`); at >= 0 {
		return at
	}
	return len(pattern)
}

// maxFamilyName leaves room for the prefix in the name of a parameter, and is more than an image's name can have.
const maxFamilyName = 101

func isFamilyName(name string) bool {
	fits := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r)
	}
	return name != "" && len(name) <= maxFamilyName && strings.IndexFunc(name, func(r rune) bool { return !fits(r) }) < 0
}

// String is the pairs as ParseFamilies reads them.
func (f Families) String() string {
	entries := make([]string, len(f))
	for i, pair := range f {
		entries[i] = pair.Name + "=" + pair.Pattern
	}
	return strings.Join(entries, ",")
}

// Of returns the family of an image: that of the first pattern that fits, or one of its own.
func (f Families) Of(imageName string) Family {
	for _, pair := range f {
		if fits, _ := path.Match(pair.Pattern, imageName); fits {
			return Family{Key: "family:" + pair.Name, Name: pair.Name}
		}
	}
	return Family{Key: "image:" + imageName, Name: imageName}
}
