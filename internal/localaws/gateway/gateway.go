// Package gateway is the network between the function under test and AWS: it recognises the service and the operation of each
// call, records it, lets a Fault meddle with it, and hands it to the service.
package gateway

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"appstream-ami-exporter/internal/localaws/awsreply"
	"appstream-ami-exporter/internal/localaws/wait"
)

// Gateway is where the function under test finds AWS.
type Gateway struct {
	options  Options
	services map[string]Service // by signing name

	mu        sync.Mutex
	fault     Fault
	count     int // of calls so far
	calls     []Call
	endpoints []*Endpoint
}

// Options say how a Gateway passes calls on.
type Options struct {
	// Latency is added to every call. A service that answers in no time at all is not realistic, and
	// smithy-go 1.28 may drop a connection whose answer arrives before it has finished the request.
	Latency time.Duration

	// OnCall, if set, is told of every call once its outcome is known. It must not block.
	OnCall func(Call)

	// Forgetful keeps no calls: Calls has none.
	Forgetful bool
}

// Service is one of the services behind a Gateway.
type Service struct {
	// SigningName is what requests to the service are signed for, such as "sqs".
	SigningName string

	// IAMPrefix is how IAM names the service in its actions, where that is another name: "cloudwatch" is signed as "monitoring".
	IAMPrefix string

	// Operation returns which operation a request is for, where its protocol does not say it, as with REST.
	Operation func(r *http.Request) string

	http.Handler
}

// New returns a Gateway to these services, without endpoints; Listen opens them.
func New(options Options, services ...Service) *Gateway {
	g := &Gateway{options: options, services: map[string]Service{}}
	for _, service := range services {
		g.services[service.SigningName] = service
	}
	return g
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

// identify reads from a request which service and operation it is for.
func (g *Gateway) identify(r *http.Request, body []byte) (Service, Call) {
	call := Call{Time: time.Now(), TraceID: r.Header.Get("X-Amzn-Trace-Id"), Body: body}
	if parameters, err := awsreply.Parameters(r, body); err == nil {
		call.Body = parameters
	} // otherwise the service says what is wrong with it
	service, ok := g.services[awsreply.SigningName(r)]
	if !ok {
		return Service{Handler: http.HandlerFunc(unknown)}, call
	}
	call.Service = cmp.Or(service.IAMPrefix, service.SigningName)
	if service.Operation != nil {
		call.Action = service.Operation(r)
	} else {
		_, call.Action = awsreply.Operation(r, body)
	}
	return service, call
}

// admit numbers the call, asks the Fault about it and records it.
func (g *Gateway) admit(call Call) Call {
	g.mu.Lock()
	g.count++
	call.Number = g.count
	if !g.options.Forgetful {
		g.calls = append(g.calls, call)
	}
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
	if !g.options.Forgetful {
		g.calls[call.Number-1] = call
	}
	g.mu.Unlock()
	if g.options.OnCall != nil {
		g.options.OnCall(call)
	}
}

// handle does to the call what its effect says, and returns the status of the answer, or 0 without one.
func (g *Gateway) handle(w http.ResponseWriter, r *http.Request, service http.Handler, call Call, caller Caller) int {
	if wait.For(r.Context(), g.options.Latency+call.Effect.Delay) != nil {
		return 0
	}
	answer := awsreply.NewBuffer()
	switch effect := call.Effect; {
	case effect.Kind.reachesService():
		// A service finishes what it was asked for even if the caller goes away meanwhile.
		service.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context())))
	case effect.Kind == Refuse:
		refusal := awsreply.Error{Status: effect.Status, Code: effect.Code, Message: effect.Message}
		refusal.Write(answer, r)
	}

	switch call.Effect.Kind {
	case Pass, Refuse:
		return answer.CopyTo(w)
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

// unknown answers what is for none of the services.
func unknown(w http.ResponseWriter, r *http.Request) {
	awsreply.Refuse("UnknownOperationException", "The local AWS does not play %s: %s %s",
		cmp.Or(awsreply.SigningName(r), "what is not signed"), r.Method, r.URL.Path).Write(w, r)
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
