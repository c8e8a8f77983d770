// Package iam decides, as AWS Identity and Access Management does, whether policies allow a call: for the local AWS, which
// refuses what a role may not do, and for tests of the template's roles.
package iam

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Statement is one statement of a policy.
type Statement struct {
	Effect    string
	Actions   []string
	Resources []string
	Condition map[string]map[string][]string // operator -> key -> values
}

// Request is what a service asks about one resource of a call. A call to several resources makes several requests, and all
// must be allowed.
type Request struct {
	Action   string // such as ec2:DeregisterImage
	Resource string // an ARN, or * where the action knows no resources

	// AccessKeyID is that of whoever calls: it tells whose policies count.
	AccessKeyID string

	// Keys are the condition keys that the service sends. A key that is not there is not sent, which is not the same as an
	// empty value.
	Keys map[string][]string
}

// Allows decides about one request: a statement must allow it, and none may deny it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func Allows(statements []Statement, r Request) bool {
	allowed := false
	for _, s := range statements {
		if !matchesAny(s.Actions, r.Action, likeFold) || !matchesAny(s.Resources, r.Resource, Like) {
			continue
		}
		switch {
		case s.Effect == "Deny" && holds(s.Condition, r.Keys, true):
			return false
		case s.Effect == "Allow" && holds(s.Condition, r.Keys, false):
			allowed = true
		}
	}
	return allowed
}

// holds tells whether all of a condition holds. What an operator means that is not known here nobody can say, so unknown is
// the answer for it: the careful one, which allows nothing and lifts no denial.
func holds(condition map[string]map[string][]string, keys map[string][]string, unknown bool) bool {
	for name, wanted := range condition {
		for key, values := range wanted {
			sent, there := lookUp(keys, key)
			held, known := test(name, resolved(values, keys), sent, there)
			if !known {
				held = unknown
			}
			if !held {
				return false
			}
		}
	}
	return true
}

// test evaluates one operator on one key.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
func test(name string, values, sent []string, there bool) (held, known bool) {
	if name == "Null" {
		absent, err := strconv.ParseBool(strings.Join(values, ""))
		return absent != there, err == nil
	}
	set, operator, isSet := strings.Cut(name, ":")
	if !isSet {
		set, operator = "", name
	}
	operator, ifExists := strings.CutSuffix(operator, "IfExists")
	matches, negated, known := comparison(operator)
	if !known || set != "" && set != "ForAllValues" && set != "ForAnyValue" {
		return false, false
	}
	one := func(value string) bool { return matchesAny(values, value, matches) != negated }
	switch {
	case !there && ifExists:
		return true, true
	case set == "ForAllValues": // also of no values at all
		return !slices.ContainsFunc(sent, func(v string) bool { return !one(v) }), true
	case set == "ForAnyValue":
		return slices.ContainsFunc(sent, one), true
	case !there:
		return negated, true
	}
	return len(sent) == 1 && one(sent[0]), true // a key with several values needs ForAllValues or ForAnyValue
}

func comparison(operator string) (matches func(pattern, text string) bool, negated, known bool) {
	operator, negated = strings.Replace(operator, "Not", "", 1), strings.Contains(operator, "Not")
	switch operator {
	case "StringEquals":
		return func(a, b string) bool { return a == b }, negated, true
	case "StringEqualsIgnoreCase", "Bool":
		return strings.EqualFold, negated, true
	case "StringLike", "ArnLike", "ArnEquals":
		return Like, negated, true
	}
	return nil, false, false
}

// variable is a policy variable: a condition key with one value, whose value stands in its place.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

// resolved puts the values of keys in place of policy variables. What names a key that is not there matches nothing, and so is
// left out.
func resolved(values []string, keys map[string][]string) []string {
	var all []string
	for _, value := range values {
		complete := true
		value = variable.ReplaceAllStringFunc(value, func(match string) string {
			sent, _ := lookUp(keys, variable.FindStringSubmatch(match)[1])
			if len(sent) != 1 {
				complete = false
				return ""
			}
			return sent[0]
		})
		if complete {
			all = append(all, value)
		}
	}
	return all
}

// lookUp finds a key: their names are compared without regard to case.
func lookUp(keys map[string][]string, name string) ([]string, bool) {
	if values, ok := keys[name]; ok {
		return values, true
	}
	for key, values := range keys {
		if strings.EqualFold(key, name) {
			return values, true
		}
	}
	return nil, false
}

func matchesAny(patterns []string, text string, matches func(pattern, text string) bool) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, text) })
}

func likeFold(pattern, text string) bool {
	if !strings.ContainsAny(pattern, "*?") { // as most are
		return strings.EqualFold(pattern, text)
	}
	return Like(strings.ToLower(pattern), strings.ToLower(text))
}

// Like is IAM's own matching: * stands for any characters, slashes and colons included, ? for one.
func Like(pattern, text string) bool {
	for pattern != "" {
		switch {
		case pattern[0] == '*':
			rest := strings.TrimLeft(pattern, "*")
			for i := range len(text) + 1 {
				if Like(rest, text[i:]) {
					return true
				}
			}
			return false
		case text == "" || pattern[0] != '?' && pattern[0] != text[0]:
			return false
		}
		pattern, text = pattern[1:], text[1:]
	}
	return text == ""
}
