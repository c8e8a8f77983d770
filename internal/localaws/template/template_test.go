package template_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/template"
)

// variablesTemplate is a template whose function has one environment variable V.
func variablesTemplate(v string) string {
	return `
Parameters:
  Name: {Type: String, Default: blue, AllowedPattern: '[a-z]+', ConstraintDescription: lower case only}
  Size: {Type: Number, Default: 5, MinValue: 1, MaxValue: 10}
  Mode: {Type: String, Default: 'on', AllowedValues: ['on', 'off']}
  Short: {Type: String, Default: '', MaxLength: 3}
Conditions:
  IsBlue: !Equals [!Ref Name, blue]
  IsOff: {'Fn::Equals': [{Ref: Mode}, 'off']}
  Neither: !Not [!Or [!Condition IsBlue, !Condition IsOff]]
  Both: !And [!Condition IsBlue, {Condition: IsOff}]
Resources:
  Role: {Type: 'AWS::IAM::Role', Properties: {Policies: []}}
  Queue: {Type: 'AWS::SQS::Queue'}
  BlueTopic: {Type: 'AWS::SNS::Topic', Condition: IsBlue}
  OffTopic: {Type: 'AWS::SNS::Topic', Condition: IsOff}
  Fun:
    Type: AWS::Serverless::Function
    Properties:
      Role: !GetAtt Role.Arn
      Timeout: !Ref Size
      Environment:
        Variables:
          V: ` + v + "\n"
}

func loadTemplate(t *testing.T, text string, parameters map[string]string) (*template.Template, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return template.Load(path, parameters)
}

func TestTemplateFunctions(t *testing.T) {
	const queueURL = "https://sqs.eu-west-1.amazonaws.com/123456789012/appstream-ami-exporter-Queue"
	const queueARN = "arn:aws:sqs:eu-west-1:123456789012:appstream-ami-exporter-Queue"
	tests := []struct {
		name, yaml string
		parameters map[string]string
		want       string
	}{
		{name: "text", yaml: "plain", want: "plain"},
		{name: "number", yaml: "7", want: "7"},
		{name: "boolean", yaml: "true", want: "true"},
		{name: "date stays text", yaml: "2026-11-23", want: "2026-11-23"},
		{name: "default", yaml: "!Ref Name", want: "blue"},
		{name: "chosen", yaml: "!Ref Name", parameters: map[string]string{"Name": "red"}, want: "red"},
		{name: "number parameter", yaml: "{Ref: Size}", want: "5"},
		{name: "pseudo parameters", yaml: "!Sub '${AWS::Partition} ${AWS::Region} ${AWS::AccountId} ${AWS::StackName} ${AWS::URLSuffix}'",
			want: "aws eu-west-1 123456789012 appstream-ami-exporter amazonaws.com"},
		{name: "resource", yaml: "!Ref Queue", want: queueURL},
		{name: "attribute", yaml: "!GetAtt Queue.Arn", want: queueARN},
		{name: "attribute in long form", yaml: "{'Fn::GetAtt': [Queue, Arn]}", want: queueARN},
		{name: "attribute in long form as text", yaml: "{'Fn::GetAtt': Queue.Arn}", want: queueARN},
		{name: "sub", yaml: "!Sub '${Name}-${Queue.QueueName}-${!Literal}'", want: "blue-appstream-ami-exporter-Queue-${Literal}"},
		{name: "sub with variables", yaml: "!Sub ['${Name} ${X}', {X: !Ref Size, Name: own}]", want: "own 5"},
		{name: "if", yaml: "!If [IsBlue, !Ref BlueTopic, other]",
			want: "arn:aws:sns:eu-west-1:123456789012:appstream-ami-exporter-BlueTopic"},
		{name: "if not", yaml: "!If [IsOff, !Ref OffTopic, other]", want: "other"},
		{name: "not or", yaml: "!If [Neither, 'yes', 'no']", parameters: map[string]string{"Name": "red"}, want: "yes"},
		{name: "not or, with one", yaml: "!If [Neither, 'yes', 'no']", parameters: map[string]string{"Name": "red", "Mode": "off"},
			want: "no"},
		{name: "and", yaml: "!If [Both, 'yes', 'no']", parameters: map[string]string{"Mode": "off"}, want: "yes"},
		{name: "and, with one", yaml: "!If [Both, 'yes', 'no']", want: "no"},
		{name: "join", yaml: "!Join ['-', [a, !Ref Name, 3]]", want: "a-blue-3"},
		{name: "join leaves out no value", yaml: "!Join ['-', [a, !Ref AWS::NoValue, b]]", want: "a-b"},
		{name: "select and split", yaml: "!Select [3, !Split [':', !GetAtt Queue.Arn]]", want: "eu-west-1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			loaded, err := loadTemplate(t, variablesTemplate(test.yaml), test.parameters)
			if err != nil {
				t.Fatal(err)
			}
			stack, err := loaded.Stack(nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]string{"V": test.want}, stack.Function.Environment); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTemplateNoValueLeavesOut(t *testing.T) {
	loaded, err := loadTemplate(t, variablesTemplate("!Ref AWS::NoValue"), nil)
	if err != nil {
		t.Fatal(err)
	}
	stack, err := loaded.Stack(nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{}, stack.Function.Environment); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestTemplatePhysicalValues(t *testing.T) {
	loaded, err := loadTemplate(t, variablesTemplate("!Sub '${Queue} ${Queue.Arn} ${Role}'"), nil)
	if err != nil {
		t.Fatal(err)
	}
	physical := func(id, attribute string) (string, bool) {
		return "http://127.0.0.1/" + id, id == "Queue" && attribute == ""
	}
	stack, err := loaded.Stack(physical)
	if err != nil {
		t.Fatal(err)
	}
	want := "http://127.0.0.1/Queue arn:aws:sqs:eu-west-1:123456789012:appstream-ami-exporter-Queue appstream-ami-exporter-Role"
	if got := stack.Function.Environment["V"]; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	wantQueue := template.Queue{
		Name: "appstream-ami-exporter-Queue", URL: "http://127.0.0.1/Queue",
		ARN:               "arn:aws:sqs:eu-west-1:123456789012:appstream-ami-exporter-Queue",
		VisibilityTimeout: 30 * time.Second, RetentionPeriod: 4 * 24 * time.Hour,
	}
	if diff := cmp.Diff(map[string]template.Queue{"Queue": wantQueue}, stack.Queues); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
	if want := 5 * time.Second; stack.Function.Timeout != want {
		t.Errorf("timeout from a parameter is %s, want %s", stack.Function.Timeout, want)
	}
}

func TestTemplateRefusesParameters(t *testing.T) {
	_, err := loadTemplate(t, variablesTemplate("x"), map[string]string{
		"Name": "BLUE", "Size": "11", "Mode": "maybe", "Short": "longer", "Colour": "red",
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"there is no parameter Colour",
		`parameter Mode: "maybe" is none of ["on" "off"]`,
		`parameter Name: "BLUE" does not match [a-z]+: lower case only`,
		`parameter Short: "longer" has the wrong length`,
		`parameter Size: "11" is out of range`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
	if _, err := loadTemplate(t, variablesTemplate("x"), map[string]string{"Size": "many"}); err == nil ||
		!strings.Contains(err.Error(), `"many" is not a number`) {
		t.Errorf("got error %v", err)
	}
	if _, err := loadTemplate(t, "Parameters: {Name: {Type: String}}", nil); err == nil ||
		!strings.Contains(err.Error(), "parameter Name has no default") {
		t.Errorf("got error %v", err)
	}
}

func TestTemplateRefusesWhatItDoesNotKnow(t *testing.T) {
	tests := []struct{ name, template, want string }{
		{"unknown function", variablesTemplate("!Base64 x"), "Environment: Variables: V: Fn::Base64: this function is not supported"},
		{"mapping", variablesTemplate("!FindInMap [Colours, !Ref Name, dark]"), "Fn::FindInMap: this function is not supported"},
		{"unknown reference", variablesTemplate("!Ref Nothing"), "Ref: there is no parameter or resource Nothing"},
		{"unknown attribute", variablesTemplate("!GetAtt Queue.Colour"),
			`Queue is of type AWS::SQS::Queue; its attribute "Colour" is not known`},
		{"resource that is not made", variablesTemplate("!Ref OffTopic"), "resource OffTopic is not made, condition IsOff does not hold"},
		{"reference inside sub", variablesTemplate("!Sub 'a ${Nothing.Arn}'"),
			"Fn::Sub: ${Nothing.Arn}: Fn::GetAtt: there is no parameter or resource Nothing"},
		{"unknown condition", variablesTemplate("!If [Never, a, b]"), "Fn::If: there is no condition Never"},
		{"index out of range", variablesTemplate("!Select [2, [a, b]]"), `"2" is not the index of one of 2 items`},
		{"list where text belongs", variablesTemplate("!Join [',', !Ref Name]"), "blue is not a list"},
		{"key twice", variablesTemplate("x\n          V: y"), "line 25: the key V is there twice"},
		{"merge key", variablesTemplate("x\n          <<: {W: y}"), "line 25: CloudFormation knows no merge keys"},
		{"alias", "A: &a x\n" + variablesTemplate("*a"), "aliases are not supported"},
		{"second function", variablesTemplate("x") + "  Gun: {Type: 'AWS::Serverless::Function', Properties: {Role: !GetAtt Role.Arn}}\n",
			"a second function"},
		{"unknown event", variablesTemplate("x") + "      Events: {E: {Type: Kinesis, Properties: {}}}\n",
			`event E: the type "Kinesis" is not supported`},
		{"no function", "Resources: {Queue: {Type: 'AWS::SQS::Queue'}}", "the template has no AWS::Serverless::Function"},
		{"globals", "Globals: {Function: {Timeout: 3}}", "Globals is not supported"},
		{"circle of conditions", "Conditions: {A: !Not [!Condition B], B: !Not [!Condition A]}", "depends on itself"},
		{"resource in a condition", "Conditions: {A: !Equals [!Ref Queue, x]}", "Queue is no parameter"},
		{"resource with an unknown condition", "Resources: {Queue: {Type: 'AWS::SQS::Queue', Condition: A}}",
			"resource Queue: there is no condition A"},
		{"rule without an assertion", "Rules: {R: {Assertions: []}}", "rule R asserts nothing"},
		{"rule about a resource", "Rules: {R: {Assertions: [{Assert: !Equals [!Ref Queue, x]}]}}", "Queue is no parameter"},
		{"list parameter", "Parameters: {A: {Type: CommaDelimitedList, Default: a}}", `the type "CommaDelimitedList" is not supported`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			loaded, err := loadTemplate(t, test.template, nil)
			if err == nil {
				_, err = loaded.Stack(nil)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestLoadTemplateNamesTheFile(t *testing.T) {
	if _, err := template.Load("nowhere.yaml", nil); err == nil || !strings.Contains(err.Error(), "nowhere.yaml") {
		t.Errorf("got error %v", err)
	}
}

func TestPatterns(t *testing.T) {
	for _, test := range []struct {
		pattern, value string
		want           bool
	}{
		{"^a+$", "aa", true}, {"a+", "aa", true}, {"a+", "baa", false}, {"a|b", "ab", false},
		{"^(?!(.*,)?x:|b)[a-z:,]*$", "a,b", true}, {"^(?!(.*,)?x:|b)[a-z:,]*$", "a,x:b", false},
		{"^(?!(.*,)?x:|b)[a-z:,]*$", "ba", false}, {"(?!a)[a-z]", "b", true}, {"(?!a)[a-z]", "a", false}, {"(?!a)", "", true},
	} {
		if err := (template.Parameter{Type: "String", AllowedPattern: test.pattern}).Check(test.value); (err == nil) != test.want {
			t.Errorf("%s matches %q: %v", test.pattern, test.value, err)
		}
	}
	for _, pattern := range []string{"(", "(?!(a)", "(?![)a", "(?!a)["} {
		err := template.Parameter{Type: "String", AllowedPattern: pattern}.Check("b")
		if err == nil || !strings.Contains(err.Error(), "AllowedPattern: ") {
			t.Errorf("%s is taken: %v", pattern, err)
		}
	}
}
