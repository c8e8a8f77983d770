package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"appstream-ami-exporter/internal/handler"
	"appstream-ami-exporter/internal/trigger"
)

// answerLimit is how many seconds to wait for the function, somewhat more than the longest that one invocation may take.
const answerLimit = "910"

// ask sends a request to the stack's function and waits for its reply.
func (d desk) ask(ctx context.Context, ask trigger.Spec) (reply handler.Reply, err error) {
	payload, err := json.Marshal(ask)
	if err != nil {
		return reply, err
	}
	answer, err := d.invoke(ctx, payload, "RequestResponse")
	if err != nil {
		return reply, err
	}
	if err := json.Unmarshal(answer, &reply); err != nil {
		return reply, fmt.Errorf("the function's reply cannot be read: %w", err)
	}
	return reply, nil
}

// invoke sends a payload to the stack's function; with the type Event it does not wait, and there is no answer.
func (d desk) invoke(ctx context.Context, payload []byte, kind string) (answer []byte, err error) {
	directory, err := os.MkdirTemp("", "exports")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(directory) }() // what is left lies in the directory for temporary files
	in, out := filepath.Join(directory, "request.json"), filepath.Join(directory, "answer.json")
	if err := os.WriteFile(in, payload, 0o600); err != nil {
		return nil, err
	}
	var outcome struct{ FunctionError string }
	// fileb:// because the two versions of the aws command read a payload on the command line differently.
	err = d.aws.call(ctx, &outcome, "lambda", "invoke", "--function-name", d.stack.outputs["FunctionName"], "--invocation-type", kind,
		"--payload", "fileb://"+in, "--cli-read-timeout", answerLimit, out)
	if err != nil {
		return nil, err
	}
	if answer, err = os.ReadFile(out); err != nil {
		return nil, err
	}
	if outcome.FunctionError != "" {
		return nil, functionError(answer)
	}
	return answer, nil
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
