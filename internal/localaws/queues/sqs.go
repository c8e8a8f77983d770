package queues

import (
	"context"
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Admiral-Piett/goaws/app/models"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// sqsInput has the parameters of all supported actions, and of their batch entries.
type sqsInput struct {
	QueueURL               string                             `json:"QueueUrl"`
	QueueName              string                             `json:",omitempty"`
	AttributeNames         []string                           `json:",omitempty"`
	ID                     string                             `json:"Id,omitempty"`
	MessageBody            string                             `json:",omitempty"`
	MessageAttributes      map[string]models.MessageAttribute `json:",omitempty"`
	MessageGroupID         string                             `json:"MessageGroupId,omitempty"`
	MessageDeduplicationID string                             `json:"MessageDeduplicationId,omitempty"`
	DelaySeconds           *int                               `json:",omitempty"`
	ReceiptHandle          string                             `json:",omitempty"`
	VisibilityTimeout      *int                               `json:",omitempty"`
	MaxNumberOfMessages    int                                `json:",omitempty"`
	WaitTimeSeconds        int                                `json:",omitempty"`
	Entries                []sqsInput                         `json:",omitempty"`
}

// sqsSent is the answer to SendMessage, and the part of a batch's answer that is about one success.
type sqsSent struct {
	ID                     string `json:"Id,omitempty"`
	MessageID              string `json:"MessageId,omitempty"`
	MD5OfMessageBody       string `json:",omitempty"`
	MD5OfMessageAttributes string `json:",omitempty"`
	SequenceNumber         string `json:",omitempty"`
}

type sqsFailed struct {
	ID          string `json:"Id"`
	Code        string
	Message     string
	SenderFault bool
}

type sqsBatchOutput struct {
	Successful []sqsSent
	Failed     []sqsFailed
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
		execute = func() (any, error) { return q.callSQSOnce(action, input) }
	case "SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch":
		execute = func() (any, error) { return q.callSQSBatch(strings.TrimSuffix(action, "Batch"), input) }
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

func (q *Server) callSQSOnce(action string, input sqsInput) (sqsSent, error) {
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

// callSQSBatch executes an action once for each entry. goaws has batches of its own, but they ignore
// delays, answer with names that SDKs do not know, and cannot change visibility.
func (q *Server) callSQSBatch(action string, input sqsInput) (sqsBatchOutput, error) {
	output := sqsBatchOutput{Successful: []sqsSent{}, Failed: []sqsFailed{}}
	if err := checkBatch(input.Entries); err != nil {
		return output, err
	}
	for _, entry := range input.Entries {
		entry.QueueURL = input.QueueURL
		sent, err := q.callSQSOnce(action, entry)
		if err != nil {
			failure := awsreply.AsError(err)
			output.Failed = append(output.Failed, sqsFailed{
				ID: entry.ID, Code: failure.Code, Message: failure.Message, SenderFault: failure.SenderFault(),
			})
			continue
		}
		sent.ID = entry.ID
		output.Successful = append(output.Successful, sent)
	}
	return output, nil
}

// send puts a message into a queue. The caller holds goawsLock.
func (q *Server) send(input sqsInput) (sqsSent, error) {
	var output sqsSent
	if err := checkSend(input); err != nil {
		return output, err
	}
	delay := q.queues[input.QueueURL].delay
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
	return q.queues[name] != nil
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
