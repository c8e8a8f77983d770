package localaws

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"

	"github.com/google/uuid"
)

// The services that the gateway knows, by the prefix of their IAM actions.
const (
	serviceAppStream = "appstream"
	serviceSNS       = "sns"
	serviceSQS       = "sqs"
)

// apiError is a service's refusal of a call.
type apiError struct {
	Status  int // zero means 400
	Code    string
	Message string
}

func (e *apiError) Error() string {
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// refuse makes the error of a caller's mistake.
func refuse(code, format string, args ...any) *apiError {
	return &apiError{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

// fault says whose mistake the error is, in the words of the AWS query protocol.
func (e *apiError) fault() string {
	if e.Status >= http.StatusInternalServerError {
		return "Receiver"
	}
	return "Sender"
}

// write answers a call with the error in the service's own wire format.
func (e *apiError) write(w http.ResponseWriter, service string) {
	switch service {
	case serviceSNS:
		e.writeXML(w)
	case serviceSQS:
		// SDKs that grew up with the query protocol take the code from this header.
		w.Header().Set("X-Amzn-Query-Error", sqsQueryCode(e.Code)+";"+e.fault())
		e.writeJSON(w, "application/x-amz-json-1.0", "com.amazonaws.sqs#")
	default:
		e.writeJSON(w, "application/x-amz-json-1.1", "")
	}
}

func (e *apiError) writeJSON(w http.ResponseWriter, contentType, namespace string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-RequestId", uuid.NewString())
	w.WriteHeader(e.status())
	// A failed write means that the caller has gone: there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": namespace + e.Code, "message": e.Message})
}

func (e *apiError) writeXML(w http.ResponseWriter) {
	type detail struct {
		Type    string
		Code    string
		Message string
	}
	answer := struct {
		XMLName   xml.Name `xml:"http://sns.amazonaws.com/doc/2010-03-31/ ErrorResponse"`
		Error     detail
		RequestID string `xml:"RequestId"`
	}{
		Error:     detail{Type: e.fault(), Code: e.Code, Message: e.Message},
		RequestID: uuid.NewString(),
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(e.status())
	_ = xml.NewEncoder(w).Encode(answer)
}

func (e *apiError) status() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

// sqsQueryCode gives the code that the query protocol had for an SQS error before it was renamed.
func sqsQueryCode(code string) string {
	switch code {
	case "QueueDoesNotExist":
		return "AWS.SimpleQueueService.NonExistentQueue"
	case "MessageNotInflight", "EmptyBatchRequest", "TooManyEntriesInBatchRequest",
		"BatchEntryIdsNotDistinct", "BatchRequestTooLong":
		return "AWS.SimpleQueueService." + code
	}
	return code
}
