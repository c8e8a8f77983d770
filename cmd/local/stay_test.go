package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/localtest"
)

func TestMain(m *testing.M) { os.Exit(localtest.Main(m)) }

// page is a screen that is read while it is written.
type page struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (p *page) Write(data []byte) (int, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.text.Write(data)
}

func (p *page) String() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.text.String()
}

// await waits until the pattern is on the screen, and returns what its group matched.
func (p *page) await(t *testing.T, pattern string) string {
	t.Helper()
	expression := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if found := expression.FindStringSubmatch(p.String()); found != nil {
			return found[len(found)-1]
		}
		if time.Now().After(deadline) {
			t.Fatalf("the screen lacks %q:\n%s", pattern, p)
		}
	}
}

func TestStay(t *testing.T) {
	s := scene{
		bootstrap: localtest.Bootstrap(t), template: filepath.Join(localtest.Root(t), "template.yaml"),
		speed: 7200, images: 12, limit: 2, stays: true,
	}
	ctx, end := context.WithCancel(t.Context())
	var screen page
	ended := make(chan error, 1)
	go func() { ended <- stay(ctx, &screen, s, "127.0.0.1:0") }()
	t.Cleanup(end)

	url := screen.await(t, `export AWS_ENDPOINT_URL=(http://127\.0\.0\.1:\d+) `)
	for _, command := range []string{"  make plan\n", "  make export IMAGE=win2022-base-7 FOLLOW=1\n", "  make status\n"} {
		if !strings.Contains(screen.String(), command) {
			t.Errorf("the screen lacks %q:\n%s", command, &screen)
		}
	}
	screen.await(t, `There are 12 images. It is evening: the nightly run comes in 5s `)

	// Another program calls it.
	client := appstream.NewFromConfig(aws.Config{Region: "eu-west-1", BaseEndpoint: &url,
		Credentials: credentials.NewStaticCredentialsProvider("x", "x", "")})
	answer, err := client.DescribeImages(ctx, &appstream.DescribeImagesInput{Type: types.VisibilityTypePrivate})
	if err != nil || len(answer.Images) != 12 {
		t.Errorf("it answers with %d images, %v", len(answer.Images), err)
	}
	// The address is taken now.
	if err := stay(ctx, &page{}, s, strings.TrimPrefix(url, "http://")); err == nil ||
		!strings.Contains(err.Error(), "PORT=<number> chooses another port") {
		t.Errorf("a second one at the same address: %v", err)
	}

	// Night and day pass.
	screen.await(t, `\d\d:\d\d:\d\d  schedule   night`)
	screen.await(t, `start      win2022-app-9 `)
	screen.await(t, `mail       AppStream export of win2022-base-7 completed\n {21}Export of win2022-base-7 completed: ami-`)
	screen.await(t, `image      an image builder begins the image win2022-new-1;`)
	screen.await(t, `mail       AppStream export of win2022-new-1 completed`)

	end()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("it ends with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("it does not end")
	}
}

func TestEstate(t *testing.T) {
	if err := run(t.Context(), scene{speed: 300}, "", "", false); err == nil ||
		!strings.Contains(err.Error(), "must be more than 0, not 300 and 0") {
		t.Errorf("no exports at all: %v", err)
	}
	for d, want := range map[time.Duration]string{8 * time.Second: "8s", 2 * time.Minute: "2m", 288 * time.Second: "4m48s",
		40 * time.Millisecond: "40ms", 24 * time.Hour: "24h0m"} {
		if got := brief(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}
