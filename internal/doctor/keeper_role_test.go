package doctor

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"appstream-ami-exporter/internal/localaws/iam"
	"appstream-ami-exporter/internal/localaws/template"
)

// keepers are stacks with each kind of keeper.
var keepers = map[string]map[string]string{
	"plans":  {"Keep": "last=3"},
	"acts":   {"Keep": "last=3", "KeepMode": "ON"},
	"copies": {"CopyRegions": "eu-central-1"},
	"points": {"LatestAmiParameter": "/appstream-amis"},
	"everything": {
		"Keep": "last=3", "KeepMode": "ON", "CopyRegions": "eu-central-1,us-east-1", "LatestAmiParameter": "/appstream-amis",
		"CopyKmsKeys": "arn:aws:kms:eu-central-1:123456789012:key/1,arn:aws:kms:eu-west-1:123456789012:key/2",
		"KmsKeyArn":   "arn:aws:kms:eu-west-1:123456789012:key/0",
	},
	"cannot undo, and tells elsewhere": {
		"Keep": "last=3", "KeepMode": "ON", "UndoDays": "0", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:elsewhere",
	},
}

// keeperOf is a deployment with the keeper's statements in the template.
func keeperOf(t *testing.T, parameters map[string]string) (Deployment, []iam.Statement) {
	t.Helper()
	loaded, err := template.Load("../../template.yaml", parameters)
	if err != nil {
		t.Fatal(err)
	}
	stack, err := loaded.Stack(nil)
	if err != nil {
		t.Fatal(err)
	}
	var statements []iam.Statement
	for _, s := range stack.Keeper.Statements {
		statements = append(statements, iam.Statement{Effect: s.Effect, Actions: s.Actions, Resources: s.Resources, Condition: s.Condition})
	}
	return Deployment{
		Stack: "appstream-ami-exporter", Region: "eu-west-1", Account: "123456789012", Partition: "aws", Parameters: parameters,
		Outputs: map[string]string{
			"Topic": stack.Keeper.Function.Environment["TOPIC_ARN"], "KeeperLogGroupName": stack.Keeper.Function.LogGroup,
		},
	}, statements
}

func (r Right) request() iam.Request {
	return iam.Request{Action: r.Action, Resource: r.Resource, Keys: r.Context}
}

// What is simulated of the keeper is what its role in the template allows, and what it must not.
func TestKeeperRightsAreThoseOfTheTemplate(t *testing.T) {
	for name, parameters := range keepers {
		t.Run(name, func(t *testing.T) {
			d, statements := keeperOf(t, parameters)
			for _, right := range d.KeeperRights() {
				if !iam.Allows(statements, right.request()) {
					t.Errorf("%s is asked about (%s, %v), and the template does not allow it", right, right.Resource, right.Context)
				}
			}
			for _, right := range d.KeeperFence() {
				if iam.Allows(statements, right.request()) {
					t.Errorf("%s (%s, %v) must not be allowed, and the template does", right, right.Resource, right.Context)
				}
			}
			for _, s := range statements {
				for _, action := range s.Actions {
					one := []iam.Statement{{Effect: s.Effect, Actions: []string{action}, Resources: s.Resources, Condition: s.Condition}}
					asked := func(r Right) bool { return iam.Allows(one, r.request()) }
					if s.Effect == "Allow" && !slices.ContainsFunc(d.KeeperRights(), asked) {
						t.Errorf("the template allows %s on %v under %v, which is not asked about", action, s.Resources, s.Condition)
					}
				}
			}
		})
	}
}

// Each question about the fence is one that a role with more rights answers otherwise.
func TestFenceIsSeenToBeOpen(t *testing.T) {
	for name, parameters := range keepers {
		d, _ := keeperOf(t, parameters)
		for _, right := range d.KeeperFence() {
			anything := []iam.Statement{{Effect: "Allow", Actions: []string{"*"}, Resources: []string{"*"}}}
			if !iam.Allows(anything, right.request()) {
				t.Errorf("%s: a role that may do anything may not do %s", name, right)
			}
		}
	}
}

// The keys on which the role's own policies hang are known, so that IAM's naming them for other calls puts nothing in doubt.
func TestOwnConditionKeysAreKnown(t *testing.T) {
	for name, parameters := range keepers {
		d, statements := keeperOf(t, parameters)
		s := newSimulated(Facts{Deployment: d})
		for _, statement := range statements {
			for _, keys := range statement.Condition {
				for key := range keys {
					if len(s.missing(Decision{Missing: []string{strings.ToUpper(key)}})) > 0 {
						t.Errorf("%s: %s is not known", name, key)
					}
				}
			}
		}
	}
}

// simulator is IAM's simulation of a role, with its weaknesses.
type simulator struct {
	statements []iam.Statement
	blind      bool     // to the tags of resources
	literal    bool     // it knows no variables
	missing    []string // keys that it names
}

func (s simulator) decide(rights []Right) Answer[[]Decision] {
	var decisions []Decision
	for _, right := range rights {
		request := right.request()
		request.Keys = maps.Clone(request.Keys)
		if s.blind {
			maps.DeleteFunc(request.Keys, func(key string, _ []string) bool { return strings.HasPrefix(key, "aws:ResourceTag/") })
		}
		if s.literal {
			request.Keys[idOf] = []string{variable}
		}
		decision := Decision{Right: right, Missing: s.missing}
		if !iam.Allows(s.statements, request) {
			decision.Why = ByNone
		}
		decisions = append(decisions, decision)
	}
	return Given(decisions)
}

func TestKeeperRole(t *testing.T) {
	without := func(action string) func(*simulator) {
		return func(s *simulator) {
			for i, statement := range s.statements {
				s.statements[i].Actions = slices.DeleteFunc(slices.Clone(statement.Actions), func(a string) bool { return a == action })
			}
		}
	}
	allow := func(condition map[string]map[string][]string, actions ...string) func(*simulator) {
		return func(s *simulator) {
			more := iam.Statement{Effect: "Allow", Actions: actions, Resources: []string{"*"}, Condition: condition}
			s.statements = append(s.statements, more)
		}
	}
	for _, test := range []struct {
		name, keeper  string
		change        func(*simulator)
		rights, fence Verdict
		seen          []string
	}{
		{"as deployed", "acts", func(*simulator) {}, OK, OK, []string{"all 29 are allowed", "all 24 are denied"}},
		{"as deployed, with keys", "everything", func(*simulator) {}, OK, OK,
			[]string{"unknown", "the policies of the keys in CopyKmsKeys"}},
		{"a statement is gone", "acts", without("ec2:DeregisterImage"), Fail, Unknown,
			[]string{"1 of 29 are denied", "no policy of the role allows it: ec2:DeregisterImage on an AMI of this stack",
				"others tells nothing"}},
		{"everything is gone", "plans", func(s *simulator) { s.statements = nil }, Fail, Unknown, []string{"ec2:DescribeImages"}},
		{"a policy that knows no tags", "acts", allow(nil, "ec2:DeregisterImage"), OK, Fail,
			[]string{"ec2:DeregisterImage on an AMI without tags, ec2:DeregisterImage on an AMI of another stack"}},
		{"a policy that knows no tags, while nothing is retired", "plans", allow(nil, "ec2:Deregister*"), OK, Fail,
			[]string{"on an AMI of this stack, while KeepMode is not ON"}},
		{"a policy that does not ask whose a copy is", "acts",
			allow(map[string]map[string][]string{"StringEquals": {stackOf: {"appstream-ami-exporter@eu-west-1"}}}, "ec2:DeregisterImage"),
			OK, Fail,
			[]string{"2 of 24 are allowed that must not be: ec2:DeregisterImage on somebody's copy of an AMI"}},
		{"a policy that lets the stack's tag be set", "plans", allow(nil, "ec2:CreateTags"), OK, Fail,
			[]string{"an AMI without tags, to be this stack's"}},
		{"may delete images", "copies", allow(nil, "appstream:DeleteImage"), OK, Fail, []string{"appstream:DeleteImage"}},
		{"the simulation knows no tags", "acts", func(s *simulator) { s.blind = true }, Unknown, Unknown,
			[]string{"it allows nothing that hangs on the tags of an AMI: ec2:", "tells nothing"}},
		{"the simulation knows no variables", "acts", func(s *simulator) { s.literal = true }, Unknown, Unknown,
			[]string{"27 of 29 are allowed; of the others the simulation does not tell, as it does not know what the variable",
				"others tells nothing"}},
		{"keys of other statements are missing", "acts", func(s *simulator) { s.missing = []string{"aws:CalledVia", "ec2:owner"} }, OK, OK,
			[]string{"all 29 are allowed"}},
		{"somebody's keys are missing", "acts", func(s *simulator) { s.missing = []string{"aws:SourceVpc"} }, OK, Unknown,
			[]string{"hang on aws:SourceVpc, which it was not told"}},
		{"somebody's keys are missing, and it denies", "acts", func(s *simulator) {
			without("sns:Publish")(s)
			s.missing = []string{"aws:SourceVpc"}
		}, Unknown, Unknown, []string{"policies of the role hang on aws:SourceVpc, which it was not told: sns:Publish"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, statements := keeperOf(t, keepers[test.keeper])
			s := simulator{statements: statements}
			test.change(&s)
			f := well()
			f.Deployment = d
			f.Keeper = Given(Keeper{})
			f.KeeperRights, f.KeeperFence = s.decide(d.KeeperRights()), s.decide(d.KeeperFence())
			rights, fence := lineOf(t, f, "keeper's role: rights"), lineOf(t, f, "keeper's role: fence")
			if rights.Verdict != test.rights || fence.Verdict != test.fence {
				t.Errorf("%+v\n%+v\nwant %s, %s", rights, fence, test.rights, test.fence)
			}
			for _, want := range test.seen {
				if !strings.Contains(rights.Seen+"\n"+fence.Seen, want) {
					t.Errorf("%q is not said:\n%s\n%s", want, rights.Seen, fence.Seen)
				}
			}
		})
	}
}

// What is not known of the keeper, or is not there.
func TestKeeperRoleUnseen(t *testing.T) {
	for _, test := range []struct {
		name    string
		keeper  Answer[Keeper]
		answer  Answer[[]Decision]
		verdict Verdict
		seen    string
	}{
		{"no keeper", Absent[Keeper](), Answer[[]Decision]{}, OK, "the stack has no keeper"},
		{"not known whether there is one", Denied[Keeper]("cloudformation:ListStackResources"), Answer[[]Decision]{}, Unknown,
			"ListStackResources"},
		{"not simulated", Given(Keeper{}), Denied[[]Decision]("iam:SimulatePrincipalPolicy"), Unknown, "iam:SimulatePrincipalPolicy"},
		{"no role", Given(Keeper{}), Absent[[]Decision](), Fail, "no such role"},
	} {
		f := well()
		f.Keeper, f.KeeperRights, f.KeeperFence = test.keeper, test.answer, test.answer
		for _, name := range []string{"keeper's role: rights", "keeper's role: fence"} {
			if line := lineOf(t, f, name); line.Verdict != test.verdict || !strings.Contains(line.Seen, test.seen) {
				t.Errorf("%s: %+v, want %s, %q", test.name, line, test.verdict, test.seen)
			}
		}
	}
}
