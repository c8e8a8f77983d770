// Command keeper is the second Lambda function: it decides what becomes of the AMIs that the exporter made, and does it.
package main

import (
	"context"
	"log/slog"
	"time"
	_ "time/tzdata" // the runtime has been seen without the database of time zones

	"github.com/aws/aws-lambda-go/lambda"

	"appstream-ami-exporter/internal/keephandler"
	"appstream-ami-exporter/internal/runtimeapi"
)

// version is stamped by the build.
var version = "dev"

func main() {
	runtimeapi.Run(version, func(ctx context.Context, log *slog.Logger) (lambda.Handler, error) {
		return keephandler.New(ctx, log, time.Now)
	})
}
