package queues

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// ServeHTTP answers the calls of SQS (AWS JSON 1.0) and SNS (AWS query) clients. Only actions on
// messages are open to them; queues and topics are made by whoever owns this Queues.
func (q *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller has gone
	}
	if service, action := awsreply.Operation(r, body); service == "AmazonSQS" {
		output, err := q.callSQS(r.Context(), action, body)
		if err != nil {
			awsreply.AsError(err).Write(w, r)
			return
		}
		awsreply.Write(w, r, output)
		return
	}

	form, err := url.ParseQuery(string(body))
	if err != nil {
		awsreply.Refuse("MalformedQueryString", "the request is not a form: %v", err).Write(w, r)
		return
	}
	answer, err := q.callSNS(awsreply.CallerOf(r), form)
	if err != nil {
		awsreply.AsError(err).Write(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	_ = xml.NewEncoder(w).Encode(answer) // fails only if the caller has gone
}
