package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"appstream-ami-exporter/internal/config"
	"appstream-ami-exporter/internal/handler"
	"appstream-ami-exporter/internal/tags"
	"appstream-ami-exporter/internal/work"
)

// roundTrip is how long every call takes in these tests. They run on synctest's clock, so that the seconds an invocation
// takes are the calls that it makes one after the other, exactly.
const roundTrip = time.Second

// far is an account whose services are a second away. The first of its images are new, the others were exported.
type far struct {
	images, fresh int
	recent        bool // the exports, which are completed

	mutex sync.Mutex
	calls map[string]int
	now   map[string]int // calls at a time, by service
	most  map[string]int
}

// trip takes the time of a call and counts it.
func (f *far) trip(service, action string) {
	f.mutex.Lock()
	f.calls[action]++
	f.now[service]++
	f.most[service] = max(f.most[service], f.now[service])
	f.mutex.Unlock()
	time.Sleep(roundTrip)
	f.mutex.Lock()
	f.now[service]--
	f.mutex.Unlock()
}

func imageNumber(i int) string { return fmt.Sprintf("image-%05d", i) }

// page cuts what a token asks for out of so many, and makes the token of the next page.
func page(count, size int, token *string) (from, to int, next *string) {
	from, _ = strconv.Atoi(aws.ToString(token))
	if to = from + size; to < count {
		return from, to, aws.String(strconv.Itoa(to))
	}
	return from, count, nil
}

func (f *far) DescribeImages(_ context.Context, input *appstream.DescribeImagesInput,
	_ ...func(*appstream.Options)) (*appstream.DescribeImagesOutput, error) {
	f.trip("AppStream", "DescribeImages")
	output := &appstream.DescribeImagesOutput{}
	add := func(name string) {
		output.Images = append(output.Images, types.Image{
			Name: aws.String(name), Arn: aws.String(imageARN(name)), State: types.ImageStateAvailable, CreatedTime: aws.Time(made),
			Platform: types.PlatformTypeWindowsServer2022,
		})
	}
	if len(input.Names) > 0 {
		for _, name := range input.Names {
			add(name)
		}
		return output, nil
	}
	if input.Type == types.VisibilityTypePrivate {
		var from, to int
		from, to, output.NextToken = page(f.images, int(aws.ToInt32(input.MaxResults)), input.NextToken)
		for i := from; i < to; i++ {
			add(imageNumber(i))
		}
	}
	return output, nil
}

func (f *far) ListExportImageTasks(_ context.Context, input *appstream.ListExportImageTasksInput,
	_ ...func(*appstream.Options)) (*appstream.ListExportImageTasksOutput, error) {
	f.trip("AppStream", "ListExportImageTasks")
	output := &appstream.ListExportImageTasksOutput{}
	var from, to int
	from, to, output.NextToken = page(f.images-f.fresh, int(aws.ToInt32(input.MaxResults)), input.NextToken)
	for i := from + f.fresh; i < to+f.fresh; i++ {
		completed := task(i, types.ExportImageTaskStateCompleted)
		if !f.recent {
			completed.CreatedDate = aws.Time(time.Now().AddDate(0, 0, -15))
		}
		output.ExportImageTasks = append(output.ExportImageTasks, completed)
	}
	return output, nil
}

func task(i int, state types.ExportImageTaskState) types.ExportImageTask {
	return types.ExportImageTask{
		TaskId: aws.String(taskID(int64(i))), ImageArn: aws.String(imageARN(imageNumber(i))), AmiName: aws.String(amiOf(imageNumber(i))),
		CreatedDate: aws.Time(made), State: state,
		TagSpecifications: map[string]string{tags.TriggerID: "another"},
	}
}

func (f *far) ListTagsForResource(_ context.Context, input *appstream.ListTagsForResourceInput,
	_ ...func(*appstream.Options)) (*appstream.ListTagsForResourceOutput, error) {
	f.trip("AppStream", "ListTagsForResource")
	output := &appstream.ListTagsForResourceOutput{}
	if f.recent {
		_, name, _ := strings.Cut(aws.ToString(input.ResourceArn), ":image/")
		output.Tags = map[string]string{tags.AMIName: amiOf(name)}
	}
	return output, nil
}

func (f *far) CreateExportImageTask(_ context.Context, input *appstream.CreateExportImageTaskInput,
	_ ...func(*appstream.Options)) (*appstream.CreateExportImageTaskOutput, error) {
	f.trip("AppStream", "CreateExportImageTask")
	return &appstream.CreateExportImageTaskOutput{ExportImageTask: &types.ExportImageTask{
		TaskId: aws.String(taskID(1)), ImageArn: aws.String(imageARN(*input.ImageName)), AmiName: input.AmiName, CreatedDate: aws.Time(two),
		State: types.ExportImageTaskStateExporting,
	}}, nil
}

func (f *far) GetExportImageTask(context.Context, *appstream.GetExportImageTaskInput,
	...func(*appstream.Options)) (*appstream.GetExportImageTaskOutput, error) {
	f.trip("AppStream", "GetExportImageTask")
	running := task(1, types.ExportImageTaskStateExporting)
	return &appstream.GetExportImageTaskOutput{ExportImageTask: &running}, nil
}

func (f *far) TagResource(context.Context, *appstream.TagResourceInput, ...func(*appstream.Options)) (*appstream.TagResourceOutput, error) {
	f.trip("AppStream", "TagResource")
	return &appstream.TagResourceOutput{}, nil
}

func (f *far) Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error) {
	f.trip("SNS", "Publish")
	return &sns.PublishOutput{}, nil
}

func (f *far) SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	f.trip("SQS", "SendMessage")
	return &sqs.SendMessageOutput{}, nil
}

func (f *far) ChangeMessageVisibility(context.Context, *sqs.ChangeMessageVisibilityInput,
	...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error) {
	f.trip("SQS", "ChangeMessageVisibility")
	return &sqs.ChangeMessageVisibilityOutput{}, nil
}

// trips runs the handler in the account and returns how many calls it waited for one after the other.
func (f *far) trips(t *testing.T, payload string) (depth int) {
	t.Helper()
	f.calls, f.now, f.most = map[string]int{}, map[string]int{}, map[string]int{}
	c, err := config.FromEnvironment(func(name string) (string, bool) {
		value, ok := map[string]string{
			"EXPORT_ROLE_ARN": "arn:aws:iam::123456789012:role/export", "TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:topic",
			"AWS_REGION":     "eu-west-1",
			"WORK_QUEUE_URL": "https://sqs.example/work", "DEAD_LETTER_QUEUE_URL": "https://sqs.example/dead",
		}[name]
		return value, ok
	})
	if err != nil {
		t.Fatal(err)
	}
	h, err := handler.New(handler.Dependencies{
		Config: c, AppStream: f, SNS: f, SQS: f, Now: time.Now, Log: slog.New(slog.DiscardHandler), Metrics: io.Discard,
		Function: "exporter",
	})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if _, err := h.Invoke(request(t.Context()), []byte(payload)); err != nil {
			t.Error(err)
		}
		depth = int(time.Since(began) / roundTrip)
	})
	return depth
}

func (f *far) check(t *testing.T, want map[string]int) {
	t.Helper()
	if !maps.Equal(f.calls, want) {
		t.Errorf("calls: %v, want %v", f.calls, want)
	}
}

// A named image takes four round trips: all that is to be known at once, the start, the news, and the watch. The last two are
// not at once on purpose, see announceStart.
func TestRoundTripsOfAnImage(t *testing.T) {
	t.Parallel()
	for name, payload := range map[string]string{
		"image-ready": `{"detail-type":"AppStream Image Ready","source":"x","account":"123456789012","region":"eu-west-1",` +
			`"id":"e-1","time":"2026-11-23T02:00:00Z","detail":{"imageName":"base"}}`,
		"request": `{"imageName":"base"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			account := &far{images: 40, fresh: 0}
			if got := account.trips(t, payload); got != 4 {
				t.Errorf("%d calls one after the other, want 4", got)
			}
			account.check(t, map[string]int{"DescribeImages": 1, "ListExportImageTasks": 1, "ListTagsForResource": 1,
				"CreateExportImageTask": 1, "Publish": 1, "SendMessage": 1})
		})
	}
}

// Looking at a running task is one call, and one more keeps the message for later. Ten tasks take no longer than one.
func TestRoundTripsOfWatches(t *testing.T) {
	t.Parallel()
	for _, count := range []int{1, 10} {
		var batch bytes.Buffer
		for i := range count {
			item, err := json.Marshal(work.Item{
				Trigger: nightly, Since: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), Deadline: time.Date(2000, 1, 3, 0, 0, 0, 0, time.UTC),
				// synctest's clock begins there
				Watch: &work.Watch{TaskID: taskID(int64(i)), ImageARN: imageARN("base"), AMIName: amiOf("base"), ImageName: "base"},
			})
			if err != nil {
				t.Fatal(err)
			}
			if i > 0 {
				batch.WriteByte(',')
			}
			fmt.Fprintf(&batch, `{"messageId":"%d","receiptHandle":"h","body":%q,"attributes":{"ApproximateReceiveCount":"1"},`+
				`"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:work"}`, i, item)
		}
		account := &far{}
		if got := account.trips(t, `{"Records":[`+batch.String()+`]}`); got != 2 {
			t.Errorf("%d watches: %d calls one after the other, want 2", count, got)
		}
		account.check(t, map[string]int{"GetExportImageTask": count, "ChangeMessageVisibility": count})
	}
}

// A night costs the pages of the images, which AppStream hands out one after the other, and the pages of the tasks beside
// them. On a night on which nothing is new that is all, also with ten thousand images.
func TestRoundTripsOfASweep(t *testing.T) {
	t.Parallel()
	const atATime = 8 // as many starts as go out together
	for _, night := range []struct {
		images, fresh, pages, taskPages int
		recent                          bool
	}{
		{0, 0, 1, 1, false}, {100, 0, 4, 1, false}, {10_000, 0, 400, 20, false}, {10_000, 50, 400, 20, false},
		// Of exports of the last two weeks some marks are looked for.
		{20, 0, 1, 1, true}, {10_000, 0, 400, 20, true},
	} {
		t.Run(fmt.Sprintf("%d images, %d new, recent: %v", night.images, night.fresh, night.recent), func(t *testing.T) {
			t.Parallel()
			account := &far{images: night.images, fresh: night.fresh, recent: night.recent}
			depth := account.trips(t, schedule)
			// Each of the new ones takes four: its tags, the start, the news, the watch.
			looks := 0
			if night.recent {
				looks = min(night.images, 50)
			}
			if want := night.pages + 4*((night.fresh+atATime-1)/atATime) + (looks+atATime-1)/atATime; depth != want {
				t.Errorf("%d calls one after the other, want %d", depth, want)
			}
			want := map[string]int{"DescribeImages": night.pages + 1, "ListExportImageTasks": night.taskPages} // one page of shared images
			if night.fresh > 0 {
				for _, action := range []string{"ListTagsForResource", "CreateExportImageTask", "Publish", "SendMessage"} {
					want[action] = night.fresh
				}
			}
			if looks > 0 {
				want["ListTagsForResource"] = looks
			}
			account.check(t, want)
			for service, most := range account.most {
				if most > atATime {
					t.Errorf("%d calls to %s at a time, want at most %d", most, service, atATime)
				}
			}
		})
	}
}
