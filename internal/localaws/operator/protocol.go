package operator

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// object is a structure of a request or an answer, by the names of the API. Its values are texts, numbers, truths, times, lists
// and objects.
type object = map[string]any

// list is a list of the same.
type list = []any

// request is one call.
type request struct {
	service   string // as requests to it are signed for: "cloudformation", "monitoring", "logs"
	operation string
	input     object
}

// maxBody is far above any legal request, and keeps a mistaken client from filling the memory.
const maxBody = 1 << 20

func readRequest(w http.ResponseWriter, r *http.Request) (q request, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return q, awsreply.Refuse("SerializationException", "The request could not be read: %v", err)
	}
	_, operation := awsreply.Operation(r, body)
	q = request{service: awsreply.SigningName(r), operation: operation, input: object{}}
	if awsreply.IsQuery(r) {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return q, awsreply.Refuse("MalformedQueryString", "The request could not be read: %v", err)
		}
		q.input = fromForm(form)
		return q, nil
	}
	parameters, err := awsreply.Parameters(r, body)
	if err == nil && len(parameters) > 0 {
		err = json.Unmarshal(parameters, &q.input)
	}
	if err != nil {
		return q, awsreply.Refuse("SerializationException", "The request could not be read: %v", err)
	}
	return q, nil
}

// fromForm makes objects and lists of names such as Dimensions.member.1.Name.
func fromForm(form url.Values) object {
	root := object{}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		at, parts := root, strings.Split(name, ".")
		for i, part := range parts {
			if i == len(parts)-1 {
				at[part] = form.Get(name)
				break
			}
			next, ok := at[part].(object)
			if !ok {
				next = object{}
				at[part] = next
			}
			at = next
		}
	}
	return listed(root).(object)
}

// listed turns objects that are lists, {member: {1: ..., 2: ...}}, into such.
func listed(value any) any {
	o, ok := value.(object)
	if !ok {
		return value
	}
	if members, ok := o["member"].(object); ok && len(o) == 1 {
		items := list{}
		for i := 1; members[strconv.Itoa(i)] != nil; i++ {
			items = append(items, listed(members[strconv.Itoa(i)]))
		}
		return items
	}
	for name, part := range o {
		o[name] = listed(part)
	}
	return o
}

// reply answers in the protocol of the request.
func (q request) reply(w http.ResponseWriter, r *http.Request, answer object, err error) {
	switch {
	case err != nil:
		awsreply.AsError(err).Write(w, r)
	case awsreply.IsQuery(r):
		var body bytes.Buffer
		writeXML(&body, q.operation+"Response", object{
			q.operation + "Result": answer, "ResponseMetadata": object{"RequestId": w.Header().Get("X-Amzn-RequestId")},
		})
		w.Header().Set("Content-Type", "text/xml")
		_, _ = w.Write(body.Bytes()) // fails only if the caller has gone
	default:
		awsreply.Write(w, r, withTimes(answer))
	}
}

// withTimes has times be written as JSON and CBOR have them.
func withTimes(value any) any {
	switch v := value.(type) {
	case object:
		o := object{}
		for name, part := range v {
			o[name] = withTimes(part)
		}
		return o
	case list:
		items := list{}
		for _, part := range v {
			items = append(items, withTimes(part))
		}
		return items
	case time.Time:
		return awsreply.Time(v)
	}
	return value
}

// writeXML writes a value as the query protocol has it: lists have members, and what is absent is left out.
func writeXML(w *bytes.Buffer, name string, value any) {
	switch v := value.(type) {
	case nil:
		return
	case object:
		w.WriteString("<" + name + ">")
		for _, part := range slices.Sorted(maps.Keys(v)) {
			writeXML(w, part, v[part])
		}
	case list:
		w.WriteString("<" + name + ">")
		for _, part := range v {
			writeXML(w, "member", part)
		}
	case time.Time:
		w.WriteString("<" + name + ">" + v.UTC().Format("2006-01-02T15:04:05.000Z"))
	default:
		w.WriteString("<" + name + ">")
		_ = xml.EscapeText(w, fmt.Append(nil, v)) // writing to memory does not fail
	}
	w.WriteString("</" + name + ">")
}

// What is read of a request, whatever its protocol.

func text(o object, name string) string {
	value, _ := o[name].(string)
	return value
}

func texts(o object, name string) (values []string) {
	items, _ := o[name].(list)
	for _, item := range items {
		if value, ok := item.(string); ok {
			values = append(values, value)
		}
	}
	return values
}

func number(o object, name string) float64 {
	switch value := o[name].(type) {
	case float64:
		return value
	case string:
		parsed, _ := strconv.ParseFloat(value, 64)
		return parsed
	}
	return 0
}

func moment(o object, name string) time.Time {
	switch value := o[name].(type) {
	case float64:
		return time.UnixMilli(int64(value * 1000))
	case string:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05"} {
			if at, err := time.Parse(layout, value); err == nil {
				return at
			}
		}
	}
	return time.Time{}
}
