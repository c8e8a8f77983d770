package template_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/template"
)

func TestSummary(t *testing.T) {
	const text = `
Parameters:
  Name: {Type: String, Default: blue}
Conditions:
  IsRed: !Equals [!Ref Name, red]
Resources:
  Work: {Type: 'AWS::SQS::Queue'}
  Policy: {Type: 'AWS::SQS::QueuePolicy'}
  Red: {Type: 'AWS::SQS::Queue', Condition: IsRed}
  Fun:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Night: {Type: ScheduleV2}
        Image: {Type: EventBridgeRule}
        Queue: {Type: SQS}
Outputs:
  Colour: {Value: !Sub ['${Shade} is ${Name}', {Shade: !If [IsRed, rose, navy]}]}
  Url: {Value: !Ref Work}
  RedUrl: {Condition: IsRed, Value: !Ref Red}
`
	loaded, err := loadTemplate(t, text, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := loaded.Summary(func(id, attribute string) (string, bool) { return "http://work", id == "Work" && attribute == "" })
	if err != nil {
		t.Fatal(err)
	}
	want := template.Summary{
		Name:       "appstream-ami-exporter",
		ID:         "arn:aws:cloudformation:eu-west-1:123456789012:stack/appstream-ami-exporter/51af3dc0-da77-11e4-872e-1234567db123",
		Parameters: map[string]string{"Name": "blue"},
		Outputs:    map[string]string{"Colour": "navy is blue", "Url": "http://work"},
		Resources: map[string]template.Made{
			"Work":     {"AWS::SQS::Queue", "http://work"},
			"Policy":   {"AWS::SQS::QueuePolicy", "appstream-ami-exporter-Policy"},
			"Fun":      {"AWS::Lambda::Function", "appstream-ami-exporter-Fun"},
			"FunNight": {"AWS::Scheduler::Schedule", "appstream-ami-exporter-FunNight"},
			"FunImage": {"AWS::Events::Rule", "appstream-ami-exporter-FunImage"},
			"FunQueue": {"AWS::Lambda::EventSourceMapping", "appstream-ami-exporter-FunQueue"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the stack (-want +got):\n%s", diff)
	}
}
