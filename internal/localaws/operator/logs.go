package operator

import (
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// line is a line of a function's log.
type line struct {
	group  string
	at     time.Time
	stream string
	text   string
}

// mostLines bounds what is kept of the log: some days of compressed nights.
const mostLines = 200_000

// Log takes a line of a function's log, and counts what it measures: CloudWatch makes metrics of lines in its embedded metric
// format.
func (s *Server) Log(group string, at time.Time, stream, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.log) == mostLines {
		s.log = append(s.log[:0], s.log[mostLines/10:]...)
	}
	s.log = append(s.log, line{group, at, stream, text})
	s.measure(text)
}

// most is how many lines a page has.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
const most = 10_000

func (s *Server) filterLogEvents(in object) (object, error) {
	group := text(in, "logGroupName")
	if identifier := text(in, "logGroupIdentifier"); identifier != "" {
		group = identifier[strings.LastIndex(identifier, ":")+1:]
	}
	if !slices.Contains(s.options.Stack.LogGroups, group) {
		return nil, awsreply.Refuse("ResourceNotFoundException", "The specified log group does not exist.")
	}
	matches, err := pattern(text(in, "filterPattern"))
	if err != nil {
		return nil, err
	}
	limit := most
	if asked := int(number(in, "limit")); asked > 0 {
		limit = asked
	}
	first, _ := strconv.Atoi(text(in, "nextToken"))
	events := list{}
	for i := first; i < len(s.log); i++ {
		l := s.log[i]
		if l.group != group {
			continue
		}
		milliseconds := float64(l.at.UnixMilli())
		if start := number(in, "startTime"); milliseconds < start {
			continue
		}
		if end := number(in, "endTime"); end > 0 && milliseconds > end || !matches(l.text) {
			continue
		}
		if len(events) == limit {
			return object{"events": events, "nextToken": strconv.Itoa(i)}, nil
		}
		events = append(events, object{
			"logStreamName": l.stream, "timestamp": int(l.at.UnixMilli()), "ingestionTime": int(l.at.UnixMilli()),
			"message": l.text, "eventId": strconv.Itoa(i),
		})
	}
	return object{"events": events, "searchedLogStreams": list{}}, nil
}

// condition is one of a pattern for JSON: a field, a comparison and a value.
var condition = regexp.MustCompile(`^\$\.(\w+)\s*(=|!=)\s*(?:"([^"]*)"|([\w.*-]+))$`)

// pattern reads a filter pattern: none, a word or a quoted text that the line has, or { $.field = "value*" && ... }. Others are
// refused rather than guessed.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
func pattern(text string) (matches func(line string) bool, err error) {
	text = strings.TrimSpace(text)
	inner, isJSON := strings.CutPrefix(text, "{")
	switch {
	case text == "":
		return func(string) bool { return true }, nil
	case !isJSON && !strings.ContainsAny(strings.Trim(text, `"`), `"?[]{}%`):
		if quoted := strings.Trim(text, `"`); quoted != text {
			return func(line string) bool { return strings.Contains(line, quoted) }, nil
		}
		return func(line string) bool {
			for word := range strings.FieldsSeq(text) {
				if !strings.Contains(line, word) {
					return false
				}
			}
			return true
		}, nil
	}
	inner, closed := strings.CutSuffix(inner, "}")
	var conditions [][]string
	for part := range strings.SplitSeq(inner, "&&") {
		parsed := condition.FindStringSubmatch(strings.TrimSpace(part))
		if parsed == nil || !isJSON || !closed {
			return nil, awsreply.Refuse("InvalidParameterException", "The local AWS does not know this form of a filter pattern: %s", text)
		}
		conditions = append(conditions, parsed)
	}
	return func(line string) bool {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) != nil {
			return false
		}
		for _, c := range conditions {
			value, there := fields[c[1]].(string)
			if other, ok := fields[c[1]]; ok && !there {
				encoded, _ := json.Marshal(other) // it was decoded from JSON
				value, there = string(encoded), true
			}
			fits, _ := path.Match(strings.ReplaceAll(c[3]+c[4], "/", "\x00"), strings.ReplaceAll(value, "/", "\x00"))
			if !there || fits != (c[2] == "=") {
				return false
			}
		}
		return true
	}, nil
}
