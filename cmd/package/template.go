package main

import (
	"errors"
	"strings"
)

// templateFor makes of the template one that deploys the zip and needs neither Go nor the source: `aws cloudformation package`
// uploads what CodeUri names. All else stays as it is, comments included.
func templateFor(template, codeURI string) (string, error) {
	const code = "\n      CodeUri: .\n"
	const build = "\n    Metadata:\n      BuildMethod: makefile\n"
	if strings.Count(template, code) != 1 || strings.Count(template, build) != 1 {
		return "", errors.New("one function with CodeUri . and BuildMethod makefile was expected")
	}
	template = strings.Replace(template, code, "\n      CodeUri: "+codeURI+"\n", 1)
	template = strings.Replace(template, build, "\n", 1)
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
