// Command floor is the empty function: what aws-lambda-go and the platform cost before anything is done.
package main

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(context.Context, json.RawMessage) (map[string]bool, error) {
		return map[string]bool{"ok": true}, nil
	})
}
