package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"appstream-ami-exporter/internal/metrics"
	"appstream-ami-exporter/internal/terminal"
)

// usualTime is what the exports of this stack took.
type usualTime struct {
	count             int
	shortest, longest time.Duration
	average           time.Duration
	err               error // why that is not known
}

// usualBack is how far back exports are counted: nights of a month.
const usualBack = 30 * 24 * time.Hour

// usualTime asks CloudWatch for the function's own metric.
func (d desk) usualTime(ctx context.Context) (u usualTime) {
	now := d.now()
	answer, err := d.cloudWatch.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String(metrics.Namespace), MetricName: aws.String(string(metrics.ExportDuration)),
		Dimensions: []types.Dimension{{Name: aws.String(metrics.Dimension), Value: aws.String(d.stack.Outputs["FunctionName"])}},
		StartTime:  aws.Time(now.Add(-usualBack)), EndTime: aws.Time(now),
		Period: aws.Int32(24 * 60 * 60),
		Statistics: []types.Statistic{
			types.StatisticSampleCount, types.StatisticSum, types.StatisticMinimum, types.StatisticMaximum,
		},
	})
	if err != nil {
		u.err = terminal.Explain(err)
		return u
	}
	var sum time.Duration
	for _, day := range answer.Datapoints {
		shortest, longest := seconds(day.Minimum), seconds(day.Maximum)
		if u.count == 0 || shortest < u.shortest {
			u.shortest = shortest
		}
		u.longest = max(u.longest, longest)
		u.count += int(aws.ToFloat64(day.SampleCount))
		sum += seconds(day.Sum)
	}
	if u.count > 0 {
		u.average = sum / time.Duration(u.count)
	}
	return u
}

// firstLine leaves out the advice: what is asked for here only adorns something else.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func seconds(value *float64) time.Duration {
	return time.Duration(aws.ToFloat64(value) * float64(time.Second))
}

func (u usualTime) String() string {
	switch {
	case u.err != nil:
		return "What an export takes cannot be told: " + strings.TrimSuffix(firstLine(u.err), ".") + "."
	case u.count == 0:
		return "What an export takes is not known yet: none has ended here in the last " + terminal.Span(usualBack) + "."
	case u.count == 1:
		return "The one export that ended here in the last " + terminal.Span(usualBack) + " took " + terminal.Span(u.average) + "."
	}
	return fmt.Sprintf("The %d exports that ended here in the last %s took %s to %s, on average %s.",
		u.count, terminal.Span(usualBack), terminal.Span(u.shortest), terminal.Span(u.longest), terminal.Span(u.average))
}

// left tells about how much longer an export may take that is as old as this.
func (u usualTime) left(age time.Duration) string {
	switch {
	case u.count == 0:
		return ""
	case age < u.average:
		return ", about " + terminal.Span(u.average-age) + " to go"
	case age < u.longest:
		return ", soon to end"
	}
	return ", longer than any before"
}
