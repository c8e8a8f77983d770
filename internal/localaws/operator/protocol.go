package operator

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// object is a structure of a request or an answer, by the names of the API. Its values are texts, numbers, truths, times, lists
// and objects.
type object = map[string]any

// list is a list of the same.
type list = []any

// refusal is an answer other than success.
type refusal struct{ code, message string }

func (r *refusal) Error() string { return r.code + ": " + r.message }

func refuse(code, format string, args ...any) error {
	return &refusal{code: code, message: fmt.Sprintf(format, args...)}
}

// protocol is how a caller speaks.
type protocol int

// The protocols of the three services. CloudFormation knows the first only and Logs the second; CloudWatch knows all.
// https://smithy.io/2.0/aws/protocols/index.html
const (
	query protocol = iota // a form, answered with XML
	jsonRPC
	rpcV2 // Smithy RPC v2 with CBOR
)

// request is one call.
type request struct {
	protocol  protocol
	service   string // as requests to it are signed for: "cloudformation", "monitoring", "logs"
	operation string
	input     object
	id        string
}

// maxBody is far above any legal request, and keeps a mistaken client from filling the memory.
const maxBody = 1 << 20

var services = map[string]string{"GraniteServiceVersion20100801": "monitoring", "Logs_20140328": "logs"}

func readRequest(w http.ResponseWriter, r *http.Request) (q request, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return q, refuse("SerializationException", "The request could not be read: %v", err)
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		name, operation, _ := strings.Cut(target, ".")
		q = request{protocol: jsonRPC, service: services[name], operation: operation}
		if err := json.Unmarshal(body, &q.input); err != nil {
			return q, refuse("SerializationException", "The request is no JSON object: %v", err)
		}
		return q, nil
	}
	if parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/"); len(parts) == 4 && parts[0] == "service" && parts[2] == "operation" {
		q = request{protocol: rpcV2, service: services[parts[1]], operation: parts[3], input: object{}}
		if len(body) == 0 {
			return q, nil
		}
		value, err := cbor.Decode(body)
		if err != nil {
			return q, refuse("SerializationException", "The request is no CBOR: %v", err)
		}
		q.input, _ = fromCBOR(value).(object)
		return q, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return q, refuse("MalformedQueryString", "The request could not be read: %v", err)
	}
	return request{protocol: query, service: awsreply.SigningName(r), operation: form.Get("Action"), input: fromForm(form)}, nil
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

func fromCBOR(value cbor.Value) any {
	switch v := value.(type) {
	case cbor.Map:
		o := object{}
		for name, part := range v {
			o[name] = fromCBOR(part)
		}
		return o
	case cbor.List:
		items := list{}
		for _, part := range v {
			items = append(items, fromCBOR(part))
		}
		return items
	case cbor.String:
		return string(v)
	case cbor.Bool:
		return bool(v)
	case *cbor.Tag:
		if at, err := cbor.AsTime(v); err == nil {
			return at
		}
		return fromCBOR(v.Value)
	}
	if number, err := cbor.AsFloat64(value); err == nil {
		return number
	}
	if number, err := cbor.AsInt64(value); err == nil {
		return float64(number)
	}
	return nil
}

func toCBOR(value any) cbor.Value {
	switch v := value.(type) {
	case object:
		m := cbor.Map{}
		for name, part := range v {
			m[name] = toCBOR(part)
		}
		return m
	case list:
		items := cbor.List{}
		for _, part := range v {
			items = append(items, toCBOR(part))
		}
		return items
	case string:
		return cbor.String(v)
	case bool:
		return cbor.Bool(v)
	case int:
		if v < 0 {
			return cbor.NegInt(-v)
		}
		return cbor.Uint(v)
	case float64:
		return cbor.Float64(v)
	case time.Time:
		return &cbor.Tag{ID: 1, Value: cbor.Float64(epoch(v))}
	}
	return &cbor.Nil{}
}

// epoch is a time as JSON and CBOR have it, to the millisecond.
func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func toJSON(value any) any {
	switch v := value.(type) {
	case object:
		o := object{}
		for name, part := range v {
			o[name] = toJSON(part)
		}
		return o
	case list:
		items := list{}
		for _, part := range v {
			items = append(items, toJSON(part))
		}
		return items
	case time.Time:
		return epoch(v)
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
		_ = xml.EscapeText(w, []byte(fmt.Sprint(v))) // writing to memory does not fail
	}
	w.WriteString("</" + name + ">")
}

// reply answers in the protocol of the request.
func (q request) reply(w http.ResponseWriter, answer object, err error) {
	status := http.StatusOK
	failure, failed := errors.AsType[*refusal](err)
	if failed {
		status = http.StatusBadRequest
		answer = object{"__type": failure.code, "message": failure.message}
	}
	w.Header().Set("X-Amzn-RequestId", q.id)
	var body bytes.Buffer
	switch q.protocol {
	case rpcV2:
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		w.Header().Set("Content-Type", "application/cbor")
		body.Write(cbor.Encode(toCBOR(answer)))
	case jsonRPC:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_ = json.NewEncoder(&body).Encode(toJSON(answer)) // it is made of what JSON can hold
	default:
		w.Header().Set("Content-Type", "text/xml")
		if failed {
			writeXML(&body, "ErrorResponse", object{
				"Error": object{"Type": "Sender", "Code": failure.code, "Message": failure.message}, "RequestId": q.id,
			})
		} else {
			writeXML(&body, q.operation+"Response", object{
				q.operation + "Result": answer, "ResponseMetadata": object{"RequestId": q.id},
			})
		}
	}
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // fails only if the caller has gone
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
	case time.Time:
		return value
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
