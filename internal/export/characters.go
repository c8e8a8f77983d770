package export

import (
	"strings"
	"unicode"
)

// What AppStream takes in names and tags, written as functions: compiled regular expressions would
// cost every cold start.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_CreateExportImageTask.html

// only tells whether the text holds nothing but what allowed says; invalid UTF-8 never is.
func only(text string, allowed func(rune) bool) bool {
	return strings.IndexFunc(text, func(r rune) bool { return !allowed(r) }) < 0
}

func alphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func amiNameRune(r rune) bool { return alphanumeric(r) || strings.ContainsRune("().-/_", r) }

func imageNameRune(r rune) bool { return alphanumeric(r) || strings.ContainsRune("_.-", r) }

func patternRune(r rune) bool { return imageNameRune(r) || strings.ContainsRune(`*?[]^\`, r) }

func isImageName(name string) bool {
	return len(name) >= 1 && len(name) <= 101 && alphanumeric(rune(name[0])) && only(name, imageNameRune)
}

// tagRune allows in a key's first character no more than in the others: AppStream's pattern lets any
// character begin a key, by oversight as it seems, and EC2 has to take the same tag. Of what counts as white space there it
// leaves out the two separators of lines and paragraphs: they would break the lines of a log.
func tagRune(r rune) bool {
	return unicode.In(r, unicode.L, unicode.Zs, unicode.N) || strings.ContainsRune("_.:/=+-@", r)
}
