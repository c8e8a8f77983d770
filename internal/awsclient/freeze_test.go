//go:build unix

package awsclient

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// Lambda freezes the function between two invocations, and whoever it is connected to may be gone when it goes on. Here a
// process is stopped, its connections die, and it goes on with the next invocation in the same moment: no call may fail or
// reach the service twice, and CreateExportImageTask must not even be tried on a dead connection, as nothing repeats it.
func TestFrozen(t *testing.T) {
	if os.Getenv("FROZEN_IDLE_LIMIT") != "" {
		frozenProcess(t)
		return
	}
	const short = 300 * time.Millisecond
	for _, test := range []struct {
		name   string
		limit  time.Duration // after which a connection is not used again
		frozen time.Duration
		kill   func(*net.TCPConn)
	}{
		// Nothing tells this side that the other is gone: only the limit keeps it from waiting for an answer.
		{"silently, for longer than the limit", short, 2 * short, func(*net.TCPConn) {}},
		{"closed, for longer than the limit", short, 2 * short, func(c *net.TCPConn) { _ = c.Close() }},
		{"closed, for a moment", time.Minute, 0, func(c *net.TCPConn) { _ = c.Close() }},
		{"reset, for a moment", time.Minute, 0, func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			service := newService(t)
			p := startFrozen(t, service, test.limit)
			p.await(t, "invoked")
			p.signal(t, syscall.SIGSTOP)
			service.network.kill(test.kill)
			time.Sleep(test.frozen)
			p.say(t) // the next event is there before the process goes on
			p.signal(t, syscall.SIGCONT)
			p.await(t, "invoked")
			want := map[string]int{"DescribeImages": 2, "ListExportImageTasks": 2, "ListTagsForResource": 2, "CreateExportImageTask": 2}
			if lost := service.network.lost.Load(); lost > 0 {
				t.Errorf("%d requests went to a dead connection", lost)
			}
			if got := service.calls(); !maps.Equal(got, want) {
				t.Errorf("after two invocations the service has seen %v, want %v", got, want)
			}
		})
	}
}

// frozenProcess is the process: two invocations, the second when it is told to.
func frozenProcess(t *testing.T) {
	limit, err := time.ParseDuration(os.Getenv("FROZEN_IDLE_LIMIT"))
	if err != nil {
		t.Fatal(err)
	}
	clients, err := build(t.Context(), httpClient().WithTransportOptions(func(t *http.Transport) { t.IdleConnTimeout = limit }))
	if err != nil {
		t.Fatal(err)
	}
	clients.Connect(t.Context())
	events := bufio.NewReader(os.Stdin)
	for range 2 {
		var errs [4]error
		var reads sync.WaitGroup
		name := aws.String("x")
		reads.Go(func() { _, errs[0] = clients.AppStream.DescribeImages(t.Context(), &appstream.DescribeImagesInput{}) })
		reads.Go(func() {
			_, errs[1] = clients.AppStream.ListExportImageTasks(t.Context(), &appstream.ListExportImageTasksInput{})
		})
		reads.Go(func() {
			_, errs[2] = clients.AppStream.ListTagsForResource(t.Context(), &appstream.ListTagsForResourceInput{ResourceArn: name})
		})
		reads.Wait()
		_, errs[3] = clients.AppStream.CreateExportImageTask(t.Context(),
			&appstream.CreateExportImageTaskInput{ImageName: name, AmiName: name, IamRoleArn: name},
			func(o *appstream.Options) { o.RetryMaxAttempts = 1 })
		fmt.Println("invoked", errs)
		_, _ = events.ReadString('\n') // no event is the end
	}
}

// frozen is the process as the test sees it.
type frozen struct {
	command *exec.Cmd
	events  io.Writer
	output  *bufio.Scanner
	errors  *bytes.Buffer
}

func startFrozen(t *testing.T, s *service, limit time.Duration) *frozen {
	t.Helper()
	p := &frozen{command: exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFrozen$"), errors: &bytes.Buffer{}}
	p.command.Env = append(os.Environ(), "FROZEN_IDLE_LIMIT="+limit.String(), "AWS_ENDPOINT_URL=https://"+s.network.Addr().String(),
		"AWS_CA_BUNDLE="+bundle(t, s.server),
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
	p.command.Stderr = p.errors
	events, err := p.command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.events, p.output = events, bufio.NewScanner(output)
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.command.Process.Kill(); _ = p.command.Wait() })
	return p
}

// await waits for the next line, which must report no error.
func (p *frozen) await(t *testing.T, word string) {
	t.Helper()
	if !p.output.Scan() || p.output.Text() != word+" [<nil> <nil> <nil> <nil>]" {
		t.Fatalf("the process says %q\n%s", p.output.Text(), p.errors)
	}
}

func (p *frozen) say(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(p.events, "\n"); err != nil {
		t.Fatal(err)
	}
}

func (p *frozen) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.command.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// service is AppStream behind a network whose connections can die.
type service struct {
	server  *httptest.Server
	network *network

	mutex sync.Mutex
	seen  map[string]int
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{seen: map[string]int{}}
	s.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, action := awsreply.Operation(r, nil)
		s.mutex.Lock()
		s.seen[action]++
		s.mutex.Unlock()
		awsreply.Write(w, r, struct{}{})
	}))
	t.Cleanup(s.server.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.network = &network{Listener: listener, to: s.server.Listener.Addr().String(), open: map[*net.TCPConn]bool{}}
	go s.network.run()
	t.Cleanup(func() { _ = listener.Close(); s.network.kill(func(c *net.TCPConn) { _ = c.Close() }) })
	return s
}

func (s *service) calls() map[string]int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return maps.Clone(s.seen)
}

// network passes bytes on between two sides.
type network struct {
	net.Listener
	to string

	lost  atomic.Int64 // requests
	mutex sync.Mutex
	open  map[*net.TCPConn]bool // those of the process
}

func (n *network) run() {
	for {
		near, err := n.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", n.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		process := near.(*net.TCPConn)
		n.mutex.Lock()
		n.open[process] = true
		n.mutex.Unlock()
		go n.pass(process, far, near)
		go n.pass(process, near, far)
	}
}

// farewell is more than TLS says at the end of a connection, and less than any request.
const farewell = 100

// pass passes on what one side sends, for as long as the connection lives.
func (n *network) pass(process *net.TCPConn, to io.Writer, from io.Reader) {
	buffer := make([]byte, 16<<10)
	for {
		count, err := from.Read(buffer)
		n.mutex.Lock()
		alive := n.open[process]
		n.mutex.Unlock()
		if !alive && from == io.Reader(process) && count > farewell {
			n.lost.Add(1)
		}
		if err != nil || !alive {
			return // a dead connection swallows what it is given
		}
		if _, err := to.Write(buffer[:count]); err != nil {
			return
		}
	}
}

// kill lets all connections die, each in that way.
func (n *network) kill(how func(*net.TCPConn)) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for process := range n.open {
		how(process)
		delete(n.open, process)
	}
}
