package appstream

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// maxTags is the limit of tags in one request and on one resource.
const maxTags = 50

// textRule is what the service model demands of a string.
type textRule struct {
	min, max  int // characters; a max of 0 is no limit
	pattern   *regexp.Regexp
	notPrefix string // Go's regexp has no (?!...)
}

// The rules of the service model of 2016-12-01, as botocore 1.43 has it.
var (
	nonEmptyRule    = textRule{min: 1}
	imageNameRule   = textRule{pattern: regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,100}$`)}
	amiNameRule     = textRule{pattern: regexp.MustCompile(`^[a-zA-Z0-9().\-/_]{3,128}$`)}
	descriptionRule = textRule{max: 256}
	taskIDRule      = textRule{pattern: regexp.MustCompile(`^[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$`)}
	tagKeyRule      = textRule{min: 1, max: 128, pattern: regexp.MustCompile(`^.[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`), notPrefix: "aws:"}
	tagValueRule    = textRule{max: 256, pattern: regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)}

	// The model's last part is {0,1023}; Go's regexp counts to 1000 only, so it is written as two.
	arnRule = textRule{pattern: regexp.MustCompile(`^arn:aws(?:-cn|-iso-b|-iso|-us-gov)?:[A-Za-z0-9][A-Za-z0-9_/.-]{0,62}` +
		`:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9_/.-]{0,63}` +
		`:[A-Za-z0-9][A-Za-z0-9:_/+=,@.\\-]{0,1000}[A-Za-z0-9:_/+=,@.\\-]{0,23}$`)}
)

// broken returns the constraint that a value does not satisfy, or "".
func (r textRule) broken(value string) string {
	length := utf8.RuneCountInString(value)
	switch {
	case length < r.min:
		return fmt.Sprintf("Member must have length greater than or equal to %d", r.min)
	case r.max > 0 && length > r.max:
		return fmt.Sprintf("Member must have length less than or equal to %d", r.max)
	case r.notPrefix != "" && strings.HasPrefix(value, r.notPrefix):
		return "Member must not begin with " + r.notPrefix
	case r.pattern != nil && !r.pattern.MatchString(value):
		return "Member must satisfy regular expression pattern: " + r.pattern.String()
	}
	return ""
}

// validation gathers everything that is wrong with a request. Fields are named as the service names them: in lower camel case.
type validation struct{ problems []string }

func (v *validation) fail(field, value, constraint string) {
	v.problems = append(v.problems,
		fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", value, field, constraint))
}

func (v *validation) required(field string, present bool) {
	if !present {
		v.fail(field, "null", "Member must not be null")
	}
}

// text checks an optional string.
func (v *validation) text(field string, value *string, rule textRule) {
	if value == nil {
		return
	}
	if constraint := rule.broken(*value); constraint != "" {
		v.fail(field, "'"+*value+"'", constraint)
	}
}

func (v *validation) texts(field string, values []string, rule textRule) {
	for i, value := range values {
		v.text(fmt.Sprintf("%s.%d.member", field, i+1), &value, rule)
	}
}

func (v *validation) number(field string, value *int, low, high int) {
	switch {
	case value == nil:
	case *value < low:
		v.fail(field, fmt.Sprintf("'%d'", *value), fmt.Sprintf("Member must have value greater than or equal to %d", low))
	case *value > high:
		v.fail(field, fmt.Sprintf("'%d'", *value), fmt.Sprintf("Member must have value less than or equal to %d", high))
	}
}

// count checks how many entries an optional list or map of tags has; an empty one is not the same as none.
func (v *validation) count(field string, present bool, count int) {
	switch {
	case !present:
	case count < 1:
		v.fail(field, fmt.Sprintf("of %d entries", count), "Member must have length greater than or equal to 1")
	case count > maxTags:
		v.fail(field, fmt.Sprintf("of %d entries", count), fmt.Sprintf("Member must have length less than or equal to %d", maxTags))
	}
}

func (v *validation) tags(field string, tags map[string]string) {
	v.count(field, tags != nil, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if constraint := tagKeyRule.broken(key); constraint != "" {
			v.fail(field, "'"+key+"'", "Map keys must satisfy constraint: ["+constraint+"]")
		}
		value := tags[key]
		if constraint := tagValueRule.broken(value); constraint != "" {
			v.fail(field, "'"+value+"'", "Map value must satisfy constraint: ["+constraint+"]")
		}
	}
}

func (v *validation) visibility(field string, value types.VisibilityType) {
	if value == "" { // as good as absent
		return
	}
	if known := value.Values(); !slices.Contains(known, value) {
		v.fail(field, "'"+string(value)+"'", fmt.Sprintf("Member must satisfy enum value set: %v", known))
	}
}

func (v *validation) err() error {
	if len(v.problems) == 0 {
		return nil
	}
	plural := "s"
	if len(v.problems) == 1 {
		plural = ""
	}
	return awsreply.Refuse("ValidationException", "%d validation error%s detected: %s",
		len(v.problems), plural, strings.Join(v.problems, "; "))
}
