// Package queues is SQS and SNS. The messages are kept by goaws; this package isolates several of them from each other,
// compresses time, and corrects goaws where it differs from AWS.
package queues

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/Admiral-Piett/goaws/app/gosqs"
	"github.com/Admiral-Piett/goaws/app/models"
	"github.com/Admiral-Piett/goaws/app/router"
	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"appstream-ami-exporter/internal/localaws/iam"
)

// Server is an SQS and SNS of its own.
type Server struct {
	options  Options
	instance string // makes names unique in the process
	router   http.Handler
	quit     chan bool

	// Guarded by goawsLock.
	queues  map[string]time.Duration  // visibility timeouts, by name
	topics  map[string]*topicState    // by ARN
	records map[string]*messageRecord // by message id
}

// Options says whose queues these are, and how fast time passes for them.
type Options struct {
	Region    string
	AccountID string

	// Scale compresses delays and visibility timeouts: at 60, a minute passes in one real second.
	// Callers use true values. Zero means 1, real time.
	Scale float64

	// Authorize is asked about each call to SNS before anything is done. None allows everything.
	Authorize func(iam.Request) bool
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

	// DeadLetter takes messages that were received MaxReceiveCount times without being deleted.
	DeadLetter      *Queue
	MaxReceiveCount int
}

// New returns an SQS and SNS without queues and topics. Close must be called when it is not needed any more.
func New(options Options) *Server {
	if options.Scale == 0 {
		options.Scale = 1
	}
	if options.Authorize == nil {
		options.Authorize = func(iam.Request) bool { return true }
	}
	goawsLock.Lock()
	defer goawsLock.Unlock()
	logrus.SetLevel(logrus.PanicLevel) // goaws logs every request to logrus' only logger

	q := &Server{
		options:  options,
		instance: uuid.NewString()[:8],
		router:   router.New(),
		quit:     make(chan bool),
		queues:   map[string]time.Duration{},
		topics:   map[string]*topicState{},
		records:  map[string]*messageRecord{},
	}
	go gosqs.PeriodicTasks(goawsTick, q.quit)
	return q
}

// Close removes the queues and topics.
func (q *Server) Close() {
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
func (q *Server) CreateQueue(logicalName string, options QueueOptions) (Queue, error) {
	if options.VisibilityTimeout == 0 {
		options.VisibilityTimeout = 30 * time.Second
	}
	attributes := map[string]string{
		"VisibilityTimeout": wholeSeconds(options.VisibilityTimeout),
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
	q.queues[name] = options.VisibilityTimeout
	return Queue{
		Name: name,
		URL:  q.urlOf(name),
		ARN:  fmt.Sprintf("arn:aws:sqs:%s:%s:%s", q.options.Region, q.options.AccountID, name),
	}, nil
}

// CreateTopic makes a topic, a FIFO topic if the name ends in ".fifo".
func (q *Server) CreateTopic(logicalName string) (Topic, error) {
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

// Subscribe has everything that is published to the topic delivered to the queue, in an envelope.
func (q *Server) Subscribe(topic Topic, queue Queue) error {
	goawsLock.Lock()
	defer goawsLock.Unlock()
	state := q.topics[topic.ARN]
	if _, ok := q.queues[queue.Name]; !ok || state == nil {
		return fmt.Errorf("subscribe %q to %q: no such queue or topic", queue.Name, topic.Name)
	}
	form := url.Values{"Action": {"Subscribe"}, "TopicArn": {topic.ARN}, "Protocol": {"sqs"}, "Endpoint": {queue.ARN}}
	if err := q.forwardSNS(form); err != nil {
		return fmt.Errorf("subscribe to %s: %w", topic.Name, err)
	}
	state.subscribers = append(state.subscribers, queue.Name)
	return nil
}

// physicalName makes a name unique in the process, keeping the suffix that makes it FIFO.
func (q *Server) physicalName(logicalName string) string {
	base, fifo := strings.CutSuffix(logicalName, ".fifo")
	name := base + "-" + q.instance
	if fifo {
		name += ".fifo"
	}
	return name
}

// compress turns true time into the time that it takes here.
func (q *Server) compress(d time.Duration) time.Duration {
	return time.Duration(float64(d) / q.options.Scale)
}

// expand turns time that has passed here into true time.
func (q *Server) expand(d time.Duration) time.Duration {
	return time.Duration(float64(d) * q.options.Scale)
}

func wholeSeconds(d time.Duration) string {
	return strconv.Itoa(int(d / time.Second))
}
