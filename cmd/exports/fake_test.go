package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeAWS puts a command aws first on the PATH that answers from a directory: an operation's answer is in
// <service>-<operation>.json, its complaint in <service>-<operation>.error, the payload of an invocation in payload.json. It
// returns the directory, where calls has the arguments of each call.
func fakeAWS(t *testing.T, answers map[string]string) string {
	t.Helper()
	directory := t.TempDir()
	const script = `#!/bin/sh
directory=$(dirname "$0")
echo "$*" >>"$directory/calls"
if [ -e "$directory/$1-$2.error" ]; then
	cat "$directory/$1-$2.error" >&2
	exit 254
fi
if [ "$1" = lambda ]; then
	for argument; do
		case $argument in
		fileb://*) cat "${argument#fileb://}" >"$directory/request" ;;
		*answer.json) cp "$directory/payload.json" "$argument" ;;
		esac
	done
fi
if [ "$1 $2" = "sqs receive-message" ]; then # once
	mv "$directory/messages.json" "$directory/$1-$2.json" 2>/dev/null || echo '{}' >"$directory/$1-$2.json"
fi
case $* in
*--next-token*) cat "$directory/$1-$2.next.json" ;;
*) cat "$directory/$1-$2.json" ;;
esac
`
	write := func(name, content string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("aws", script, 0o700)
	for name, content := range deployed {
		write(name, content, 0o600)
	}
	for name, content := range answers {
		write(name, content, 0o600)
	}
	t.Setenv("PATH", directory+string(os.PathListSeparator)+os.Getenv("PATH"))
	return directory
}

func read(t *testing.T, directory, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(directory, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(content))
}

// deployed is what the aws command answers about a stack where all is calm.
var deployed = map[string]string{
	"cloudformation-describe-stacks.json": `{"Stacks":[{"StackId":"arn:aws:cloudformation:eu-west-1:123456789012:stack/appstream-ami-exporter/1","Outputs":[
		{"OutputKey":"FunctionName","OutputValue":"exporter-ExportFunction-1"},
		{"OutputKey":"WorkQueueUrl","OutputValue":"https://sqs.eu-west-1.amazonaws.com/123456789012/work"},
		{"OutputKey":"DeadLetterQueueUrl","OutputValue":"https://sqs.eu-west-1.amazonaws.com/123456789012/dead"},
		{"OutputKey":"FailedEventsQueueUrl","OutputValue":"https://sqs.eu-west-1.amazonaws.com/123456789012/failed"},
		{"OutputKey":"LogGroupName","OutputValue":"exporter-log"}]}]}`,
	"cloudformation-list-stack-resources.json": `{"StackResourceSummaries":[{"ResourceType":"AWS::SNS::Topic","PhysicalResourceId":"topic"}]}`,
	"lambda-invoke.json":                       `{"StatusCode":200,"ExecutedVersion":"$LATEST"}`,
	"payload.json":                             `{"started":[],"waiting":[],"skipped":[],"rejected":[]}`,
	"appstream-list-export-image-tasks.json":   `{"ExportImageTasks":[]}`,
	"sqs-get-queue-attributes.json":            `{"Attributes":{"ApproximateNumberOfMessages":"0","ApproximateNumberOfMessagesNotVisible":"0","ApproximateNumberOfMessagesDelayed":"0"}}`,
	"sqs-delete-message.json":                  ``,
	"logs-filter-log-events.json":              `{"events":[]}`,
}
