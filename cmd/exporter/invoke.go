package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"appstream-ami-exporter/internal/deployed"
	"appstream-ami-exporter/internal/terminal"
	"appstream-ami-exporter/internal/trigger"
)

// ask sends a request to the stack's function and waits for its reply.
func (d desk) ask(ctx context.Context, spec trigger.Spec) (deployed.Reply, error) {
	reply, err := deployed.Ask(ctx, d.functions, d.stack.Outputs["FunctionName"], spec)
	return reply, terminal.Explain(err)
}

// send sends a payload to the stack's function and does not wait.
func (d desk) send(ctx context.Context, payload []byte) error {
	_, err := deployed.Invoke(ctx, d.functions, d.stack.Outputs["FunctionName"], payload, types.InvocationTypeEvent)
	return terminal.Explain(err)
}
