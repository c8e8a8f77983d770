package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/lambda"
	"appstream-ami-exporter/internal/localaws/queues"
)

// screen writes a timeline for people. The night begins at four, as the template says.
type screen struct {
	mutex  sync.Mutex
	w      io.Writer
	colour bool
	scene  scene
	began  time.Time
	waits  map[string]string // the reason last shown for an image that waits
	single bool              // one event is sent, and its reply is shown
}

func newScreen(w io.Writer, s scene) *screen {
	file, ok := w.(*os.File)
	colour := false
	if ok && os.Getenv("NO_COLOR") == "" {
		info, err := file.Stat()
		colour = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return &screen{w: w, scene: s, colour: colour, waits: map[string]string{}}
}

const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (s *screen) paint(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *screen) start(now time.Time) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.began = now
}

// clock is the night's time. Where the account stays, it is the time that the commands show as well.
func (s *screen) clock() string {
	if s.scene.stays {
		return time.Now().UTC().Format("15:04:05")
	}
	passed := time.Duration(float64(time.Since(s.began)) * s.scene.speed)
	return time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC).Add(passed).Format("15:04")
}

// until waits for a moment of the night, counted from its beginning.
func (s *screen) until(ctx context.Context, moment time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(s.began.Add(s.scene.compress(moment)))):
		return nil
	}
}

func (s *screen) heading(title string, lines ...string) {
	fmt.Fprintf(s.w, "%s\n%s\n\n", s.paint(bold, title), s.paint(dim, strings.Join(lines, "\n")))
}

func (s *screen) text(format string, args ...any) { fmt.Fprintf(s.w, format+"\n", args...) }

func (s *screen) event(what, format string, args ...any) { s.line(cyan, what, format, args...) }

func (s *screen) line(colour, what, format string, args ...any) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	fmt.Fprintf(s.w, "%s  %s  %s\n", s.paint(dim, s.clock()), s.paint(colour, fmt.Sprintf("%-9s", what)), fmt.Sprintf(format, args...))
}

func (s *screen) detail(format string, args ...any) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, line := range wrap(fmt.Sprintf(format, args...), detailWidth) {
		fmt.Fprintf(s.w, "%s%s\n", strings.Repeat(" ", len(s.clock())+13), line)
	}
}

// detailWidth makes details fit into a terminal of 120 columns.
const detailWidth = 102

// wrap breaks a text into lines between its words.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = "      " // under a label such as "hint: "
		}
		if strings.TrimSpace(line) != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// log shows what the function decided, from its own log lines.
func (s *screen) log(line lambda.LogLine) {
	var entry struct {
		Level     string `json:"level"`
		Message   string `json:"message"`
		ImageName string `json:"imageName"`
		AMIName   string `json:"amiName"`
		Reason    string `json:"reason"`
		Error     string `json:"error"`
		DryRun    bool   `json:"dryRun"`
	}
	if json.Unmarshal([]byte(line.Text), &entry) != nil {
		if line.Stream != "platform" {
			s.line(red, "log", "%s", line.Text)
		}
		return
	}
	if strings.HasPrefix(entry.Message, `{"errorMessage":`) {
		return // aws-lambda-go repeats the error of an invocation
	}
	switch entry.Message {
	case "export":
		what := "start"
		if entry.DryRun {
			what = "dry run"
		}
		s.line(green, what, "%s as %s", entry.ImageName, entry.AMIName)
	case "wait":
		if s.news(entry.ImageName, entry.Reason) {
			s.line(yellow, "wait", "%s: %s", entry.ImageName, entry.Reason)
		}
	case "skip":
		s.line(dim, "skip", "%s: %s", entry.ImageName, entry.Reason)
	case "reject":
		s.line(red, "reject", "%s: %s", entry.ImageName, entry.Reason)
	case "came second", "announce", "ignored":
		s.line(dim, entry.Message, "%s", said(entry.ImageName, entry.Reason))
	case "invocation failed":
		if !s.single {
			s.line(red, "error", "%s", said(entry.Message, entry.Error))
		}
	default:
		if entry.Level == "WARN" || entry.Level == "ERROR" {
			s.line(red, strings.ToLower(entry.Level), "%s", said(entry.Message, entry.ImageName, entry.Reason, entry.Error))
		}
	}
}

// said puts what there is of a log line into one.
func said(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ": ")
}

// news tells whether the reason for which an image waits is another than before.
func (s *screen) news(image, reason string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	before := s.waits[image]
	s.waits[image] = reason
	return reason != before
}

// showMail shows each notification as it arrives, until the function it returns is called.
func (s *screen) showMail(account *localaws.Account) (stop func()) {
	shown := 0
	return s.show(func() ([]queues.Notification, error) {
		notifications, err := account.Notifications()
		if err != nil {
			return nil, err
		}
		news := notifications[shown:]
		shown = len(notifications)
		return news, nil
	})
}

// showDeliveries does so where the account stays, and keeps none of them.
func (s *screen) showDeliveries(account *localaws.Account) (stop func()) {
	return s.show(func() ([]queues.Notification, error) { return account.Queues.Deliveries(account.Inbox) })
}

// show shows the notifications that news tells of, until the function it returns is called.
func (s *screen) show(news func() ([]queues.Notification, error)) (stop func()) {
	done := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		show := func() {
			notifications, err := news()
			if err != nil {
				s.line(red, "mail", "%v", err)
				return
			}
			for _, n := range notifications {
				s.mail(n)
			}
		}
		for {
			select {
			case <-done:
				show()
				return
			case <-time.After(20 * time.Millisecond):
				show()
			}
		}
	})
	return func() { close(done); watcher.Wait() }
}

// mail shows the gist of a notification.
func (s *screen) mail(n queues.Notification) {
	var document struct {
		Summary string `json:"summary"`
		Error   *struct {
			Code, Message, Hint string
		} `json:"error"`
	}
	if err := json.Unmarshal([]byte(n.Message), &document); err != nil {
		s.line(red, "mail", "a notification is not JSON: %v", err)
		return
	}
	s.line(bold, "mail", "%s", s.paint(bold, n.Subject))
	s.detail("%s", document.Summary)
	if document.Error != nil {
		s.detail("why: %s: %s", document.Error.Code, document.Error.Message)
		s.detail("hint: %s", document.Error.Hint)
	}
}

// mails shows whole e-mails, the first of each type.
func (s *screen) mails(notifications []queues.Notification, types ...string) {
	for _, kind := range types {
		for _, n := range notifications {
			if n.Attributes["type"] != kind {
				continue
			}
			fmt.Fprintf(s.w, "\n%s\n%s %s\n\n%s\n", s.paint(dim, "------ an e-mail as it arrives "+strings.Repeat("-", 60)),
				s.paint(bold, "Subject:"), n.Subject, n.Message)
			break
		}
	}
}

// rules tells whether EventBridge would bring the event to the function.
func (s *screen) rules(account *localaws.Account, payload []byte) {
	var envelope struct {
		DetailType string `json:"detail-type"`
		Source     string `json:"source"`
	}
	if json.Unmarshal(payload, &envelope) != nil || envelope.DetailType == "" || envelope.DetailType == "Scheduled Event" {
		return
	}
	if taken, err := account.Stack.Takes(payload); err == nil && taken {
		s.event("rule", "the stack's rule brings this event to the function")
		return
	}
	s.event("rule", "no rule of the stack takes this event; it is sent to the function all the same")
}

// reply shows what the function answered.
func (s *screen) reply(result lambda.Result) {
	var indented bytes.Buffer
	if json.Indent(&indented, result.Payload, "", "  ") != nil {
		indented.Reset()
		indented.Write(result.Payload)
	}
	if result.Failed() {
		s.line(red, "reply", "the function reports an error:\n%s", indented.String())
		return
	}
	s.line(green, "reply", "the function answers:\n%s", indented.String())
}
