package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// sqsBatch is what Lambda's event source mapping sends.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
type sqsBatch struct {
	Records []struct {
		MessageID     string `json:"messageId"`
		ReceiptHandle string `json:"receiptHandle"`
		Body          string `json:"body"`
		EventSource   string `json:"eventSource"`
		Attributes    struct {
			ApproximateReceiveCount string `json:"ApproximateReceiveCount"`
		} `json:"attributes"`
	} `json:"Records"`
}

func decodeBatch(payload []byte) (Input, error) {
	var batch sqsBatch
	if err := json.Unmarshal(payload, &batch); err != nil {
		return Input{}, fmt.Errorf("the Records cannot be read: %s; %s", plain(err), accepted)
	}
	if len(batch.Records) == 0 {
		return Input{}, errors.New("the batch has no Records; " + accepted)
	}
	records := make([]Record, 0, len(batch.Records))
	for i, r := range batch.Records {
		if r.EventSource != "aws:sqs" {
			return Input{}, fmt.Errorf("message Records[%d] comes from %.64q; %s", i, r.EventSource, accepted)
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
