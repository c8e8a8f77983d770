package queues

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/Admiral-Piett/goaws/app/models"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// goawsLock serialises all use of goaws in this process: goaws keeps its queues and topics in package
// variables and does not guard every access to them.
var goawsLock sync.Mutex

// goawsTick is how often goaws looks for messages whose visibility timeout has passed. It bounds the
// precision of compressed time.
const goawsTick = 2 * time.Millisecond

// forwardSQS has goaws execute an SQS action. The caller holds goawsLock.
func (q *Server) forwardSQS(action string, input, output any) error {
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
func (q *Server) forwardSNS(form url.Values) error {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	if _, err := q.forward(header, []byte(form.Encode())); err != nil {
		return fmt.Errorf("%s: %w", form.Get("Action"), err)
	}
	return nil
}

func (q *Server) forward(header http.Header, body []byte) ([]byte, error) {
	models.CurrentEnvironment = models.Environment{
		Region: q.options.Region, AccountID: q.options.AccountID,
		EnableDuplicates: true, // this is what goaws calls deduplication in FIFO queues
	}
	request, err := http.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("forward to goaws: %w", err)
	}
	request.Header = header
	answer := awsreply.NewBuffer()
	q.router.ServeHTTP(answer, request)
	if answer.Status() != http.StatusOK {
		return nil, fmt.Errorf("goaws answered %d: %s", answer.Status(), answer.Body())
	}
	return answer.Body(), nil
}
