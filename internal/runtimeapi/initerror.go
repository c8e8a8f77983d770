// Package runtimeapi is where a compiled function meets Lambda: it starts the function, and tells Lambda why one cannot start, which
// aws-lambda-go does not.
package runtimeapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// initErrorType is a category and a reason, as Lambda asks for.
const initErrorType = "Function.CannotStart"

// limit is far more than a call to the same machine takes, and little beside the ten seconds of INIT.
const limit = time.Second

// longest is the most of an error that is reported, in bytes: what is wrong with a configuration of 4 KB fits several times.
const longest = 16_000

// ReportInitError tells Lambda why the function cannot start. Without it whoever invokes the function reads no more than that
// the process exited. The error means that Lambda was not told; outside of Lambda there is nobody to tell, and no error.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror
func ReportInitError(cause error) error {
	address := os.Getenv("AWS_LAMBDA_RUNTIME_API")
	if address == "" {
		return nil
	}
	message := cause.Error()
	if len(message) > longest {
		message = strings.ToValidUTF8(message[:longest], "") + "..."
	}
	body, err := json.Marshal(map[string]any{"errorMessage": message, "errorType": initErrorType, "stackTrace": []string{}})
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/2018-06-01/runtime/init/error",
		bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("report to Lambda's Runtime API at %s: %w", address, err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Lambda-Runtime-Function-Error-Type", initErrorType)
	// A client of its own: no proxy of the environment stands between a function and its runtime.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("report to Lambda's Runtime API: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		return fmt.Errorf("report to Lambda's Runtime API: it is not taken: %s", response.Status)
	}
	return nil
}
