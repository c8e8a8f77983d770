package localaws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Gateway is where the function under test finds AWS. It recognises the service and action of each
// call, records it, lets a Fault meddle with it, and hands it to the service's backend.
type Gateway struct {
	options GatewayOptions

	mu        sync.Mutex
	fault     Fault
	calls     []Call
	endpoints []*Endpoint
}

// GatewayOptions says what stands behind a Gateway.
type GatewayOptions struct {
	AppStream http.Handler // receives the calls to AppStream
	Queues    *Queues      // receives the calls to SNS and SQS

	// Latency is added to every call. A service that answers in no time at all is not realistic, and
	// smithy-go 1.28 may drop a connection whose answer arrives before it has finished the request.
	Latency time.Duration

	// OnCall, if set, is told of every call once its outcome is known. It must not block.
	OnCall func(Call)
}

// Call is one call to a service, as the gateway saw it.
type Call struct {
	Number      int    // counts from 1, in order of arrival
	Service     string // "appstream", "sns" or "sqs"
	Action      string // as the API names it, such as "SendMessageBatch"
	IAMAction   string // the permission that it needs, such as "sqs:SendMessage"
	Time        time.Time
	Environment string // the execution environment that made the call, if one did
	PID         int    // its process
	TraceID     string // the X-Amzn-Trace-Id header: the invocation that the call belongs to
	Body        []byte // JSON, or a form for SNS

	// Effect and Status are how it went. They are zero when a Fault is asked; a zero Status in a
	// recorded call means that the caller got no answer.
	Effect Effect
	Status int
}

// Param returns a parameter of the call by its name in the API, or "" if it is absent. Parameters
// that are not strings are returned as JSON.
func (c Call) Param(name string) string {
	if c.Service == serviceSNS {
		form, _ := url.ParseQuery(string(c.Body))
		return form.Get(name)
	}
	var input map[string]json.RawMessage
	if json.Unmarshal(c.Body, &input) != nil {
		return ""
	}
	var text string
	if json.Unmarshal(input[name], &text) == nil {
		return text
	}
	return string(input[name])
}

// Caller is a process that calls the gateway and that a Fault may kill.
type Caller interface {
	Name() string
	PID() int
	Kill() // returns when the process is gone
}

// NewGateway returns a Gateway without endpoints; Listen opens them.
func NewGateway(options GatewayOptions) *Gateway {
	return &Gateway{options: options}
}

// SetFault has every further call ask f what to do with it; nil lets all calls pass.
func (g *Gateway) SetFault(f Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = f
}

// Calls returns all calls so far, in order of arrival.
func (g *Gateway) Calls() []Call {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.calls)
}

// Close closes all endpoints.
func (g *Gateway) Close() error {
	g.mu.Lock()
	endpoints := slices.Clone(g.endpoints)
	g.mu.Unlock()

	var errs []error
	for _, e := range endpoints {
		errs = append(errs, e.Close())
	}
	return errors.Join(errs...)
}

// Endpoint is one address of a Gateway. Every execution environment has its own, so that a call is
// known by the port it arrives on.
type Endpoint struct {
	gateway *Gateway
	server  *http.Server
	url     string
	caller  Caller
}

// Listen opens an endpoint for one caller on a free port of the loopback interface. The caller is nil for
// clients that are not part of the system under test.
func (g *Gateway) Listen(caller Caller) (*Endpoint, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	e := &Endpoint{gateway: g, caller: caller, url: "http://" + listener.Addr().String()}
	e.server = &http.Server{Handler: e, ReadHeaderTimeout: time.Minute}
	go func() { _ = e.server.Serve(listener) }() // always ends with ErrServerClosed

	g.mu.Lock()
	defer g.mu.Unlock()
	g.endpoints = append(g.endpoints, e)
	return e, nil
}

// URL returns the base URL that clients are to use.
func (e *Endpoint) URL() string { return e.url }

// Close closes the endpoint and breaks its connections.
func (e *Endpoint) Close() error {
	g := e.gateway
	g.mu.Lock()
	g.endpoints = slices.DeleteFunc(g.endpoints, func(other *Endpoint) bool { return other == e })
	g.mu.Unlock()
	if err := e.server.Close(); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	return nil
}

// ServeHTTP takes one call.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller died while it was sending
	}
	call := identify(r, body)
	if e.caller != nil {
		call.Environment, call.PID = e.caller.Name(), e.caller.PID()
	}

	call = e.gateway.admit(call)
	defer func() { e.gateway.finish(call) }() // also when the connection is aborted
	call.Status = e.gateway.handle(w, r, call, e.caller)
}

// identify reads from a request which service and action it is for.
func identify(r *http.Request, body []byte) Call {
	call := Call{Time: time.Now(), TraceID: r.Header.Get("X-Amzn-Trace-Id"), Body: body}
	target, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch target {
	case "PhotonAdminProxyService":
		call.Service, call.Action = serviceAppStream, action
		call.IAMAction = serviceAppStream + ":" + action
	case "AmazonSQS":
		call.Service, call.Action = serviceSQS, action
		// A batch has no permission of its own.
		call.IAMAction = serviceSQS + ":" + strings.TrimSuffix(action, "Batch")
	default:
		form, _ := url.ParseQuery(string(body))
		if action := form.Get("Action"); action != "" {
			call.Service, call.Action = serviceSNS, action
			call.IAMAction = serviceSNS + ":" + strings.TrimSuffix(action, "Batch")
		}
	}
	return call
}

// admit numbers the call, decides its fate and records it.
func (g *Gateway) admit(call Call) Call {
	g.mu.Lock()
	call.Number = len(g.calls) + 1
	g.calls = append(g.calls, call)
	fault := g.fault
	g.mu.Unlock()

	// The fault is asked without the lock: it may want to look at the calls so far.
	if fault != nil {
		call.Effect = fault(call)
	}
	return call
}

// finish records how the call went.
func (g *Gateway) finish(call Call) {
	g.mu.Lock()
	g.calls[call.Number-1] = call
	g.mu.Unlock()
	if g.options.OnCall != nil {
		g.options.OnCall(call)
	}
}

// handle does to the call what its effect says, and returns the status of the answer, or 0 without one.
func (g *Gateway) handle(w http.ResponseWriter, r *http.Request, call Call, caller Caller) int {
	if sleep(r.Context(), g.options.Latency+call.Effect.Delay) != nil {
		return 0
	}
	answer := newBufferedReply()
	switch effect := call.Effect; {
	case effect.Kind.reachesService():
		// A service finishes what it was asked for even if the caller goes away meanwhile.
		request := r.Clone(context.WithoutCancel(r.Context()))
		request.Body = io.NopCloser(bytes.NewReader(call.Body))
		g.backend(call.Service).ServeHTTP(answer, request)
	case effect.Kind == Refuse:
		refusal := apiError{Status: effect.Status, Code: effect.Code, Message: effect.Message}
		refusal.write(answer, call.Service)
	}

	switch call.Effect.Kind {
	case Pass, Refuse:
		return answer.copyTo(w)
	case HangBefore, HangAfter:
		<-r.Context().Done()
	case KillBefore, KillAfter:
		if caller != nil {
			caller.Kill()
		}
		reset(w)
	default:
		reset(w)
	}
	return 0
}

func (g *Gateway) backend(service string) http.Handler {
	switch {
	case service == serviceAppStream && g.options.AppStream != nil:
		return g.options.AppStream
	case service != "" && service != serviceAppStream && g.options.Queues != nil:
		return g.options.Queues
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse("UnknownOperationException", "no service here takes %s %s with target %q",
			r.Method, r.URL.Path, r.Header.Get("X-Amz-Target")).write(w, service)
	})
}

// reset breaks the connection so that the caller sees "connection reset by peer".
func reset(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it, closing is an orderly end rather than a reset
	}
	_ = conn.Close()
}

// bufferedReply keeps a backend's answer until it is known whether the caller may have it.
type bufferedReply struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func newBufferedReply() *bufferedReply {
	return &bufferedReply{status: http.StatusOK, header: http.Header{}}
}

func (b *bufferedReply) Header() http.Header         { return b.header }
func (b *bufferedReply) WriteHeader(status int)      { b.status = status }
func (b *bufferedReply) Write(p []byte) (int, error) { return b.body.Write(p) }

func (b *bufferedReply) copyTo(w http.ResponseWriter) int {
	maps.Copy(w.Header(), b.header)
	w.WriteHeader(b.status)
	_, _ = w.Write(b.body.Bytes()) // fails only if the caller has gone
	return b.status
}

// sleep waits for d, or until ctx ends and then returns why.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
