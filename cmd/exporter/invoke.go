package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"appstream-ami-exporter/internal/terminal"
	"appstream-ami-exporter/internal/trigger"
)

// reply is the function's answer to a request, as docs/CONFIGURATION.md describes it. It is the function's own package that
// writes it, but that one is linked with all that the function calls.
type reply struct {
	WouldStart     []entry `json:"wouldStart"`
	Started        []entry `json:"started"`
	Waiting        []entry `json:"waiting"`
	Skipped        []entry `json:"skipped"`
	Rejected       []entry `json:"rejected"`
	WouldStartMore int     `json:"wouldStartMore"`
	StartedMore    int     `json:"startedMore"`
	WaitingMore    int     `json:"waitingMore"`
	SkippedMore    int     `json:"skippedMore"`
	RejectedMore   int     `json:"rejectedMore"`

	raw json.RawMessage
}

// entry is what becomes of one image.
type entry struct {
	ImageName string `json:"imageName"`
	AMIName   string `json:"amiName"`
	TaskID    string `json:"taskId"`
	Reason    string `json:"reason"`
	Hint      string `json:"hint"`
}

// ask sends a request to the stack's function and waits for its reply.
func (d desk) ask(ctx context.Context, spec trigger.Spec) (r reply, err error) {
	payload, err := json.Marshal(spec)
	if err != nil {
		return r, err
	}
	if r.raw, err = d.invoke(ctx, payload, types.InvocationTypeRequestResponse); err != nil {
		return r, err
	}
	if err := json.Unmarshal(r.raw, &r); err != nil {
		return r, fmt.Errorf("the function's reply cannot be read: %w", err)
	}
	return r, nil
}

// invoke sends a payload to the stack's function; with the type Event it does not wait, and there is no answer.
func (d desk) invoke(ctx context.Context, payload []byte, kind types.InvocationType) ([]byte, error) {
	answer, err := d.functions.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: aws.String(d.stack.Outputs["FunctionName"]), InvocationType: kind, Payload: payload,
	})
	if err != nil {
		return nil, terminal.Explain(err)
	}
	if answer.FunctionError != nil {
		return nil, functionError(answer.Payload)
	}
	return answer.Payload, nil
}

// functionError is what the function itself has to say; its sentences are made for people.
func functionError(content []byte) error {
	var failure struct {
		ErrorMessage string `json:"errorMessage"`
	}
	if json.Unmarshal(content, &failure) != nil || failure.ErrorMessage == "" {
		return fmt.Errorf("the function failed: %s", content)
	}
	return fmt.Errorf("the function says: %s", failure.ErrorMessage)
}
