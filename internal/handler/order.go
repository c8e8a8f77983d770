package handler

import (
	"cmp"
	"errors"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/tags"
	"appstream-ami-exporter/internal/trigger"
	"appstream-ami-exporter/internal/work"
)

// newOrder completes what a trigger asks for with what the stack decided. Its error names everything about the spec that
// cannot be.
func (h *Handler) newOrder(t trigger.Trigger, request work.Request, phase phase) (export.Order, error) {
	c, spec := h.config, request.Spec
	order := export.Order{
		Trigger:       t,
		Selection:     c.Selection,
		Only:          request.Only,
		Limit:         request.Limit,
		LastLook:      phase != inTime,
		Name:          c.Name,
		Description:   c.Description,
		Zone:          c.Zone,
		StackTags:     c.Tags,
		RequestTags:   spec.Tags,
		AMIName:       spec.AMIName,
		CustomAMIName: spec.CustomAMIName(),
		CopyTags:      c.CopyImageTags,
		DryRun:        spec.DryRun,
	}
	if !t.ChoosesImages() || c.RequestsWithinSelection {
		order.Bounds = c.Selection
	}
	var problems []error
	note := func(err error) { problems = append(problems, err) }

	switch {
	case spec.ImageName != "":
		// Checked as a name alone: a pattern here, above all in an event, would reach other images.
		selection, err := export.ParseSelection([]string{spec.ImageName}, spec.Tag)
		order.Selection = selection
		note(cmp.Or(err, export.CheckImageName(spec.ImageName), selection.CheckNotEmpty()))
	case sweeps(spec):
		order.Sweep = true
	default:
		selection, err := export.ParseSelection(spec.Images, spec.Tag)
		order.Selection = selection
		note(cmp.Or(err, selection.CheckNotEmpty()))
	}
	if spec.AMIName != "" {
		note(export.CheckAMIName(spec.AMIName))
		if names, alone := order.Selection.Names(); !alone || len(names) != 1 {
			note(errors.New("amiName needs exactly one image, named by imageName; for several use amiNameTemplate"))
		}
	}
	if spec.AMINameTemplate != "" {
		template, err := export.ParseNameTemplate(spec.AMINameTemplate)
		order.Name = template
		note(err)
	}
	if spec.AMIDescription != "" {
		template, err := export.ParseDescriptionTemplate(spec.AMIDescription)
		order.Description = template
		note(err)
	}
	note(tags.CheckAll(spec.Tags))
	return order, errors.Join(problems...)
}

// sweeps tells whether nobody has asked for certain images.
func sweeps(spec trigger.Spec) bool {
	return spec.ImageName == "" && len(spec.Images) == 0 && len(spec.Tag) == 0
}
