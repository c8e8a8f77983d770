// Package operator plays what a person at a terminal asks of AWS about a deployed stack: CloudFormation's outputs and
// resources, CloudWatch's metrics and alarms, and the function's log. It answers in the protocol that it is asked in, since the
// aws command, boto3 and the SDK for Go each speak another one.
package operator

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// Options describe the stack.
type Options struct {
	Stack Stack

	// Now tells the time; nil means time.Now.
	Now func() time.Time

	// Depth tells how many messages of a queue can be received at the moment; ok is false where there is no such queue.
	Depth func(queueName string) (messages int, ok bool)
}

// Server plays CloudFormation, CloudWatch and CloudWatch Logs for one stack. It is an http.Handler.
type Server struct {
	options Options

	mu       sync.Mutex
	requests int
	log      []line
	metrics  map[series][]sample
	alarms   map[string]alarmState // by name, what was last told
}

// New returns a Server for a stack whose log is empty.
func New(options Options) *Server {
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Server{options: options, metrics: map[series][]sample{}, alarms: map[string]alarmState{}}
}

// operation answers one request; Server.mu is held.
type operation func(*Server, object) (object, error)

// operationOf returns nil for what is not played.
func operationOf(service, name string) operation {
	switch service + " " + name {
	case "cloudformation DescribeStacks":
		return (*Server).describeStacks
	case "cloudformation ListStackResources":
		return (*Server).listStackResources
	case "cloudformation DescribeStackResources":
		return (*Server).describeStackResources
	case "sts GetCallerIdentity":
		return (*Server).getCallerIdentity
	case "monitoring DescribeAlarms":
		return (*Server).describeAlarms
	case "monitoring GetMetricStatistics":
		return (*Server).getMetricStatistics
	case "logs FilterLogEvents":
		return (*Server).filterLogEvents
	}
	return nil
}

// ServeHTTP answers one request to any of the services.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked, err := readRequest(w, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	w.Header().Set("X-Amzn-RequestId", fmt.Sprintf("00000000-0000-4000-8000-%012x", s.requests))
	var answer object
	if err == nil {
		run := operationOf(asked.service, asked.operation)
		if run == nil {
			err = awsreply.Refuse("UnknownOperationException", "The local AWS does not play %s of %s.", asked.operation, asked.service)
		} else {
			answer, err = run(s, asked.input)
		}
	}
	asked.reply(w, r, answer, err)
}
