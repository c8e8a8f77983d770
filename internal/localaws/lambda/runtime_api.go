package lambda

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// maxResponseBytes is the largest reply that Lambda takes from a function.
const maxResponseBytes = 6*1024*1024 + 100

// runtimeAPI is the Lambda Runtime API of one execution environment: the process asks it for the next
// invocation and posts the outcome.
// See https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
type runtimeAPI struct {
	address string
	server  *http.Server

	polls    chan struct{}   // filled when the process asks for an invocation, that is, when it is idle
	work     chan invocation // handed to the process
	outcomes chan outcome    // what the process made of it
	initErrs chan outcome    // what the process reported before its first poll
	done     chan struct{}   // closed by Close
	mu       sync.Mutex      // guards current
	current  *invocation     // the one that the process has been given
}

// invocation is one event on its way to a process.
type invocation struct {
	requestID   string
	payload     []byte
	deadline    time.Time
	functionARN string
	traceID     string
}

// outcome is what a process posted: a reply, or an error in the form of Lambda's error payload.
type outcome struct {
	payload []byte
	failed  bool
}

// functionError is the payload that stands for a failed invocation.
type functionError struct {
	ErrorType    string `json:"errorType"`
	ErrorMessage string `json:"errorMessage"`
}

func (e functionError) payload() []byte {
	payload, err := json.Marshal(e)
	if err != nil {
		panic(err) // two strings can always be encoded
	}
	return payload
}

// startRuntimeAPI opens a Runtime API on a free port of the loopback interface.
func startRuntimeAPI() (*runtimeAPI, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("runtime API: %w", err)
	}
	api := &runtimeAPI{
		address: listener.Addr().String(),
		// Buffered, so that the process need not wait for somebody to take note.
		polls:    make(chan struct{}, 1),
		work:     make(chan invocation),
		outcomes: make(chan outcome, 1),
		initErrs: make(chan outcome, 1),
		done:     make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", api.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", api.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", api.failure)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", api.initError)
	api.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = api.server.Serve(listener) }() // always ends with ErrServerClosed
	return api, nil
}

func (api *runtimeAPI) close() {
	close(api.done)
	_ = api.server.Close() // the process that it served is gone
}

// next holds the process until there is an invocation for it.
func (api *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	api.setCurrent(nil)
	select {
	case api.polls <- struct{}{}:
	default: // asked again without having been answered: the same news
	}
	select {
	case <-r.Context().Done():
	case <-api.done:
	case inv := <-api.work:
		api.setCurrent(&inv)
		header := w.Header()
		header.Set("Content-Type", "application/json")
		header.Set("Lambda-Runtime-Aws-Request-Id", inv.requestID)
		header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
		header.Set("Lambda-Runtime-Invoked-Function-Arn", inv.functionARN)
		header.Set("Lambda-Runtime-Trace-Id", inv.traceID)
		_, _ = w.Write(inv.payload) // fails only if the process died; its exit is noticed
	}
}

// response takes the reply to an invocation.
func (api *runtimeAPI) response(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxResponseBytes))
	if err != nil {
		api.finish(w, r, http.StatusRequestEntityTooLarge, outcome{failed: true, payload: functionError{
			ErrorType:    "Function.ResponseSizeTooLarge",
			ErrorMessage: fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxResponseBytes),
		}.payload()})
		return
	}
	// A runtime that fails while it streams its reply says so in trailers.
	if r.Trailer.Get("Lambda-Runtime-Function-Error-Type") != "" {
		report, err := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		if err != nil {
			report = functionError{ErrorType: r.Trailer.Get("Lambda-Runtime-Function-Error-Type")}.payload()
		}
		api.finish(w, r, http.StatusAccepted, outcome{payload: report, failed: true})
		return
	}
	api.finish(w, r, http.StatusAccepted, outcome{payload: body})
}

// failure takes the report that an invocation failed.
func (api *runtimeAPI) failure(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the process died
	}
	api.finish(w, r, http.StatusAccepted, outcome{payload: errorPayload(r, body), failed: true})
}

// initError takes the report that the process cannot start.
func (api *runtimeAPI) initError(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the process died
	}
	select {
	case api.initErrs <- outcome{payload: errorPayload(r, body), failed: true}:
	default: // reported before
	}
	acknowledge(w, http.StatusAccepted, `{"status":"OK"}`)
}

// errorPayload is the report of an error. A runtime that sends no body has named it in a header.
func errorPayload(r *http.Request, body []byte) []byte {
	if len(body) > 0 {
		return body
	}
	return functionError{ErrorType: r.Header.Get("Lambda-Runtime-Function-Error-Type")}.payload()
}

// finish passes on the outcome of the invocation that the process is working on, and of no other.
func (api *runtimeAPI) finish(w http.ResponseWriter, r *http.Request, status int, result outcome) {
	api.mu.Lock()
	expected := api.current != nil && api.current.requestID == r.PathValue("id")
	if expected {
		api.current = nil
	}
	api.mu.Unlock()
	if !expected {
		acknowledge(w, http.StatusBadRequest, `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`)
		return
	}
	api.outcomes <- result
	acknowledge(w, status, `{"status":"OK"}`)
}

func (api *runtimeAPI) setCurrent(inv *invocation) {
	api.mu.Lock()
	defer api.mu.Unlock()
	api.current = inv
}

func acknowledge(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // fails only if the process died
}
