package handler

import (
	"errors"

	"appstream-ami-exporter/internal/export"
	"appstream-ami-exporter/internal/tags"
	"appstream-ami-exporter/internal/trigger"
)

// order completes what a trigger asks for with what the stack decided. Its error names everything about the ask that
// cannot be.
func (h *Handler) order(t trigger.Trigger, ask trigger.Spec, only []string) (export.Order, error) {
	c := h.Config
	order := export.Order{
		Trigger:     t,
		Selection:   c.Selection,
		Only:        only,
		Name:        c.Name,
		Description: c.Description,
		StackTags:   c.Tags,
		RequestTags: ask.Tags,
		AMIName:     ask.AMIName,
		Chosen:      ask.CustomAMIName(),
		CopyTags:    c.CopyImageTags,
		DryRun:      ask.DryRun,
	}
	if !t.ChoosesImages() || c.RequestsWithinSelection {
		order.Bounds = c.Selection
	}
	var problems []error
	note := func(err error) { problems = append(problems, err) }

	switch {
	case ask.ImageName != "":
		// Checked as a name alone: a pattern here, above all in an event, would reach other images.
		selection, err := export.ParseSelection([]string{ask.ImageName}, ask.Tag)
		order.Selection = selection
		if err == nil {
			err = export.CheckImageName(ask.ImageName)
		}
		note(err)
	case len(ask.Images) == 0 && len(ask.Tag) == 0:
		order.Sweep = true
	default:
		selection, err := export.ParseSelection(ask.Images, ask.Tag)
		order.Selection = selection
		note(err)
	}
	if ask.AMIName != "" {
		note(export.CheckAMIName(ask.AMIName))
		if names, alone := order.Selection.Names(); !alone || len(names) != 1 {
			note(errors.New("amiName needs exactly one image, named by imageName; for several use amiNameTemplate"))
		}
	}
	if ask.AMINameTemplate != "" {
		template, err := export.ParseNameTemplate(ask.AMINameTemplate)
		order.Name = template
		note(err)
	}
	if ask.AMIDescription != "" {
		template, err := export.ParseDescriptionTemplate(ask.AMIDescription)
		order.Description = template
		note(err)
	}
	note(tags.CheckAll(ask.Tags))
	return order, errors.Join(problems...)
}
