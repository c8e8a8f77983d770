package main

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"appstream-ami-exporter/internal/doctor"
)

// noTopic is how SNS says that there is no such topic.
const noTopic = "NotFound"

func (c clients) topic(ctx context.Context, arn string) doctor.Answer[doctor.Topic] {
	o, err := c.topics.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &arn})
	if err != nil {
		return answer(doctor.Topic{}, err, "sns:GetTopicAttributes", noTopic)
	}
	return doctor.Given(doctor.Topic{
		ARN: arn, FIFO: strings.HasSuffix(arn, ".fifo"), KeyID: o.Attributes["KmsMasterKeyId"], Policy: o.Attributes["Policy"],
	})
}

func (c clients) subscriptions(ctx context.Context, topic string) doctor.Answer[[]doctor.Subscription] {
	var subscriptions []doctor.Subscription
	pages := sns.NewListSubscriptionsByTopicPaginator(c.topics, &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return answer(subscriptions, err, "sns:ListSubscriptionsByTopic", noTopic)
		}
		for _, s := range page.Subscriptions {
			subscriptions = append(subscriptions, doctor.Subscription{
				Protocol: aws.ToString(s.Protocol), Endpoint: aws.ToString(s.Endpoint),
				Confirmed: strings.HasPrefix(aws.ToString(s.SubscriptionArn), "arn:"), // otherwise "PendingConfirmation"
			})
		}
	}
	return doctor.Given(subscriptions)
}
