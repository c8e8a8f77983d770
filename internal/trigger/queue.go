package trigger

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// queue is a batch of messages that Lambda's event source mapping has read from the work queue.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
type queue struct{}

func (queue) accepts() string { return "batches of this stack's work queue" }

func (queue) matches(p payload) bool { return p.firstOf(batchFields) != "" }

// Record is one message of the work queue.
type Record struct {
	MessageID     string
	ReceiptHandle string
	Body          string
	Receives      int // how often it has been received, this time included
}

// sqsBatch is what the event source mapping sends.
type sqsBatch struct {
	Records []struct {
		MessageID     string `json:"messageId"`
		ReceiptHandle string `json:"receiptHandle"`
		Body          string `json:"body"`
		EventSource   string `json:"eventSource"`
		QueueARN      string `json:"eventSourceARN"`
		Attributes    struct {
			ApproximateReceiveCount string `json:"ApproximateReceiveCount"`
		} `json:"attributes"`
	} `json:"Records"`
}

func (queue) decode(p payload, inv Invocation) (Input, error) {
	var batch sqsBatch
	if err := json.Unmarshal(p.raw, &batch); err != nil {
		return Input{}, refuse("the Records cannot be read: %s", explain(err))
	}
	if len(batch.Records) == 0 {
		return Input{}, refuse("the batch has no Records")
	}
	records := make([]Record, 0, len(batch.Records))
	for i, r := range batch.Records {
		if r.EventSource != "aws:sqs" {
			return Input{}, refuse("message Records[%d] comes from %s", i, quote(r.EventSource))
		}
		if r.QueueARN != inv.WorkQueue {
			return Input{}, refuse("message Records[%d] comes from the queue %s, this stack's is %s", i, quote(r.QueueARN), inv.WorkQueue)
		}
		if r.MessageID == "" {
			return Input{}, fmt.Errorf("message Records[%d] has no messageId", i)
		}
		receives, err := strconv.Atoi(r.Attributes.ApproximateReceiveCount)
		if err != nil {
			receives = 1 // absent in hand-made events; the count only bounds how long a message may wait
		}
		records = append(records, Record{MessageID: r.MessageID, ReceiptHandle: r.ReceiptHandle, Body: r.Body, Receives: receives})
	}
	return Input{Batch: records}, nil
}
