package localaws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Admiral-Piett/goaws/app/gosqs"
	"github.com/Admiral-Piett/goaws/app/models"
	"github.com/Admiral-Piett/goaws/app/router"
	"github.com/google/uuid"
	"github.com/sirupsen/logrus"
)

// goawsLock serialises all use of goaws in this process: goaws keeps its queues and topics in package
// variables and does not guard every access to them.
var goawsLock sync.Mutex

// goawsTick is how often goaws looks for messages whose visibility timeout has passed. It bounds the
// precision of compressed time.
const goawsTick = 2 * time.Millisecond

// Queues is SQS and SNS. The messages are kept by goaws; this type isolates its instances from each
// other, compresses time, and corrects goaws where it differs from AWS.
type Queues struct {
	options  QueuesOptions
	instance string // makes names unique in the process
	router   http.Handler
	quit     chan bool

	// Guarded by goawsLock.
	queues  map[string]*queueState    // by name
	topics  map[string]*topicState    // by ARN
	records map[string]*messageRecord // by message id
}

// QueuesOptions says whose queues these are, and how fast time passes for them.
type QueuesOptions struct {
	Region    string
	AccountID string

	// Scale compresses delays and visibility timeouts: at 60, a minute passes in one real second.
	// Callers use true values. Zero means 1, real time.
	Scale float64
}

// Queue is one SQS queue.
type Queue struct {
	Name string // the physical name, unique in the process
	URL  string
	ARN  string
}

// Topic is one SNS topic.
type Topic struct {
	Name string
	ARN  string
}

// QueueOptions are the attributes of a queue, in true time and whole seconds.
type QueueOptions struct {
	VisibilityTimeout time.Duration // zero means 30 seconds, as in AWS
	Delay             time.Duration

	// DeadLetter takes messages that were received MaxReceiveCount times without being deleted.
	DeadLetter      *Queue
	MaxReceiveCount int
}

// SubscribeOptions are the attributes of a queue's subscription to a topic.
type SubscribeOptions struct {
	// Raw delivers the message without the envelope that carries its Subject and attributes.
	Raw bool

	// FilterPolicy delivers only messages whose String attributes have one of the given values.
	FilterPolicy map[string][]string
}

type queueState struct {
	visibility time.Duration
	delay      time.Duration
}

// NewQueues returns an SQS and SNS without queues and topics. Close must be called when it is not needed any more.
func NewQueues(options QueuesOptions) *Queues {
	if options.Scale == 0 {
		options.Scale = 1
	}
	goawsLock.Lock()
	defer goawsLock.Unlock()
	logrus.SetLevel(logrus.PanicLevel) // goaws logs every request to logrus' only logger

	q := &Queues{
		options:  options,
		instance: uuid.NewString()[:8],
		router:   router.New(),
		quit:     make(chan bool),
		queues:   map[string]*queueState{},
		topics:   map[string]*topicState{},
		records:  map[string]*messageRecord{},
	}
	go gosqs.PeriodicTasks(goawsTick, q.quit)
	return q
}

// Close removes the queues and topics.
func (q *Queues) Close() {
	close(q.quit)
	goawsLock.Lock()
	defer goawsLock.Unlock()

	models.SyncQueues.Lock()
	for name := range q.queues {
		delete(models.SyncQueues.Queues, name)
	}
	models.SyncQueues.Unlock()

	models.SyncTopics.Lock()
	for _, topic := range q.topics {
		delete(models.SyncTopics.Topics, topic.Name)
	}
	models.SyncTopics.Unlock()
}

// CreateQueue makes a queue. As in CloudFormation, the logical name becomes part of a unique one.
func (q *Queues) CreateQueue(logicalName string, options QueueOptions) (Queue, error) {
	if options.VisibilityTimeout == 0 {
		options.VisibilityTimeout = 30 * time.Second
	}
	attributes := map[string]string{
		"VisibilityTimeout": wholeSeconds(options.VisibilityTimeout),
		"DelaySeconds":      wholeSeconds(options.Delay),
	}
	if options.DeadLetter != nil {
		policy, err := json.Marshal(map[string]any{
			"deadLetterTargetArn": options.DeadLetter.ARN,
			"maxReceiveCount":     options.MaxReceiveCount,
		})
		if err != nil {
			return Queue{}, fmt.Errorf("create queue %s: %w", logicalName, err)
		}
		attributes["RedrivePolicy"] = string(policy)
	}

	name := q.physicalName(logicalName)
	goawsLock.Lock()
	defer goawsLock.Unlock()
	input := map[string]any{"QueueName": name, "Attributes": attributes}
	if err := q.forwardSQS("CreateQueue", input, nil); err != nil {
		return Queue{}, fmt.Errorf("create queue %s: %w", logicalName, err)
	}
	q.queues[name] = &queueState{visibility: options.VisibilityTimeout, delay: options.Delay}
	return Queue{
		Name: name,
		URL:  q.urlOf(name),
		ARN:  fmt.Sprintf("arn:aws:sqs:%s:%s:%s", q.options.Region, q.options.AccountID, name),
	}, nil
}

// CreateTopic makes a topic, a FIFO topic if the name ends in ".fifo".
func (q *Queues) CreateTopic(logicalName string) (Topic, error) {
	name := q.physicalName(logicalName)
	goawsLock.Lock()
	defer goawsLock.Unlock()
	if err := q.forwardSNS(url.Values{"Action": {"CreateTopic"}, "Name": {name}}); err != nil {
		return Topic{}, fmt.Errorf("create topic %s: %w", logicalName, err)
	}
	topic := Topic{Name: name, ARN: fmt.Sprintf("arn:aws:sns:%s:%s:%s", q.options.Region, q.options.AccountID, name)}
	q.topics[topic.ARN] = &topicState{Topic: topic, accepted: map[string]acceptedMessage{}}
	return topic, nil
}

// Subscribe has everything that is published to the topic delivered to the queue.
func (q *Queues) Subscribe(topic Topic, queue Queue, options SubscribeOptions) error {
	form := url.Values{
		"Action": {"Subscribe"}, "TopicArn": {topic.ARN}, "Protocol": {"sqs"}, "Endpoint": {queue.ARN},
		"Attributes.entry.1.key": {"RawMessageDelivery"}, "Attributes.entry.1.value": {strconv.FormatBool(options.Raw)},
	}
	if options.FilterPolicy != nil {
		policy, err := json.Marshal(options.FilterPolicy)
		if err != nil {
			return fmt.Errorf("subscribe to %s: %w", topic.Name, err)
		}
		form.Set("Attributes.entry.2.key", "FilterPolicy")
		form.Set("Attributes.entry.2.value", string(policy))
	}

	goawsLock.Lock()
	defer goawsLock.Unlock()
	state := q.topics[topic.ARN]
	if state == nil || q.queues[queue.Name] == nil {
		return fmt.Errorf("subscribe %q to %q: no such queue or topic", queue.Name, topic.Name)
	}
	if err := q.forwardSNS(form); err != nil {
		return fmt.Errorf("subscribe to %s: %w", topic.Name, err)
	}
	state.subscriptions = append(state.subscriptions, subscription{queue: queue.Name, raw: options.Raw})
	return nil
}

// ServeHTTP answers the calls of SQS (AWS JSON 1.0) and SNS (AWS query) clients. Only actions on
// messages are open to them; queues and topics are made by whoever owns this Queues.
func (q *Queues) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller has gone
	}
	if action, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS."); ok {
		output, err := q.callSQS(r.Context(), action, body)
		if err != nil {
			asAPIError(err).write(w, serviceSQS)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.Header().Set("X-Amzn-RequestId", uuid.NewString())
		_ = json.NewEncoder(w).Encode(output) // fails only if the caller has gone
		return
	}

	form, err := url.ParseQuery(string(body))
	if err != nil {
		refuse("MalformedQueryString", "the request is not a form: %v", err).write(w, serviceSNS)
		return
	}
	id, err := q.callSNS(form)
	if err != nil {
		asAPIError(err).write(w, serviceSNS)
		return
	}
	writePublished(w, id)
}

// physicalName makes a name unique in the process, keeping the suffix that makes it FIFO.
func (q *Queues) physicalName(logicalName string) string {
	base, fifo := strings.CutSuffix(logicalName, ".fifo")
	name := base + "-" + q.instance
	if fifo {
		name += ".fifo"
	}
	return name
}

// compress turns true time into the time that it takes here.
func (q *Queues) compress(d time.Duration) time.Duration {
	return time.Duration(float64(d) / q.options.Scale)
}

// expand turns time that has passed here into true time.
func (q *Queues) expand(d time.Duration) time.Duration {
	return time.Duration(float64(d) * q.options.Scale)
}

// forwardSQS has goaws execute an SQS action. The caller holds goawsLock.
func (q *Queues) forwardSQS(action string, input, output any) error {
	body, err := json.Marshal(input)
	if err != nil {
		return fmt.Errorf("encode %s: %w", action, err)
	}
	header := http.Header{
		"Content-Type": {"application/x-amz-json-1.0"},
		"X-Amz-Target": {"AmazonSQS." + action},
	}
	answer, err := q.forward(header, body)
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	if output == nil {
		return nil
	}
	if err := json.Unmarshal(answer, output); err != nil {
		return fmt.Errorf("decode the answer to %s: %w", action, err)
	}
	return nil
}

// forwardSNS has goaws execute an SNS action. The caller holds goawsLock.
func (q *Queues) forwardSNS(form url.Values) error {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	if _, err := q.forward(header, []byte(form.Encode())); err != nil {
		return fmt.Errorf("%s: %w", form.Get("Action"), err)
	}
	return nil
}

func (q *Queues) forward(header http.Header, body []byte) ([]byte, error) {
	models.CurrentEnvironment = models.Environment{
		Region: q.options.Region, AccountID: q.options.AccountID,
		EnableDuplicates: true, // this is what goaws calls deduplication in FIFO queues
	}
	request, err := http.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("forward to goaws: %w", err)
	}
	request.Header = header
	answer := newBufferedReply()
	q.router.ServeHTTP(answer, request)
	if answer.status != http.StatusOK {
		return nil, fmt.Errorf("goaws answered %d: %s", answer.status, answer.body.Bytes())
	}
	return answer.body.Bytes(), nil
}

// asAPIError makes an error fit for an answer. Whatever a service does not refuse is its own failure.
func asAPIError(err error) *apiError {
	if refusal, ok := errors.AsType[*apiError](err); ok {
		return refusal
	}
	return &apiError{Status: http.StatusInternalServerError, Code: "InternalError", Message: err.Error()}
}

func wholeSeconds(d time.Duration) string {
	return strconv.Itoa(int(d / time.Second))
}
