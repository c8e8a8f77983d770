package reliability

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"appstream-ami-exporter/internal/awsclient"
	"appstream-ami-exporter/internal/localaws/awsreply"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/notify"
)

// awaited is a call that waits for the world to serve it.
type awaited struct {
	call    gateway.Call
	body    []byte // of the call, in an order that is always the same
	process *process
	request *http.Request
	answer  chan reply
	effect  gateway.Effect
	status  int
}

type reply struct {
	response *http.Response
	err      error
}

// publication is one message that the topic has taken.
type publication struct {
	at         time.Time
	subject    string
	body       string
	document   notify.Document
	attributes map[string]string
}

// attemptLimit is how long the function's clients wait for an answer, as package awsclient has it.
const attemptLimit = 15 * time.Second

// newClients are the SDK's own, as package awsclient builds them, but for where their calls go and for the length of the SDK's
// pauses, which would be random.
func (w *world) newClients() awsclient.Clients {
	cfg := aws.Config{
		Region:      "eu-west-1",
		Credentials: aws.AnonymousCredentials{}, // signing takes a third of the time
		HTTPClient:  &http.Client{Transport: w, Timeout: attemptLimit},
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 500 * time.Millisecond, nil })
				// The last token of the SDK's own goes to whoever of two asks first, which is not the same each time.
				o.RateLimiter = ratelimit.None
			})
		},
	}
	return awsclient.Clients{AppStream: appstream.NewFromConfig(cfg), SNS: sns.NewFromConfig(cfg), SQS: sqs.NewFromConfig(cfg)}
}

// RoundTrip holds a call until the world has decided about it.
func (w *world) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	p, _ := request.Context().Value(processKey{}).(*process)
	call := identify(request, body)
	request.Body = io.NopCloser(bytes.NewReader(body))
	a := &awaited{call: call, body: inOrder(call.Body), process: p, request: request, answer: make(chan reply, 1)}
	w.mutex.Lock()
	if !p.dead {
		w.parked = append(w.parked, a)
	}
	w.mutex.Unlock()
	w.signal()
	select {
	case r := <-a.answer:
		return r.response, r.err
	case <-request.Context().Done():
	case <-w.closed:
	}
	w.mutex.Lock()
	dead := p.dead
	w.mutex.Unlock()
	if dead {
		<-w.closed
		return nil, errDead
	}
	w.forget(a)
	return nil, context.Cause(request.Context())
}

var errDead = fmt.Errorf("the process is dead")

// forget drops a call whose caller has stopped waiting.
func (w *world) forget(a *awaited) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for i, other := range w.parked {
		if other == a {
			w.parked = append(w.parked[:i], w.parked[i+1:]...)
			return
		}
	}
}

// identify reads which call it is. The clients here do not sign, so it is the protocol that tells the service.
func identify(request *http.Request, body []byte) gateway.Call {
	call := gateway.Call{Time: time.Now(), Body: body}
	service, action := awsreply.Operation(request, body)
	call.Service, call.Action = map[string]string{"PhotonAdminProxyService": "appstream", "AmazonSQS": "sqs", "": "sns"}[service], action
	if parameters, err := awsreply.Parameters(request, body); err == nil {
		call.Body = parameters
	}
	return call
}

// serve decides what becomes of a call, where that is not decided yet, and has the service do it.
func (w *world) serve(a *awaited, decided *gateway.Effect) {
	a.call.Number, a.call.Environment, a.call.TraceID = len(w.calls)+1, fmt.Sprint(a.process.number), a.process.payload
	if a.call.Action == "ListExportImageTasks" && a.call.Param("NextToken") == "" {
		a.process.looked = a.call.Number
	}
	if decided != nil {
		a.effect = *decided
	} else if w.options.fault != nil {
		a.effect = w.options.fault(a.call)
	}
	a.call.Effect = a.effect
	answer := w.answer(a)
	if answer != nil {
		a.status = answer.Code
	}
	a.call.Status = a.status
	w.calls = append(w.calls, a.call)
	if w.options.trace != nil {
		w.tracef("%d %s %s %s %d", a.process.number, effectName(a.effect), a.call.Action, brief(a.body), a.status)
	}
	if w.options.observe != nil {
		w.options.observe(a)
	}
	switch a.effect.Kind {
	case gateway.Pass, gateway.Refuse:
		response := answer.Result()
		response.Request = a.request
		a.answer <- reply{response: response}
	case gateway.ResetBefore, gateway.ResetAfter:
		a.answer <- reply{err: &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}}
	case gateway.KillBefore, gateway.KillAfter:
		w.kill(a.process, "Runtime.ExitError")
	default: // it hangs until the caller has enough
	}
}

// answer is what the service says, or nil where it never saw the call.
func (w *world) answer(a *awaited) *httptest.ResponseRecorder {
	switch a.effect.Kind {
	case gateway.Refuse:
		return refused(a.request, &awsreply.Error{Status: a.effect.Status, Code: a.effect.Code, Message: a.effect.Message})
	case gateway.ResetBefore, gateway.HangBefore, gateway.KillBefore:
		return nil
	}
	if denial := denied(w.stack.Statements, a.call); denial != nil {
		w.t.Errorf("the function's role does not allow a call: %s", denial.Message)
		return refused(a.request, denial)
	}
	recorder := httptest.NewRecorder()
	switch a.call.Service {
	case "appstream":
		again := a.request.Clone(context.Background())
		again.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20000101/eu-west-1/appstream/aws4_request")
		w.appStream.ServeHTTP(recorder, again)
	case "sqs":
		output, failure := w.callSQS(a.call.Action, a.call.Body)
		if failure != nil {
			return refused(a.request, failure)
		}
		recorder.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_ = json.NewEncoder(recorder).Encode(output)
	default:
		if failure := w.publish(a.call); failure != nil {
			return refused(a.request, failure)
		}
		recorder.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(recorder,
			`<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">`+
				`<PublishResult><MessageId>%d</MessageId></PublishResult></PublishResponse>`, len(w.mailbox))
	}
	return recorder
}

// refused writes a refusal in the request's own protocol.
func refused(request *http.Request, refusal *awsreply.Error) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	recorder.Header().Set("X-Amzn-RequestId", "refused") // a random one would be in the log, which is to be the same every time
	refusal.Write(recorder, request)
	return recorder
}

// publish is SNS: it takes what every version of it has ever taken.
func (w *world) publish(call gateway.Call) *awsreply.Error {
	form, err := url.ParseQuery(string(call.Body))
	if err != nil || form.Get("Action") != "Publish" {
		return awsreply.Refuse("InvalidAction", "%q is not available here: %v", form.Get("Action"), err)
	}
	p := publication{at: time.Now(), subject: form.Get("Subject"), body: form.Get("Message"), attributes: map[string]string{}}
	unprintable := strings.IndexFunc(p.subject, func(r rune) bool { return r < ' ' || r > '~' }) >= 0
	if p.subject == "" || len(p.subject) > 99 || unprintable {
		return awsreply.Refuse("InvalidParameter", "Invalid parameter: Subject %q", p.subject)
	}
	size := len(p.body)
	for i := 1; form.Has(fmt.Sprintf("MessageAttributes.entry.%d.Name", i)); i++ {
		entry := fmt.Sprintf("MessageAttributes.entry.%d.", i)
		name, value := form.Get(entry+"Name"), form.Get(entry+"Value.StringValue")
		if value == "" {
			return awsreply.Refuse("ParameterValueInvalid", "The message attribute %q is empty.", name)
		}
		p.attributes[name] = value
		size += len(name) + len("String") + len(value)
	}
	if size > 256*1024 {
		return awsreply.Refuse("InvalidParameter", "Invalid parameter: Message too long")
	}
	if err := json.Unmarshal([]byte(p.body), &p.document); err != nil {
		w.t.Errorf("a notification is no document: %v\n%s", err, p.body)
	}
	w.mailbox, w.told = append(w.mailbox, p), append(w.told, p.document)
	if w.options.told != nil {
		w.options.told(p)
	}
	return nil
}

// inOrder is the body of a call as it is every time: the SDK writes maps in any order.
func inOrder(body []byte) []byte {
	var input any
	if json.Unmarshal(body, &input) != nil {
		return body
	}
	ordered, err := json.Marshal(input)
	if err != nil {
		return body
	}
	return ordered
}

// effectName is what became of a call, in a trace.
func effectName(e gateway.Effect) string {
	names := map[gateway.EffectKind]string{
		gateway.Pass: "ok", gateway.Refuse: "refused " + e.Code, gateway.ResetBefore: "reset before", gateway.ResetAfter: "reply lost",
		gateway.HangBefore: "hangs before", gateway.HangAfter: "hangs after", gateway.KillBefore: "killed before",
		gateway.KillAfter: "killed after",
	}
	return names[e.Kind]
}
