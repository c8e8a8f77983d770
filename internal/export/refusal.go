package export

import (
	"context"
	"errors"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// kind is what an error of a call to AppStream means for what was asked.
type kind string

const (
	limited   kind = "limited"   // not now, and nothing else now either: a quota or a throttle
	conflict  kind = "conflict"  // not now, in some minutes
	notReady  kind = "not ready" // the image is not available, or a twin came first
	gone      kind = "gone"      // what was asked about is not there
	refused   kind = "refused"   // AppStream will say the same again until somebody changes something
	ambiguous kind = "ambiguous" // nobody knows whether it was done
)

// Refusal is an error of AppStream, classified, in its own words and with what can be done about it.
type Refusal struct {
	kind    kind
	Code    string // AppStream's error code; empty where no answer came
	Message string
	Hint    string
	err     error
}

func (r *Refusal) Error() string {
	if r.Code == "" {
		return r.Message
	}
	return r.Code + ": " + r.Message
}

func (r *Refusal) Unwrap() error { return r.err }

// Passing tells whether the same call may succeed later without anybody changing anything.
func (r *Refusal) Passing() bool { return r.kind != refused && r.kind != gone }

// classify is the one place that knows AppStream's errors. The exceptions are those that the API
// reference documents, the rest are the errors common to all AWS services.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_CreateExportImageTask.html
// https://docs.aws.amazon.com/appstream2/latest/APIReference/CommonErrors.html
func classify(err error, roleARN string) *Refusal {
	r := &Refusal{kind: ambiguous, Message: err.Error(), err: err}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		r.Message = "no answer came: " + err.Error()
		if errors.Is(err, context.DeadlineExceeded) {
			r.Message = "no answer came in time"
		}
		return r
	}
	r.Code, r.Message = api.ErrorCode(), api.ErrorMessage()
	if reply, ok := errors.AsType[*awshttp.ResponseError](err); ok && reply.HTTPStatusCode() >= http.StatusInternalServerError || api.ErrorFault() == smithy.FaultServer {
		return r
	}
	if reply, ok := errors.AsType[*awshttp.ResponseError](err); ok && reply.HTTPStatusCode() == http.StatusTooManyRequests {
		r.kind, r.Hint = limited, "Nothing needs to be done: it is tried again."
		return r
	}
	switch r.Code {
	case "LimitExceededException":
		r.kind = limited
		r.Hint = "Nothing needs to be done: it is tried again. AWS Support can raise the limit."
	case "ThrottlingException", "EC2ThrottledException", "BandwidthLimitExceeded", "Throttling", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded", "RequestLimitExceededException", "RequestThrottled", "RequestThrottledException", "SlowDown", "PriorRequestNotComplete":
		r.kind = limited
		r.Hint = "Nothing needs to be done: it is tried again."
	case "ConcurrentModificationException":
		r.kind = conflict
		r.Hint = "Nothing needs to be done: it is tried again in some minutes."
	case "ResourceNotAvailableException":
		r.kind = notReady
		r.Hint = "Nothing needs to be done: it is tried again until the image is available."
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired", "InternalFailure", "ServiceUnavailable", "InternalServerException", "ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException":
		return r
	case "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch", "MissingAuthenticationTokenException", "IncompleteSignature":
		r.kind = refused
		r.Hint = "AWS does not know the credentials of the function: check that its role exists and that AppStream is available in this Region."
	case "ResourceNotFoundException":
		r.kind = gone
		r.Hint = "Check that the image, or the export task, still exists in this account and Region."
	case "InvalidRoleException":
		r.kind = refused
		r.Hint = "Check the export role " + roleARN + ": it must exist, its trust policy must let appstream.amazonaws.com assume it, and it must allow ec2:CopyImage, ec2:DescribeImages and ec2:CreateTags."
	case "InvalidAccountStatusException":
		r.kind = refused
		r.Hint = "The AWS account is suspended for AppStream: see the account's status in the AWS Billing console or ask AWS Support."
	case "OperationNotPermittedException":
		r.kind = refused
		r.Hint = "AppStream exports only images of Windows Server 2022 or 2025 that this account owns, to an AMI name that is not taken yet. Check these three."
	case "AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized":
		r.kind = refused
		r.Hint = "The function's role may not do this: deploy the stack's template again, and check permissions boundaries and service control policies."
		if strings.Contains(r.Message, "iam:PassRole") {
			r.Hint = "The function's role may not pass the export role " + roleARN + ": it needs iam:PassRole on it; check ExportRoleArn, permissions boundaries and service control policies."
		}
	case "ValidationException", "ValidationError", "InvalidParameterCombinationException", "InvalidParameterValue", "SerializationException":
		r.kind = refused
		r.Hint = "AppStream does not take one of the values: compare the AMI name, description and tags of the stack or the request with what the message says."
	default:
		r.kind = refused
		r.Hint = "AppStream refused for a reason that this version does not know; its message says more."
	}
	return r
}
