package operator

import (
	"encoding/json"
	"math"
	"slices"
	"time"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// series is a metric with its one dimension: this project's have the function's name, SQS's the queue's.
type series struct{ namespace, metric, dimension, value string }

type sample struct {
	at    time.Time
	value float64
}

// Record adds a value to a metric.
func (s *Server) Record(namespace, metric, dimension, dimensionValue string, at time.Time, value float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record(series{namespace, metric, dimension, dimensionValue}, at, value)
}

// mostSamples bounds what is kept of a metric; what falls out is a day old at the least.
const mostSamples = 100_000

func (s *Server) record(of series, at time.Time, value float64) {
	samples := s.metrics[of]
	if len(samples) == mostSamples {
		samples = append(samples[:0], samples[mostSamples/10:]...)
	}
	s.metrics[of] = append(samples, sample{at, value})
}

// measure takes the metrics out of a line of the log.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func (s *Server) measure(text string) {
	var head struct {
		AWS struct {
			Timestamp         int64
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name string }
			}
		} `json:"_aws"`
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &head) != nil || len(head.AWS.CloudWatchMetrics) == 0 || json.Unmarshal([]byte(text), &fields) != nil {
		return
	}
	at := time.UnixMilli(head.AWS.Timestamp)
	for _, directive := range head.AWS.CloudWatchMetrics {
		for _, dimensions := range directive.Dimensions {
			if len(dimensions) != 1 {
				continue
			}
			var dimension string
			_ = json.Unmarshal(fields[dimensions[0]], &dimension) // one that is absent is empty
			for _, metric := range directive.Metrics {
				for _, value := range numbers(fields[metric.Name]) {
					s.record(series{directive.Namespace, metric.Name, dimensions[0], dimension}, at, value)
				}
			}
		}
	}
}

// numbers reads a number or a list of them.
func numbers(data json.RawMessage) (values []float64) {
	var one float64
	if json.Unmarshal(data, &one) == nil {
		return []float64{one}
	}
	_ = json.Unmarshal(data, &values) // what is neither counts for nothing
	return values
}

// between are the values of a metric from one time to another.
func (s *Server) between(of series, from, to time.Time) (values []float64) {
	for _, sample := range s.metrics[of] {
		if !sample.at.Before(from) && sample.at.Before(to) {
			values = append(values, sample.value)
		}
	}
	return values
}

// statistic sums values up, of which there is at least one.
func statistic(name string, values []float64) float64 {
	sum := 0.
	for _, value := range values {
		sum += value
	}
	switch name {
	case "SampleCount":
		return float64(len(values))
	case "Sum":
		return sum
	case "Average":
		return sum / float64(len(values))
	case "Minimum":
		return slices.Min(values)
	case "Maximum":
		return slices.Max(values)
	}
	return math.NaN()
}

// seriesOf reads which metric a request is about.
func seriesOf(in object) series {
	of := series{namespace: text(in, "Namespace"), metric: text(in, "MetricName")}
	if dimensions, _ := in["Dimensions"].(list); len(dimensions) == 1 {
		if dimension, ok := dimensions[0].(object); ok {
			of.dimension, of.value = text(dimension, "Name"), text(dimension, "Value")
		}
	}
	return of
}

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html
func (s *Server) getMetricStatistics(in object) (object, error) {
	start, end, period := moment(in, "StartTime"), moment(in, "EndTime"), time.Duration(number(in, "Period"))*time.Second
	statistics := texts(in, "Statistics")
	if start.IsZero() || !end.After(start) || period < time.Minute || len(statistics) == 0 {
		return nil, awsreply.Refuse("InvalidParameterValue", "StartTime, EndTime, Period and Statistics are needed here.")
	}
	points := list{}
	for from := start; from.Before(end); from = from.Add(period) {
		values := s.between(seriesOf(in), from, from.Add(period))
		if len(values) == 0 {
			continue
		}
		point := object{"Timestamp": from}
		for _, name := range statistics {
			point[name] = statistic(name, values)
		}
		points = append(points, point)
	}
	return object{"Label": text(in, "MetricName"), "Datapoints": points}, nil
}
