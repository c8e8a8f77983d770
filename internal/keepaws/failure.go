package keepaws

import (
	"context"
	"errors"
	"net/http"
	"slices"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"appstream-ami-exporter/internal/keep"
)

// outcomes are the error codes that say for certain that nothing was done, by what they mean. Every other code of a 4xx is a
// refusal.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html
var outcomes = map[keep.Outcome][]string{
	keep.Denied: {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "NotAuthorized"},
	keep.Missing: {
		"InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidSnapshot.NotFound", "ParameterNotFound", "ResourceNotFoundException",
	},
	keep.Throttled: {
		"RequestLimitExceeded", "RequestLimitExceededException", "Throttling", "ThrottlingException", "ThrottledException",
		"TooManyRequestsException",
		"TooManyUpdates", "ResourceLimitExceeded", "EC2ThrottledException", "SlowDown",
	},
	keep.Unknown: {
		"InternalError", "InternalFailure", "InternalServerError", "InternalServerException", "ServiceUnavailable", "Unavailable",
		"RequestTimeout",
	},
}

var hints = map[keep.Outcome]string{
	keep.Denied: "The keeper's role may not do this: deploy the stack's template again, and check permissions boundaries and service " +
		"control policies.",
	keep.Throttled: "Nothing needs to be done: it is tried again in the next pass.",
	keep.Unknown:   "Nothing needs to be done: the next pass looks what has become of it.",
}

// classify is the one place that knows the error codes of the services that the keeper calls.
func classify(operation string, err error) error {
	if err == nil {
		return nil
	}
	failure := &keep.Failure{Operation: operation, Outcome: keep.Unknown, Message: "no answer came: " + err.Error(), Err: err}
	if errors.Is(err, context.DeadlineExceeded) {
		failure.Message = "no answer came in time"
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		failure.Code, failure.Message, failure.Outcome = api.ErrorCode(), api.ErrorMessage(), outcomeOf(api.ErrorCode(), err)
	}
	failure.Hint = hints[failure.Outcome]
	return failure
}

func outcomeOf(code string, err error) keep.Outcome {
	for outcome, codes := range outcomes {
		if slices.Contains(codes, code) {
			return outcome
		}
	}
	if reply, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		switch status := reply.HTTPStatusCode(); {
		case status >= http.StatusInternalServerError:
			return keep.Unknown
		case status == http.StatusTooManyRequests:
			return keep.Throttled
		}
	}
	return keep.Refused
}
