// Command handler is the Lambda function: it exports AppStream images to EC2 AMIs and tells what became of them.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"
	_ "time/tzdata" // provided.al2023 has been seen without the database of time zones

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"appstream-ami-exporter/internal/awsclient"
	"appstream-ami-exporter/internal/config"
	"appstream-ami-exporter/internal/handler"
	"appstream-ami-exporter/internal/runtimeapi"
)

// version is stamped by the build.
var version = "dev"

func main() {
	runtimeapi.Run(version, func(ctx context.Context, log *slog.Logger) (lambda.Handler, error) {
		return newHandler(ctx, log)
	})
}

func newHandler(ctx context.Context, log *slog.Logger) (*handler.Handler, error) {
	c, err := config.FromEnvironment(os.LookupEnv)
	if err != nil {
		return nil, fmt.Errorf("the configuration has problems: %w", err)
	}
	for _, warning := range c.Warnings {
		log.Warn("the configuration may not be what is meant", "warning", warning)
	}
	clients, err := awsclient.New(ctx)
	if err != nil {
		return nil, err
	}
	clients.Connect(ctx)
	return handler.New(handler.Dependencies{
		Config: c, AppStream: clients.AppStream, SNS: clients.SNS, SQS: clients.SQS,
		Now: time.Now, Log: log, Metrics: os.Stdout, Function: lambdacontext.FunctionName,
	})
}
