package ec2

import (
	"slices"
	"time"
)

type deregisterImageAnswer struct {
	head
	Return    bool                 `xml:"return"`
	Snapshots []deletedSnapshotXML `xml:"deleteSnapshotResultSet>item"`
}

type deletedSnapshotXML struct {
	SnapshotID string `xml:"snapshotId"`
	ReturnCode string `xml:"returnCode"`
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeregisterImage.html
func (r *region) deregisterImage(now time.Time, q *query) (answer, error) {
	id, snapshots, dryRun := q.text("ImageId"), q.boolean("DeleteAssociatedSnapshots"), q.boolean("DryRun")
	if err := q.done(); err != nil {
		return nil, err
	}
	image, err := r.mayChange("ec2:DeregisterImage", id, dryRun)
	if err != nil {
		return nil, err
	}
	switch {
	case image.Protection != "disabled":
		return nil, refuse("OperationNotPermitted", "The image %s is protected from deregistration", id)
	case image.BackupManaged:
		return nil, refuse("InvalidParameterValue", "The image %s is managed by the AWS Backup service", id)
	}
	image.Deregistered = now
	r.ec2.options.Gone(image.at(now), true)
	if kept := r.ec2.options.Retention(r.name, "EC2_IMAGE", image.Tags); kept > 0 {
		image.binUntil = now.Add(kept)
	}
	told := &deregisterImageAnswer{Return: true}
	if snapshots {
		for _, v := range image.Volumes {
			told.Snapshots = append(told.Snapshots, deletedSnapshotXML{v.SnapshotID, r.deleteSnapshot(now, v.SnapshotID)})
		}
	}
	return told, nil
}

// deleteSnapshot deletes a snapshot of an AMI that is gone, and returns what DeregisterImage tells of it.
func (r *region) deleteSnapshot(now time.Time, id string) string {
	s := r.snapshots[id]
	switch {
	case s == nil || !s.Deleted.IsZero():
		return "client-error"
	case slices.ContainsFunc(r.images, func(i *Image) bool {
		return i.Deregistered.IsZero() && slices.ContainsFunc(i.Volumes, func(v Volume) bool { return v.SnapshotID == id })
	}):
		return "skipped"
	case r.authorize(false, r.asked("ec2:DeleteSnapshot", r.snapshotARN(id), snapshotKeys(s))) != nil:
		return "missing-permissions"
	case s.DeleteCode != "":
		return s.DeleteCode
	}
	s.Deleted = now
	if kept := r.ec2.options.Retention(r.name, "EBS_SNAPSHOT", s.Tags); kept > 0 {
		s.binUntil = now.Add(kept)
	}
	return "success"
}
