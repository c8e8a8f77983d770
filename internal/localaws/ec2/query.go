package ec2

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// query reads the parameters of a request, and knows which of them nobody has read.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html
type query struct {
	form url.Values
	read map[string]bool
	err  error // the first parameter that could not be read
}

func newQuery(form url.Values) *query {
	return &query{form: form, read: map[string]bool{"Action": true, "Version": true}}
}

func (q *query) has(name string) bool { return q.form.Has(name) }

func (q *query) text(name string) string {
	q.read[name] = true
	return q.form.Get(name)
}

func (q *query) fail(name, value, want string) {
	if q.err == nil {
		q.err = refuse("InvalidParameterValue", "Value (%s) for parameter %s is invalid. %s", value, name, want)
	}
}

func (q *query) boolean(name string) bool {
	switch value := q.text(name); value {
	case "true":
		return true
	case "false", "":
	default:
		q.fail(name, value, "It must be true or false.")
	}
	return false
}

// number returns 0 for a parameter that is absent.
func (q *query) number(name string, least, most int) int {
	value := q.text(name)
	if value == "" {
		return 0
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		q.fail(name, value, "It must be a number from "+strconv.Itoa(least)+" to "+strconv.Itoa(most)+".")
	}
	return n
}

func (q *query) moment(name string) time.Time {
	value := q.text(name)
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		q.fail(name, value, "It must be a date and time.")
	}
	return t
}

// list reads Name.1, Name.2 and so on.
func (q *query) list(name string) []string {
	var values []string
	for n := 1; q.has(item(name, n)); n++ {
		values = append(values, q.text(item(name, n)))
	}
	return values
}

// items are the prefixes of a list of structures: Name.1, Name.2 and so on.
func (q *query) items(name string) []string {
	var prefixes []string
	for n := 1; ; n++ {
		prefix := item(name, n)
		if !slices.ContainsFunc(q.names(), func(key string) bool { return strings.HasPrefix(key, prefix+".") }) {
			return prefixes
		}
		prefixes = append(prefixes, prefix)
	}
}

func (q *query) names() []string {
	names := make([]string, 0, len(q.form))
	for name := range q.form {
		names = append(names, name)
	}
	return names
}

// tag is a tag of a request. DeleteTags tells a tag without a value from one whose value is empty.
type tag struct {
	key, value string
	hasValue   bool
}

func (q *query) tags(name string) []tag {
	var tags []tag
	for _, prefix := range q.items(name) {
		tags = append(tags, tag{key: q.text(prefix + ".Key"), hasValue: q.has(prefix + ".Value"), value: q.text(prefix + ".Value")})
	}
	return tags
}

// done is to be asked once everything has been read, before anything is done.
func (q *query) done() error {
	for name := range q.form {
		if !q.read[name] {
			return refuse("UnknownParameter", "The parameter %s is not recognized", name)
		}
	}
	return q.err
}

func item(name string, n int) string { return name + "." + strconv.Itoa(n) }
