// Package config reads what the stack decided from the environment of the function.
package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/tags"
)

// Config is the behaviour of one deployed stack.
type Config struct {
	Place              export.Place
	Stack              string // <stack name>@<Region>; empty before the environment is updated to that of this version
	ExportRoleARN      string
	TopicARN           string
	WorkQueueURL       string
	DeadLetterQueueURL string
	MaxReceiveCount    int // of the work queue's redrive policy

	Selection               export.Selection
	RequestsWithinSelection bool
	Name                    export.Template
	Description             export.Template
	Tags                    map[string]string
	CopyImageTags           bool
	Zone                    *time.Location // of the dates in AMI names

	WaitDeadline   time.Duration // how long an image may take to become available, or a limit may hold
	ExportDeadline time.Duration // how long a task may run

	Warnings []string // what is probably not meant, for the log
}

// WorkQueueARN is the ARN of the work queue, whose URL ends in its name.
func (c Config) WorkQueueARN() string {
	name := c.WorkQueueURL[strings.LastIndexByte(c.WorkQueueURL, '/')+1:]
	return fmt.Sprintf("arn:%s:sqs:%s:%s:%s", c.Place.Partition, c.Place.Region, c.Place.Account, name)
}

// Variable is one variable of the environment, as the documentation shows it.
type Variable struct {
	Name    string
	Default string // empty: there is none, and what is required has no default
	Allowed string
}

// Variables are all that FromEnvironment reads, in the order of the documentation. AWS_REGION is Lambda's own.
func Variables() []Variable {
	return []Variable{
		{"EXPORT_ROLE_ARN", "", "the ARN of an IAM role"},
		{"TOPIC_ARN", "", "the ARN of an SNS topic, standard or FIFO"},
		{"WORK_QUEUE_URL", "", "the URL of an SQS queue"},
		{"DEAD_LETTER_QUEUE_URL", "", "the URL of an SQS queue"},
		{"MAX_RECEIVE_COUNT", "1000", "a whole number from 10 to 1000"},
		{"STACK", "", "the stack's name and Region, as name@Region"},
		{"IMAGES", "*", "image names and patterns, separated by commas; a leading ! excludes"},
		{"IMAGE_TAG", "", "Key=Value pairs, separated by commas; an image must have them all"},
		{"REQUESTS_WITHIN_SELECTION", "false", "true or false"},
		{"AMI_NAME_TEMPLATE", "{image}-{created}", "letters, digits, ( ) . - / _ and placeholders, {image} among them"},
		{"AMI_DESCRIPTION_TEMPLATE", "AppStream image {image}, made {created}", "printable ASCII and placeholders, at most 255 characters"},
		{"AMI_TAGS", "", "Key=Value pairs, separated by commas, at most 35"},
		{"COPY_IMAGE_TAGS", "true", "true or false"},
		{"SCHEDULE_TIMEZONE", "UTC", "the name of a time zone in the IANA database"},
		{"WAIT_DEADLINE_HOURS", "72", "a number from 1 to 168"},
		{"EXPORT_DEADLINE_HOURS", "72", "a number from 1 to 168"},
		{"AWS_REGION", "", "the Region, which Lambda sets"},
	}
}

// longestDeadline keeps every piece of work well within the 14 days that SQS keeps a message.
const longestDeadline = 168

// FromEnvironment reads and checks the configuration. Its error lists every problem, each with the variable, its
// value and what is allowed.
func FromEnvironment(lookup func(string) (string, bool)) (Config, error) {
	env := environment{lookup: lookup, variables: map[string]Variable{}}
	for _, v := range Variables() {
		env.variables[v.Name] = v
	}
	var c Config

	role := env.arn("EXPORT_ROLE_ARN", "iam")
	topic := env.arn("TOPIC_ARN", "sns")
	c.ExportRoleARN, c.TopicARN = env.get("EXPORT_ROLE_ARN"), env.get("TOPIC_ARN")
	// iam:PassRole works within one account only, so the role's account is the function's.
	c.Place = export.Place{Partition: role.Partition, Account: role.AccountID, Region: env.required("AWS_REGION")}
	if topic.Region != "" && c.Place.Region != "" && topic.Region != c.Place.Region {
		env.problem("TOPIC_ARN", fmt.Errorf("the topic is in %s, the function in %s; SNS takes messages in the topic's own Region only",
			topic.Region, c.Place.Region))
	}
	c.WorkQueueURL = env.url("WORK_QUEUE_URL")
	// The queue is the function's own, and its URL names its account. With a role of another account all images would seem
	// to be somebody else's, and every night would end well with nothing.
	if owner := accountInURL(c.WorkQueueURL); owner != "" && role.AccountID != "" && owner != role.AccountID {
		env.problem("EXPORT_ROLE_ARN", fmt.Errorf("the role is in the account %s, the function in %s; "+
			"a role can be handed over within its own account only", role.AccountID, owner))
	}
	c.DeadLetterQueueURL = env.url("DEAD_LETTER_QUEUE_URL")
	c.MaxReceiveCount = env.number("MAX_RECEIVE_COUNT", 10, 1000)

	c.Stack = env.get("STACK")
	env.problem("STACK", checkStack(c.Stack))

	var err error
	images, tag := SplitList(env.get("IMAGES")), env.pairs("IMAGE_TAG")
	_, err = export.ParseSelection(images, nil)
	env.problem("IMAGES", err)
	_, err = export.ParseSelection(nil, tag)
	env.problem("IMAGE_TAG", err)
	c.Selection, _ = export.ParseSelection(images, tag)
	if err := c.Selection.CheckNotEmpty(); err != nil {
		env.warn("IMAGES", err.Error())
	}
	c.RequestsWithinSelection = env.boolean("REQUESTS_WITHIN_SELECTION")
	c.Name, err = export.ParseNameTemplate(env.get("AMI_NAME_TEMPLATE"))
	env.problem("AMI_NAME_TEMPLATE", err)
	c.Description, err = export.ParseDescriptionTemplate(env.get("AMI_DESCRIPTION_TEMPLATE"))
	env.problem("AMI_DESCRIPTION_TEMPLATE", err)
	c.Tags = env.pairs("AMI_TAGS")
	env.problem("AMI_TAGS", tags.CheckAll(c.Tags))
	c.CopyImageTags = env.boolean("COPY_IMAGE_TAGS")

	c.Zone = env.zone("SCHEDULE_TIMEZONE")
	c.WaitDeadline = env.hours("WAIT_DEADLINE_HOURS", 1, longestDeadline)
	c.ExportDeadline = env.hours("EXPORT_DEADLINE_HOURS", 1, longestDeadline)
	c.Warnings = env.warnings
	return c, errors.Join(env.problems...)
}

func checkStack(stack string) error {
	if name, region, _ := strings.Cut(stack, "@"); stack != "" && (name == "" || region == "") {
		return errors.New("it is not name@Region")
	}
	return tags.Check(tags.Stack, stack)
}
