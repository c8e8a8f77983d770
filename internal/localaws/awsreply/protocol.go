// Package awsreply speaks AWS's protocols from the service's side: it reads which operation a request is for, with which
// parameters, and answers or refuses it in the protocol that the request speaks.
package awsreply

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/google/uuid"
)

// protocol is how a request is written, and so its answer.
// https://smithy.io/2.0/aws/protocols/index.html
type protocol int

const (
	rest     protocol = iota // the path says which operation it is, as with Lambda
	json1                    // AWS JSON 1.0 or 1.1: a header says it
	cbor2                    // Smithy RPC v2 CBOR: the path does
	query                    // a form says it, the answer is XML
	ec2Query                 // the same, with errors in a form of EC2's own
)

// protocolHeader names the protocol in requests and answers of Smithy RPC v2, whose clients refuse an answer without it.
const (
	protocolHeader = "Smithy-Protocol"
	rpcV2CBOR      = "rpc-v2-cbor"
)

func protocolOf(r *http.Request) protocol {
	switch {
	case r.Header.Get(protocolHeader) == rpcV2CBOR:
		return cbor2
	case r.Header.Get("X-Amz-Target") != "":
		return json1
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		return rest
	case SigningName(r) == "ec2":
		return ec2Query
	}
	return query
}

// IsQuery tells whether a request speaks the query protocol, whose answers each service writes itself.
func IsQuery(r *http.Request) bool { return protocolOf(r) == query || protocolOf(r) == ec2Query }

// jsonType is the version of AWS JSON that a request speaks.
func jsonType(r *http.Request) string {
	if contentType := r.Header.Get("Content-Type"); strings.HasPrefix(contentType, "application/x-amz-json-") {
		return contentType
	}
	return "application/json"
}

// Operation returns the operation that a request asks for, by its name in the API, and the name that the protocol has for the
// service, where it has one: "AmazonSQS". body is the request's. Both are "" where the request names none.
func Operation(r *http.Request, body []byte) (service, operation string) {
	switch protocolOf(r) {
	case json1:
		service, operation, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	case cbor2:
		if path, ok := strings.CutPrefix(r.URL.Path, "/service/"); ok {
			service, operation, _ = strings.Cut(path, "/operation/")
		}
	case query, ec2Query:
		form, _ := url.ParseQuery(string(body))
		operation = form.Get("Action")
	}
	return service, operation
}

// Parameters returns a request's body as JSON where its protocol is JSON or CBOR, and as it is otherwise.
func Parameters(r *http.Request, body []byte) ([]byte, error) {
	if protocolOf(r) != cbor2 || len(body) == 0 {
		return body, nil
	}
	decoded, err := cbor.Decode(body)
	if err != nil {
		return nil, fmt.Errorf("not CBOR: %w", err)
	}
	plain, err := fromCBOR(decoded)
	if err != nil {
		return nil, err
	}
	return json.Marshal(plain)
}

// Write answers a request that speaks JSON or CBOR with an operation's output: a struct whose fields are named as in the API, or by
// their json tags.
func Write(w http.ResponseWriter, r *http.Request, output any) {
	write(w, r, http.StatusOK, output)
}

func write(w http.ResponseWriter, r *http.Request, status int, output any) {
	identify(w)
	if protocolOf(r) == cbor2 {
		w.Header().Set(protocolHeader, rpcV2CBOR)
		w.Header().Set("Content-Type", "application/cbor")
		w.WriteHeader(status)
		_, _ = w.Write(cbor.Encode(toCBOR(output))) // fails only if the caller has gone
		return
	}
	w.Header().Set("Content-Type", jsonType(r))
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(output) // fails only if the caller has gone
}

// identify gives an answer a request id, unless the service has done so, and returns it.
func identify(w http.ResponseWriter) string {
	if w.Header().Get("X-Amzn-RequestId") == "" {
		w.Header().Set("X-Amzn-RequestId", uuid.NewString())
	}
	return w.Header().Get("X-Amzn-RequestId")
}
