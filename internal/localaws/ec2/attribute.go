package ec2

import (
	"slices"
	"time"
)

type describeImageAttributeAnswer struct {
	head
	ImageID     string          `xml:"imageId"`
	Permissions []permissionXML `xml:"launchPermission>item"`
	Description *valueXML       `xml:"description"`
	Launched    *valueXML       `xml:"lastLaunchedTime"`
	Protection  *valueXML       `xml:"deregistrationProtection"`
}

type permissionXML struct {
	UserID                string `xml:"userId,omitempty"`
	Group                 string `xml:"group,omitempty"`
	OrganizationARN       string `xml:"organizationArn,omitempty"`
	OrganizationalUnitARN string `xml:"organizationalUnitArn,omitempty"`
}

type valueXML struct {
	Value string `xml:"value,omitempty"`
}

func showPermissions(permissions []Permission) []permissionXML {
	var shown []permissionXML
	for _, p := range permissions {
		shown = append(shown, permissionXML(p))
	}
	return shown
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImageAttribute.html
func (r *region) describeImageAttribute(now time.Time, q *query) (answer, error) {
	id, attribute, dryRun := q.text("ImageId"), q.text("Attribute"), q.boolean("DryRun")
	if err := q.done(); err != nil {
		return nil, err
	}
	image, err := r.ownImage(id)
	if err != nil {
		return nil, err
	}
	if err := r.authorize(dryRun, r.asked("ec2:DescribeImageAttribute", r.imageARN(id), imageKeys(image))); err != nil {
		return nil, err
	}
	if image.Owner != r.ec2.options.Account {
		return nil, refuse("AuthFailure", "Not authorized for image:%s", id)
	}
	shown := &describeImageAttributeAnswer{ImageID: id}
	switch attribute {
	case "launchPermission":
		shown.Permissions = showPermissions(image.Permissions)
	case "description":
		shown.Description = &valueXML{image.Description}
	case "lastLaunchedTime":
		shown.Launched = &valueXML{showTime(image.shownLaunch(now))}
	case "deregistrationProtection":
		shown.Protection = &valueXML{image.Protection}
	default:
		return nil, refuse("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. Unknown image attribute.", attribute)
	}
	return shown, nil
}

// changedPermissions reads what is added to a list of permissions, and what is taken from it.
func changedPermissions(q *query, name string, now []Permission) []Permission {
	read := func(name string) []Permission {
		var permissions []Permission
		for _, prefix := range q.items(name) {
			permissions = append(permissions, Permission{
				UserID: q.text(prefix + ".UserId"), Group: q.text(prefix + ".Group"),
				OrganizationARN: q.text(prefix + ".OrganizationArn"), OrganizationalUnitARN: q.text(prefix + ".OrganizationalUnitArn"),
			})
		}
		return permissions
	}
	add, remove := read(name+".Add"), read(name+".Remove")
	after := slices.DeleteFunc(slices.Clone(now), func(p Permission) bool { return slices.Contains(remove, p) })
	for _, p := range add {
		if !slices.Contains(after, p) {
			after = append(after, p)
		}
	}
	return after
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyImageAttribute.html
func (r *region) modifyImageAttribute(now time.Time, q *query) (answer, error) {
	id, dryRun := q.text("ImageId"), q.boolean("DryRun")
	image, err := r.ownImage(id)
	if err != nil {
		return nil, err
	}
	permissions := changedPermissions(q, "LaunchPermission", image.Permissions)
	if err := q.done(); err != nil {
		return nil, err
	}
	if err := r.authorize(dryRun, r.asked("ec2:ModifyImageAttribute", r.imageARN(id), imageKeys(image))); err != nil {
		return nil, err
	}
	if image.stateAt(now) != Available {
		return nil, refuse("InvalidAMIID.Unavailable", "The image ID '%s' is not available", id)
	}
	image.Permissions = permissions
	return &succeeded{Return: true}, nil
}

type describeSnapshotAttributeAnswer struct {
	head
	SnapshotID  string          `xml:"snapshotId"`
	Permissions []permissionXML `xml:"createVolumePermission>item"`
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshotAttribute.html
func (r *region) describeSnapshotAttribute(_ time.Time, q *query) (answer, error) {
	id, attribute, dryRun := q.text("SnapshotId"), q.text("Attribute"), q.boolean("DryRun")
	if err := q.done(); err != nil {
		return nil, err
	}
	s, err := r.snapshot(id)
	if err != nil {
		return nil, err
	}
	if err := r.authorize(dryRun, r.asked("ec2:DescribeSnapshotAttribute", r.snapshotARN(id), snapshotKeys(s))); err != nil {
		return nil, err
	}
	if attribute != "createVolumePermission" {
		return nil, refuse("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. Unknown snapshot attribute.", attribute)
	}
	return &describeSnapshotAttributeAnswer{SnapshotID: id, Permissions: showPermissions(s.Permissions)}, nil
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySnapshotAttribute.html
func (r *region) modifySnapshotAttribute(_ time.Time, q *query) (answer, error) {
	id, dryRun := q.text("SnapshotId"), q.boolean("DryRun")
	s, err := r.snapshot(id)
	if err != nil {
		return nil, err
	}
	permissions := changedPermissions(q, "CreateVolumePermission", s.Permissions)
	if err := q.done(); err != nil {
		return nil, err
	}
	if err := r.authorize(dryRun, r.asked("ec2:ModifySnapshotAttribute", r.snapshotARN(id), snapshotKeys(s))); err != nil {
		return nil, err
	}
	s.Permissions = permissions
	return &succeeded{Return: true}, nil
}
