package queues

import (
	"context"
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/Admiral-Piett/goaws/app/models"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// sqsInput has the parameters of all supported actions.
type sqsInput struct {
	QueueURL            string                             `json:"QueueUrl"`
	QueueName           string                             `json:",omitempty"`
	AttributeNames      []string                           `json:",omitempty"`
	MessageBody         string                             `json:",omitempty"`
	MessageAttributes   map[string]models.MessageAttribute `json:",omitempty"`
	DelaySeconds        *int                               `json:",omitempty"`
	ReceiptHandle       string                             `json:",omitempty"`
	VisibilityTimeout   *int                               `json:",omitempty"`
	MaxNumberOfMessages int                                `json:",omitempty"`
	WaitTimeSeconds     int                                `json:",omitempty"`
}

// sqsSent is the answer to SendMessage.
type sqsSent struct {
	MessageID              string `json:"MessageId,omitempty"`
	MD5OfMessageBody       string `json:",omitempty"`
	MD5OfMessageAttributes string `json:",omitempty"`
}

type sqsReceived struct {
	Messages []*models.ResultMessage `json:",omitempty"`
}

// callSQS executes one action and returns what is to be answered as JSON.
func (q *Server) callSQS(ctx context.Context, action string, body []byte) (any, error) {
	var input sqsInput
	if err := json.Unmarshal(body, &input); err != nil {
		return nil, awsreply.Refuse("SerializationException", "the request is not understood: %v", err)
	}
	var execute func() (any, error)
	switch action {
	case "ListQueues":
		return q.listQueues(), nil
	case "GetQueueUrl":
		return q.queueURL(input.QueueName)
	case "SendMessage", "DeleteMessage", "ChangeMessageVisibility":
		execute = func() (any, error) { return q.callOnMessage(action, input) }
	case "ReceiveMessage":
		execute = func() (any, error) { return q.receiveWaiting(ctx, input) }
	case "GetQueueAttributes":
		execute = func() (any, error) { return q.queueAttributes(input) }
	case "PurgeQueue":
		execute = func() (any, error) { return struct{}{}, q.purge(input) }
	default:
		return nil, awsreply.Refuse("InvalidAction", "The action %s is not available here.", action)
	}
	input.QueueURL = path.Base(input.QueueURL) // goaws knows queues by name
	if !q.has(input.QueueURL) {
		return nil, awsreply.Refuse("QueueDoesNotExist", "The specified queue does not exist.")
	}
	return execute()
}

func (q *Server) callOnMessage(action string, input sqsInput) (sqsSent, error) {
	goawsLock.Lock()
	defer goawsLock.Unlock()
	switch action {
	case "SendMessage":
		return q.send(input)
	case "DeleteMessage":
		return sqsSent{}, q.delete(input)
	default:
		return sqsSent{}, q.changeVisibility(input)
	}
}

// send puts a message into a queue. The caller holds goawsLock.
func (q *Server) send(input sqsInput) (sqsSent, error) {
	var output sqsSent
	if err := checkSend(input); err != nil {
		return output, err
	}
	var delay time.Duration
	if input.DelaySeconds != nil {
		delay = time.Duration(*input.DelaySeconds) * time.Second
	}
	if err := q.forwardSQS("SendMessage", input, &output); err != nil {
		return output, err
	}
	now := time.Now()
	q.records[output.MessageID] = &messageRecord{sent: now}
	withMessage(input.QueueURL, output.MessageID, func(m *models.SqsMessage) {
		showAt(m, now.Add(q.compress(delay)))
	})
	return output, nil
}

func (q *Server) has(name string) bool {
	goawsLock.Lock()
	defer goawsLock.Unlock()
	_, ok := q.queues[name]
	return ok
}

func (q *Server) listQueues() any {
	goawsLock.Lock()
	defer goawsLock.Unlock()
	urls := []string{}
	for _, name := range slices.Sorted(maps.Keys(q.queues)) {
		urls = append(urls, q.urlOf(name))
	}
	return map[string][]string{"QueueUrls": urls}
}

func (q *Server) queueURL(name string) (any, error) {
	if !q.has(name) {
		return nil, awsreply.Refuse("QueueDoesNotExist", "The specified queue does not exist.")
	}
	return map[string]string{"QueueUrl": q.urlOf(name)}, nil
}

func (q *Server) purge(input sqsInput) error {
	goawsLock.Lock()
	defer goawsLock.Unlock()
	return q.forwardSQS("PurgeQueue", input, nil)
}

// queueAttributes is GetQueueAttributes, with the counts that goaws mixes up.
func (q *Server) queueAttributes(input sqsInput) (any, error) {
	goawsLock.Lock()
	defer goawsLock.Unlock()
	var output struct{ Attributes map[string]string }
	all := map[string]any{"QueueUrl": input.QueueURL, "AttributeNames": []string{"All"}}
	if err := q.forwardSQS("GetQueueAttributes", all, &output); err != nil {
		return nil, err
	}
	counts := countStates(q.messages(input.QueueURL))
	output.Attributes["ApproximateNumberOfMessages"] = strconv.Itoa(counts[Visible])
	output.Attributes["ApproximateNumberOfMessagesDelayed"] = strconv.Itoa(counts[Delayed])
	output.Attributes["ApproximateNumberOfMessagesNotVisible"] = strconv.Itoa(counts[InFlight])

	wanted := map[string]string{}
	for _, name := range input.AttributeNames {
		if name == "All" {
			return output, nil
		}
		if value, ok := output.Attributes[name]; ok {
			wanted[name] = value
		}
	}
	output.Attributes = wanted
	return output, nil
}
