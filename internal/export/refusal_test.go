package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const roleARN = "arn:aws:iam::123456789012:role/Export"

// coded is an error of AppStream that the SDK has no type for.
func coded(code string) error { return &smithy.GenericAPIError{Code: code, Message: "why"} }

// answered wraps an error as the SDK does for one that came as an answer.
func answered(status int, err error) error {
	return &smithy.OperationError{ServiceID: "AppStream", OperationName: "CreateExportImageTask", Err: &awshttp.ResponseError{
		ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err},
		RequestID:     "r",
	}}
}

func TestClassify(t *testing.T) {
	why := aws.String("why")
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException",
		Message: "User: x is not authorized to perform: iam:PassRole on resource: " + roleARN}
	tests := map[string]struct {
		err       error
		kind      kind
		temporary bool
		code      string
		message   string
		hint      string // a part of it
	}{
		// The seven that the API reference documents.
		"ConcurrentModification": {answered(400, &types.ConcurrentModificationException{Message: why}), conflict, true,
			"ConcurrentModificationException", "why", "tried again in some minutes"},
		"InvalidAccountStatus": {answered(400, &types.InvalidAccountStatusException{Message: why}), refused, false,
			"InvalidAccountStatusException", "why", "suspended"},
		"InvalidRole": {answered(400, &types.InvalidRoleException{Message: why}), refused, false, "InvalidRoleException", "why",
			"Check the export role " + roleARN + ": it must exist, its trust policy must let appstream.amazonaws.com"},
		"LimitExceeded": {answered(400, &types.LimitExceededException{Message: why}), limited, true, "LimitExceededException",
			"why", "AWS Support can raise the limit"},
		"OperationNotPermitted": {answered(400, &types.OperationNotPermittedException{Message: why}), refused, false,
			"OperationNotPermittedException", "why", "Windows Server 2022 or 2025"},
		"ResourceNotAvailable": {answered(400, &types.ResourceNotAvailableException{Message: why}), notReady, true,
			"ResourceNotAvailableException", "why", "until the image is available"},
		"ResourceNotAvailable for ever": {answered(400, &types.ResourceNotAvailableException{Message: aws.String("win is DEPRECATED")}),
			refused, false, "ResourceNotAvailableException", "win is DEPRECATED", "build a new one"},
		"ResourceNotFound": {answered(400, &types.ResourceNotFoundException{Message: why}), notFound, false,
			"ResourceNotFoundException", "why", "still exists in this account and Region"},

		// Those common to all services.
		"AccessDenied": {answered(400, coded("AccessDeniedException")), refused, false, "AccessDeniedException", "why",
			"deploy the stack's template again"},
		"AccessDenied, role": {answered(400, denied), refused, false, "AccessDeniedException", denied.Message,
			"it needs iam:PassRole on it"},
		"Validation": {answered(400, coded("ValidationException")), refused, false, "ValidationException", "why",
			"compare the AMI name, description and tags"},
		"ValidationError": {answered(400, coded("ValidationError")), refused, false, "ValidationError", "why",
			"compare the AMI name, description and tags"},
		"Throttling": {answered(400, coded("ThrottlingException")), limited, true, "ThrottlingException", "why",
			"it is tried again"},
		"TooManyRequests": {answered(429, coded("TooManyRequestsException")), limited, true, "TooManyRequestsException", "why",
			"it is tried again"},
		"a throttle with a new code": {answered(429, coded("NewThrottle")), limited, true, "NewThrottle", "why", "it is tried again"},
		"RequestLimitExceeded": {answered(400, &types.RequestLimitExceededException{Message: why}), limited, true,
			"RequestLimitExceededException", "why", "it is tried again"},
		"InternalFailure":    {answered(500, coded("InternalFailure")), ambiguous, true, "InternalFailure", "why", ""},
		"ServiceUnavailable": {answered(503, coded("ServiceUnavailable")), ambiguous, true, "ServiceUnavailable", "why", ""},
		"a 5xx of any code":  {answered(502, coded("UnknownError")), ambiguous, true, "UnknownError", "why", ""},
		"a 5xx with a client's code": {answered(500, &types.InvalidRoleException{Message: why}), ambiguous, true, "InvalidRoleException",
			"why", ""},
		"a fault of the server's": {&smithy.GenericAPIError{Code: "New", Message: "why", Fault: smithy.FaultServer}, ambiguous, true,
			"New", "why", ""},
		"an expired token": {answered(400, coded("ExpiredTokenException")), ambiguous, true, "ExpiredTokenException", "why", ""},
		"not known yet": {answered(400, coded("NewException")), refused, false, "NewException", "why",
			"its message says more"},

		// No answer at all.
		"out of time": {fmt.Errorf("send: %w", context.DeadlineExceeded), ambiguous, true, "", "no answer came in time", ""},
		"the connection is lost": {fmt.Errorf("send: %w", io.ErrUnexpectedEOF), ambiguous, true, "", "no answer came: send: unexpected EOF",
			""},
		"no JSON": {&smithy.DeserializationError{Err: errors.New("invalid character")}, ambiguous, true, "",
			"no answer came: deserialization failed, invalid character", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := classify(fmt.Errorf("wrapped: %w", test.err), roleARN)
			if got.kind != test.kind || got.Temporary() != test.temporary || got.Code != test.code {
				t.Errorf("classified as %s, temporary %v, code %q; want %s, %v, %q", got.kind, got.Temporary(), got.Code, test.kind,
					test.temporary, test.code)
			}
			message := strings.Replace(got.Message, "wrapped: ", "", 1)
			if message != test.message {
				t.Errorf("message = %q, want %q", message, test.message)
			}
			if !strings.Contains(got.Hint, test.hint) || (test.hint == "") != (got.Hint == "") {
				t.Errorf("hint = %q, want %q in it", got.Hint, test.hint)
			}
			if !errors.Is(got, test.err) {
				t.Error("the error itself is lost")
			}
			want := got.Message
			if test.code != "" {
				want = test.code + ": " + test.message
			}
			if got.Error() != want {
				t.Errorf("Error() = %q, want %q", got.Error(), want)
			}
		})
	}
}

// Whoever is told of a rejection is told what to do.
func TestEveryRefusalHasAHint(t *testing.T) {
	for _, code := range []string{"ResourceNotFoundException", "InvalidRoleException", "InvalidAccountStatusException",
		"OperationNotPermittedException",
		"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized", "ValidationException", "ValidationError",
		"InvalidParameterCombinationException",
		"InvalidParameterValue", "SerializationException", "UnrecognizedClientException", "AnythingElse"} {
		got := classify(answered(400, coded(code)), roleARN)
		if got.Temporary() || got.Hint == "" || !strings.HasSuffix(got.Hint, ".") {
			t.Errorf("%s: temporary %v, hint %q", code, got.Temporary(), got.Hint)
		}
	}
}

// The limit on tags is one that no waiting mends, as that on exports is.
func TestClassifyTagging(t *testing.T) {
	type what struct {
		temporary bool
		hint      string
	}
	for name, test := range map[string]struct {
		err  error
		want what
	}{
		"no room":    {full(), what{false, noRoomForTagsHint}},
		"a throttle": {throttled(), what{true, throttledHint}},
		"a refusal":  {denied(), what{false, deniedHint}},
	} {
		refusal := classifyTagging(test.err, roleARN)
		if got := (what{refusal.Temporary(), refusal.Hint}); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}
