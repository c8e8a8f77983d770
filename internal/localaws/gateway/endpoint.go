package gateway

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"
)

// Caller is a process that calls the gateway and that a Fault may kill.
type Caller interface {
	Name() string
	PID() int
	Kill() // returns when the process is gone
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
func (g *Gateway) Listen(caller Caller) (*Endpoint, error) { return g.ListenAt("127.0.0.1:0", caller) }

// ListenAt does so at an address of the loopback interface.
func (g *Gateway) ListenAt(address string, caller Caller) (*Endpoint, error) {
	listener, err := net.Listen("tcp", address)
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
	r.Body = io.NopCloser(bytes.NewReader(body))
	service, call := e.gateway.identify(r, body)
	if e.caller != nil {
		call.Environment, call.PID = e.caller.Name(), e.caller.PID()
	}

	call = e.gateway.admit(call)
	defer func() { e.gateway.finish(call) }() // also when the connection is aborted
	call.Status = e.gateway.handle(w, r, service, call, e.caller)
}
