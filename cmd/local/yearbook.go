package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/template"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/price"
	"appstream-ami-exporter/internal/tags"
)

// month is what a month of a year has come to.
type month struct {
	of                        time.Time
	exported, copied, retired int // in it
	kept, abroad, inBin       int // at its end: registered at home and in the other Region, and in Recycle Bin
	gib, all                  int // of their volumes at its end, and of all that ever was
	documents                 map[notify.Type]int
}

// closeMonth counts what there is at the end of a month.
func (y *played) closeMonth(last time.Time) error {
	m := month{of: last, documents: map[notify.Type]int{}}
	within := func(t time.Time) bool { return t.Year() == last.Year() && t.Month() == last.Month() }
	for _, region := range []string{template.Region, copyRegion} {
		for _, image := range y.account.Regional.EC2.Images(region) {
			if image.Tags[tags.Stack] == "" || image.State == ec2.Failed {
				continue
			}
			size := 0
			for _, volume := range image.Volumes {
				size += volume.SizeGiB
			}
			m.all += size
			switch {
			case image.State != ec2.Deregistered && region == template.Region:
				m.kept++
				m.gib += size
			case image.State != ec2.Deregistered:
				m.abroad++
				m.gib += size
			case y.account.Regional.EC2.BringBackable(region, image.ID):
				m.inBin++
				m.gib += size
			}
			switch {
			case !within(image.Created):
			case region == template.Region:
				m.exported++
			default:
				m.copied++
			}
			if within(image.Deregistered) {
				m.retired++
			}
		}
	}
	delivered, err := y.account.Queues.Deliveries(y.account.Inbox)
	if err != nil {
		return err
	}
	for _, d := range delivered {
		var document notify.Document
		if err := json.Unmarshal([]byte(d.Message), &document); err != nil {
			return fmt.Errorf("a notification is not JSON: %w", err)
		}
		m.documents[document.Type]++
	}
	y.months = append(y.months, m)
	return nil
}

// show writes the year for people.
func (y *played) show(w io.Writer, took time.Duration) {
	say := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	say("A year of nights with the keeper\n")
	say("win2022-base is exported every night, and has a new version each month; each AMI has 200 GiB.")
	for _, name := range slices.Sorted(maps.Keys(yearParameters)) {
		say("  %-19s %s", name, yearParameters[name])
	}
	say("\n%-9s%8s%8s%9s   |%9s%14s%8s   |%10s%14s", "", "exported", "copied", "retired", "at home", "in "+copyRegion, "in bin", "a month",
		"were all kept")
	sum, bill, whole := month{documents: map[notify.Type]int{}}, 0.0, 0.0
	for _, m := range y.months {
		cost, all := float64(m.gib)*price.SnapshotGiB, float64(m.all)*price.SnapshotGiB
		say("%-9s%8d%8d%9d   |%9d%14d%8d   |%10s%14s", m.of.Format("2006-01"), m.exported, m.copied, m.retired, m.kept, m.abroad, m.inBin,
			dollars(cost), dollars(all))
		sum.exported, sum.copied, sum.retired = sum.exported+m.exported, sum.copied+m.copied, sum.retired+m.retired
		bill, whole = bill+cost, whole+all
		for kind, count := range m.documents {
			sum.documents[kind] += count
		}
	}
	say("%-9s%8d%8d%9d   |%31s   |%10s%14s\n", "in all", sum.exported, sum.copied, sum.retired, "", dollars(bill), dollars(whole))
	say("Retired is in both Regions; what there is was counted at the end of the month. Costs are those of full snapshots at $%.2f for a\n"+
		"GiB and month, which real ones stay below, with the copies and what is in Recycle Bin.\n", price.SnapshotGiB)
	say("What happened besides:")
	for _, l := range y.lives {
		say("  %s  %s", l.day.Format(time.DateOnly), l.what)
	}
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(sum.documents)) {
		kinds = append(kinds, fmt.Sprintf("%d %s", sum.documents[kind], kind))
	}
	say("\nNotifications: %s.", strings.Join(kinds, ", "))
	say("The compiled keeper made %d passes in %.1f s, behind Lambda's Runtime API and held to its role; only its clock was played.",
		y.passes, took.Seconds())
}

func dollars(amount float64) string { return fmt.Sprintf("$%.0f", amount) }

// check tells what is not as it must be at the end of the year.
func (y *played) check() error {
	var problems []error
	must := func(so bool, format string, args ...any) {
		if !so {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	for _, region := range []string{template.Region, copyRegion} {
		var newest ec2.Image
		kept := 0
		for _, image := range y.account.Regional.EC2.Images(region) {
			if image.Tags[tags.Stack] == "" {
				must(image.State != ec2.Deregistered, "%s in %s, which is not the stack's, is deregistered", image.Name, region)
				continue
			}
			must(image.State == ec2.Available || region != template.Region || !slices.Contains(y.stay, image.Name), "%s is %s", image.Name,
				image.State)
			if image.State == ec2.Available {
				kept++
				newest = image // they are in the order in which they were made
			}
		}
		pointer := y.account.Regional.SSM.Parameters(region)[pointerPath+"/base"].Value
		must(kept >= 3, "of base in %s only %d AMIs are left", region, kept)
		must(pointer == newest.ID, "%s/base in %s names %s, not %s", pointerPath, region, pointer, newest.ID)
	}
	last := y.months[len(y.months)-1]
	must(last.gib < last.all*3/4, "of %d GiB %d are left", last.all, last.gib)
	return errors.Join(problems...)
}
