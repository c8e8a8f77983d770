// Package deployed asks AWS about a deployed stack: what several of the commands for a terminal want to know. Each function takes
// the client of the one service that it asks, and returns the SDK's error as it is; internal/terminal makes sentences of those.
package deployed

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"appstream-ami-exporter/internal/trigger"
)

// Reply is the function's answer to a request, as docs/CONFIGURATION.md describes it. It is the function's own package that
// writes it, but that one is linked with all that the function calls.
type Reply struct {
	WouldStart []Entry `json:"wouldStart"`
	Started    []Entry `json:"started"`
	Waiting    []Entry `json:"waiting"`
	Skipped    []Entry `json:"skipped"`
	Rejected   []Entry `json:"rejected"`

	// How many more there are of each, which the function's log names.
	WouldStartMore int `json:"wouldStartMore"`
	StartedMore    int `json:"startedMore"`
	WaitingMore    int `json:"waitingMore"`
	SkippedMore    int `json:"skippedMore"`
	RejectedMore   int `json:"rejectedMore"`

	Raw json.RawMessage `json:"-"` // as the function wrote it
}

// Entry is what becomes of one image.
type Entry struct {
	ImageName string `json:"imageName"`
	AMIName   string `json:"amiName"`
	TaskID    string `json:"taskId"`
	Reason    string `json:"reason"`
	Hint      string `json:"hint"`
}

// FunctionError is what the function itself says where it fails. Its sentences are made for people.
type FunctionError string

func (e FunctionError) Error() string { return string(e) }

// answerLimit is how long to wait for the function, somewhat more than the longest that one invocation may take.
const answerLimit = 910 * time.Second

// Once is for invocations: it waits for the function as long as that may run, and makes no second attempt, which would invoke the
// function a second time.
func Once(o *lambda.Options) {
	client, ok := o.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		client = awshttp.NewBuildableClient()
	}
	o.HTTPClient = client.WithTimeout(answerLimit) // otherwise as it is: it may know certificates of a company's own
	o.Retryer = aws.NopRetryer{}
}

// Ask sends a request to the function of this name and waits for its reply.
func Ask(ctx context.Context, client *lambda.Client, name string, spec trigger.Spec) (r Reply, err error) {
	payload, err := json.Marshal(spec)
	if err != nil {
		return r, err
	}
	if r.Raw, err = Invoke(ctx, client, name, payload, types.InvocationTypeRequestResponse); err != nil {
		return r, err
	}
	if err := json.Unmarshal(r.Raw, &r); err != nil {
		return r, fmt.Errorf("the function's reply cannot be read: %w", err)
	}
	return r, nil
}

// Invoke sends a payload to the function of this name; with the type Event it does not wait, and there is no answer.
func Invoke(ctx context.Context, client *lambda.Client, name string, payload []byte, kind types.InvocationType) ([]byte, error) {
	answer, err := client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &name, InvocationType: kind, Payload: payload}, Once)
	if err != nil {
		return nil, err
	}
	if answer.FunctionError != nil {
		return nil, functionError(answer.Payload)
	}
	return answer.Payload, nil
}

func functionError(content []byte) FunctionError {
	var failure struct {
		ErrorMessage string `json:"errorMessage"`
	}
	if json.Unmarshal(content, &failure) != nil || failure.ErrorMessage == "" {
		return FunctionError("the function failed: " + string(content))
	}
	return FunctionError("the function says: " + failure.ErrorMessage)
}
