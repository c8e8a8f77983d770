package doctor

import (
	"fmt"
	"strings"
)

func topicChecks() []Check {
	const group = "Who is told"
	return []Check{
		{
			"topic", group, "The SNS topic exists, and its policy lets alarms publish; what follows where it is FIFO.",
			"Set TopicArn to a topic of this Region, or to nothing so that the stack makes one, and deploy again.", lookAtTopic,
		},
		{
			"subscriptions", group, "Somebody is subscribed to the topic, and every subscription is confirmed.",
			"Subscribe an address: `aws sns subscribe --topic-arn <topic> --protocol email --notification-endpoint <address>`. Each must " +
				"be " +
				"confirmed by the link in the mail that AWS sends.", lookAtSubscriptions,
		},
		{
			"topic's key", group, "Where the topic is encrypted: its key is usable, and alarms may use it.",
			"Use a customer-managed key whose policy allows kms:Decrypt and kms:GenerateDataKey* to cloudwatch.amazonaws.com: " +
				"examples/key " +
				"makes one.", lookAtTopicKey,
		},
		{
			"stack's key", group, "Where KmsKeyArn is set: the key is usable, and the services that use it without a role may.",
			"Let the key's policy allow cloudwatch.amazonaws.com, events.amazonaws.com and logs.<Region>.amazonaws.com, as in " +
				"examples/key.",
			lookAtStackKey,
		},
	}
}

func lookAtTopic(f Facts) Finding {
	if unknown := f.Topic.unknown(); unknown != nil {
		return *unknown
	}
	if !f.Topic.There() {
		return fail("there is no topic %s: nobody is told of anything", f.Deployment.Outputs["Topic"])
	}
	topic := f.Topic.Value
	if topic.FIFO {
		return warn("%s is FIFO: alarms cannot publish to it, and only SQS queues can be subscribed", topic.ARN).
			do("Watch the alarms by other means (`make status`, the dashboard), or set TopicArn to a standard topic.")
	}
	if policy, err := parsePolicy(topic.Policy); err == nil && f.Deployment.Parameters["Alarms"] != "DISABLED" {
		if alarms, _ := policy.letsService("cloudwatch.amazonaws.com", "sns:Publish"); !alarms {
			return warn("%s; its policy lets no alarm publish: alarms ring unheard", topic.ARN).
				do("Let the topic's policy allow sns:Publish to cloudwatch.amazonaws.com, as that of the stack's own topic does.")
		}
	}
	return ok("%s", topic.ARN)
}

func lookAtSubscriptions(f Facts) Finding {
	if unknown := f.Subscriptions.unknown(); unknown != nil {
		return *unknown
	}
	if !f.Subscriptions.There() {
		return fail("there is no topic")
	}
	var pending, protocols []string
	for _, s := range f.Subscriptions.Value {
		if s.Confirmed {
			protocols = append(protocols, s.Protocol)
		} else {
			pending = append(pending, s.Protocol+" "+s.Endpoint)
		}
	}
	const confirm = "Confirm by the link in the mail from AWS; subscribe again if it is lost: it is valid for three days."
	switch {
	case len(f.Subscriptions.Value) == 0:
		return warn("nobody is subscribed: notifications and alarms go nowhere")
	case len(protocols) == 0:
		return warn("not confirmed, so nobody is told: %s", few(pending)).do(confirm)
	case len(pending) > 0:
		return warn("%d confirmed; not confirmed: %s", len(protocols), few(pending)).do(confirm)
	}
	return ok("%d confirmed (%s)", len(protocols), tally(protocols))
}

// confirmed counts the subscriptions by which somebody is told.
func confirmed(subscriptions []Subscription) (count int) {
	for _, s := range subscriptions {
		if s.Confirmed {
			count++
		}
	}
	return count
}

func lookAtTopicKey(f Facts) Finding {
	if unknown := f.Topic.unknown(); unknown != nil {
		return *unknown
	}
	topic := f.Topic.Value
	switch {
	case !f.Topic.There() || topic.KeyID == "":
		return ok("the topic has no key")
	case strings.HasSuffix(topic.KeyID, "alias/aws/sns"):
		return fail("the topic is encrypted with SNS's own key, whose policy lets no alarm publish: alarms ring unheard")
	}
	users := []string{"cloudwatch.amazonaws.com"}
	if topic.FIFO {
		users = nil // alarms cannot publish to it anyhow
	}
	return lookAtKey(f.TopicKey, users)
}

func lookAtStackKey(f Facts) Finding {
	if f.Deployment.Parameters["KmsKeyArn"] == "" {
		return ok("the stack has no key: AWS's own are used")
	}
	logs := "logs." + f.Deployment.Region + "." + f.Deployment.suffix()
	return lookAtKey(f.StackKey, []string{"cloudwatch.amazonaws.com", "events.amazonaws.com", logs})
}

// lookAtKey judges a key that these services must be able to use without a role.
func lookAtKey(answer Answer[Key], users []string) Finding {
	if unknown := answer.unknown(); unknown != nil {
		return *unknown
	}
	if !answer.There() {
		return fail("the key does not exist, or not in this Region")
	}
	key := answer.Value
	if key.State != "Enabled" {
		return fail("the key %s is %s", key.ARN, key.State).
			do("Enable the key, or cancel its deletion: what is encrypted with it cannot be read or sent until then.")
	}
	if len(users) == 0 {
		return ok("%s is Enabled", key.ARN)
	}
	if unknown := key.Policy.unknown(); unknown != nil {
		return *unknown
	}
	policy, err := parsePolicy(key.Policy.Value)
	if err != nil {
		return Finding{Verdict: Unknown, Seen: fmt.Sprintf("the key's policy cannot be read: %v", err)}
	}
	var shut []string
	for _, service := range users {
		decrypt, _ := policy.letsService(service, "kms:Decrypt")
		generate, _ := policy.letsService(service, "kms:GenerateDataKey")
		if !decrypt || !generate {
			shut = append(shut, service)
		}
	}
	if len(shut) > 0 {
		return fail("the policy of %s does not let %s decrypt and make data keys", key.ARN, strings.Join(shut, ", "))
	}
	return ok("%s is Enabled, and %s may use it", key.ARN, strings.Join(users, ", "))
}
