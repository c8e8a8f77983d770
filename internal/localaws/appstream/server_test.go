package appstream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/appstream"
)

const exportRole = "arn:aws:iam::123456789012:role/export"

// start is a moment with milliseconds, which the protocol keeps.
var start = time.Date(2026, 11, 23, 2, 0, 0, 123_000_000, time.UTC)

// scene is an emulator in virtual time, and a real client of it.
type scene struct {
	*appstream.Server
	client *sdk.Client
	mu     sync.Mutex
	now    time.Time
}

func (s *scene) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *scene) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func newScene(t *testing.T, options appstream.Options) *scene {
	t.Helper()
	s := &scene{now: start}
	ids := 0
	options.Now = s.clock
	options.NewID = func() string {
		ids++
		return fmt.Sprintf("3f0c2f0e-8a55-4c1c-9f0e-%012x", ids)
	}
	s.Server = appstream.New(options)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.client = newClient(server.URL, inOnePiece{})
	return s
}

func newClient(endpoint string, transport sdk.HTTPClient) *sdk.Client {
	return sdk.New(sdk.Options{
		Region:       "eu-west-1",
		BaseEndpoint: &endpoint,
		HTTPClient:   transport,
		Retryer:      aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
		}),
	})
}

// inOnePiece sends a request's head and body together. From smithy-go's own body net/http writes the head first, then the body, and
// then looks for more; smithy-go closes the body once the answer begins, and then reports EOF as a failure to write, which closes
// the connection under the answer. Only a server as near as a test's is fast enough for that.
type inOnePiece struct{}

func (inOnePiece) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return http.DefaultClient.Do(r)
}

// export starts an export with everything right about it, but for what change does.
func (s *scene) export(t *testing.T, image, ami string, change ...func(*sdk.CreateExportImageTaskInput)) (string, error) {
	t.Helper()
	input := &sdk.CreateExportImageTaskInput{ImageName: &image, AmiName: &ami, IamRoleArn: aws.String(exportRole)}
	for _, do := range change {
		do(input)
	}
	output, err := s.client.CreateExportImageTask(t.Context(), input)
	if err != nil {
		return "", err
	}
	return *output.ExportImageTask.TaskId, nil
}

func (s *scene) mustExport(t *testing.T, image, ami string) string {
	t.Helper()
	id, err := s.export(t, image, ami)
	if err != nil {
		t.Fatalf("export %s as %s: %v", image, ami, err)
	}
	return id
}

// wantError checks the code of an error, and a part of its message.
func wantError(t *testing.T, err error, code, part string) {
	t.Helper()
	failure, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		t.Fatalf("got error %v, want %s", err, code)
	}
	if failure.ErrorCode() != code || !strings.Contains(failure.ErrorMessage(), part) {
		t.Errorf("got %s: %q, want %s and %q in its message", failure.ErrorCode(), failure.ErrorMessage(), code, part)
	}
}

func TestCountsCalls(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "win"})
	for range 2 {
		if _, err := scene.client.DescribeImages(t.Context(), &sdk.DescribeImagesInput{}); err != nil {
			t.Fatal(err)
		}
	}
	scene.mustExport(t, "win", "win-1")
	if _, err := scene.export(t, "none", "none-1"); err == nil {
		t.Error("an export of no image succeeded")
	}
	want := map[string]int{"DescribeImages": 2, "CreateExportImageTask": 2}
	if diff := cmp.Diff(want, scene.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// Zero options must make a usable account: this is what a person at a terminal gets.
func TestDefaults(t *testing.T) {
	emulator := appstream.New(appstream.Options{})
	emulator.PutImage(appstream.Image{Name: "win"})
	server := httptest.NewServer(emulator)
	defer server.Close()
	client := newClient(server.URL, inOnePiece{})

	output, err := client.CreateExportImageTask(t.Context(), &sdk.CreateExportImageTaskInput{
		ImageName: aws.String("win"), AmiName: aws.String("win-1"), IamRoleArn: aws.String(exportRole),
	})
	if err != nil {
		t.Fatal(err)
	}
	task := output.ExportImageTask
	if got, want := *task.ImageArn, "arn:aws:appstream:eu-west-1:123456789012:image/win"; got != want {
		t.Errorf("ImageArn %s, want %s", got, want)
	}
	if age := time.Since(*task.CreatedDate); age < -time.Minute || age > time.Minute {
		t.Errorf("CreatedDate %s is not now", task.CreatedDate)
	}
	if _, err := client.GetExportImageTask(t.Context(), &sdk.GetExportImageTaskInput{TaskId: task.TaskId}); err != nil {
		t.Errorf("the random task id is refused: %v", err)
	}
}

// inProcess feeds requests to a handler without a socket, as a simulation does.
type inProcess struct{ handler http.Handler }

func (p inProcess) Do(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	p.handler.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

// Concurrent requests for one AMI name must make one task; the race detector watches the rest.
func TestConcurrency(t *testing.T) {
	emulator := appstream.New(appstream.Options{})
	emulator.PutImage(appstream.Image{Name: "win"})
	client := newClient("http://appstream.invalid", inProcess{emulator})

	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, err := client.CreateExportImageTask(t.Context(), &sdk.CreateExportImageTaskInput{
				ImageName: aws.String("win"), AmiName: aws.String("win-1"), IamRoleArn: aws.String(exportRole),
			})
			if err != nil {
				wantError(t, err, "OperationNotPermittedException", "win-1")
			}
			if _, err := client.TagResource(t.Context(), &sdk.TagResourceInput{
				ResourceArn: aws.String(emulator.ImageARN("win")), Tags: map[string]string{"a": "b"},
			}); err != nil {
				t.Error(err)
			}
			emulator.Images()
			emulator.AMIs()
			emulator.Calls()
		})
	}
	wg.Wait()
	if tasks := emulator.Tasks(); len(tasks) != 1 {
		t.Errorf("%d tasks for one AMI name", len(tasks))
	}
}
