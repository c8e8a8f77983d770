package ec2

import "time"

// maxDeprecation is how far away a deprecation may be, for an AMI that is not public.
const maxDeprecation = 10 * 365 * 24 * time.Hour

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EnableImageDeprecation.html
func (r *region) enableImageDeprecation(now time.Time, q *query) (answer, error) {
	id, at, dryRun := q.text("ImageId"), q.moment("DeprecateAt"), q.boolean("DryRun")
	if err := q.done(); err != nil {
		return nil, err
	}
	image, err := r.mayChange("ec2:EnableImageDeprecation", id, dryRun)
	if err != nil {
		return nil, err
	}
	if !at.After(now) || at.After(now.Add(maxDeprecation)) {
		return nil, refuse("InvalidParameterValue", "The deprecation time %s must be in the next 10 years", showTime(at))
	}
	image.DeprecationTime = at.Round(time.Minute) // "rounds the seconds to the nearest minute"
	return &succeeded{Return: true}, nil
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisableImageDeprecation.html
func (r *region) disableImageDeprecation(_ time.Time, q *query) (answer, error) {
	id, dryRun := q.text("ImageId"), q.boolean("DryRun")
	if err := q.done(); err != nil {
		return nil, err
	}
	image, err := r.mayChange("ec2:DisableImageDeprecation", id, dryRun)
	if err != nil {
		return nil, err
	}
	image.DeprecationTime = time.Time{}
	return &succeeded{Return: true}, nil
}

// disableImage takes all launch permissions away for good.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisableImage.html
func (r *region) disableImage(now time.Time, q *query) (answer, error) {
	id, dryRun := q.text("ImageId"), q.boolean("DryRun")
	if err := q.done(); err != nil {
		return nil, err
	}
	image, err := r.mayChange("ec2:DisableImage", id, dryRun)
	if err != nil {
		return nil, err
	}
	if state := image.stateAt(now); state != Available {
		return nil, refuse("InvalidAMIID.Unavailable", "The image ID '%s' is %s", id, state)
	}
	image.Disabled, image.Permissions = true, nil
	return &succeeded{Return: true}, nil
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EnableImage.html
func (r *region) enableImage(_ time.Time, q *query) (answer, error) {
	id, dryRun := q.text("ImageId"), q.boolean("DryRun")
	if err := q.done(); err != nil {
		return nil, err
	}
	image, err := r.mayChange("ec2:EnableImage", id, dryRun)
	if err != nil {
		return nil, err
	}
	image.Disabled = false
	return &succeeded{Return: true}, nil
}

// mayChange finds an AMI that the caller may change with an action.
func (r *region) mayChange(action, id string, dryRun bool) (*Image, error) {
	image, err := r.ownImage(id)
	if err != nil {
		return nil, err
	}
	if err := r.authorize(dryRun, r.asked(action, r.imageARN(id), imageKeys(image))); err != nil {
		return nil, err
	}
	if image.Owner != r.ec2.options.Account {
		return nil, refuse("AuthFailure", "Not authorized for image:%s", id)
	}
	return image, nil
}
