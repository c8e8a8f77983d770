package export

import (
	"fmt"
	"strings"
)

// What AppStream takes in names, written as functions: compiled regular expressions would
// cost every cold start.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_CreateExportImageTask.html

// allRunes tells whether the text holds nothing but what allowed says; invalid UTF-8 never is.
func allRunes(text string, allowed func(rune) bool) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !allowed(r) })
}

func alphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func amiNameRune(r rune) bool { return alphanumeric(r) || strings.ContainsRune("().-/_", r) }

func imageNameRune(r rune) bool { return alphanumeric(r) || strings.ContainsRune("_.-", r) }

func patternRune(r rune) bool { return imageNameRune(r) || strings.ContainsRune(`*?[]^\`, r) }

// descriptionRune is printable ASCII, which is what EC2 takes: "Character sets beyond ASCII are not supported".
func descriptionRune(r rune) bool { return ' ' <= r && r <= '~' }

// maxImageName is AppStream's.
const maxImageName = 101

func isImageName(name string) bool {
	return len(name) >= 1 && len(name) <= maxImageName && alphanumeric(rune(name[0])) && allRunes(name, imageNameRune)
}

// quote shows what somebody wrote. An AMI name, the longest of names, is shown whole; what is longer is cut, since a message has to
// stay readable and log lines short, whatever was sent.
func quote(text string) string { return fmt.Sprintf("%.*q", maxAMIName, text) }
