// Package awsreply speaks AWS's protocols from the service's side: it reads which operation a request is for, and writes refusals
// in the protocol that the request speaks.
package awsreply

import (
	"net/http"
	"net/url"
	"strings"
)

// SigningName returns the service that a request is signed for, such as "monitoring" for CloudWatch, or "" without a signature.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func SigningName(r *http.Request) string {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	credential, _, _ = strings.Cut(credential, ",")
	scope := strings.Split(credential, "/") // key, date, Region, service, "aws4_request"
	if len(scope) != 5 {
		return ""
	}
	return scope[3]
}

// Operation returns the operation that a request of the JSON or the query protocol asks for, or "" where it names none. body is
// the request's.
func Operation(r *http.Request, body []byte) string {
	if _, operation, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		return operation
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return ""
	}
	return form.Get("Action")
}
