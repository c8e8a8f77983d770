package awsclient_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/awsclient"
	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/localaws/awsreply"
	"appstream-ami-exporter/internal/trigger"
)

// The account has one image that can be exported.
const (
	image   = "win"
	amiName = "win-20261120T101500Z"
	taskID  = "3f0c2f0e-8a55-4c1c-9f0e-0d3c5b0c7a11"
	nightly = "nightly@2026-11-23T02:00:00Z"
	role    = "arn:aws:iam::123456789012:role/Export"
	arn     = "arn:aws:appstream:eu-west-1:123456789012:image/" + image
)

// appStream is the service as far as one export needs it: create says what becomes of CreateExportImageTask.
type appStream struct {
	create http.HandlerFunc
	others http.HandlerFunc // nil: they succeed

	mutex   sync.Mutex
	calls   map[string]int
	created bool // a task is there
}

func (s *appStream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation := awsreply.Operation(r, nil)
	_, _ = io.Copy(io.Discard, r.Body)
	s.mutex.Lock()
	s.calls[operation]++
	created := s.created
	s.mutex.Unlock()
	if operation == "CreateExportImageTask" {
		s.create(w, r)
		return
	}
	if s.others != nil {
		s.others(w, r)
		return
	}
	answer := map[string]any{}
	switch operation {
	case "DescribeImages":
		answer["Images"] = []any{map[string]any{"Name": image, "Arn": arn, "State": "AVAILABLE", "Platform": "WINDOWS_SERVER_2022",
			"CreatedTime": awsreply.Time(time.Unix(1795169700, 0))}}
	case "ListTagsForResource":
		answer["Tags"] = map[string]string{"Owner": "me"}
	case "ListExportImageTasks":
		if created {
			answer["ExportImageTasks"] = []any{task()}
		}
	}
	awsreply.Write(w, r, answer)
}

func task() map[string]any {
	return map[string]any{
		"TaskId": taskID, "ImageArn": arn, "AmiName": amiName, "State": "EXPORTING",
		"CreatedDate":       awsreply.Time(time.Unix(1795399203, 0)),
		"TagSpecifications": map[string]string{"appstream-ami-exporter:trigger-id": nightly},
	}
}

func (s *appStream) made() map[string]int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.calls
}

// refuse answers with an error.
func refuse(status int, code string) http.HandlerFunc {
	refusal := awsreply.Error{Status: status, Code: code, Message: "why"}
	return refusal.Write
}

// proxy answers as something between here and AWS would.
func proxy(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html>")
	}
}

// garbled answers with a body that cannot be read.
func garbled(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	_, _ = io.WriteString(w, "<html>")
}

// hangUp closes the connection without a byte of an answer; reset does it so that the other end sees an error.
func hangUp(reset bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		if tcp, ok := connection.(*net.TCPConn); ok && reset {
			_ = tcp.SetLinger(0)
		}
		_ = connection.Close()
	}
}

// run exports the image once through the function's own client, and returns what became of it.
func run(t *testing.T, service *appStream, variables map[string]string) (export.Decision, error) {
	t.Helper()
	service.calls = map[string]int{}
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_APPSTREAM": server.URL, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_CONFIG_FILE":       os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	for name, value := range variables {
		t.Setenv(name, value)
	}
	clients, err := awsclient.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exporter := &export.Exporter{
		AppStream: clients.AppStream,
		Place:     export.Place{Partition: "aws", Account: "123456789012", Region: "eu-west-1"},
		RoleARN:   role,
		Now:       time.Now,
		Warn:      func(_ context.Context, message string, _ ...any) { t.Errorf("warned: %s", message) },
	}
	selection, err := export.ParseSelection([]string{image}, nil)
	if err != nil {
		t.Fatal(err)
	}
	name, err := export.ParseNameTemplate("{image}-{created}")
	if err != nil {
		t.Fatal(err)
	}
	order := export.Order{
		Trigger:   trigger.Trigger{Type: trigger.Schedule, ID: nightly, Time: time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)},
		Selection: selection, Name: name, CopyTags: true,
	}
	var decisions []export.Decision
	_, err = exporter.Run(t.Context(), order, func(d export.Decision) { decisions = append(decisions, d) })
	if err != nil {
		return export.Decision{}, err
	}
	if len(decisions) != 1 {
		t.Fatalf("%d decisions for one image: %+v", len(decisions), decisions)
	}
	return decisions[0], nil
}

// CreateExportImageTask has no client token: whatever goes wrong, it is asked once, and then looked whether the task is there.
func TestCreateIsTriedOnce(t *testing.T) {
	looked, notLooked := 2, 1 // ListExportImageTasks: once for the plan, once after a failure that leaves it open
	tests := map[string]struct {
		create    http.HandlerFunc
		lists     int
		action    export.Action
		variables map[string]string
	}{
		"500":                       {refuse(500, "InternalFailure"), looked, export.Wait, nil},
		"503":                       {refuse(503, "ServiceUnavailable"), looked, export.Wait, nil},
		"a throttle":                {refuse(400, "ThrottlingException"), notLooked, export.Wait, nil},
		"too many requests":         {refuse(429, "TooManyRequestsException"), notLooked, export.Wait, nil},
		"the quota":                 {refuse(400, "LimitExceededException"), looked, export.Wait, nil},
		"a conflict":                {refuse(400, "ConcurrentModificationException"), looked, export.Wait, nil},
		"refused":                   {refuse(400, "InvalidRoleException"), looked, export.Reject, nil},
		"the connection is reset":   {hangUp(true), looked, export.Wait, nil},
		"the connection is closed":  {hangUp(false), looked, export.Wait, nil},
		"an answer of a proxy":      {proxy(http.StatusOK), looked, export.Wait, nil},
		"an error of a proxy":       {proxy(http.StatusBadGateway), looked, export.Wait, nil},
		"an answer that is no CBOR": {garbled, looked, export.Wait, nil},
		"an answer without a task": {func(w http.ResponseWriter, r *http.Request) { awsreply.Write(w, r, struct{}{}) }, looked, export.Wait,
			nil},
		"retries asked for": {refuse(500, "InternalFailure"), looked, export.Wait,
			map[string]string{"AWS_MAX_ATTEMPTS": "5", "AWS_RETRY_MODE": "adaptive"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			service := &appStream{create: test.create}
			d, err := run(t, service, test.variables)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]int{"DescribeImages": 1, "ListTagsForResource": 1, "CreateExportImageTask": 1,
				"ListExportImageTasks": test.lists}
			if diff := cmp.Diff(want, service.made()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if d.Action != test.action || d.AMIName != amiName || d.Task != nil {
				t.Errorf("decision = %+v, want %s of %s without a task", d, test.action, amiName)
			}
		})
	}
}

// The task was made and its answer was lost: it is found by its AMI name and adopted.
func TestLostAnswerIsAdopted(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"500": refuse(500, "InternalFailure"), "refused": refuse(400, "OperationNotPermittedException"),
		"the connection is reset": hangUp(true), "the connection is closed": hangUp(false),
	} {
		t.Run(name, func(t *testing.T) {
			service := &appStream{}
			service.create = func(w http.ResponseWriter, r *http.Request) {
				service.mutex.Lock()
				service.created = true
				service.mutex.Unlock()
				answer(w, r)
			}
			d, err := run(t, service, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := service.made()["CreateExportImageTask"]; got != 1 {
				t.Errorf("CreateExportImageTask was called %d times", got)
			}
			if d.Action != export.Export || d.TaskID != taskID || d.Task == nil {
				t.Errorf("decision = %+v, want the task adopted", d)
			}
		})
	}
}

// All other calls can be repeated, and are.
func TestOtherCallsAreRetried(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"500": refuse(500, "InternalFailure"), "a throttle": refuse(400, "ThrottlingException"), "the connection is reset": hangUp(true),
		"an error of a proxy": proxy(http.StatusBadGateway),
	} {
		t.Run(name, func(t *testing.T) {
			service := &appStream{others: answer}
			if _, err := run(t, service, nil); err == nil {
				t.Error("no error, though nothing could be read")
			}
			want := map[string]int{"DescribeImages": 3, "ListTagsForResource": 3, "ListExportImageTasks": 3}
			if diff := cmp.Diff(want, service.made()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}
