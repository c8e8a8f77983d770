package stack

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"appstream-ami-exporter/internal/config"
	"appstream-ami-exporter/internal/localaws/template"
)

// distinct is a value of each parameter that reaches the function's environment, by which its variable is found.
var distinct = map[string]string{
	"Images": "distinct-*", "ImageTag": "Distinct=yes", "AmiNameTemplate": "distinct-{image}", "AmiDescriptionTemplate": "distinct",
	"AmiTags": "Distinct=1", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:distinct",
	"ExportRoleArn": "arn:aws:iam::123456789012:role/distinct", "WaitDeadlineHours": "11", "ExportDeadlineHours": "12",
	"ScheduleTimezone": "Asia/Tokyo",
}

// What the template lets through lets the function start, and what the function takes the template lets through. Values are made
// from each parameter's declaration, and from these values by changes of a few characters.
func TestParametersLetTheFunctionStart(t *testing.T) {
	t.Parallel()
	loaded, err := load(nil)
	if err != nil {
		t.Fatal(err)
	}
	environment := maps.Clone(projectStack(t, nil).Function.Environment)
	environment["AWS_REGION"] = "eu-west-1"
	for _, parameter := range inEnvironment(t) {
		declared := loaded.Parameters()[parameter]
		if len(declared.AllowedValues) > 0 {
			continue
		}
		if distinct[parameter] == "" {
			t.Errorf("%s reaches the function, but this test does not try it", parameter)
			continue
		}
		variable := variableOf(t, parameter)
		t.Run(parameter, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, 2))
			tried := 0
			for range 150 {
				value := here(legal(t, declared, random))
				for range 4 {
					changed := maps.Clone(environment)
					changed[variable] = value
					_, startErr := config.FromEnvironment(func(name string) (string, bool) { v, ok := changed[name]; return v, ok })
					if compare(t, parameter, declared, value, startErr) {
						tried++
					}
					value = mutate(value, random)
				}
			}
			if tried < 150 {
				t.Errorf("only %d values were let through", tried)
			}
		})
	}
}

// compare tells whether the template lets the value through, and fails the test where that is no matter for the function, or the
// other way round.
func compare(t *testing.T, parameter string, declared template.Parameter, value string, startErr error) (letThrough bool) {
	t.Helper()
	refusal := declared.Check(value)
	if value == "" || elsewhere(value) {
		return refusal == nil
	}
	switch {
	case refusal == nil && startErr != nil:
		t.Errorf("the template lets %q through, and the function does not start: %v", value, startErr)
	case refusal != nil && startErr == nil && !onlyInRequests(parameter, declared, value):
		t.Errorf("the function would take %q: %v", value, refusal)
	}
	return refusal == nil
}

// elsewhere tells whether the value is an ARN of another account or Region than the stack's, which no pattern can know. The function
// does not start with such a one; CONFIGURATION says so.
func elsewhere(arn string) bool {
	role := strings.Contains(arn, ":iam:") && !strings.Contains(arn, ":iam::123456789012:")
	topic := strings.Contains(arn, ":sns:") && !strings.Contains(arn, ":sns:eu-west-1:")
	return strings.HasPrefix(arn, "arn:") && (role || topic)
}

// onlyInRequests tells whether there is a reason that the template refuses a value which the function can read.
func onlyInRequests(parameter string, declared template.Parameter, value string) bool {
	switch parameter {
	case "TopicArn", "ExportRoleArn":
		return true // whether an ARN is one AWS says
	case "ScheduleTimezone":
		return true // whether there is such a time zone Scheduler says
	case "Images", "ImageTag", "AmiTags":
		// Spaces around commas and empty entries mean nothing; the template takes one space behind a comma.
		if tidy := tidied(value); tidy != value {
			return tidy == "" || onlyInRequests(parameter, declared, tidy) || declared.Check(tidy) == nil
		}
	}
	tooLong := declared.MaxLength != nil && utf8.RuneCountInString(value) > *declared.MaxLength
	rareSet := parameter == "Images" && strings.ContainsAny(value, `\[]^`)
	rareSpace := strings.ContainsFunc(value, func(r rune) bool { return r > unicode.MaxASCII && unicode.IsSpace(r) })
	return tooLong || rareSet || rareSpace || keyTwice(value)
}

// keyTwice tells whether a later value makes up for what is wrong with an earlier one.
func keyTwice(list string) bool {
	keys := map[string]bool{}
	for _, entry := range config.SplitList(list) {
		key, _, _ := strings.Cut(entry, "=")
		if keys[key] {
			return true
		}
		keys[key] = true
	}
	return false
}

func tidied(list string) string {
	entries := config.SplitList(list)
	for i, entry := range entries {
		if key, value, ok := strings.Cut(entry, "="); ok {
			entries[i] = strings.TrimSpace(key) + "=" + strings.TrimSpace(value)
		}
	}
	return strings.Join(entries, ",")
}

// inEnvironment are the parameters that the variables of the function refer to.
func inEnvironment(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(projectTemplate)
	if err != nil {
		t.Fatal(err)
	}
	_, variables, found := strings.Cut(string(text), "\n      Environment:\n        Variables:\n")
	end := regexp.MustCompile(`(?m)^ {0,6}\S`).FindStringIndex(variables)
	if !found || end == nil {
		t.Fatal("the environment of the function is not found")
	}
	loaded, err := load(nil)
	if err != nil {
		t.Fatal(err)
	}
	var parameters []string
	for _, reference := range regexp.MustCompile(`!Ref (\w+)`).FindAllStringSubmatch(variables[:end[0]], -1) {
		if _, ok := loaded.Parameters()[reference[1]]; ok {
			parameters = append(parameters, reference[1])
		}
	}
	return parameters
}

// variableOf is the variable of the function's environment that holds the value of a parameter.
func variableOf(t *testing.T, parameter string) string {
	t.Helper()
	value := distinct[parameter]
	for name, content := range projectStack(t, map[string]string{parameter: value}).Function.Environment {
		if content == value {
			return name
		}
	}
	t.Fatalf("no variable holds %s", parameter)
	return ""
}

// here puts ARNs into the stack's account and Region.
func here(value string) string {
	value = regexp.MustCompile(`:[0-9]{12}:`).ReplaceAllString(value, ":123456789012:")
	return regexp.MustCompile(`:sns:[a-z0-9-]+:`).ReplaceAllString(value, ":sns:eu-west-1:")
}

// legal is a value that the declaration allows, but for what a (?!...) forbids and for its length.
func legal(t *testing.T, declared template.Parameter, random *rand.Rand) string {
	t.Helper()
	if declared.Type == "Number" {
		low, high := *declared.MinValue, *declared.MaxValue
		number := low + random.Float64()*(high-low)
		return fmt.Sprintf([]string{"%.0f", "%.1f", "%g", "%e", "%+.0f", "%05.0f"}[random.IntN(6)], number)
	}
	pattern := withoutForbidden(declared.AllowedPattern)
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		t.Fatalf("%s: %v", pattern, err)
	}
	return generate(tree, random)
}

// withoutForbidden takes a (?!...) away from the beginning of a pattern.
func withoutForbidden(pattern string) string {
	inside, ok := strings.CutPrefix(pattern, "^(?!")
	if !ok {
		return pattern
	}
	for i, depth := 0, 1; i < len(inside); i++ {
		switch inside[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			return inside[i+1:]
		}
	}
	return pattern
}

// generate makes a text that the expression matches.
func generate(tree *syntax.Regexp, random *rand.Rand) string {
	switch tree.Op {
	case syntax.OpLiteral:
		return string(tree.Rune)
	case syntax.OpCharClass:
		span := 2 * random.IntN(min(len(tree.Rune)/2, 12)) // the first ranges have what is common
		low, high := tree.Rune[span], tree.Rune[span+1]
		return string(low + rune(random.IntN(int(high-low)+1)))
	case syntax.OpAlternate:
		return generate(tree.Sub[random.IntN(len(tree.Sub))], random)
	case syntax.OpStar:
		return repeat(tree.Sub[0], 0, -1, random)
	case syntax.OpPlus:
		return repeat(tree.Sub[0], 1, -1, random)
	case syntax.OpQuest:
		return repeat(tree.Sub[0], 0, 1, random)
	case syntax.OpRepeat:
		return repeat(tree.Sub[0], tree.Min, tree.Max, random)
	}
	var text strings.Builder // a group, a sequence, or what matches nothing
	for _, sub := range tree.Sub {
		text.WriteString(generate(sub, random))
	}
	return text.String()
}

// repeat prefers few and, where there is an end, all.
func repeat(tree *syntax.Regexp, low, high int, random *rand.Rand) string {
	count := low + random.IntN(4)
	if random.IntN(10) == 0 {
		count = low + random.IntN(60)
	}
	if high >= 0 && (count > high || random.IntN(10) == 0) {
		count = high
	}
	var text strings.Builder
	for range count {
		text.WriteString(generate(tree, random))
	}
	return text.String()
}

// pieces are what is put into a value to spoil it.
var pieces = []string{
	"a", "Z", "0", " ", ",", ", ", "=", "!", "*", "?", "[", "]", "[a-z]", "^", "-", "_", ".", ":", "/", "+", "@", "(", ")", "{", "}",
	"{image}", `\`, `"`, "'", "#", "&", "–", "é", "日", "\U0001F600", "\t", "\n", "aws:", "AWS:", ",aws:a=b", "appstream-ami-exporter:",
	",a=b", ",!a",
	strings.Repeat("a", 101), strings.Repeat("b", 129), pairs(34), pairs(35), pairs(49), pairs(50),
}

// pairs are count short tags.
func pairs(count int) string {
	var text strings.Builder
	for i := range count {
		fmt.Fprintf(&text, ",k%d=", i)
	}
	return text.String()
}

// mutate puts a piece into the value, takes a character away, or says a part twice.
func mutate(value string, random *rand.Rand) string {
	runes := []rune(value)
	at := random.IntN(len(runes) + 1)
	switch random.IntN(5) {
	case 0:
		if at < len(runes) {
			return string(slices.Delete(runes, at, at+1))
		}
	case 2:
		return value + pieces[len(pieces)-1-random.IntN(4)]
	case 1:
		return value + "," + value[:strings.LastIndexByte(value, ',')+1] + value
	}
	return string(runes[:at]) + pieces[random.IntN(len(pieces))] + string(runes[at:])
}
