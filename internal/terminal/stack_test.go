package terminal

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

// answer is a CloudFormation that always answers so.
func answer(t *testing.T, status int, body string) *cloudformation.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return cloudformation.NewFromConfig(client(server.URL))
}

func refusal(code, message string) string {
	return fmt.Sprintf("<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", code, message)
}

func stackWith(outputs ...string) string {
	var text strings.Builder
	for _, output := range outputs {
		text.WriteString("<member><OutputKey>" + output + "</OutputKey><OutputValue>the " + output + "</OutputValue></member>")
	}
	return `<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks><member>
		<StackId>arn:aws-us-gov:cloudformation:us-gov-west-1:123456789012:stack/mine/1</StackId><StackName>mine</StackName>
		<StackStatus>CREATE_IN_PROGRESS</StackStatus>
		<Parameters><member><ParameterKey>Images</ParameterKey><ParameterValue>prod-*</ParameterValue></member></Parameters>
		<Outputs>` + text.String() + `</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`
}

func TestFindStack(t *testing.T) {
	s, err := FindStack(t.Context(), answer(t, http.StatusOK, stackWith(needed...)), "mine", "eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "mine" || s.Partition != "aws-us-gov" || s.Region != "us-gov-west-1" || s.Account != "123456789012" ||
		s.Status != "CREATE_IN_PROGRESS" ||
		s.Parameters["Images"] != "prod-*" || s.Outputs["WorkQueueUrl"] != "the WorkQueueUrl" {
		t.Errorf("the stack is %+v", s)
	}
	_, err = FindStack(t.Context(), answer(t, http.StatusOK, stackWith()), "mine", "eu-west-1")
	if err == nil || !strings.Contains(err.Error(), "the stack mine has no output FunctionName") ||
		!strings.Contains(err.Error(), "(CREATE_IN_PROGRESS)") {
		t.Errorf("of another stack it says: %v", err)
	}
	_, err = FindStack(
		t.Context(), answer(t, http.StatusBadRequest, refusal("ValidationError", "Stack with id mine does not exist")), "mine", "eu-west-1",
	)
	if err == nil || err.Error() != "there is no stack mine in eu-west-1. Name yours with STACK=<its name> and REGION=<its Region>" {
		t.Errorf("of no stack it says: %v", err)
	}
}

func TestAdvice(t *testing.T) {
	tests := map[string]struct {
		api  *cloudformation.Client
		says []string
	}{
		"denied": {
			answer(t, http.StatusForbidden, refusal("AccessDenied", "User: x is not authorized to perform: cloudformation:DescribeStacks")),
			[]string{"CloudFormation DescribeStacks: AccessDenied: User: x is not authorized", "docs/PERMISSIONS.md"},
		},
		"expired": {
			answer(
				t, http.StatusForbidden, refusal("ExpiredToken", "The security token included in the request is expired"),
			), []string{"ExpiredToken", "aws sso login"},
		},
		"not known": {
			answer(t, http.StatusForbidden, refusal("InvalidClientTokenId", "no")), []string{"does not know these credentials", "PROFILE="},
		},
		"clock":     {answer(t, http.StatusForbidden, refusal("SignatureDoesNotMatch", "Signature expired")), []string{"clock"}},
		"throttled": {answer(t, http.StatusBadRequest, refusal("Throttling", "Rate exceeded")), []string{"Try again in a minute"}},
		"something else": {
			answer(
				t, http.StatusBadRequest, refusal("ValidationError", "1 validation error detected"),
			), []string{"CloudFormation DescribeStacks: ValidationError: 1 validation error detected"},
		},
		"no AWS": {
			answer(t, http.StatusBadGateway, "<html>proxy"), []string{"CloudFormation DescribeStacks: HTTP status 502, and nothing that " +
				"can be read"},
		},
		"nobody there": {
			cloudformation.NewFromConfig(client("http://127.0.0.1:1")), []string{"CloudFormation DescribeStacks: ", "HTTPS_PROXY"},
		},
		"no such Region": {
			cloudformation.NewFromConfig(
				client("http://cloudformation.nowhere.invalid"),
			), []string{"nobody knows cloudformation.nowhere.invalid", "REGION"},
		},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			_, err := FindStack(t.Context(), test.api, "mine", "eu-west-1")
			for _, part := range test.says {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("it does not say %q: %v", part, err)
				}
			}
			if strings.Contains(err.Error(), "RequestID") {
				t.Errorf("only a programmer wants to know this: %v", err)
			}
			if title == "denied" != Denied(err) {
				t.Errorf("Denied is %t", Denied(err))
			}
		})
	}
	if Explain(nil) != nil {
		t.Error("no error is explained")
	}
	if err := errors.New("something of ours"); Explain(err).Error() != "something of ours" {
		t.Errorf("it says %q", Explain(err))
	}
}
