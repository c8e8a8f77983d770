package keep

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"appstream-ami-exporter/internal/tags"
)

// observe reads what the Regions show, and for AMIs that are not yet known to be finished exports what AppStream does. What cannot
// be read is noted in the facts.
func (k *Keeper) observe(ctx context.Context) Facts {
	f := Facts{Now: k.Now(), Proved: map[string]bool{}}
	for _, name := range append([]string{k.Config.Home}, k.Config.CopyRegions...) {
		region := RegionFacts{Region: name}
		var err error
		if region.Listing, err = k.Regions[name].AMIs(ctx, k.Config.Stack); err != nil {
			region.Unlisted = true
			region.unread("its AMIs", err)
		}
		f.Regions = append(f.Regions, region)
	}
	k.proveExports(ctx, &f)
	return f
}

func (r *RegionFacts) unread(what string, err error) {
	r.Unread = append(r.Unread, fmt.Sprintf("%s could not be read: %v", what, err))
}

// proveExports finds out which AMIs at home are finished exports: those of which a COMPLETED task or the mark on their image names
// the id.
func (k *Keeper) proveExports(ctx context.Context, f *Facts) {
	home := &f.Regions[0]
	if home.Unlisted {
		return
	}
	p := newPlanner(k.Config, *f)
	var exports []*Decision
	for _, ami := range home.AMIs {
		if !unproved(ami) {
			continue
		}
		if d := p.recognize(home.Region, ami); d.known {
			exports = append(exports, d)
		}
	}
	if len(exports) == 0 {
		return
	}
	tasks, err := k.AppStream.Tasks(ctx)
	if err != nil {
		home.unread("AppStream's export tasks", err)
		return
	}
	completed := map[string]bool{}
	for _, task := range tasks {
		if task.State == TaskCompleted && task.AMIID != "" {
			completed[task.AMIID] = true
		}
	}
	marked := map[string]string{} // by the ARN of the image
	for _, d := range exports {
		if completed[d.AMI.ID] {
			f.Proved[d.AMI.ID] = true
			continue
		}
		if _, read := marked[d.ImageARN]; !read {
			imageTags, err := k.AppStream.ImageTags(ctx, d.ImageARN)
			if err != nil {
				home.unread("the tags of the image "+d.ImageName, err)
				return
			}
			marked[d.ImageARN] = imageTags[tags.AMIID]
		}
		if marked[d.ImageARN] == d.AMI.ID {
			f.Proved[d.AMI.ID] = true
		}
	}
}

// mostLookedAt is how many candidates of a Region one pass looks at closely: some calls each, at the 20 in a second that EC2
// allows, fit into the function's timeout with the rest of the pass. The others are left until those are gone.
const mostLookedAt = 2000

// lookClosely reads what has to be known for a plan: of candidates whether they are in use, the pointers, and whether anybody
// hears and a retirement could be undone.
func (k *Keeper) lookClosely(ctx context.Context, f *Facts) {
	_, plan := decideFates(k.Config, *f)
	candidates := plan.Candidates()
	for i := range f.Regions {
		region := &f.Regions[i]
		if region.Unlisted {
			continue
		}
		k.readPointers(ctx, region, plan.Regions[i])
		if len(region.Unread) > 0 {
			continue
		}
		looked := candidates[region.Region]
		k.readGuards(ctx, region, looked[:min(len(looked), mostLookedAt)])
		if k.Config.On && k.Config.UndoDays > 0 && len(looked) > 0 {
			var err error
			if region.Undo, err = k.Regions[region.Region].UndoRules(ctx, k.Config.Stack); err != nil {
				region.unread("the rules of the Recycle Bin", err)
			}
		}
	}
	if k.Config.On && k.Config.OwnTopic && len(candidates) > 0 {
		subscriptions, err := k.Topic.Subscriptions(ctx)
		f.Heard = subscriptions > 0
		for i := range f.Regions {
			if err != nil {
				f.Regions[i].unread("who has subscribed to the topic", err)
			}
		}
	}
}

// readPointers reads the pointers of the families that the Region has.
func (k *Keeper) readPointers(ctx context.Context, region *RegionFacts, plan *RegionPlan) {
	if k.Config.PointerPrefix == "" {
		return
	}
	region.Pointers = map[string]Pointer{}
	plan.families(func(family Family, _ []*Decision) {
		name := k.Config.pointer(family)
		if _, read := region.Pointers[name]; read {
			return
		}
		pointer, err := k.Regions[region.Region].Pointer(ctx, name)
		if err != nil {
			region.unread("the parameter "+name, err)
			return
		}
		region.Pointers[name] = pointer
	})
}

// readGuards reads of each AMI whether it is in use. It stops at the first failure, since nothing is retired then.
func (k *Keeper) readGuards(ctx context.Context, region *RegionFacts, amis []AMI) {
	region.Guards = map[string]Guard{}
	reader := k.Regions[region.Region]
	for some := range slices.Chunk(amis, referencesAtOnce) {
		guards, err := readGuards(ctx, reader, some)
		if err != nil {
			region.unread("whether an AMI is in use", err)
			return
		}
		maps.Copy(region.Guards, guards)
	}
}

// referencesAtOnce is how many AMIs DescribeImageReferences takes.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImageReferences.html
const referencesAtOnce = 10

func readGuards(ctx context.Context, reader Reader, amis []AMI) (map[string]Guard, error) {
	var ids, snapshots []string
	for _, ami := range amis {
		ids = append(ids, ami.ID)
		snapshots = append(snapshots, ami.SnapshotIDs()...)
	}
	references, err := reader.References(ctx, ids)
	if err != nil {
		return nil, err
	}
	tagged := map[string]map[string]string{}
	if len(snapshots) > 0 {
		if tagged, err = reader.SnapshotTags(ctx, snapshots); err != nil {
			return nil, err
		}
	}
	guards := map[string]Guard{}
	for _, ami := range amis {
		guard := Guard{References: references[ami.ID], SnapshotTags: map[string]map[string]string{}}
		for _, id := range ami.SnapshotIDs() {
			if snapshot, seen := tagged[id]; seen {
				guard.SnapshotTags[id] = snapshot
			}
		}
		if guard.SharedWith, err = reader.SharedWith(ctx, ami); err != nil {
			return nil, err
		}
		guards[ami.ID] = guard
	}
	return guards, nil
}
