package main

import (
	"time"

	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/template"
	"appstream-ami-exporter/internal/tags"
)

// What the keeper is told besides its rules: enough to see all that it does.
const (
	families    = "base=win2022-base-*,office=win2025-office-*"
	copyRegion  = "us-east-1"
	pointerPath = "/appstream-amis"
)

// launchTemplate uses an AMI.
const launchTemplate = "arn:aws:ec2:" + template.Region + ":" + template.AccountID + ":launch-template/lt-0d1e2f3a4b5c6d7e8"

// keeperParameters are those of the template that ask for a keeper, if the scene has one.
func (s scene) keeperParameters() map[string]string {
	if s.keep == "" {
		return nil
	}
	return map[string]string{
		"Keep": s.keep, "KeepMode": s.keepMode, "Families": families, "CopyRegions": copyRegion, "LatestAmiParameter": pointerPath,
	}
}

// pastAMI is an AMI that the stack exported some days ago, of an image that was made a day before.
func pastAMI(image string, days int) ec2.Image {
	at := time.Now().AddDate(0, 0, -days).UTC().Truncate(time.Hour)
	created := at.AddDate(0, 0, -1)
	name := image + "-" + created.Format("20060102T150405Z")
	return ec2.Image{Region: template.Region, Name: name, Created: at, Tags: map[string]string{
		tags.Stack:        "appstream-ami-exporter@" + template.Region,
		tags.AMIName:      tags.Marker(name),
		tags.ImageARN:     "arn:aws:appstream:" + template.Region + ":" + template.AccountID + ":image/" + image,
		tags.ImageCreated: created.Format(time.RFC3339),
		tags.ExportedAt:   at.Format(time.RFC3339),
	}}
}

// furnishAMIs puts into EC2 what a year of exports has left, and what else an account has: an AMI in use, one that a person keeps, one
// that cannot be imported, one of which nobody can say whether it is whole, and one that is not the stack's.
func furnishAMIs(amis *ec2.EC2) {
	put := func(image ec2.Image) string {
		id := amis.PutImage(image)
		amis.EditImage(image.Region, id, func(i *ec2.Image) { i.Tags[tags.Complete] = id })
		return id
	}
	for version, days := range map[string]int{"1": 330, "2": 240, "3": 150, "5": 35} {
		put(pastAMI("win2022-base-"+version, days))
	}
	used := put(pastAMI("win2022-base-4", 90))
	amis.SetReferences(template.Region, used, ec2.Reference{
		Type: "ec2:LaunchTemplate", ARN: launchTemplate,
	})
	kept := pastAMI("win2025-office-9", 120)
	kept.Tags[tags.Keep] = "auditors"
	put(kept)
	encrypted := pastAMI("win2025-office-10", 60)
	encrypted.Volumes = []ec2.Volume{{Device: "/dev/sda1", SizeGiB: 200, Type: "gp3", Encrypted: true}}
	put(encrypted)
	put(pastAMI("win2025-office-11", 20))
	amis.PutImage(pastAMI("win2022-erp-1", 400))
	amis.PutImage(ec2.Image{Region: template.Region, Name: "golden-web", Created: time.Now().AddDate(0, -2, 0),
		Tags: map[string]string{"Name": "golden-web"}})
}
