package tags

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of AppStream and EC2, lengths in characters.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_CreateExportImageTask.html
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
const (
	Max      = 50 // tags of one resource
	maxKey   = 128
	maxValue = 256
)

// How the tags of an AMI are shared out.
const (
	Own       = 7  // ours, when its export starts
	Later     = 8  // left free for what is done with the AMI later: by the keeper, and Keep
	MaxOthers = 35 // what is left of Max
)

// quoted is how a refusal shows a key: in full if it is no longer than a key may be.
const quoted = "%.128q"

// Value returns the text itself where it can be the value of a tag that says something, and a hash of it otherwise. The same
// text has the same value, different texts have different ones.
func Value(text string) string {
	if text != "" && isValue(text) {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Reserved tells whether a key belongs to AWS or to this function, so that nobody else may set it.
func Reserved(key string) bool { return ofAWS(key) || strings.HasPrefix(key, Prefix) }

// ofAWS takes the prefix in any case of letters, as AWS does.
func ofAWS(key string) bool { return strings.HasPrefix(strings.ToLower(key), "aws:") }

// Check says what is wrong with a tag that an image is asked to have.
func Check(key, value string) error {
	switch {
	case !isKey(key):
		return fmt.Errorf(quoted+" is not a tag key: 1 to 128 letters, digits, spaces and _ . : / = + - @", key)
	case !isValue(value):
		return fmt.Errorf("the tag "+quoted+" has a value that is not allowed: at most 256 letters, digits, spaces and _ . : / = + - @",
			key)
	}
	return nil
}

// CheckAll says everything that is wrong with tags that somebody wants on the AMIs.
func CheckAll(tags map[string]string) error {
	var problems []error
	if len(tags) > MaxOthers {
		problems = append(problems, fmt.Errorf("%d tags are too many, %d are the most: an AMI has %d, of which %d say where it comes from "+
			"and %d are left free for what is done with it later", len(tags), MaxOthers, Max, Own, Later))
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if err := Check(key, tags[key]); err != nil {
			problems = append(problems, err)
		} else if ofAWS(key) {
			problems = append(problems, fmt.Errorf("the tag key "+quoted+" begins with aws:, which AWS keeps for itself", key))
		} else if Reserved(key) {
			problems = append(problems, fmt.Errorf("the tag key "+quoted+" begins with %s, which this function keeps for itself", key,
				Prefix))
		}
	}
	return errors.Join(problems...)
}

func isKey(text string) bool {
	return text != "" && utf8.RuneCountInString(text) <= maxKey && strings.IndexFunc(text, notAllowed) < 0
}

func isValue(text string) bool {
	return utf8.RuneCountInString(text) <= maxValue && strings.IndexFunc(text, notAllowed) < 0
}

// notAllowed is the alphabet of keys and values, as a function: a compiled regular expression would cost every cold start.
// AppStream's pattern lets any character begin a key, by oversight as it seems; EC2 has to take the same tag, so here it may
// not. Of what counts as white space there, the separators of lines and paragraphs are left out: they would break the lines
// of a log. Invalid UTF-8 is never allowed.
func notAllowed(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.Zs, unicode.N) && !strings.ContainsRune("_.:/=+-@", r)
}
