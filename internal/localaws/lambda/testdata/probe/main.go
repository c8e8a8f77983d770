// Probe is a Lambda function that does what its event tells it to, so that tests can see how the local
// AWS deals with every way a function can behave.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// command is an event, or the body of a message in a batch.
type command struct {
	Do       string
	Text     string
	Queue    string
	Topic    string
	Seconds  int32
	Millis   int
	ExitCode int
	Receive  string // carry out the command only in a message that is received for this time
}

// namedError has a type whose name can be looked for.
type namedError struct{ text string }

func (e *namedError) Error() string { return e.text }

type probe struct {
	appstream *appstream.Client
	sns       *sns.Client
	sqs       *sqs.Client
	calls     int
}

func main() {
	if text := os.Getenv("PROBE_FAIL_INIT"); text != "" {
		fmt.Println(text)
		os.Exit(3)
	}
	// One attempt, so that a fault is seen as it is.
	cfg, err := config.LoadDefaultConfig(context.Background(), config.WithRetryMaxAttempts(1))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	lambda.Start(&probe{
		appstream: appstream.NewFromConfig(cfg), sns: sns.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg),
	})
}

// Invoke is called by the runtime with the bytes of an event.
func (p *probe) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	p.calls++
	var batch events.SQSEvent
	if json.Unmarshal(payload, &batch) == nil && batch.Records != nil {
		return p.batch(ctx, batch)
	}
	var c command
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, fmt.Errorf("not a command: %w", err)
	}
	return p.run(ctx, c, payload)
}

func (p *probe) run(ctx context.Context, c command, payload []byte) ([]byte, error) {
	switch c.Do {
	case "echo":
		return payload, nil
	case "reply":
		return []byte(c.Text), nil
	case "big":
		return []byte(`"` + strings.Repeat("x", 7<<20) + `"`), nil
	case "calls":
		return json.Marshal(p.calls)
	case "environment":
		return json.Marshal(os.Environ())
	case "context":
		return p.context(ctx)
	case "log":
		fmt.Println("out " + c.Text)
		fmt.Fprintln(os.Stderr, "err "+c.Text)
		fmt.Print("no newline")
		return []byte("null"), nil
	case "fail":
		return nil, errors.New(c.Text)
	case "fail by name":
		return nil, &namedError{c.Text}
	case "panic":
		panic(c.Text)
	case "sleep":
		time.Sleep(time.Duration(c.Millis) * time.Millisecond)
		return []byte("null"), nil
	case "exit":
		os.Exit(c.ExitCode)
	}
	return p.call(ctx, c)
}

// call makes a call to AWS and returns null, or its error as a string.
func (p *probe) call(ctx context.Context, c command) ([]byte, error) {
	if c.Millis > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.Millis)*time.Millisecond)
		defer cancel()
	}
	var err error
	switch c.Do {
	case "describe":
		_, err = p.appstream.DescribeImages(ctx, &appstream.DescribeImagesInput{})
	case "publish":
		_, err = p.sns.Publish(ctx, &sns.PublishInput{TopicArn: &c.Topic, Message: &c.Text})
	case "send":
		_, err = p.sqs.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: &c.Queue, MessageBody: &c.Text, DelaySeconds: c.Seconds,
		})
	default:
		return nil, fmt.Errorf("unknown command %q", c.Do)
	}
	if err != nil {
		return json.Marshal(err.Error())
	}
	return []byte("null"), nil
}

func (p *probe) context(ctx context.Context) ([]byte, error) {
	lc, ok := lambdacontext.FromContext(ctx)
	if !ok {
		return nil, errors.New("no Lambda context")
	}
	deadline, _ := ctx.Deadline()
	return json.Marshal(map[string]any{
		"requestID": lc.AwsRequestID,
		"arn":       lc.InvokedFunctionArn,
		"left":      time.Until(deadline).Seconds(),
		"trace":     os.Getenv("_X_AMZN_TRACE_ID"),
		"name":      lambdacontext.FunctionName,
		"memory":    lambdacontext.MemoryLimitInMB,
	})
}

// batch carries out the commands of all messages and reports those that failed.
func (p *probe) batch(ctx context.Context, batch events.SQSEvent) ([]byte, error) {
	response := events.SQSEventResponse{}
	for _, message := range batch.Records {
		var c command
		if err := json.Unmarshal([]byte(message.Body), &c); err != nil {
			return nil, fmt.Errorf("message %s: %w", message.MessageId, err)
		}
		if c.Receive != "" && c.Receive != message.Attributes["ApproximateReceiveCount"] {
			continue
		}
		switch c.Do {
		case "reply", "fail", "panic", "exit":
			return p.run(ctx, c, []byte(message.Body))
		case "keep":
			response.BatchItemFailures = append(response.BatchItemFailures,
				events.SQSBatchItemFailure{ItemIdentifier: message.MessageId})
		case "keep for":
			_, err := p.sqs.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
				QueueUrl: aws.String(c.Queue), ReceiptHandle: &message.ReceiptHandle, VisibilityTimeout: c.Seconds,
			})
			if err != nil {
				return nil, fmt.Errorf("keep message %s: %w", message.MessageId, err)
			}
			response.BatchItemFailures = append(response.BatchItemFailures,
				events.SQSBatchItemFailure{ItemIdentifier: message.MessageId})
		default:
			if _, err := p.run(ctx, c, []byte(message.Body)); err != nil {
				return nil, err
			}
		}
	}
	return json.Marshal(response)
}
