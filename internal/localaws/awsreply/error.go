package awsreply

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// Error is a service's refusal of a call.
type Error struct {
	Status  int // zero means 400
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Refuse makes the error of a caller's mistake.
func Refuse(code, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

// AsError makes an error fit for an answer. Whatever a service does not refuse is its own failure.
func AsError(err error) *Error {
	if refusal, ok := errors.AsType[*Error](err); ok {
		return refusal
	}
	return &Error{Status: http.StatusInternalServerError, Code: "InternalError", Message: err.Error()}
}

// Write answers a request with the error, in the protocol of the request.
func (e *Error) Write(w http.ResponseWriter, r *http.Request) {
	target := r.Header.Get("X-Amz-Target")
	switch {
	case strings.HasPrefix(target, "AmazonSQS."):
		// SDKs that grew up with the query protocol take the code from this header.
		w.Header().Set("X-Amzn-Query-Error", sqsQueryCode(e.Code)+";"+e.fault())
		e.writeJSON(w, "application/x-amz-json-1.0", "com.amazonaws.sqs#")
	case target == "" && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		if SigningName(r) == "ec2" {
			e.writeEC2(w)
			return
		}
		e.writeXML(w)
	default:
		w.Header().Set("X-Amzn-ErrorType", e.Code)
		e.writeJSON(w, "application/x-amz-json-1.1", "")
	}
}

func (e *Error) writeJSON(w http.ResponseWriter, contentType, namespace string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-RequestId", uuid.NewString())
	w.WriteHeader(e.status())
	// A failed write means that the caller has gone: there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": namespace + e.Code, "message": e.Message})
}

func (e *Error) writeXML(w http.ResponseWriter) {
	type detail struct {
		Type    string
		Code    string
		Message string
	}
	answer := struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
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

// writeEC2 is for the one service whose errors are a list.
// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-error-code.html
func (e *Error) writeEC2(w http.ResponseWriter) {
	type detail struct {
		Code    string
		Message string
	}
	answer := struct {
		XMLName   xml.Name `xml:"Response"`
		Errors    []detail `xml:"Errors>Error"`
		RequestID string
	}{
		Errors:    []detail{{Code: e.Code, Message: e.Message}},
		RequestID: uuid.NewString(),
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(e.status())
	_ = xml.NewEncoder(w).Encode(answer)
}

func (e *Error) status() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

// SenderFault tells whether the error is the caller's mistake.
func (e *Error) SenderFault() bool { return e.status() < http.StatusInternalServerError }

// fault says whose mistake the error is, in the words of the query protocol.
func (e *Error) fault() string {
	if e.SenderFault() {
		return "Sender"
	}
	return "Receiver"
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
