package export

import (
	"context"
	"errors"
	"net/http"
	"slices"
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
	notFound  kind = "not found" // what was asked about is not there
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

// Temporary tells whether the same call may succeed later without anybody changing anything.
func (r *Refusal) Temporary() bool { return r.kind != refused && r.kind != notFound }

func isNotFound(err error) bool {
	refusal, ok := errors.AsType[*Refusal](err)
	return ok && refusal.kind == notFound
}

// meaning is what an error code stands for. {role} in a hint is the ARN of the export role.
type meaning struct {
	codes []string
	kind  kind
	hint  string
}

// limitExceeded is AppStream's code for a quota: on how many exports run at a time, or how many tags a resource has.
const limitExceeded = "LimitExceededException"

// meanings is the one place that knows AppStream's errors. Some are the exceptions that the API
// reference documents, the rest are the errors common to all AWS services.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_CreateExportImageTask.html
// https://docs.aws.amazon.com/appstream2/latest/APIReference/CommonErrors.html
func meanings() []meaning {
	return []meaning{
		{[]string{limitExceeded}, limited, "Nothing needs to be done: it is tried again. AWS Support can raise the limit."},
		{[]string{
			"ThrottlingException", "EC2ThrottledException", "BandwidthLimitExceeded", "Throttling", "ThrottledException",
			"TooManyRequestsException", "RequestLimitExceeded", "RequestLimitExceededException", "RequestThrottled",
			"RequestThrottledException", "SlowDown", "PriorRequestNotComplete",
		}, limited, throttledHint},
		{[]string{"ConcurrentModificationException"}, conflict, "Nothing needs to be done: it is tried again in some minutes."},
		{[]string{"ResourceNotAvailableException"}, notReady, "Nothing needs to be done: it is tried again until the image is available."},
		{[]string{
			"ExpiredToken", "ExpiredTokenException", "RequestExpired", "InternalFailure", "ServiceUnavailable",
			"InternalServerException", "ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException",
		}, ambiguous, ""},
		{[]string{
			"UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch",
			"MissingAuthenticationTokenException", "IncompleteSignature",
		}, refused, "AWS does not know the credentials of the function: check that its role exists and that AppStream is available in " +
			"this Region."},
		{[]string{"ResourceNotFoundException"}, notFound,
			"Check that the image, or the export task, still exists in this account and Region."},
		{[]string{"InvalidRoleException"}, refused, "Check the export role {role}: it must exist, its trust policy must let " +
			"appstream.amazonaws.com assume it, and it must allow ec2:CopyImage, ec2:DescribeImages and ec2:CreateTags."},
		{[]string{"InvalidAccountStatusException"}, refused, "The AWS account is suspended for AppStream: see the account's status in " +
			"the AWS Billing console or ask AWS Support."},
		{[]string{"OperationNotPermittedException"}, refused, "AppStream exports only images of Windows Server 2022 or 2025 that this " +
			"account owns, to an AMI name that is not taken yet. Check these three."},
		{[]string{"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized"}, refused, deniedHint},
		{[]string{
			"ValidationException", "ValidationError", "InvalidParameterCombinationException", "InvalidParameterValue",
			"SerializationException",
		}, refused, "AppStream does not take one of the values: compare the AMI name, description and tags of the stack or the request " +
			"with what the message says."},
	}
}

const (
	throttledHint = "Nothing needs to be done: it is tried again."
	unknownHint   = "AppStream refused for a reason that this version does not know; its message says more."

	deniedHint = "The function's role may not do this: deploy the stack's template again, and check permissions boundaries and " +
		"service control policies."

	// passRoleHint takes the place of deniedHint where the message names iam:PassRole.
	passRoleHint = "The function's role may not pass the export role {role}: it needs iam:PassRole on it; check ExportRoleArn, " +
		"permissions boundaries and service control policies."

	// noRoomForTagsHint is for limitExceeded as the answer to TagResource.
	noRoomForTagsHint = "The image has as many tags as it can have: remove one or two, so that it can be marked as exported."
)

// classify says what an error of a call means. The HTTP status counts more than the code: after a 5xx nobody knows what was done.
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
	status := 0
	if reply, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status = reply.HTTPStatusCode()
	}
	if status >= http.StatusInternalServerError || api.ErrorFault() == smithy.FaultServer {
		return r
	}
	if status == http.StatusTooManyRequests {
		r.kind, r.Hint = limited, throttledHint
		return r
	}
	r.kind, r.Hint = meaningOf(r.Code)
	if r.Hint == deniedHint && strings.Contains(r.Message, "iam:PassRole") {
		r.Hint = passRoleHint
	}
	if r.kind == notReady && strings.Contains(r.Message, stateDeprecated) { // it will not be ready again
		r.kind, r.Hint = refused, deprecatedHint
	}
	r.Hint = strings.ReplaceAll(r.Hint, "{role}", roleARN)
	return r
}

func meaningOf(code string) (kind, string) {
	for _, meaning := range meanings() {
		if slices.Contains(meaning.codes, code) {
			return meaning.kind, meaning.hint
		}
	}
	return refused, unknownHint
}

// classifyTagging is classify for TagResource, where a limit is one that only a person can make room under.
func classifyTagging(err error, roleARN string) *Refusal {
	r := classify(err, roleARN)
	if r.Code == limitExceeded {
		r.kind, r.Hint = refused, noRoomForTagsHint
	}
	return r
}
