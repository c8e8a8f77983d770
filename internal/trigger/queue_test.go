package trigger_test

import (
	"testing"

	"appstream-ami-exporter/internal/trigger"
)

func TestQueue(t *testing.T) {
	const own = `"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:work"`
	accepted{
		"a batch": {`{"Records":[
			{"messageId":"m1","receiptHandle":"r1","body":"{}",` + own + `,"awsRegion":"eu-west-1",
				"attributes":{"ApproximateReceiveCount":"7","SentTimestamp":"1"}},
			{"messageId":"m2","receiptHandle":"r2","body":"x",` + own + `}]}`,
			trigger.Input{Batch: []trigger.Record{
				{MessageID: "m1", ReceiptHandle: "r1", Body: "{}", Receives: 7},
				{MessageID: "m2", ReceiptHandle: "r2", Body: "x", Receives: 1},
			}}},
	}.run(t)

	const notOwn = `, this stack's is arn:aws:sqs:eu-west-1:123456789012:work` + everyKind
	refused{
		"no Records":      {`{"Records":[]}`, "the batch has no Records" + everyKind},
		"Records is null": {`{"Records":null}`, "the batch has no Records"},
		"Records is an object": {`{"Records":{}}`,
			`the Records cannot be read: field "Records" is a JSON object, not what belongs there` + everyKind},
		"Records of S3":          {`{"Records":[{"eventSource":"aws:s3","s3":{}}]}`, `message Records[0] comes from "aws:s3"` + everyKind},
		"a record without an id": {`{"Records":[{"messageId":"m1",` + own + `},{` + own + `}]}`, "message Records[1] has no messageId"},
		"another queue": {`{"Records":[{"messageId":"m","eventSource":"aws:sqs",` +
			`"eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:other"}]}`,
			`message Records[0] comes from the queue "arn:aws:sqs:eu-west-1:123456789012:other"` + notOwn},
		"the queue of another account": {
			`{"Records":[{"messageId":"m","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:999999999999:work"}]}`,
			`comes from the queue "arn:aws:sqs:eu-west-1:999999999999:work"` + notOwn},
		"the second from another queue": {
			`{"Records":[{"messageId":"m1",` + own + `},{"messageId":"m2","eventSource":"aws:sqs","eventSourceARN":"x"}]}`,
			`message Records[1] comes from the queue "x"` + notOwn},
		"no queue": {`{"Records":[{"messageId":"m","eventSource":"aws:sqs"}]}`, `comes from the queue ""` + notOwn},
	}.run(t)
}
