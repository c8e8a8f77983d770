package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/encoding/cbor"
)

// fakeAWS is an account that gives fixed answers, each in the protocol that the SDK speaks to that service. Calls are known by the
// IAM action that they need.
type fakeAWS struct {
	t       *testing.T
	answers map[string]string   // JSON, or what is inside of the result in XML
	refused map[string]string   // by action, or "*": the code of the error
	first   map[string][]string // answers that come before, once each

	answerTo map[string]func(body string) string // answers that depend on what is asked

	mutex sync.Mutex
	calls map[string][]string // the bodies of the requests
}

// start returns the fake with a configuration that sends all calls to it.
func start(t *testing.T, answers map[string]string) (*fakeAWS, aws.Config) {
	t.Helper()
	f := &fakeAWS{t: t, answers: maps.Clone(answers), refused: map[string]string{}, first: map[string][]string{},
		calls: map[string][]string{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("x", "x", ""),
	}
}

// refuse has one action be answered with an error.
func (f *fakeAWS) refuse(action, code string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.refused[action] = code
}

// called are the actions that were asked for, in order.
func (f *fakeAWS) called() []string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return slices.Sorted(maps.Keys(f.calls))
}

func (f *fakeAWS) body(action string) string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return strings.Join(f.calls[action], "\n")
}

// protocol is how a service is spoken to.
type protocol string

const (
	query protocol = "query" // XML answers
	ec2q  protocol = "ec2"   // EC2's own form of it
	jsonp protocol = "json"
	rest  protocol = "rest" // JSON on paths
	rpc   protocol = "rpc"  // RPC v2 CBOR
)

// restOperations are the calls of the services that know them by method and path.
var restOperations = map[string]string{
	"GET functions/*/configuration":    "GetFunctionConfiguration",
	"GET functions/*/recursion-config": "GetFunctionRecursionConfig",
	"GET functions/*/concurrency":      "GetFunctionConcurrency",
	"GET account-settings":             "GetAccountSettings",
	"GET event-source-mappings":        "ListEventSourceMappings",
	"POST functions/*/invocations":     "InvokeFunction",
	"GET schedules/*":                  "GetSchedule",
}

// recognise finds out what a request is: which IAM action it needs, and in which protocol it speaks.
func recognise(r *http.Request, body []byte) (action string, p protocol) {
	// Credential=x/20261126/eu-west-1/<service>/aws4_request
	scope := strings.Split(r.Header.Get("Authorization"), "/")
	if len(scope) < 5 {
		return "", ""
	}
	service := scope[3]
	if service == "monitoring" {
		service = "cloudwatch"
	}
	operation := ""
	switch target := r.Header.Get("X-Amz-Target"); {
	case target != "":
		operation, p = target[strings.LastIndex(target, ".")+1:], jsonp
	case strings.Contains(r.URL.Path, "/operation/"):
		operation, p = path.Base(r.URL.Path), rpc
	case service == "lambda" || service == "scheduler":
		p = rest
		_, rest, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/") // without the API's date
		if service == "scheduler" {
			rest = strings.Trim(r.URL.Path, "/")
		}
		for pattern, name := range restOperations {
			if matched, _ := path.Match(pattern, r.Method+" "+strings.Trim(rest, "/")); matched {
				operation = name
			}
		}
	default:
		p = query
		if service == "ec2" {
			p = ec2q
		}
		for pair := range strings.SplitSeq(string(body), "&") {
			if name, found := strings.CutPrefix(pair, "Action="); found {
				operation = name
			}
		}
	}
	return service + ":" + operation, p
}

func (f *fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Error(err)
	}
	action, p := recognise(r, body)
	f.mutex.Lock()
	f.calls[action] = append(f.calls[action], string(body))
	answer, known := f.answers[action]
	if queue := f.first[action]; len(queue) > 0 {
		answer, known, f.first[action] = queue[0], true, queue[1:]
	}
	if answerTo := f.answerTo[action]; answerTo != nil {
		answer, known = answerTo(string(body)), true
	}
	code := f.refused[action]
	if all := f.refused["*"]; code == "" && all != "" && action != "cloudformation:DescribeStacks" {
		code = all
	}
	f.mutex.Unlock()
	switch {
	case code != "":
		refuse(w, p, code)
	case strings.HasPrefix(answer, "refuse: "):
		refuse(w, p, strings.TrimPrefix(answer, "refuse: "))
	case !known:
		f.t.Errorf("nobody has expected %s: %s %s %s", action, r.Method, r.URL, body)
		refuse(w, p, "InternalFailure")
	default:
		respond(w, action[strings.Index(action, ":")+1:], p, answer)
	}
}

// denials is how each protocol says that the caller may not.
var denials = map[protocol]string{query: "AccessDenied", ec2q: "UnauthorizedOperation", jsonp: "AccessDeniedException",
	rest: "AccessDeniedException", rpc: "AccessDenied"}

const denied = "denied" // stands for the word of the protocol

func refuse(w http.ResponseWriter, p protocol, code string) {
	status := http.StatusBadRequest
	if code == "InternalFailure" {
		status = http.StatusInternalServerError
	}
	if code == denied {
		code, status = denials[p], http.StatusForbidden
	}
	body := fmt.Sprintf(`{"__type":%q,"message":"You shall not."}`, code)
	switch p {
	case query:
		body = fmt.Sprintf("<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>You shall not.</Message></Error>"+
			"</ErrorResponse>", code)
	case ec2q:
		body = fmt.Sprintf("<Response><Errors><Error><Code>%s</Code><Message>You shall not.</Message></Error></Errors></Response>", code)
	case rest:
		w.Header().Set("X-Amzn-Errortype", code)
	case rpc:
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		body = toCBOR(body)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func respond(w http.ResponseWriter, operation string, p protocol, answer string) {
	switch p {
	case query:
		answer = fmt.Sprintf("<%sResponse><%sResult>%s</%sResult></%sResponse>", operation, operation, answer, operation, operation)
	case ec2q:
		answer = fmt.Sprintf("<%sResponse>%s</%sResponse>", operation, answer, operation)
	case rpc:
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		answer = toCBOR(answer)
	}
	// What the function answers, as the function writes it.
	if failed, found := strings.CutPrefix(answer, "function error: "); found {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		answer = failed
	}
	_, _ = io.WriteString(w, answer)
}

// toCBOR writes JSON as CBOR. What is a time in the name of its field is a time on the wire.
func toCBOR(text string) string {
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		panic(err)
	}
	return string(cbor.Encode(cborOf("", value)))
}

func cborOf(name string, value any) cbor.Value {
	switch value := value.(type) {
	case map[string]any:
		fields := cbor.Map{}
		for key, item := range value {
			fields[key] = cborOf(key, item)
		}
		return fields
	case []any:
		var items cbor.List
		for _, item := range value {
			items = append(items, cborOf("", item))
		}
		return items
	case bool:
		return cbor.Bool(value)
	case float64:
		if strings.HasSuffix(name, "Timestamp") || strings.HasSuffix(name, "Date") || strings.HasSuffix(name, "Time") {
			return &cbor.Tag{ID: 1, Value: cbor.Float64(value)}
		}
		return cbor.Uint(value)
	case string:
		return cbor.String(value)
	}
	return &cbor.Nil{}
}

// morning is when the doctor looks.
func morning() time.Time { return time.Date(2026, 11, 24, 9, 12, 0, 0, time.UTC) }
