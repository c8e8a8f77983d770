package operator_test

import (
	"maps"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/operator"
)

var now = time.Date(2026, 11, 24, 9, 12, 0, 0, time.UTC)

// play starts a server for a stack with these alarms, and returns how to call it.
func play(t *testing.T, alarms map[string]map[string]any, depth int) (*operator.Server, aws.Config) {
	t.Helper()
	resources := map[string]operator.Resource{"Work": {Type: "AWS::SQS::Queue", PhysicalID: "https://work"}}
	for id, properties := range alarms {
		alarm, err := operator.ParseAlarm(properties)
		if err != nil {
			t.Fatal(err)
		}
		resources[id] = operator.Resource{Type: "AWS::CloudWatch::Alarm", PhysicalID: "stack-" + id, Alarm: alarm}
	}
	s := operator.New(operator.Options{
		Stack: operator.Stack{
			Name: "stack", ID: "arn:aws:cloudformation:eu-west-1:123456789012:stack/stack/1", Status: "CREATE_COMPLETE",
			Created:    now.Add(-time.Hour),
			Parameters: map[string]string{"Images": "*"}, Outputs: map[string]string{"FunctionName": "f & g"}, Resources: resources,
			LogGroups: []string{"log", "other"},
		},
		Now:   func() time.Time { return now },
		Depth: func(name string) (int, bool) { return depth, name == "failed" },
	})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("x", "x", ""),
	}
}

func TestStacks(t *testing.T) {
	_, cfg := play(t, nil, 0)
	client := cloudformation.NewFromConfig(cfg)
	answer, err := client.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("stack")})
	if err != nil {
		t.Fatal(err)
	}
	stack := answer.Stacks[0]
	if *stack.StackId != "arn:aws:cloudformation:eu-west-1:123456789012:stack/stack/1" || *stack.Outputs[0].OutputValue != "f & g" ||
		*stack.Parameters[0].ParameterKey != "Images" || !stack.CreationTime.Equal(now.Add(-time.Hour)) ||
		stack.StackStatus != "CREATE_COMPLETE" {
		t.Errorf("the stack is %+v", stack)
	}
	resources, err := client.ListStackResources(t.Context(), &cloudformation.ListStackResourcesInput{StackName: aws.String("stack")})
	if err != nil || len(resources.StackResourceSummaries) != 1 ||
		*resources.StackResourceSummaries[0].PhysicalResourceId != "https://work" {
		t.Errorf("the resources are %+v, %v", resources, err)
	}
	_, err = client.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("other")})
	if err == nil || !strings.Contains(err.Error(), "ValidationError: Stack with id other does not exist") {
		t.Errorf("another stack: %v", err)
	}
	_, err = client.ListChangeSets(t.Context(), &cloudformation.ListChangeSetsInput{StackName: aws.String("stack")})
	if err == nil || !strings.Contains(err.Error(), "The local AWS does not play ListChangeSets of cloudformation.") {
		t.Errorf("what is not played: %v", err)
	}
}

func TestLog(t *testing.T) {
	s, cfg := play(t, nil, 0)
	for i, text := range []string{
		`{"message":"run finished","trigger":"schedule","images":4}`,
		`{"message":"run finished: no image matches","trigger":"schedule","images":0}`,
		`{"message":"run finished","trigger":"request"}`, "no JSON, run finished",
	} {
		s.Log("log", now.Add(time.Duration(i)*time.Minute), "stream", text)
	}
	s.Log("other", now, "stream", "of another function")
	client := cloudwatchlogs.NewFromConfig(cfg)
	tests := map[string]struct {
		input cloudwatchlogs.FilterLogEventsInput
		found int
		fails string
	}{
		"all":         {cloudwatchlogs.FilterLogEventsInput{}, 4, ""},
		"from a time": {cloudwatchlogs.FilterLogEventsInput{StartTime: aws.Int64(now.Add(time.Minute).UnixMilli())}, 3, ""},
		"to a time":   {cloudwatchlogs.FilterLogEventsInput{EndTime: aws.Int64(now.UnixMilli())}, 1, ""},
		"fields": {cloudwatchlogs.FilterLogEventsInput{
			FilterPattern: aws.String(`{ $.message = "run finished*" && $.trigger = "schedule" }`)}, 2, ""},
		"a number":       {cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String(`{ $.images = 4 }`)}, 1, ""},
		"another number": {cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String(`{ $.images != 4 }`)}, 1, ""},
		"words":          {cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String(`JSON finished`)}, 1, ""},
		"a text":         {cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String(`"no JSON, run"`)}, 1, ""},
		"in pages":       {cloudwatchlogs.FilterLogEventsInput{Limit: aws.Int32(1)}, 4, ""},
		"another form":   {cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String(`[a, b]`)}, 0, "InvalidParameterException"},
		"numbers": {cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String(`{ $.images > 4 }`)}, 0,
			"InvalidParameterException"},
		"another group": {cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("other")}, 1, ""},
		"no such group": {cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("none")}, 0, "ResourceNotFoundException"},
	}
	for title, test := range tests {
		if test.input.LogGroupName == nil {
			test.input.LogGroupName = aws.String("log")
		}
		found := 0
		pages := cloudwatchlogs.NewFilterLogEventsPaginator(client, &test.input)
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if (err != nil) != (test.fails != "") || err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Errorf("%s: the error is %v", title, err)
			}
			if err != nil {
				break
			}
			found += len(page.Events)
		}
		if found != test.found {
			t.Errorf("%s: %d lines are found, want %d", title, found, test.found)
		}
	}
}

func TestMetrics(t *testing.T) {
	s, cfg := play(t, nil, 0)
	line := func(ago time.Duration, values string) {
		at := now.Add(-ago)
		s.Log("log", at, "stream", `{"FunctionName":"f","ExportDuration":`+values+`,"_aws":{"Timestamp":`+millis(at)+
			`,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[["FunctionName"]],"Metrics":[{"Name":"ExportDuration",`+
			`"Unit":"Seconds"}]}]}}`)
	}
	line(50*time.Hour, "[100, 300]")
	line(time.Hour, "200")
	s.Log("log", now, "stream", `{"message":"no metric"}`)
	answer, err := cloudwatch.NewFromConfig(cfg).GetMetricStatistics(t.Context(), &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("N"), MetricName: aws.String("ExportDuration"),
		Dimensions: []types.Dimension{{Name: aws.String("FunctionName"),
			Value: aws.String("f")}},
		StartTime: aws.Time(now.Add(-72 * time.Hour)), EndTime: &now, Period: aws.Int32(86400),
		Statistics: []types.Statistic{types.StatisticSampleCount, types.StatisticSum, types.StatisticMinimum, types.StatisticMaximum,
			types.StatisticAverage},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got [][]float64
	for _, point := range answer.Datapoints {
		got = append(got, []float64{*point.SampleCount, *point.Sum, *point.Minimum, *point.Maximum, *point.Average})
	}
	if diff := cmp.Diff([][]float64{{2, 400, 100, 300, 200}, {1, 200, 200, 200, 200}}, got); diff != "" {
		t.Errorf("the days (-want +got):\n%s", diff)
	}
}

func millis(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }

func TestAlarms(t *testing.T) {
	metric := func(more map[string]any) map[string]any {
		alarm := map[string]any{
			"AlarmDescription": "Something. More of it.", "Namespace": "AWS/Lambda", "MetricName": "Errors",
			"Dimensions": []any{map[string]any{"Name": "FunctionName", "Value": "f"}},
			"Statistic":  "Sum", "Period": "300", "EvaluationPeriods": 1, "Threshold": 1,
			"ComparisonOperator": "GreaterThanOrEqualToThreshold",
			"TreatMissingData":   "notBreaching",
		}
		maps.Copy(alarm, more)
		return alarm
	}
	night := map[string]any{
		"EvaluationPeriods": "26", "Threshold": 1, "ComparisonOperator": "LessThanThreshold", "TreatMissingData": "breaching",
		"Metrics": []any{
			map[string]any{"Id": "runs", "Expression": "FILL(sweeps, 0)"},
			map[string]any{"Id": "sweeps", "ReturnData": false,
				"MetricStat": map[string]any{"Period": 3600, "Stat": "Sum", "Metric": map[string]any{
					"Namespace": "N", "MetricName": "Sweeps", "Dimensions": []any{map[string]any{"Name": "FunctionName", "Value": "f"}},
				}}},
		},
	}
	queue := map[string]any{"Namespace": "AWS/SQS", "MetricName": "ApproximateNumberOfMessagesVisible", "Statistic": "Maximum",
		"Dimensions": []any{map[string]any{"Name": "QueueName", "Value": "failed"}}}
	alarms := map[string]map[string]any{
		"Errors": metric(nil), "Missing": metric(
			map[string]any{"TreatMissingData": "breaching", "MetricName": "Throttles"},
		), "Silent": metric(map[string]any{"TreatMissingData": "missing", "MetricName": "Throttles"}),
		"Three": metric(map[string]any{"EvaluationPeriods": 3}), "Queue": metric(queue), "Night": night,
		"Formula": {"EvaluationPeriods": 1, "Metrics": []any{map[string]any{"Id": "late", "Expression": "a > b"}}},
	}
	tests := map[string]struct {
		depth  int
		record func(*operator.Server)
		want   map[string]types.StateValue
	}{
		"nothing has happened": {0, func(*operator.Server) {}, map[string]types.StateValue{
			"Errors": "OK", "Missing": "ALARM", "Silent": "INSUFFICIENT_DATA", "Three": "OK", "Queue": "OK", "Night": "ALARM",
			"Formula": "INSUFFICIENT_DATA",
		}},
		"all has": {2, func(s *operator.Server) {
			s.Record("AWS/Lambda", "Errors", "FunctionName", "f", now.Add(-time.Minute), 1)
			s.Record("AWS/Lambda", "Errors", "FunctionName", "another", now.Add(-8*time.Minute), 1)
			s.Record("N", "Sweeps", "FunctionName", "f", now.Add(-5*time.Hour), 1)
		}, map[string]types.StateValue{
			"Errors": "ALARM", "Missing": "ALARM", "Silent": "INSUFFICIENT_DATA", "Three": "OK", "Queue": "ALARM", "Night": "OK",
			"Formula": "INSUFFICIENT_DATA",
		}},
		"long ago": {0, func(s *operator.Server) {
			for _, ago := range []time.Duration{6 * time.Minute, 11 * time.Minute, 2 * time.Minute} {
				s.Record("AWS/Lambda", "Errors", "FunctionName", "f", now.Add(-ago), 1)
			}
			s.Record("N", "Sweeps", "FunctionName", "f", now.Add(-27*time.Hour), 1)
		}, map[string]types.StateValue{
			"Errors": "ALARM", "Missing": "ALARM", "Silent": "INSUFFICIENT_DATA", "Three": "ALARM", "Queue": "OK", "Night": "ALARM",
			"Formula": "INSUFFICIENT_DATA",
		}},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			s, cfg := play(t, alarms, test.depth)
			test.record(s)
			client := cloudwatch.NewFromConfig(cfg)
			answer, err := client.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]types.StateValue{}
			for _, alarm := range answer.MetricAlarms {
				got[strings.TrimPrefix(*alarm.AlarmName, "stack-")] = alarm.StateValue
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the alarms (-want +got):\n%s", diff)
			}
			some, err := client.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"stack-Night", "another"}})
			if err != nil || len(some.MetricAlarms) != 1 || !some.MetricAlarms[0].StateUpdatedTimestamp.Equal(now.Add(-time.Hour)) {
				t.Errorf("by name: %+v, %v", some, err)
			}
		})
	}
}
