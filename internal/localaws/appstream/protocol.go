package appstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

const (
	// protocolName is what the protocols call the service.
	protocolName = "PhotonAdminProxyService"
	// maxBody is far above any legal request, and keeps a mistaken client from filling the memory.
	maxBody = 1 << 20
)

// ServeHTTP answers one request in the protocol that it speaks: AWS JSON 1.1 as the AWS CLI and boto3 do, or Smithy RPC v2 CBOR as
// the SDK for Go does since v1.64.0 of its client.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Numbered, not random, so that a simulation's log is the same on every run.
	w.Header().Set("X-Amzn-RequestId", fmt.Sprintf("00000000-0000-4000-8000-%012x", s.requests.Add(1)))
	output, err := s.serve(w, r)
	if err != nil {
		awsreply.AsError(err).Write(w, r)
		return
	}
	awsreply.Write(w, r, output)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) (any, error) {
	service, name := awsreply.Operation(r, nil)
	run := s.operation(name)
	if r.Method != http.MethodPost || service != protocolName || run == nil {
		return nil, awsreply.Refuse("UnknownOperationException", "The operation %q of %q is not known.", name, service)
	}
	signed, ok := awsreply.SignatureOf(r)
	if !ok {
		return nil, awsreply.Refuse("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, awsreply.Refuse("SerializationException", "The request could not be read: %v", err)
	}
	parameters, err := awsreply.Parameters(r, body)
	if err != nil {
		return nil, awsreply.Refuse("SerializationException", "The request could not be read: %v", err)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[name]++
	if err := s.authorize(name, signed.AccessKeyID, parameters); err != nil {
		return nil, err
	}
	return run(s.options.Now(), parameters)
}

// operation runs one operation with parameters in JSON at one moment; Server.mu is held.
type operation func(now time.Time, parameters []byte) (any, error)

// operation returns nil for a name that is not an operation.
func (s *Server) operation(name string) operation {
	switch name {
	case "CreateExportImageTask":
		return decoded(s.createExportImageTask)
	case "CreateImportedImage":
		return decoded(s.createImportedImage)
	case "GetExportImageTask":
		return decoded(s.getExportImageTask)
	case "ListExportImageTasks":
		return decoded(s.listExportImageTasks)
	case "DescribeImages":
		return decoded(s.describeImages)
	case "DeleteImage":
		return decoded(s.deleteImage)
	case "ListTagsForResource":
		return decoded(s.listTagsForResource)
	case "TagResource":
		return decoded(s.tagResource)
	case "UntagResource":
		return decoded(s.untagResource)
	}
	return nil
}

// decoded puts the decoding of the parameters before an operation.
func decoded[In, Out any](run func(time.Time, In) (Out, error)) operation {
	return func(now time.Time, parameters []byte) (any, error) {
		var input In
		err := json.Unmarshal(parameters, &input)
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
			return nil, awsreply.Refuse("SerializationException", "%s cannot be a %s.", wrong.Field, wrong.Value)
		}
		if err != nil {
			return nil, awsreply.Refuse("SerializationException", "The request is not an object: %v", err)
		}
		return run(now, input)
	}
}
