package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"appstream-ami-exporter/internal/export"
)

var section = regexp.MustCompile(`docs/OPERATIONS\.md, section "([^"]+)"`)

// Every alarm's description leads to a section of its own, which names the alarm.
func TestAlarms(t *testing.T) {
	page := read(t, "docs", "OPERATIONS.md")
	alarms, keepers := 0, 0
	for id, resource := range readTemplate(t).Resources {
		if resource.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		switch resource.Condition {
		case "WatchKeeper", "WatchRetirement", "WatchCopies", "WatchPointers":
			keepers++
		default:
			alarms++
		}
		description, _ := resource.Properties["AlarmDescription"].(string)
		named := section.FindStringSubmatch(description)
		if named == nil {
			t.Errorf("the description of %s names no section of docs/OPERATIONS.md", id)
			continue
		}
		if !strings.Contains(page, "### "+named[1]+"\n\n`"+id+"`. ") {
			t.Errorf("there is no section %q that begins with `%s`", named[1], id)
		}
	}
	for _, named := range regexp.MustCompile("(?m)^`([A-Za-z]+Alarm)`\\. ").FindAllStringSubmatch(page, -1) {
		if _, ok := readTemplate(t).Resources[named[1]]; !ok {
			t.Errorf("there is no alarm %s", named[1])
		}
	}
	if row := fmt.Sprintf("| alarms: %d | %.2f |", alarms, float64(alarms)/10); !strings.Contains(read(t, "docs", "PERFORMANCE.md"), row) {
		t.Errorf("the costs of the alarms are not %q", row)
	}
	if row := fmt.Sprintf("| alarms of the keeper: %d | %.2f |", keepers,
		float64(keepers)/10); !strings.Contains(read(t, "docs", "KEEPING.md"), row) {
		t.Errorf("the costs of the keeper's alarms are not %q", row)
	}
}

var (
	// A log line whose message is known when the function is built.
	logging = regexp.MustCompile(`^(Info|Warn|Error)(Context)?$`)
	row     = regexp.MustCompile("(?m)^\\| (`.+`) \\| (INFO|WARN|ERROR) \\|")
)

// Every line of the log is explained, and none that there is not.
func TestLogMessages(t *testing.T) {
	written := map[string]string{"run finished": "INFO", "run finished: no image matches": "INFO"} // of summarise, which chooses
	for _, decision := range []export.Action{export.Export, export.Announce, export.Wait, export.Skip, export.Reject} {
		written[string(decision)] = "INFO" // of logDecision
	}
	written[string(export.Reject)] = "ERROR"
	addLogged(t, written, sources(t))
	sameMessages(t, written, "Log messages")
}

// The keeper has a log of its own. The sentences that its method fail logs are told apart by themselves.
func TestKeeperLogMessages(t *testing.T) {
	var files []string
	for _, pattern := range []string{"internal/keephandler/*.go", "internal/keep/*.go", "internal/keepaws/*.go",
		"internal/runtimeapi/*.go"} {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	written := map[string]string{}
	addLogged(t, written, slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "_test.go") }))
	sameMessages(t, written, "Log messages of the keeper")
}

// addLogged finds the messages that files log, with their levels.
func addLogged(t *testing.T, written map[string]string, files []string) {
	t.Helper()
	for _, file := range files {
		ast.Inspect(parse(t, file), func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			selector, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !logging.MatchString(selector.Sel.Name) {
				return true
			}
			for _, argument := range call.Args[:min(2, len(call.Args))] {
				if literal, ok := argument.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					message, err := strconv.Unquote(literal.Value)
					if err != nil {
						t.Fatal(err)
					}
					written[message] = strings.ToUpper(logging.FindStringSubmatch(selector.Sel.Name)[1])
					break
				}
			}
			return true
		})
	}
}

// sameMessages compares what is logged with what the section of OPERATIONS explains.
func sameMessages(t *testing.T, written map[string]string, heading string) {
	t.Helper()
	_, section, found := strings.Cut(read(t, "docs", "OPERATIONS.md"), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("OPERATIONS has no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	explained := map[string]string{}
	for _, match := range row.FindAllStringSubmatch(section, -1) {
		for message := range strings.SplitSeq(match[1], "`, `") {
			explained[strings.Trim(message, "`")] = match[2]
		}
	}
	for message, level := range written {
		if explained[message] != level {
			t.Errorf("the log message %q of the level %s is not explained", message, level)
		}
	}
	for message := range explained {
		if written[message] == "" {
			t.Errorf("%q is explained, and nothing logs it", message)
		}
	}
	if len(written) < 10 {
		t.Errorf("only %d messages were found", len(written))
	}
}

func TestMetrics(t *testing.T) {
	count, keepers := describedMetrics(t, "metrics.go"), describedMetrics(t, "keeper.go")
	const hours = 4 * 30. / 730 // of a month
	row := fmt.Sprintf("| metrics: %d, sent in 4 hours of a night | %.2f |", count, float64(count)*0.3*hours)
	if !strings.Contains(read(t, "docs", "PERFORMANCE.md"), row) {
		t.Errorf("the costs of the metrics are not %q", row)
	}
	row = fmt.Sprintf("| metrics of the keeper: %d, if each were sent every hour | %.2f |", keepers, float64(keepers)*0.3)
	if !strings.Contains(read(t, "docs", "KEEPING.md"), row) {
		t.Errorf("the costs of the keeper's metrics are not %q", row)
	}
}

// describedMetrics counts the metrics that a file of package metrics declares. Each must be described.
func describedMetrics(t *testing.T, file string) (count int) {
	t.Helper()
	page := read(t, "docs", "OPERATIONS.md")
	ast.Inspect(parse(t, filepath.Join(root, "internal", "metrics", file)), func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Name" {
			return true
		}
		name, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		count++
		if !regexp.MustCompile("(?m)^\\|[^|]*`" + name + "`[^|]*\\|").MatchString(page) {
			t.Errorf("the metric %s is not described", name)
		}
		return true
	})
	return count
}

// sources are the files of the exporter; the keeper has a log of its own.
func sources(t *testing.T) (files []string) {
	t.Helper()
	for _, pattern := range []string{"cmd/handler/*.go", "internal/*/*.go"} {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	others := regexp.MustCompile(`internal/(localaws|keep|keepaws|keephandler)/|_test\.go$`)
	return slices.DeleteFunc(files, func(file string) bool { return others.MatchString(filepath.ToSlash(file)) })
}

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
