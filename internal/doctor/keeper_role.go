package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func lookAtKeeperRights(f Facts) Finding {
	if unknown := keeperUnknown(f, f.KeeperRights); unknown != nil {
		return *unknown
	}
	s := newSimulated(f)
	var denied, unclear []Decision
	doubts := map[string]bool{}
	for _, decision := range f.KeeperRights.Value {
		doubt := s.doubt(decision)
		switch {
		case decision.Why == "":
		case doubt == "":
			denied = append(denied, decision)
		default:
			unclear = append(unclear, decision)
			doubts[doubt] = true
		}
	}
	all := len(f.KeeperRights.Value)
	switch {
	case len(denied) > 0:
		return fail("%d of %d are denied, and docs/PERMISSIONS.md says what breaks without each; %s", len(denied), all, reasons(denied))
	case len(unclear) > 0:
		return Finding{Verdict: Unknown, Seen: fmt.Sprintf("%d of %d are allowed; of the others the simulation does not tell, as %s: %s",
			all-len(unclear), all, strings.Join(slices.Sorted(maps.Keys(doubts)), ", and as "), names(unclear))}
	case f.Deployment.Parameters["CopyKmsKeys"] != "":
		return ok("all %d are allowed; unknown, since IAM simulates it for no role: whether the policies of the keys in CopyKmsKeys agree",
			all)
	}
	return ok("all %d are allowed", all)
}

func lookAtKeeperFence(f Facts) Finding {
	if unknown := keeperUnknown(f, f.KeeperFence); unknown != nil {
		return *unknown
	}
	s := newSimulated(f)
	var allowed []Decision
	missing := map[string]bool{}
	for _, decision := range f.KeeperFence.Value {
		for _, key := range s.missing(decision) {
			missing[key] = true
		}
		if decision.Why == "" && !s.misled(decision.Right) {
			allowed = append(allowed, decision)
		}
	}
	switch {
	case len(allowed) > 0:
		return fail("%d of %d are allowed that must not be: %s", len(allowed), len(f.KeeperFence.Value), names(allowed))
	case !s.tags || f.Deployment.retires() && !s.retires:
		// Then it would deny the rest whatever the role is like.
		return Finding{Verdict: Unknown, Seen: "the simulation does not allow it on this stack's own AMIs either, so what it denies of " +
			"others tells nothing; the keeper itself tries the fence before each deregistration"}
	case len(missing) > 0:
		return Finding{Verdict: Unknown, Seen: "all is denied as far as the simulation tells; policies of the role hang on " +
			few(slices.Sorted(maps.Keys(missing))) + ", which it was not told"}
	}
	return ok("all %d are denied", len(f.KeeperFence.Value))
}

// keeperUnknown is the finding where there is nothing to judge.
func keeperUnknown(f Facts, answer Answer[[]Decision]) *Finding {
	if unknown := f.Keeper.unknown(); unknown != nil {
		return unknown
	}
	finding := ok("the stack has no keeper")
	if f.Keeper.There() {
		if unknown := answer.unknown(); unknown != nil || answer.There() {
			return unknown
		}
		finding = fail("there is no such role").do(deleted)
	}
	return &finding
}

// simulated is what the simulation itself shows of how far it can be believed. It has been seen to deny what hangs on the tags of a
// resource of EC2, and to name keys that only other statements ask for as missing.
// https://github.com/aws/aws-sdk-java-v2/issues/1751, https://github.com/boto/boto3/issues/3111
type simulated struct {
	known   map[string]bool // the condition keys that are told where they matter
	tags    bool            // it allows something that hangs on the tags of a resource
	retires bool            // it allows to deregister AMIs of this stack
	literal bool            // it takes the variable in the condition for the characters that it is written with
}

func newSimulated(f Facts) simulated {
	s := simulated{known: map[string]bool{}}
	for _, right := range slices.Concat(f.Deployment.KeeperRights(), f.Deployment.KeeperFence()) {
		for key := range right.Context {
			s.known[strings.ToLower(key)] = true
		}
	}
	for _, decision := range f.KeeperRights.Value {
		if decision.Why != "" || !decision.Right.hangsOnTags() {
			continue
		}
		s.tags = true
		s.retires = s.retires || decision.Right.Action == "ec2:DeregisterImage"
	}
	for _, decision := range f.KeeperFence.Value {
		if f.Deployment.retires() && !s.retires && decision.Why == "" && decision.Right.ofVariable() {
			s.literal = true
		}
	}
	return s
}

// doubt says why a denial of the simulation may be none; "" where it is one.
func (s simulated) doubt(d Decision) string {
	missing := s.missing(d)
	switch {
	case len(missing) > 0:
		return "policies of the role hang on " + few(missing) + ", which it was not told"
	case d.Why != ByNone:
		return ""
	case d.Right.hangsOnTags() && !s.tags:
		return "it allows nothing that hangs on the tags of an AMI"
	case s.literal && d.Right.Context[completeOf] != nil:
		return "it does not know what the variable in the condition means"
	}
	return ""
}

// misled tells whether the simulation may allow a call only since it does not know what it hangs on.
func (s simulated) misled(r Right) bool {
	return s.literal && r.ofVariable() || !s.tags && r.hangsOnTags()
}

// missing are the keys that the simulation was not told and that are not those of this project's own policies: of those it is told
// the ones that matter.
func (s simulated) missing(d Decision) []string {
	return slices.DeleteFunc(slices.Clone(d.Missing), func(key string) bool { return s.known[strings.ToLower(key)] })
}

func (r Right) hangsOnTags() bool { return r.Context[stackOf] != nil }

// ofVariable tells whether the call is on an AMI whose tag has the very characters of the condition's variable.
func (r Right) ofVariable() bool { return slices.Equal(r.Context[completeOf], []string{variable}) }

// names names the calls, each once.
func names(decisions []Decision) string {
	var calls []string
	for _, decision := range decisions {
		calls = append(calls, decision.Right.String())
	}
	return few(slices.Compact(calls))
}
