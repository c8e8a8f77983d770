package stack

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"appstream-ami-exporter/internal/config"
	"appstream-ami-exporter/internal/keepconfig"
)

// What the template lets through lets the keeper start. What several values have to do with one another no pattern knows; the
// keeper says it when it starts: a Region twice, the stack's own, a key for a Region to which nothing is copied.
func TestParametersLetTheKeeperStart(t *testing.T) {
	t.Parallel()
	loaded, err := load(nil)
	if err != nil {
		t.Fatal(err)
	}
	environment := maps.Clone(projectStack(t, everythingKept).Keeper.Function.Environment)
	environment["AWS_REGION"] = "eu-west-1"
	for variable, parameter := range map[string]string{
		"KEEP": "Keep", "FAMILIES": "Families", "GRACE_DAYS": "GraceDays", "UNUSED_DAYS": "UnusedDays", "RETIRE_AT_MOST": "RetireAtMost",
		"UNDO_DAYS": "UndoDays", "COPY_REGIONS": "CopyRegions", "LATEST_AMI_PARAMETER": "LatestAmiParameter",
	} {
		declared := loaded.Parameters()[parameter]
		t.Run(parameter, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, 2))
			tried := 0
			for range 150 {
				value := legal(t, declared, random)
				for range 4 {
					if declared.Check(value) == nil && !repeats(parameter, value) {
						tried++
						changed := maps.Clone(environment)
						changed[variable] = value
						changed["COPY_KMS_KEYS"] = ""
						if _, err := keepconfig.FromEnvironment(func(name string) (string, bool) {
							v, ok := changed[name]
							return v,
								ok
						}); err != nil {
							t.Errorf("the template lets %q through, and the keeper does not start: %v", value, err)
						}
					}
					value = mutate(value, random)
				}
			}
			if tried < 80 {
				t.Errorf("only %d values were let through", tried)
			}
		})
	}
}

// repeats tells whether a list of Regions names one twice, or the stack's own.
func repeats(parameter, value string) bool {
	regions := config.SplitList(value)
	slices.Sort(regions)
	return parameter == "CopyRegions" && (len(slices.Compact(slices.Clone(regions))) < len(regions) ||
		slices.Contains(regions, "eu-west-1"))
}

// TestKeeperStarts has the keeper start with each value that the documentation shows, and know its account.
func TestKeeperStarts(t *testing.T) {
	environment := maps.Clone(projectStack(t, everythingKept).Keeper.Function.Environment)
	environment["AWS_REGION"] = "eu-west-1"
	got, err := keepconfig.FromEnvironment(func(name string) (string, bool) { v, ok := environment[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	k := got.Keep
	if got.TopicARN != ownTopic || k.Stack != mine || k.Account != "123456789012" || k.Home != "eu-west-1" || !k.On ||
		k.PointerPrefix != "/appstream-amis" ||
		!slices.Equal(k.CopyRegions, []string{"us-east-1", "eu-central-1"}) || !strings.HasSuffix(k.CopyKMSKeys["us-east-1"], ":key/1") {
		t.Errorf("the keeper is told %+v", got)
	}
	for _, variable := range keepconfig.Variables() {
		if _, set := environment[variable.Name]; !set {
			t.Errorf("the template does not set %s", variable.Name)
		}
		delete(environment, variable.Name)
	}
	for name := range environment {
		t.Errorf("the template sets %s, which the keeper does not read", name)
	}
}
