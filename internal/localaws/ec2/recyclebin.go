package ec2

import (
	"slices"
	"time"
)

// inBin finds an AMI that is in Recycle Bin.
func (r *region) inBin(id string) *Image {
	now := r.ec2.options.Now()
	for _, image := range r.images {
		if image.ID == id && !image.Deregistered.IsZero() && now.Before(image.binUntil) {
			return image
		}
	}
	return nil
}

type listImagesInRecycleBinAnswer struct {
	head
	Images    []binXML `xml:"imageSet>item"`
	NextToken string   `xml:"nextToken,omitempty"`
}

type binXML struct {
	ImageID string `xml:"imageId"`
	Name    string `xml:"name"`
	Entered string `xml:"recycleBinEnterTime"`
	Leaves  string `xml:"recycleBinExitTime"`
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ListImagesInRecycleBin.html
func (r *region) listImagesInRecycleBin(_ time.Time, q *query) (answer, error) {
	ids, most, token, dryRun := q.list("ImageId"), q.number("MaxResults", 1, 1000), q.text("NextToken"), q.boolean("DryRun")
	if err := q.done(); err != nil {
		return nil, err
	}
	if err := r.authorize(dryRun, r.asked("ec2:ListImagesInRecycleBin", "*", nil)); err != nil {
		return nil, err
	}
	var found []binXML
	for _, image := range r.images {
		if r.inBin(image.ID) != nil && (len(ids) == 0 || slices.Contains(ids, image.ID)) {
			found = append(found, binXML{image.ID, image.Name, showTime(image.Deregistered), showTime(image.binUntil)})
		}
	}
	images, next, err := page(found, most, token, r.ec2.options.MaxPage)
	return &listImagesInRecycleBinAnswer{Images: images, NextToken: next}, err
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RestoreImageFromRecycleBin.html
func (r *region) restoreImageFromRecycleBin(_ time.Time, q *query) (answer, error) {
	id, dryRun := q.text("ImageId"), q.boolean("DryRun")
	if err := q.done(); err != nil {
		return nil, err
	}
	image := r.inBin(id)
	if image == nil {
		return nil, refuse("InvalidAMIID.NotFound", "The image id '[%s]' does not exist in Recycle Bin", id)
	}
	if err := r.authorize(dryRun, r.asked("ec2:RestoreImageFromRecycleBin", r.imageARN(id), imageKeys(image))); err != nil {
		return nil, err
	}
	return &succeeded{Return: true}, r.restore(image)
}

// restore takes an AMI out of Recycle Bin, with the tags, shares and deprecation it had. Its snapshots must be there first.
func (r *region) restore(image *Image) error {
	for _, v := range image.Volumes {
		if s := r.snapshots[v.SnapshotID]; s == nil || !s.Deleted.IsZero() {
			return refuse("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", v.SnapshotID)
		}
	}
	image.Deregistered, image.binUntil = time.Time{}, time.Time{}
	image.BroughtBack = r.ec2.options.Now()
	r.ec2.options.Gone(image.at(image.BroughtBack), false)
	return nil
}

type restoreSnapshotAnswer struct {
	head
	SnapshotID string `xml:"snapshotId"`
	State      string `xml:"status"`
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RestoreSnapshotFromRecycleBin.html
func (r *region) restoreSnapshotFromRecycleBin(now time.Time, q *query) (answer, error) {
	id, dryRun := q.text("SnapshotId"), q.boolean("DryRun")
	if err := q.done(); err != nil {
		return nil, err
	}
	s := r.snapshots[id]
	if s == nil || s.Deleted.IsZero() || !now.Before(s.binUntil) {
		return nil, refuse("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist in Recycle Bin.", id)
	}
	if err := r.authorize(dryRun, r.asked("ec2:RestoreSnapshotFromRecycleBin", r.snapshotARN(id), snapshotKeys(s))); err != nil {
		return nil, err
	}
	s.Deleted, s.binUntil = time.Time{}, time.Time{}
	return &restoreSnapshotAnswer{SnapshotID: id, State: "completed"}, nil
}
