package awsclient

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// wholeBody hands net/http the body of a request as bytes in memory.
//
// It works around a defect in smithy-go (seen in 1.28.9, transport/http/internal/io/safe.go): the SDK closes the body as soon
// as an answer begins, and its closed body reports io.EOF where net/http, still at the end of writing, expects none. net/http
// takes that for a failed write and closes the connection under the answer. At best that costs a new connection; at worst the
// SDK repeats a call that the service has carried out. All our bodies are small and in memory anyway.
type wholeBody struct{ next aws.HTTPClient }

func (c wholeBody) Do(request *http.Request) (*http.Response, error) {
	if request.Body == nil || request.Body == http.NoBody {
		return c.next.Do(request)
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, fmt.Errorf("read the request's own body: %w", err)
	}
	whole := request.Clone(request.Context())
	whole.ContentLength = int64(len(body))
	whole.Body = io.NopCloser(bytes.NewReader(body))
	// With GetBody net/http sends the request again where it could not write a single byte of it, and only then.
	whole.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return c.next.Do(whole)
}
