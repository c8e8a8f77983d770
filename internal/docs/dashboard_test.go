package docs

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestDashboard draws the dashboard of the template: its real widgets, with made-up numbers.
func TestDashboard(t *testing.T) {
	same(t, draw(widgets(t)), "docs", "dashboard.svg")
}

// widget is one of a dashboard's, as far as it is drawn.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
type widget struct {
	Type                string
	X, Y, Width, Height int
	Properties          struct {
		Title    string
		View     string
		Stacked  bool
		Markdown string
		Query    string
		Alarms   []string
		Metrics  [][]any
	}
}

// labels are what a legend would show: the metrics that are visible.
func (w widget) labels() (labels, colours []string) {
	for i, metric := range w.Properties.Metrics {
		options, _ := metric[len(metric)-1].(map[string]any)
		if visible, ok := options["visible"].(bool); ok && !visible {
			continue
		}
		label, _ := options["label"].(string)
		colour, _ := options["color"].(string)
		if colour == "" {
			colour = palette[i%len(palette)]
		}
		labels, colours = append(labels, label), append(colours, colour)
	}
	return labels, colours
}

// columns are the names that the last `fields` or `stats` of a query gives its table.
func (w widget) columns() (names []string) {
	for command := range strings.SplitSeq(w.Properties.Query, "|") {
		command = strings.TrimSpace(command)
		list, isFields := strings.CutPrefix(command, "fields ")
		if stats, ok := strings.CutPrefix(command, "stats "); ok {
			list, _, _ = strings.Cut(stats, " by ")
			names = append(names, strings.TrimSpace(strings.SplitN(stats, " by ", 2)[1]))
			isFields = true
		}
		if !isFields {
			continue
		}
		// A comma within parentheses is none between columns.
		for item := range strings.SplitSeq(regexp.MustCompile(`\([^)]*\)`).ReplaceAllString(list, ""), ",") {
			_, as, ok := strings.Cut(item, " as ")
			if !ok {
				as = item
			}
			names = append(names, strings.TrimSpace(as))
		}
	}
	return names
}

// widgets reads the dashboard of a stack that has its alarms.
func widgets(t *testing.T) []widget {
	t.Helper()
	body, ok := readTemplate(t).Resources["ExportDashboard"].Properties["DashboardBody"].([]any)
	if !ok {
		t.Fatal("DashboardBody is not !Sub with variables")
	}
	text := body[0].(string)
	for name, value := range body[1].(map[string]any) {
		text = strings.ReplaceAll(text, "${"+name+"}", chosen(value))
	}
	text = strings.NewReplacer("${AWS::StackName}", "appstream-ami-exporter", "${AWS::Region}", "eu-west-1").Replace(text)
	// What is left is the name of a parameter or resource.
	text = regexp.MustCompile(`\$\{([^}]*)\}`).ReplaceAllString(text, "$1")
	var dashboard struct{ Widgets []widget }
	if err := json.Unmarshal([]byte(text), &dashboard); err != nil {
		t.Fatalf("the dashboard is no JSON: %v\n%s", err, text)
	}
	if len(dashboard.Widgets) == 0 {
		t.Fatal("the dashboard has no widgets")
	}
	return dashboard.Widgets
}

// chosen resolves !If [condition, value, ...] for a true condition, and !Sub within it.
func chosen(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case []any:
		if len(value) == 3 {
			return chosen(value[1])
		}
		text := chosen(value[0])
		for name, inner := range value[1].(map[string]any) {
			text = strings.ReplaceAll(text, "${"+name+"}", chosen(inner))
		}
		return text
	}
	return fmt.Sprint(value)
}
