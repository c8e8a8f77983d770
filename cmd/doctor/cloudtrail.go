package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"appstream-ami-exporter/internal/doctor"
)

// loggingTrails are the trails that cover the Region, those of other Regions and of the organization included.
func (c clients) loggingTrails(ctx context.Context, region string) doctor.Answer[[]doctor.Trail] {
	o, err := c.trails.DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{})
	if err != nil {
		return answer([]doctor.Trail(nil), err, "cloudtrail:DescribeTrails")
	}
	trails := []doctor.Trail{}
	for _, trail := range o.TrailList {
		if !aws.ToBool(trail.IsMultiRegionTrail) && aws.ToString(trail.HomeRegion) != region {
			continue
		}
		t := doctor.Trail{Name: aws.ToString(trail.Name), Selectors: c.selectors(ctx, trail.TrailARN)}
		status, err := c.trails.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: trail.TrailARN})
		if err != nil {
			t.Logging = answer(false, err, "cloudtrail:GetTrailStatus")
		} else {
			t.Logging = doctor.Given(aws.ToBool(status.IsLogging))
		}
		trails = append(trails, t)
	}
	return doctor.Given(trails)
}

func (c clients) selectors(ctx context.Context, trail *string) doctor.Answer[[]doctor.Selector] {
	o, err := c.trails.GetEventSelectors(ctx, &cloudtrail.GetEventSelectorsInput{TrailName: trail})
	if err != nil {
		return answer([]doctor.Selector(nil), err, "cloudtrail:GetEventSelectors")
	}
	selectors := []doctor.Selector{}
	for _, s := range o.EventSelectors {
		selectors = append(selectors, doctor.Selector{
			Management: s.IncludeManagementEvents == nil || *s.IncludeManagementEvents, ReadWrite: string(s.ReadWriteType),
			Excluded: s.ExcludeManagementEventSources,
		})
	}
	for _, s := range o.AdvancedEventSelectors {
		var advanced doctor.Selector
		for _, f := range s.FieldSelectors {
			advanced.Fields = append(advanced.Fields, fieldOf(f))
		}
		selectors = append(selectors, advanced)
	}
	return doctor.Given(selectors)
}

func fieldOf(f types.AdvancedFieldSelector) doctor.Field {
	return doctor.Field{
		Name: aws.ToString(f.Field), Equals: f.Equals, NotEquals: f.NotEquals,
		Other: len(f.StartsWith)+len(f.EndsWith)+len(f.NotStartsWith)+len(f.NotEndsWith) > 0,
	}
}
