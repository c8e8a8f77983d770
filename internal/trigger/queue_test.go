package trigger_test

import (
	"testing"

	"appstream-ami-exporter/internal/trigger"
)

func TestQueue(t *testing.T) {
	accepted{
		"a batch": {`{"Records":[
			{"messageId":"m1","receiptHandle":"r1","body":"{}","eventSource":"aws:sqs","awsRegion":"eu-west-1",
				"attributes":{"ApproximateReceiveCount":"7","SentTimestamp":"1"}},
			{"messageId":"m2","receiptHandle":"r2","body":"x","eventSource":"aws:sqs"}]}`,
			trigger.Input{Batch: []trigger.Record{
				{MessageID: "m1", ReceiptHandle: "r1", Body: "{}", Receives: 7},
				{MessageID: "m2", ReceiptHandle: "r2", Body: "x", Receives: 1},
			}}},
	}.run(t)

	refused{
		"no Records":      {`{"Records":[]}`, "the batch has no Records" + everyKind},
		"Records is null": {`{"Records":null}`, "the batch has no Records"},
		"Records is an object": {`{"Records":{}}`,
			`the Records cannot be read: field "Records" is a JSON object, not what belongs there` + everyKind},
		"Records of S3": {`{"Records":[{"eventSource":"aws:s3","s3":{}}]}`,
			`message Records[0] comes from "aws:s3"` + everyKind},
		"a record without an id": {`{"Records":[{"eventSource":"aws:sqs","messageId":"m1"},{"eventSource":"aws:sqs"}]}`,
			"message Records[1] has no messageId"},
		"Records beside other things": {`{"Records":[{"eventSource":"aws:sns","Sns":{}}],"images":["*"]}`,
			`Records[0] comes from "aws:sns"`},
		"Records in an event": {`{"Records":[],"source":"aws.scheduler"}`, "the batch has no Records"},
	}.run(t)
}
