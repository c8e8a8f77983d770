package doctor

import (
	"fmt"
	"strings"
	"time"
)

func stackChecks() []Check {
	const group = "The stack"
	return []Check{
		{
			"stack", group, "The state of the CloudFormation stack.",
			"Look at the stack's events in the CloudFormation console, remove the cause and deploy again.", lookAtStack,
		},
		{
			"version", group, "Which version of the function runs: what it logged when it last started.",
			"Invoke the function once, for example with `make plan`, and ask again.", lookAtVersion,
		},
		{
			"function", group, "The state of the Lambda function and of its last update.",
			"Remove the cause that Lambda names and deploy again; if the function stays so, delete the stack and deploy it anew: images, " +
				"AMIs " +
				"and marks stay.", lookAtFunction,
		},
		{
			"recursion", group, "Lambda's detection of recursive loops must be off for this function: long requests go through its own " +
				"queue " +
				"more often than that allows.",
			"Set it back: `aws lambda put-function-recursion-config --function-name <name> --recursive-loop Allow`.", lookAtRecursion,
		},
		{
			"concurrency", group, "How many invocations at once are left for the function: two for the work queue and one for triggers.",
			"Raise the quota \"Concurrent executions\" of Lambda in Service Quotas, or set `ReservedConcurrency`.", lookAtConcurrency,
		},
	}
}

func lookAtStack(f Facts) Finding {
	d := f.Deployment
	since := d.Created
	if !d.Updated.IsZero() {
		since = d.Updated
	}
	seen := d.Status + " since " + stamp(since)
	if d.Reason != "" {
		seen += ": " + d.Reason
	}
	switch {
	case d.Status == "CREATE_COMPLETE", d.Status == "UPDATE_COMPLETE", d.Status == "IMPORT_COMPLETE":
		return ok("%s", seen)
	case d.Status == "UPDATE_ROLLBACK_COMPLETE":
		return warn("%s", seen).
			do("The last update failed and the version before it runs. Look at the stack's events for the reason and deploy again.")
	case strings.Contains(d.Status, "ROLLBACK"), strings.HasSuffix(d.Status, "_FAILED"), strings.HasPrefix(d.Status, "DELETE"):
		return fail("%s", seen)
	case strings.HasSuffix(d.Status, "_IN_PROGRESS"):
		return warn("%s", seen).do("Wait until the deployment has ended, and ask again.")
	}
	return warn("%s", seen)
}

func lookAtVersion(f Facts) Finding {
	if unknown := f.Version.unknown(); unknown != nil {
		return *unknown
	}
	if !f.Version.There() {
		return warn("the log has no start of the function in the last %s", days(f.Searched))
	}
	return ok("%s", f.Version.Value)
}

func lookAtFunction(f Facts) Finding {
	return lookAtFunctionState(f.Function, f.Deployment.Outputs["FunctionName"])
}

func lookAtFunctionState(answer Answer[Function], name string) Finding {
	if unknown := answer.unknown(); unknown != nil {
		return *unknown
	}
	if !answer.There() {
		return fail("the function %s is gone", name).do(deleted)
	}
	fn := answer.Value
	seen := fmt.Sprintf("%s, last update %s at %s", fn.State, fn.Update, stamp(fn.Modified))
	if reason := strings.TrimSpace(fn.StateReason + " " + fn.UpdateReason); reason != "" {
		seen += ": " + reason
	}
	switch {
	case fn.State == "Failed" || fn.Update == "Failed":
		return fail("%s", seen)
	case fn.State == "Pending" || fn.Update == "InProgress":
		return warn("%s", seen).do("Wait a minute, and ask again.")
	}
	return ok("%s", seen)
}

func lookAtRecursion(f Facts) Finding {
	if unknown := f.Recursion.unknown(); unknown != nil {
		return *unknown
	}
	if f.Recursion.Value != "Allow" {
		return fail("RecursiveLoop is %s: Lambda stops a long request after about 16 rounds through the work queue", f.Recursion.Value)
	}
	return ok("RecursiveLoop is Allow")
}

// enough is how many invocations at once the function can need: two batches of the work queue and a trigger.
const enough = 3

func lookAtConcurrency(f Facts) Finding {
	if unknown := f.Reserved.unknown(); unknown != nil {
		return *unknown
	}
	account := ""
	if f.Concurrency.There() {
		account = fmt.Sprintf(" of the account's %d", f.Concurrency.Value.Limit)
	}
	if f.Reserved.There() {
		switch reserved := f.Reserved.Value; {
		case reserved == 0:
			return fail("0%s are reserved: the function never runs", account).
				do("Somebody has switched the function off: remove the reservation in the Lambda console.")
		case reserved < enough:
			return warn("%d%s reserved, and it can need %d at once", reserved, account, enough)
		default:
			return ok("%d%s reserved", reserved, account)
		}
	}
	if unknown := f.Concurrency.unknown(); unknown != nil {
		return *unknown
	}
	limit, left := f.Concurrency.Value.Limit, f.Concurrency.Value.Unreserved
	switch {
	case left < enough:
		return fail("%d of the account's %d are unreserved, and the function can need %d at once", left, limit, enough)
	case left <= 10: // the quota of a new account, which all its functions share
		return warn("none reserved; the account's functions share %d of %d", left, limit).
			do("It works as long as no other function takes them. Raise the quota \"Concurrent executions\" of Lambda in Service Quotas.")
	}
	return ok("none reserved; the account's functions share %d of %d", left, limit)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }

func days(d time.Duration) string { return things(int(d.Hours()/24), "day") }

// ago writes how long ago something was: 25s, 41m, 3h12m, 4d.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(max(0, d).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
