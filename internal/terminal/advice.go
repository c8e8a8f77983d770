package terminal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go"
)

// The codes with which AWS's services refuse a caller, in the spellings of all of them.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html
var (
	deniedCodes = []string{
		"AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException", "NotAuthorized",
		"NotAuthorizedException",
		"UnauthorizedOperation", "UnauthorizedException",
	}
	expiredCodes = []string{"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"}
	invalidCodes = []string{
		"AuthFailure", "IncompleteSignature", "IncompleteSignatureException", "InvalidAccessKeyId", "InvalidClientTokenId",
		"MissingAuthenticationToken",
		"MissingAuthenticationTokenException", "UnrecognizedClientException",
	}
	// A clock that is wrong by more than five minutes, or a secret key that does not belong to its id.
	signatureCodes = []string{"InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch"}
	throttledCodes = []string{"RequestLimitExceeded", "RequestThrottled", "Throttling", "ThrottlingException", "TooManyRequestsException"}
)

const (
	logIn    = "Log in again, for example with `aws sso login`, and try again."
	elsewise = "PROFILE=<its name> chooses another profile of your AWS configuration."
)

// Advice is what a person can do about an error of an AWS SDK, or "" where that is not known.
func Advice(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return ""
	case called(err, "SSO", "SSO OIDC", "Signin"): // which call it a want of a permission that a session is over
		return logIn + " " + elsewise
	case called(err, "STS") && !coded(err, slices.Concat(expiredCodes, invalidCodes, signatureCodes)):
		return "The role of your profile cannot be assumed. " + elsewise
	case Denied(err):
		return "Your credentials may not do this; docs/PERMISSIONS.md says what a person at the terminal needs. " + elsewise
	case coded(err, expiredCodes):
		return logIn
	case coded(err, invalidCodes):
		return "AWS does not know these credentials. " + elsewise
	case coded(err, signatureCodes):
		return "Check this machine's clock; if it is right, the secret key does not belong to the access key. " + elsewise
	case coded(err, throttledCodes):
		return "AWS is asked too much at the moment. Try again in a minute."
	}
	if profile, ok := errors.AsType[config.SharedConfigProfileNotExistError](err); ok {
		return fmt.Sprintf("There is no profile %s in %s. %s", profile.Profile, strings.Join(profile.Filename, " or "), elsewise)
	}
	if credentials, ok := errors.AsType[credentialsError](err); ok {
		return credentials.advice()
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Sprintf("Check the network, and that REGION is the name of a Region that has this service: nobody knows %s.", dns.Name)
	}
	if unreachable(err) {
		return "Check the network and, where you use one, the proxy (HTTPS_PROXY)."
	}
	return ""
}

// Denied tells whether AWS has refused a call for want of a permission.
func Denied(err error) bool { return coded(err, deniedCodes) }

func coded(err error, codes []string) bool {
	failure, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains(codes, failure.ErrorCode())
}

// called tells whether it was a call to one of these services that failed, by the SDK's names of them.
func called(err error, services ...string) bool {
	call, ok := errors.AsType[*smithy.OperationError](err)
	return ok && slices.Contains(services, call.ServiceID)
}

func unreachable(err error) bool {
	_, ok := errors.AsType[*url.Error](err)
	return ok || errors.Is(err, context.DeadlineExceeded)
}

// credentialsError is why there are no credentials.
type credentialsError struct{ err error }

func (e credentialsError) Error() string {
	// Whoever gave no credentials is last of all asked whether this machine has some.
	if called(e.err, "ec2imds") {
		return "there are no credentials, neither in the environment nor in your AWS configuration"
	}
	return "there are no credentials: " + sentence(e).Error()
}

func (e credentialsError) Unwrap() error { return e.err }

// advice goes by who was asked for the credentials.
func (e credentialsError) advice() string {
	if _, ok := errors.AsType[*ssocreds.InvalidTokenError](e.err); ok {
		return logIn
	}
	if _, ok := errors.AsType[*processcreds.ProviderError](e.err); ok {
		return "The program that your AWS configuration names under credential_process has failed: try it by itself."
	}
	return "Give some to your AWS configuration, for example with `aws configure` or `aws sso login`. " + elsewise
}

// Explain makes a sentence of an SDK's error, and says on a second line what to do where that is known. The error is still
// in it.
func Explain(err error) error {
	if err == nil {
		return nil
	}
	if advice := Advice(err); advice != "" {
		return fmt.Errorf("%w\n%s", sentence{err}, advice)
	}
	return sentence{err}
}

// sentence is an error of an SDK without what only a programmer wants to know: "SQS ReceiveMessage: AccessDenied: ...".
type sentence struct{ err error }

func (s sentence) Error() string {
	if credentials, ok := errors.AsType[credentialsError](s.err); ok {
		return credentials.Error()
	}
	what := ""
	if call, ok := errors.AsType[*smithy.OperationError](s.err); ok {
		what = call.ServiceID + " " + call.OperationName + ": "
	}
	if failure, ok := errors.AsType[smithy.APIError](s.err); ok {
		return what + strings.TrimSuffix(failure.ErrorCode()+": "+failure.ErrorMessage(), ": ")
	}
	if response, ok := errors.AsType[*awshttp.ResponseError](s.err); ok {
		return what + fmt.Sprintf("HTTP status %d, and nothing that can be read", response.HTTPStatusCode())
	}
	if sending, ok := errors.AsType[*url.Error](s.err); ok {
		return what + sending.Error()
	}
	return s.err.Error()
}

func (s sentence) Unwrap() error { return s.err }
