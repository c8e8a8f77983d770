package runtimeapi

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"appstream-ami-exporter/internal/safelog"
)

// Run is the main function of a Lambda function of this project, stamped with a version: it makes its log, has the function built,
// and hands it to Lambda. It returns only when Lambda ends the process; a function that cannot be built exits with status 1 once
// Lambda knows why.
func Run(version string, build func(context.Context, *slog.Logger) (lambda.Handler, error)) {
	log := safelog.New(lambdacontext.NewLogger())
	slog.SetDefault(log)
	slog.SetLogLoggerLevel(slog.LevelError) // aws-lambda-go reports failures by package log
	function, err := build(context.Background(), log)
	if err != nil {
		log.Error("the function cannot start", "error", err.Error(), "version", version)
		if err := ReportInitError(err); err != nil {
			log.Warn("Lambda could not be told why", "error", err.Error())
		}
		os.Exit(1)
	}
	log.Info("started", "version", version)
	useOneThread(os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
	lambda.Start(function)
}
