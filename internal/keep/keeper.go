package keep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"appstream-ami-exporter/internal/metrics"
	"appstream-ami-exporter/internal/tags"
)

// Keeper makes passes. All fields are required.
type Keeper struct {
	Config    Config
	Regions   map[string]Region // home and those of the copies
	AppStream AppStream
	Topic     Topic
	Now       func() time.Time
	Sleep     func(context.Context, time.Duration) error
	Log       *slog.Logger
	Metrics   *metrics.Recorder
}

// New checks that a keeper has all that it needs.
func New(k Keeper) (*Keeper, error) {
	var problems []error
	missing := func(absent bool, what string) {
		if absent {
			problems = append(problems, fmt.Errorf("the keeper has no %s", what))
		}
	}
	missing(k.Config.Location == nil, "time zone")
	missing(k.Config.Stack == "", "stack")
	missing(k.AppStream == nil, "AppStream")
	missing(k.Topic == nil, "topic")
	missing(k.Now == nil || k.Sleep == nil, "clock")
	missing(k.Log == nil || k.Metrics == nil, "log")
	for _, region := range append([]string{k.Config.Home}, k.Config.CopyRegions...) {
		missing(k.Regions[region] == nil, "Region "+region)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return &k, nil
}

// Pass observes, plans and acts once. Its error holds everything that could not be done; what was planned is returned with it.
func (k *Keeper) Pass(ctx context.Context) (Plan, error) {
	p := &pass{Keeper: k, facts: k.observe(ctx)}
	p.complete(ctx)
	k.lookClosely(ctx, &p.facts)
	p.plan = MakePlan(k.Config, p.facts)
	p.report(ctx)
	p.act(ctx)
	for _, region := range p.plan.Regions {
		for _, unread := range region.Unread {
			p.errs = append(p.errs, fmt.Errorf("in %s nothing was retired in this pass: %s", region.Region, unread))
		}
	}
	return p.plan, errors.Join(p.errs...)
}

// DryRun observes and plans, and changes nothing. What a pass would find complete counts as complete.
func (k *Keeper) DryRun(ctx context.Context) Plan {
	p := &pass{Keeper: k, facts: k.observe(ctx)}
	for _, d := range Complete(k.Config, p.facts) {
		p.know(d, func(known map[string]string) { known[tags.Complete] = d.AMI.ID })
	}
	k.lookClosely(ctx, &p.facts)
	return MakePlan(k.Config, p.facts)
}

// report logs what was decided and counts it.
func (p *pass) report(ctx context.Context) {
	p.count(metrics.KeeperPasses, 1)
	unread, stopped, late := 0, 0, 0
	fates := map[Fate]int{}
	for _, region := range p.plan.Regions {
		if len(region.Unread) > 0 {
			unread++
		}
		if region.Stopped {
			stopped++
		}
		for _, d := range region.Decisions {
			fates[d.Fate]++
			late = max(late, p.late(d))
			if d.Fate == FateKeep {
				continue
			}
			p.Log.InfoContext(ctx, "decided", "ami", d.AMI.ID, "region", region.Region, "name", d.AMI.Name, "family", d.Family.Key, "fate",
				string(d.Fate), "reason", d.Reason)
		}
		for _, why := range region.Unread {
			p.Log.ErrorContext(ctx, "nothing is retired in this pass", "region", region.Region, "reason", why)
		}
	}
	p.count(metrics.AMIsKept, fates[FateKeep])
	p.count(metrics.AMIsToRetire, fates[FateRetire])
	p.count(metrics.AMIsRetiring, fates[FateRetiring]+fates[FateDue])
	p.count(metrics.AMIsLeft, fates[FateLeft])
	p.count(metrics.RegionsUnread, unread)
	p.count(metrics.RetirementsStopped, stopped)
	p.count(metrics.RetirementDaysLate, late)
}

// late is by how many days RetireAtMost puts off the retirement of an AMI beyond the grace: it grows where a family grows faster
// than it may shrink.
func (p *pass) late(d *Decision) int {
	if d.Fate != FateRetire || d.RetireAt.IsZero() {
		return 0
	}
	return max(0, int(d.RetireAt.Sub(p.facts.Now)/(24*time.Hour))-p.Config.GraceDays)
}
