package queues

import (
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/Admiral-Piett/goaws/app/models"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// The limits of SQS and SNS, which goaws does not enforce.
const (
	maxMessageBytes = 256 * 1024
	maxDelaySeconds = 900
	maxVisibility   = 12 * time.Hour // counted from when the message was received
	maxSubject      = 99
	maxFIFOID       = 128
)

// sqsText is what SQS accepts in a message body: the characters of XML 1.0.
var sqsText = regexp.MustCompile(`^[\x{9}\x{A}\x{D}\x{20}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]*$`)

// snsAttributeName is the form of a message attribute's name; periods need a closer look.
var snsAttributeName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,256}$`)

// snsFIFOID is the form of message group ids and deduplication ids: letters, digits and punctuation.
var snsFIFOID = regexp.MustCompile(`^[!-~]+$`)

func checkSend(input sqsInput) error {
	size := messageBytes(input.MessageBody, input.MessageAttributes)
	switch {
	case input.MessageBody == "":
		return awsreply.Refuse("MissingParameter", "The request must contain the parameter MessageBody.")
	case size > maxMessageBytes:
		return awsreply.Refuse("InvalidParameterValue",
			"One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", maxMessageBytes)
	case !sqsText.MatchString(input.MessageBody):
		return awsreply.Refuse("InvalidMessageContents", "The message contains characters outside the allowed set.")
	case len(input.MessageAttributes) > 10:
		return awsreply.Refuse("InvalidParameterValue", "Number of message attributes [%d] exceeds the allowed maximum [10].",
			len(input.MessageAttributes))
	case input.DelaySeconds != nil && (*input.DelaySeconds < 0 || *input.DelaySeconds > maxDelaySeconds):
		return awsreply.Refuse("InvalidParameterValue", "Value %d for parameter DelaySeconds is invalid. "+
			"Reason: DelaySeconds must be >= 0 and <= %d.", *input.DelaySeconds, maxDelaySeconds)
	}
	for name, attribute := range input.MessageAttributes {
		if attribute.DataType != "String" {
			return awsreply.Refuse("InvalidParameterValue",
				"The message attribute '%s' is of type %q, and only String is played here.", name, attribute.DataType)
		}
	}
	return nil
}

// checkHandle returns the message id that is part of goaws' receipt handles.
func checkHandle(handle string) (messageID string, err error) {
	id, _, ok := strings.Cut(handle, "#")
	if !ok {
		return "", awsreply.Refuse("ReceiptHandleIsInvalid", "The input receipt handle %q is not a valid receipt handle.", handle)
	}
	return id, nil
}

func checkVisibility(seconds *int) (time.Duration, error) {
	if seconds == nil {
		return 0, awsreply.Refuse("MissingParameter", "The request must contain the parameter VisibilityTimeout.")
	}
	timeout := time.Duration(*seconds) * time.Second
	if timeout < 0 || timeout > maxVisibility {
		return 0, awsreply.Refuse("InvalidParameterValue", "Value %d for parameter VisibilityTimeout is invalid. "+
			"Reason: VisibilityTimeout must be between 0 and %d.", *seconds, int(maxVisibility.Seconds()))
	}
	return timeout, nil
}

// checkPublish refuses what SNS would refuse.
func checkPublish(form url.Values, attributes map[string]models.MessageAttribute) error {
	message := form.Get("Message")
	if message == "" {
		return awsreply.Refuse("InvalidParameter", "Invalid parameter: Empty message")
	}
	if messageBytes(message, attributes) > maxMessageBytes {
		return awsreply.Refuse("InvalidParameter", "Invalid parameter: Message too long")
	}
	if form.Has("Subject") && !isSubject(form.Get("Subject")) {
		return awsreply.Refuse("InvalidParameter", "Invalid parameter: Subject")
	}
	if form.Has("MessageStructure") {
		return awsreply.Refuse("InvalidParameter", "Invalid parameter: MessageStructure is not played here")
	}
	for name, attribute := range attributes {
		if err := checkAttribute(name, attribute); err != nil {
			return err
		}
	}
	return checkFIFO(form)
}

// isSubject holds to the strictest of the descriptions that AWS gives of a Subject: printable ASCII, not
// starting with a space, and shorter than 100 characters.
func isSubject(subject string) bool {
	for _, r := range subject {
		if r < ' ' || r > '~' {
			return false
		}
	}
	return subject != "" && len(subject) <= maxSubject && !strings.HasPrefix(subject, " ")
}

func checkAttribute(name string, attribute models.MessageAttribute) error {
	lower := strings.ToLower(name)
	switch {
	case !snsAttributeName.MatchString(name),
		strings.HasPrefix(name, "."), strings.HasSuffix(name, "."), strings.Contains(name, ".."),
		strings.HasPrefix(lower, "aws."), strings.HasPrefix(lower, "amazon."):
		return awsreply.Refuse("ParameterValueInvalid", "The message attribute name %q is invalid.", name)
	case attribute.DataType == "String" && attribute.StringValue == "":
		return awsreply.Refuse("ParameterValueInvalid", "The message attribute '%s' must contain non-empty message "+
			"attribute value for message attribute type '%s'.", name, attribute.DataType)
	}
	if attribute.DataType != "String" {
		return awsreply.Refuse("ParameterValueInvalid",
			"The message attribute '%s' is of type %q, and only String is played here.", name, attribute.DataType)
	}
	return nil
}

func checkFIFO(form url.Values) error {
	group, deduplication := form.Get("MessageGroupId"), form.Get("MessageDeduplicationId")
	if !strings.HasSuffix(form.Get("TopicArn"), ".fifo") {
		if deduplication != "" {
			return awsreply.Refuse("InvalidParameter", "Invalid parameter: MessageDeduplicationId Reason: The request "+
				"includes MessageDeduplicationId parameter that is not valid for this topic type")
		}
		return nil
	}
	switch {
	case group == "":
		return awsreply.Refuse("InvalidParameter", "Invalid parameter: The MessageGroupId parameter is required for FIFO topics")
	case deduplication == "":
		return awsreply.Refuse("InvalidParameter", "Invalid parameter: The topic should either have "+
			"ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	case len(group) > maxFIFOID || !snsFIFOID.MatchString(group):
		return awsreply.Refuse("InvalidParameter", "Invalid parameter: MessageGroupId")
	case len(deduplication) > maxFIFOID || !snsFIFOID.MatchString(deduplication):
		return awsreply.Refuse("InvalidParameter", "Invalid parameter: MessageDeduplicationId")
	}
	return nil
}

// messageBytes is the size that counts against the limit: the body, and each attribute's name, type and value.
func messageBytes(body string, attributes map[string]models.MessageAttribute) int {
	size := len(body)
	for name, attribute := range attributes {
		size += len(name) + len(attribute.DataType) + len(attribute.StringValue)
	}
	return size
}
