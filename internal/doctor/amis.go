package doctor

import "strings"

func amiChecks() []Check {
	const group = "The AMIs"
	return []Check{
		{
			"EBS encryption", group, "Whether the account encrypts EBS volumes by default: then AMIs are encrypted, and AppStream cannot " +
				"import them again; and whether the export role may use the key.",
			"To bring images back by import, export in an account and Region without encryption by default. To keep it, let the export role " +
				"use the key.", lookAtEBS,
		},
		{
			"AMI quota", group, "How many AMIs the account has in this Region, and how many it may have.",
			"Deregister AMIs that nobody needs, or raise the quota \"AMIs\" of EC2 in Service Quotas.", lookAtQuota,
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
		return fail("%s, which does not exist: every export fails",
			seen).do("Choose another default key in EC2's settings, or switch encryption by default off.")
	case key.State != "Enabled":
		return fail("%s, which is %s: every export fails", seen, key.State).do("Enable the key, or choose another default key in EC2's settings.")
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
