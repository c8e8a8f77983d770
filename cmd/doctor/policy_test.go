package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// withoutPermission are calls that IAM lets everybody make.
var withoutPermission = []string{"sts:GetCallerIdentity"}

// docs/doctor-policy.json allows what the doctor calls, and nothing else.
func TestPolicy(t *testing.T) {
	called := map[string]bool{}
	for _, answers := range []map[string]string{healthy, ill()} {
		aws, cfg := start(t, answers)
		_, _ = look(t, cfg, true) // what is seen is for other tests
		for _, action := range aws.called() {
			called[action] = !slices.Contains(withoutPermission, action)
		}
	}
	var needed []string
	for action, takesPermission := range called {
		if takesPermission {
			needed = append(needed, action)
		}
	}
	slices.Sort(needed)
	allowed := policyActions(t, "doctor-policy.json")
	if diff := cmp.Diff(needed, allowed); diff != "" {
		t.Errorf("docs/doctor-policy.json is not what is called (-called +allowed):\n%s", diff)
	}
}

func policyActions(t *testing.T, name string) (actions []string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	var policy struct{ Statement []struct{ Action any } }
	if err := json.Unmarshal(content, &policy); err != nil {
		t.Fatal(err)
	}
	for _, s := range policy.Statement {
		switch action := s.Action.(type) {
		case string:
			actions = append(actions, action)
		case []any:
			for _, one := range action {
				actions = append(actions, one.(string))
			}
		}
	}
	slices.Sort(actions)
	return slices.Compact(actions)
}
