package main

import (
	"fmt"
	"strings"
)

// templateFor makes of the template one that deploys the zips, by the logical ids of their functions, and needs neither Go nor the
// source: `aws cloudformation package` uploads what CodeUri names. All else stays as it is, comments included.
func templateFor(template string, codeURIs map[string]string) (string, error) {
	const code = "\n      CodeUri: .\n"
	const build = "\n    Metadata:\n      BuildMethod: makefile\n"
	if strings.Count(template, code) != len(codeURIs) || strings.Count(template, build) != len(codeURIs) {
		return "", fmt.Errorf("%d functions with CodeUri . and BuildMethod makefile were expected", len(codeURIs))
	}
	for id, uri := range codeURIs {
		before, function, found := strings.Cut(template, "\n  "+id+":\n")
		if !found || !strings.Contains(function, code) {
			return "", fmt.Errorf("there is no function %s whose CodeUri is the whole tree", id)
		}
		function = strings.Replace(function, code, "\n      CodeUri: "+uri+"\n", 1)
		function = strings.Replace(function, build, "\n", 1)
		template = before + "\n  " + id + ":\n" + function
	}
	return withoutApplication(template), nil
}

// withoutApplication leaves out what is for publishing from the source only: it names files that are not beside this template.
func withoutApplication(template string) string {
	const begins = "  AWS::ServerlessRepo::Application:"
	var kept []string
	inside := false
	for line := range strings.SplitSeq(template, "\n") {
		switch {
		case strings.HasPrefix(line, begins):
			inside = true
		case inside && strings.HasPrefix(line, "   "):
		default:
			inside = false
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}
