package doctor

import (
	"fmt"
	"strings"
)

func imageChecks() []Check {
	const group = "The images"
	return []Check{
		{
			"AppStream", group, "AppStream is there in the stack's Region and answers.",
			"Deploy the stack in a Region of AppStream: an image is exported in its own Region only.", lookAtAppStream,
		},
		{
			"dry run", group, "What a run would do now: the function itself reads AppStream and makes its plan, and starts nothing.",
			"The sentence is the function's own; the lines on roles and rights below mostly say why.", lookAtPlan,
		},
	}
}

func lookAtAppStream(f Facts) Finding {
	if unknown := f.Tasks.unknown(); unknown != nil {
		if f.Plan.There() && f.Plan.Value.Trouble == "" {
			return ok("answers the function in %s (not asked directly: %s)", f.Deployment.Region, unknown.Seen)
		}
		return *unknown
	}
	if !f.Tasks.There() {
		return fail("AppStream has no endpoint in %s", f.Deployment.Region)
	}
	return ok("answers in %s; it remembers %s, %d running", f.Deployment.Region, things(f.Tasks.Value.Total, "export task"),
		f.Tasks.Value.Running)
}

func lookAtPlan(f Facts) Finding {
	if unknown := f.Plan.unknown(); unknown != nil {
		return *unknown
	}
	p := f.Plan.Value
	if p.Trouble != "" {
		return fail("%s", p.Trouble)
	}
	selected := len(p.Export) + len(p.Wait) + p.Exported + p.Running + len(p.Unfit) + len(p.GivenUp)
	seen := []string{things(selected, "image") + " selected"}
	add := func(n int, format string, args ...any) {
		if n > 0 {
			seen = append(seen, fmt.Sprintf("%d ", n)+fmt.Sprintf(format, args...))
		}
	}
	add(len(p.Export), "to be exported by the next run")
	add(len(p.Wait), "waiting (%s)", tally(p.Wait))
	add(p.Running, "being exported")
	add(p.Exported, "exported")
	add(len(p.Unfit), "that cannot be exported (%s)", tally(p.Unfit))
	add(len(p.GivenUp), "that failed too often (%s)", few(p.GivenUp))
	add(p.Others, "not selected")
	add(p.More, "more that the function's log names")
	text := strings.Join(seen, ", ")
	switch {
	case selected == 0 && p.More == 0:
		return warn("%s", text).do("No image fits the parameters Images and ImageTag: `make plan` shows each image and why it is left out.")
	case len(p.GivenUp) > 0:
		return warn("%s", text).do("docs/OPERATIONS.md, section \"An export failed\"; then request each by its name: `make export " +
			"IMAGE=<its name>`.")
	case selected > 0 && selected == len(p.Unfit):
		return warn("%s", text).do("AppStream exports images of Windows Server 2022 and 2025 only, and only those that are available.")
	}
	return ok("%s", text)
}
