package operator

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Alarm is the properties of a CloudWatch alarm in a template.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudwatch-alarm.html
type Alarm struct {
	AlarmDescription   string
	Namespace          string
	MetricName         string
	Dimensions         []Dimension
	Statistic          string
	Period             Number
	EvaluationPeriods  Number
	DatapointsToAlarm  Number
	Threshold          Number
	ComparisonOperator string
	TreatMissingData   string
	Metrics            []Query // instead of one metric
}

// Dimension tells a metric from others of its name.
type Dimension struct{ Name, Value string }

// Query is a part of an alarm over several metrics: one of them, or an expression.
type Query struct {
	ID         string `json:"Id"`
	Expression string
	MetricStat *struct {
		Metric struct {
			Namespace, MetricName string
			Dimensions            []Dimension
		}
		Period Number
		Stat   string
	}
}

// Number is one in a template, where it may be written as a text.
type Number float64

// UnmarshalJSON reads either.
func (n *Number) UnmarshalJSON(data []byte) error {
	text := string(data)
	if unquoted, err := strconv.Unquote(text); err == nil {
		text = unquoted
	}
	parsed, err := strconv.ParseFloat(text, 64)
	*n = Number(parsed)
	return err
}

// ParseAlarm reads the properties, with all intrinsic functions resolved.
func ParseAlarm(properties map[string]any) (*Alarm, error) {
	data, err := json.Marshal(properties)
	if err != nil {
		return nil, err
	}
	var alarm Alarm
	if err := json.Unmarshal(data, &alarm); err != nil {
		return nil, fmt.Errorf("the properties of an alarm: %w", err)
	}
	return &alarm, nil
}

type alarmState struct {
	state  string
	reason string
	since  time.Time
}

// The states of an alarm.
const (
	stateOK      = "OK"
	stateAlarm   = "ALARM"
	stateUnknown = "INSUFFICIENT_DATA"
)

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
func (s *Server) describeAlarms(in object) (object, error) {
	names, prefix, state := texts(in, "AlarmNames"), text(in, "AlarmNamePrefix"), text(in, "StateValue")
	found := list{}
	for _, id := range slices.Sorted(maps.Keys(s.options.Stack.Resources)) {
		resource := s.options.Stack.Resources[id]
		if resource.Alarm == nil || len(names) > 0 && !slices.Contains(names, resource.PhysicalID) ||
			len(resource.PhysicalID) < len(prefix) || resource.PhysicalID[:len(prefix)] != prefix {
			continue
		}
		now := s.evaluate(resource.PhysicalID, resource.Alarm)
		if state != "" && state != now.state {
			continue
		}
		found = append(found, object{
			"AlarmName": resource.PhysicalID, "AlarmDescription": resource.Alarm.AlarmDescription, "ActionsEnabled": true,
			"StateValue": now.state, "StateReason": now.reason, "StateUpdatedTimestamp": now.since,
			"Namespace": resource.Alarm.Namespace, "MetricName": resource.Alarm.MetricName, "Threshold": float64(resource.Alarm.Threshold),
		})
	}
	return object{"MetricAlarms": found, "CompositeAlarms": list{}}, nil
}

// evaluate tells the state of an alarm, and since when. Unlike all else in a local AWS whose time is compressed, alarms keep
// real time: an alarm that rings for five minutes would otherwise be over before anybody can look.
func (s *Server) evaluate(name string, alarm *Alarm) alarmState {
	now := s.options.Now()
	state, reason := s.judge(alarm, now)
	last, known := s.alarms[name]
	if !known || last.state != state {
		last = alarmState{since: now}
		if !known {
			last.since = s.options.Stack.Created
		}
	}
	last.state, last.reason = state, reason
	s.alarms[name] = last
	return last
}

// judge looks at an alarm's last periods.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
func (s *Server) judge(alarm *Alarm, now time.Time) (state, reason string) {
	of, statisticName, period, fill, ok := alarm.watched()
	if !ok {
		return stateUnknown, "The local AWS does not calculate this alarm's expression."
	}
	breaching, missing := 0, 0
	periods := max(1, int(alarm.EvaluationPeriods))
	for i := range periods {
		to := now.Add(-time.Duration(i) * period)
		values := s.values(of, to.Add(-period), to, i == 0)
		if len(values) == 0 && fill != nil {
			values = []float64{*fill}
		}
		switch {
		case len(values) == 0:
			missing++
		case breaches(alarm.ComparisonOperator, statistic(statisticName, values), float64(alarm.Threshold)):
			breaching++
		}
	}
	needed := int(alarm.DatapointsToAlarm)
	if needed == 0 {
		needed = periods
	}
	if alarm.TreatMissingData == "breaching" {
		breaching += missing
	}
	switch {
	case breaching >= needed:
		return stateAlarm, fmt.Sprintf("%d of the last %d periods are beyond the threshold %g.", breaching, periods,
			float64(alarm.Threshold))
	case missing == periods && alarm.TreatMissingData != "notBreaching" && alarm.TreatMissingData != "ignore":
		return stateUnknown, "There are no data."
	}
	return stateOK, fmt.Sprintf("%d of the last %d periods are beyond the threshold %g.", breaching, periods, float64(alarm.Threshold))
}

// values of a metric in a period. A queue's depth is not recorded, so only what it is now is known.
func (s *Server) values(of series, from, to time.Time, latest bool) []float64 {
	if of.namespace != "AWS/SQS" || of.metric != "ApproximateNumberOfMessagesVisible" {
		return s.between(of, from, to)
	}
	if s.options.Depth == nil || !latest {
		return nil
	}
	if messages, ok := s.options.Depth(of.value); ok {
		return []float64{float64(messages)}
	}
	return nil
}

// filled is an expression that puts a number where a metric has none.
var filled = regexp.MustCompile(`^FILL\((\w+), *(\d+)\)$`)

// watched is the one metric that an alarm is about, and what stands for data that are missing.
func (a *Alarm) watched() (of series, statistic string, period time.Duration, fill *float64, ok bool) {
	if len(a.Metrics) == 0 {
		of = series{namespace: a.Namespace, metric: a.MetricName}
		of.dimension, of.value = dimension(a.Dimensions)
		return of, a.Statistic, time.Duration(a.Period) * time.Second, nil, true
	}
	for _, query := range a.Metrics {
		call := filled.FindStringSubmatch(query.Expression)
		if call == nil {
			continue
		}
		number, _ := strconv.ParseFloat(call[2], 64) // it is made of digits
		for _, metric := range a.Metrics {
			if metric.ID != call[1] || metric.MetricStat == nil {
				continue
			}
			of = series{namespace: metric.MetricStat.Metric.Namespace, metric: metric.MetricStat.Metric.MetricName}
			of.dimension, of.value = dimension(metric.MetricStat.Metric.Dimensions)
			return of, metric.MetricStat.Stat, time.Duration(metric.MetricStat.Period) * time.Second, &number, true
		}
	}
	return series{}, "", 0, nil, false
}

func dimension(dimensions []Dimension) (name, value string) {
	if len(dimensions) != 1 {
		return "", ""
	}
	return dimensions[0].Name, dimensions[0].Value
}

func breaches(comparison string, value, threshold float64) bool {
	switch comparison {
	case "GreaterThanOrEqualToThreshold":
		return value >= threshold
	case "GreaterThanThreshold":
		return value > threshold
	case "LessThanThreshold":
		return value < threshold
	case "LessThanOrEqualToThreshold":
		return value <= threshold
	}
	return false
}
