package doctor

import "strings"

func amiChecks() []Check {
	const group = "The AMIs"
	return []Check{
		{
			"EBS encryption", group, "Whether the account encrypts EBS volumes by default: then AMIs are encrypted, and AppStream cannot " +
				"import them again; and whether the export role may use the key.",
			"To bring images back by import, export in an account and Region without encryption by default. To keep it, let the export " +
				"role " +
				"use the key.", lookAtEBS,
		},
		{
			"AMI quota", group, "How many AMIs the account has in this Region, and how many it may have.",
			"Deregister AMIs that nobody needs, or raise the quota \"AMIs\" of EC2 in Service Quotas.", lookAtQuota,
		},
		{
			"keeper", group, "The function that retires, copies and points to AMIs, where the stack has one: its state, and its hourly " +
				"schedule.",
			"Enable its schedule in the EventBridge Scheduler console. AMIs are only kept longer than you want, until then.", lookAtKeeper,
		},
		{
			"keeper's role: rights", group, "IAM's simulation of the calls that the keeper makes with its role, on AMIs of this stack, " +
				"in each Region of CopyRegions too. It does not ask the policies of keys, and does not always know what hangs on the " +
				"tags of an AMI: then this says so.",
			"If somebody has changed the role, undo that: CloudFormation's drift detection shows it. A boundary or an organization's " +
				"policy must allow the action as well, in each Region of CopyRegions.", lookAtKeeperRights,
		},
		{
			"keeper's role: fence", group, "IAM's simulation of what the keeper's role must not be allowed: AMIs and snapshots that are " +
				"not this stack's, copies that somebody made, other Regions, other people's tags.",
			"Somebody has given the role more rights, by a policy of its own or by attaching one: take them back. Until then set " +
				"KeepMode to PLAN.", lookAtKeeperFence,
		},
	}
}

func lookAtEBS(f Facts) Finding {
	if unknown := f.EBSEncryption.unknown(); unknown != nil {
		return *unknown
	}
	if !f.EBSEncryption.Value {
		return ok("not by default: an AMI is encrypted only if AppStream's image is")
	}
	seen := "on by default, so every AMI is encrypted and cannot be imported into AppStream again"
	if unknown := f.EBSKeyID.unknown(); unknown != nil {
		return warn("%s; with which key is not known: %s", seen, unknown.Seen)
	}
	seen += "; the key is " + f.EBSKeyID.Value
	if f.EBSKeyID.Value == "alias/aws/ebs" {
		return warn("%s, EBS's own, which every role of the account may use, but no other account", seen)
	}
	if unknown := f.EBSKey.unknown(); unknown != nil {
		return warn("%s; whether the export role may use it is not known: %s", seen, unknown.Seen)
	}
	key := f.EBSKey.Value
	switch {
	case !f.EBSKey.There():
		return fail("%s, which does not exist: every export fails", seen).
			do("Choose another default key in EC2's settings, or switch encryption by default off.")
	case key.State != "Enabled":
		return fail("%s, which is %s: every export fails", seen,
			key.State).do("Enable the key, or choose another default key in EC2's settings.")
	case key.Manager == "AWS":
		return warn("%s, EBS's own, which every role of the account may use, but no other account", seen)
	}
	if unknown := f.EBSKeyRights.unknown(); unknown != nil {
		return warn("%s; whether the export role may use it is not known: %s", seen, unknown.Seen)
	}
	var denied []string
	for _, decision := range f.EBSKeyRights.Value {
		if decision.Why != "" {
			denied = append(denied, decision.Right.Action)
		}
	}
	policy, err := parsePolicy(key.Policy.Value)
	named := err == nil && f.ExportRole.There() && policy.mentions(f.ExportRole.Value.ARN)
	switch {
	case len(denied) > 0 && named:
		return warn("%s; no policy of the export role allows %s, but the key's policy names the role", seen, strings.Join(denied, ", ")).
			do("Look whether the key's policy allows these to the export role; `make doctor EXPORT=<image>` tries it.")
	case len(denied) > 0:
		return fail("%s, and the export role may not do %s: exports fail", seen, strings.Join(denied, ", ")).
			do("Make an export role of yours that may use the key, and set ExportRoleArn to it.")
	}
	return warn("%s, which the export role may use", seen)
}

func lookAtKeeper(f Facts) Finding {
	if unknown := f.Keeper.unknown(); unknown != nil {
		return *unknown
	}
	if !f.Keeper.There() {
		return ok("the stack has none: Keep, CopyRegions and LatestAmiParameter are empty")
	}
	function, schedule := f.Keeper.Value.Function, f.Keeper.Value.Schedule
	if finding := lookAtFunctionState(function, "KeeperFunction"); finding.Verdict != OK {
		if finding.Verdict == Fail && finding.Do == "" {
			finding = finding.do("As for the line on the function.")
		}
		return finding
	}
	if unknown := schedule.unknown(); unknown != nil {
		return *unknown
	}
	switch {
	case !schedule.There():
		return fail("its schedule is gone").do(deleted)
	case schedule.Value.State != "ENABLED":
		return fail("its schedule is %s: no AMI is retired, copied or pointed to", schedule.Value.State)
	}
	parameters := f.Deployment.Parameters
	seen := "looks at the AMIs by " + schedule.Value.Expression
	switch {
	case parameters["Keep"] == "":
		return ok("%s; it retires none, as Keep is empty", seen)
	case parameters["KeepMode"] != "ON":
		return ok("%s; it only tells what it would retire, as KeepMode is %s", seen, parameters["KeepMode"])
	case parameters["TopicArn"] == "" && f.Subscriptions.There() && confirmed(f.Subscriptions.Value) == 0:
		return warn("%s; it retires none as long as nobody is subscribed to the topic", seen).do("See the line on subscriptions.")
	}
	return ok("%s; it retires what Keep=%s does not keep", seen, parameters["Keep"])
}

func lookAtQuota(f Facts) Finding {
	if unknown := f.AMIs.unknown(); unknown != nil {
		return *unknown
	}
	have := f.AMIs.Value
	if unknown := f.AMIQuota.unknown(); unknown != nil {
		unknown.Seen = things(have, "AMI") + "; the quota is not known: " + unknown.Seen
		return *unknown
	}
	quota := f.AMIQuota.Value
	switch {
	case have >= quota:
		return fail("%d AMIs of %d: exports fail", have, quota)
	case have >= quota*9/10:
		return warn("%d AMIs of %d", have, quota)
	}
	return ok("%d AMIs of %d", have, quota)
}
