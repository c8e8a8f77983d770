package iam_test

import (
	"testing"

	"appstream-ami-exporter/internal/localaws/iam"
)

func TestAllows(t *testing.T) {
	t.Parallel()
	type condition = map[string]map[string][]string
	type keys = map[string][]string
	when := func(operator, key string, values ...string) condition {
		return condition{operator: {key: values}}
	}
	for _, test := range []struct {
		name      string
		condition condition
		keys      keys
		want      bool
	}{
		{"no condition", nil, nil, true},
		{"equal", when("StringEquals", "aws:RequestedRegion", "eu-west-1", "us-east-1"), keys{"aws:RequestedRegion": {"us-east-1"}}, true},
		{"equal by another case of the key", when("StringEquals", "AWS:requestedRegion", "eu-west-1"),
			keys{"aws:RequestedRegion": {"eu-west-1"}}, true},
		{"not equal", when("StringEquals", "aws:RequestedRegion", "eu-west-1"), keys{"aws:RequestedRegion": {"us-east-1"}}, false},
		{"not equal by the value's case", when("StringEquals", "k", "a"), keys{"k": {"A"}}, false},
		{"no pattern where equal is asked", when("StringEquals", "k", "*"), keys{"k": {"a"}}, false},
		{"absent", when("StringEquals", "k", "a"), nil, false},
		{"several values without a set operator", when("StringEquals", "k", "a"), keys{"k": {"a", "a"}}, false},
		{"if exists: absent", when("StringEqualsIfExists", "ec2:Owner", "1"), nil, true},
		{"if exists: there and equal", when("StringEqualsIfExists", "ec2:Owner", "1"), keys{"ec2:Owner": {"1"}}, true},
		{"if exists: there and another", when("StringEqualsIfExists", "ec2:Owner", "1"), keys{"ec2:Owner": {"2"}}, false},
		{"not equals: another", when("StringNotEquals", "k", "a"), keys{"k": {"b"}}, true},
		{"not equals: absent", when("StringNotEquals", "k", "a"), nil, true},
		{"not equals: the same", when("StringNotEquals", "k", "a"), keys{"k": {"a"}}, false},
		{"like", when("StringLike", "k", "a*c?"), keys{"k": {"abbcd"}}, true},
		{"not like", when("StringLike", "k", "a*c?"), keys{"k": {"abbc"}}, false},
		{"null true: absent", when("Null", "aws:TagKeys", "true"), nil, true},
		{"null true: there", when("Null", "aws:TagKeys", "true"), keys{"aws:TagKeys": {"a"}}, false},
		{"null false: absent", when("Null", "aws:TagKeys", "false"), nil, false},
		{"null false: there", when("Null", "aws:TagKeys", "false"), keys{"aws:TagKeys": {"a"}}, true},
		{"for all values: all", when("ForAllValues:StringEquals", "aws:TagKeys", "a", "b"), keys{"aws:TagKeys": {"a", "b"}}, true},
		{"for all values: one is not", when("ForAllValues:StringEquals", "aws:TagKeys", "a", "b"), keys{"aws:TagKeys": {"a", "c"}}, false},
		{"for all values: none sent", when("ForAllValues:StringEquals", "aws:TagKeys", "a"), nil, true},
		{"for any value: one is", when("ForAnyValue:StringEquals", "aws:CalledVia", "ec2-images.amazonaws.com"),
			keys{"aws:CalledVia": {"x", "ec2-images.amazonaws.com"}}, true},
		{"for any value: none sent", when("ForAnyValue:StringEquals", "aws:CalledVia", "ec2-images.amazonaws.com"), nil, false},
		{"bool", when("Bool", "aws:SecureTransport", "true"), keys{"aws:SecureTransport": {"True"}}, true},
		{"an operator not known here", when("NumericLessThan", "k", "3"), keys{"k": {"2"}}, false},
		{"variable", when("StringEquals", "tag", "${ec2:ImageID}"), keys{"tag": {"ami-1"}, "ec2:ImageID": {"ami-1"}}, true},
		{"variable with another value", when("StringEquals", "tag", "${ec2:ImageID}"), keys{"tag": {"ami-2"}, "ec2:ImageID": {"ami-1"}},
			false},
		{"variable of a key that is not sent", when("StringEquals", "tag", "${ec2:ImageID}"), keys{"tag": {"${ec2:ImageID}"}}, false},
		{"variable amid text", when("StringEquals", "k", "a-${b}-c"), keys{"k": {"a-1-c"}, "b": {"1"}}, true},
		{"two operators, one fails", condition{"StringEquals": {"a": {"1"}}, "Null": {"b": {"false"}}}, keys{"a": {"1"}}, false},
		{"two keys, one fails", condition{"StringEquals": {"a": {"1"}, "b": {"1"}}}, keys{"a": {"1"}, "b": {"2"}}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			allow := iam.Statement{Effect: "Allow", Actions: []string{"s:Do*"}, Resources: []string{"arn:aws:s:*:1:thing/*"},
				Condition: test.condition}
			request := iam.Request{Action: "s:DoIt", Resource: "arn:aws:s:r:1:thing/a/b", Keys: test.keys}
			if got := iam.Allows([]iam.Statement{allow}, request); got != test.want {
				t.Errorf("allowed is %v", got)
			}
			// The same condition on a denial.
			deny, everything := allow, allow
			deny.Effect, everything.Condition = "Deny", nil
			want := !test.want
			if test.name == "an operator not known here" {
				want = false
			}
			if got := iam.Allows([]iam.Statement{everything, deny}, request); got != want {
				t.Errorf("with a denial allowed is %v", got)
			}
		})
	}
}

func TestAllowsActionsAndResources(t *testing.T) {
	t.Parallel()
	statements := []iam.Statement{{Effect: "Allow", Actions: []string{"ec2:DescribeImages", "sns:Get*"},
		Resources: []string{"arn:aws:ec2:*::image/*", "t"}}}
	for _, test := range []struct {
		action, resource string
		want             bool
	}{
		{"ec2:DescribeImages", "arn:aws:ec2:eu-west-1::image/ami-1", true},
		{"EC2:describeimages", "arn:aws:ec2:eu-west-1::image/ami-1", true},
		{"ec2:DescribeImages", "arn:aws:ec2:eu-west-1::snapshot/snap-1", false},
		{"ec2:DescribeImagesX", "arn:aws:ec2:eu-west-1::image/ami-1", false},
		{"ec2:DescribeImages", "*", false},
		{"sns:GetTopicAttributes", "t", true},
	} {
		if got := iam.Allows(statements, iam.Request{Action: test.action, Resource: test.resource}); got != test.want {
			t.Errorf("%s on %s: allowed is %v", test.action, test.resource, got)
		}
	}
	if iam.Allows(nil, iam.Request{Action: "a:B", Resource: "*"}) {
		t.Error("nothing allows, and it is allowed")
	}
}
