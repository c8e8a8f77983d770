package awsreply

import (
	"net/http"
	"strings"
)

// Signature is what a request says of who sends it, and for what it is signed.
type Signature struct {
	AccessKeyID string
	Region      string
	Service     string // such as "monitoring" for CloudWatch
}

// SignatureOf reads the signature of a request, which nothing here verifies; ok is false where there is none.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func SignatureOf(r *http.Request) (s Signature, ok bool) {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	credential, _, _ = strings.Cut(credential, ",")
	scope := strings.Split(credential, "/") // key, date, Region, service, "aws4_request"
	if len(scope) != 5 {
		return Signature{}, false
	}
	return Signature{AccessKeyID: scope[0], Region: scope[2], Service: scope[3]}, true
}

// SigningName returns the service that a request is signed for, or "" without a signature.
func SigningName(r *http.Request) string {
	s, _ := SignatureOf(r)
	return s.Service
}

// CallerOf returns the access key that a request is signed with, or "" without a signature.
func CallerOf(r *http.Request) string {
	s, _ := SignatureOf(r)
	return s.AccessKeyID
}
