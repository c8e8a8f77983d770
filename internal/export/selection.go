package export

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"appstream-ami-exporter/internal/tags"
)

// Selection says which images are meant: names, glob patterns (path.Match), exclusions with a leading
// "!", and tags that must all be there. The zero Selection means every image.
type Selection struct {
	names    map[string]bool // meant by their very name
	patterns []string
	exclude  []string
	tag      map[string]string
}

// ParseSelection checks patterns and tags; its error names everything that is wrong. Without a pattern
// that includes, every image not excluded is meant.
func ParseSelection(patterns []string, tag map[string]string) (Selection, error) {
	selection := Selection{names: map[string]bool{}, tag: tag}
	var problems []error
	for _, entry := range patterns {
		pattern, excludes := strings.CutPrefix(entry, "!")
		if err := checkPattern(pattern); err != nil {
			problems = append(problems, err)
			continue
		}
		switch {
		case excludes:
			selection.exclude = append(selection.exclude, pattern)
		case isGlob(pattern):
			selection.patterns = append(selection.patterns, pattern)
		default:
			selection.names[pattern] = true
		}
	}
	if size := size(selection.patterns) + size(selection.exclude); size > maxPatterns {
		problems = append(problems, fmt.Errorf("the image patterns and exclusions are %d bytes long together, %d are the most", size,
			maxPatterns))
	}
	if len(tag) > tags.Max {
		problems = append(problems, fmt.Errorf("%d tags are asked for, but an image has at most %d", len(tag), tags.Max))
	}
	for _, key := range slices.Sorted(maps.Keys(tag)) {
		if err := tags.Check(key, tag[key]); err != nil {
			problems = append(problems, err)
		}
	}
	return selection, errors.Join(problems...)
}

// maxPatterns keeps a request small enough for the queue; a hundred patterns of the longest names fit twice.
const maxPatterns = 20_000

// size is what the entries take in the JSON of a message.
func size(entries []string) (bytes int) {
	for _, entry := range entries {
		bytes += len(entry) + len(`"!",`)
	}
	return bytes
}

func checkPattern(pattern string) error {
	if !isGlob(pattern) {
		return CheckImageName(pattern)
	}
	if !allRunes(pattern, patternRune) {
		return fmt.Errorf("the image pattern %s holds a character that no image name has: allowed are letters, digits, dots, "+
			"underscores, hyphens and the * ? [ ] ^ \\ of patterns", quote(pattern))
	}
	if _, err := path.Match(pattern, "x"); err != nil {
		return fmt.Errorf("%s is not an image pattern: * stands for any characters, ? for one, [a-z] for one of a set", quote(pattern))
	}
	return nil
}

func isGlob(pattern string) bool { return strings.ContainsAny(pattern, `*?[\`) }

// CheckImageName checks the name of one image.
func CheckImageName(name string) error {
	if !isImageName(name) {
		return fmt.Errorf("%s is not an image name: 1 to 101 letters, digits, dots, underscores and hyphens, beginning with a letter "+
			"or digit", quote(name))
	}
	return nil
}

// CheckNotEmpty refuses a selection that no image can fit, as far as the names tell.
func (s Selection) CheckNotEmpty() error {
	if names, only := s.Names(); only && len(names) == 0 {
		return errors.New("every image that is named is excluded as well, so none is selected")
	}
	return nil
}

// MatchesName tells whether the name is among those meant.
func (s Selection) MatchesName(name string) bool {
	matches := func(pattern string) bool { ok, _ := path.Match(pattern, name); return ok }
	if slices.ContainsFunc(s.exclude, matches) {
		return false
	}
	return len(s.names)+len(s.patterns) == 0 || s.names[name] || slices.ContainsFunc(s.patterns, matches)
}

// MatchesTags tells whether every tag that is asked for is among those of the image.
func (s Selection) MatchesTags(imageTags map[string]string) bool {
	return s.missingTag(imageTags) == ""
}

// missingTag says of a tag that is asked for why it is not among those of the image, or nothing. Letters count by case, which is
// easily overlooked.
func (s Selection) missingTag(imageTags map[string]string) string {
	for _, key := range slices.Sorted(maps.Keys(s.tag)) {
		wanted := s.tag[key]
		value, there := imageTags[key]
		if there && value == wanted {
			continue
		}
		missing := fmt.Sprintf("it has no tag %s=%s", key, wanted)
		if there {
			missing = fmt.Sprintf("its tag %s is %q, not %q", key, value, wanted)
		}
		for _, other := range slices.Sorted(maps.Keys(imageTags)) {
			if strings.EqualFold(other, key) && strings.EqualFold(imageTags[other], wanted) {
				return fmt.Sprintf("%s; %s=%s differs from it in upper and lower case only", missing, other, imageTags[other])
			}
		}
		return missing
	}
	return ""
}

// Names returns the images that are meant by their very name, in order, without those excluded; only
// is true where nothing else is meant, so that no other image need be looked at.
func (s Selection) Names() (names []string, only bool) {
	for name := range s.names {
		if s.MatchesName(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, len(s.names) > 0 && len(s.patterns) == 0
}
