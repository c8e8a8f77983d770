package keep

import "slices"

// point plans what the pointers of a Region name: of each family the newest, and never an older one than before.
func (p *planner) point(region planned) {
	if p.PointerPrefix == "" {
		return
	}
	region.plan.families(func(family Family, decisions []*Decision) {
		at := slices.IndexFunc(decisions, (*Decision).usable)
		if at < 0 {
			return
		}
		target, name := decisions[at], p.pointer(family)
		pointer, read := region.facts.Pointers[name]
		switch {
		case !read:
		case pointer.Value == target.AMI.ID && pointer.Stack == p.Stack:
			region.plan.forget(toldForeignPointer, decisions)
			region.plan.forget(toldNoPointer, decisions)
		case !pointer.Exists:
			region.plan.Pointers = append(region.plan.Pointers, PointerOrder{Name: name, Target: target, Create: true})
		case pointer.Stack != p.Stack || pointer.DataType != PointerDataType || pointer.Value != pointer.Written:
			region.plan.tell(News{kind: newsForeignPointer, word: toldForeignPointer, Decisions: []*Decision{target}}, decisions)
		case p.mayMove(region, pointer.Value, target):
			region.plan.Pointers = append(region.plan.Pointers, PointerOrder{Name: name, Target: target})
		}
	})
}

// mayMove tells whether the target is newer than what the pointer names now. An AMI that is gone is no bound; one of which it is
// not known how old it is is.
func (p *planner) mayMove(region planned, currentID string, target *Decision) bool {
	for _, current := range region.plan.Decisions {
		if current.AMI.ID == currentID {
			return current.known && newestFirst(target, current) < 0
		}
	}
	return true
}
