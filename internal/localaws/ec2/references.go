package ec2

import (
	"slices"
	"strconv"
	"time"

	"appstream-ami-exporter/internal/localaws/iam"
)

// Reference is a resource that names an AMI.
type Reference struct {
	Type string // ec2:Instance, ec2:LaunchTemplate, ssm:Parameter, imagebuilder:ImageRecipe, imagebuilder:ContainerRecipe
	ARN  string

	State string // of an instance
	Depth int    // of a launch template: how many versions back the one is that names the AMI, 1 for the newest
}

// defaultDepth is how many versions of a launch template are searched where a request does not say.
const defaultDepth = 10

// behind are the permissions with which DescribeImageReferences looks for each type of resource, in the caller's name.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-ami-references.html
var behind = map[string][]string{
	"ec2:Instance":                 {"ec2:DescribeInstances"},
	"ec2:LaunchTemplate":           {"ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions"},
	"ssm:Parameter":                {"ssm:DescribeParameters", "ssm:GetParameters"},
	"imagebuilder:ImageRecipe":     {"imagebuilder:ListImageRecipes"},
	"imagebuilder:ContainerRecipe": {"imagebuilder:ListContainerRecipes", "imagebuilder:GetContainerRecipe"},
}

type describeImageReferencesAnswer struct {
	head
	References []referenceXML `xml:"imageReferenceSet>item"`
	NextToken  string         `xml:"nextToken,omitempty"`
}

type referenceXML struct {
	ImageID string `xml:"imageId"`
	Type    string `xml:"resourceType"`
	ARN     string `xml:"arn"`
}

// looked is one resource type that a request asks for, with its options.
type looked struct {
	states []string // of instances; none means all
	depth  int      // of launch templates
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImageReferences.html
func (r *region) describeImageReferences(_ time.Time, q *query) (answer, error) {
	ids, types := q.list("ImageId"), q.resourceTypes()
	if q.boolean("IncludeAllResourceTypes") {
		for name := range behind {
			if _, named := types[name]; !named {
				types[name] = looked{depth: defaultDepth}
			}
		}
	}
	most, token := q.number("MaxResults", 1, 1000), q.text("NextToken")
	dryRun := q.boolean("DryRun")
	if err := q.done(); err != nil {
		return nil, err
	}
	switch {
	case len(ids) == 0 || len(ids) > 10:
		return nil, refuse("InvalidParameterValue", "Between 1 and 10 image IDs must be given, not %d", len(ids))
	case len(types) == 0:
		return nil, refuse("MissingParameter", "Either IncludeAllResourceTypes or ResourceTypes must be specified")
	}
	requests := []iam.Request{r.asked("ec2:DescribeImageReferences", "*", nil)}
	for name := range types {
		for _, action := range behind[name] {
			requests = append(requests, r.asked(action, "*", map[string][]string{"aws:CalledVia": {"ec2-images.amazonaws.com"}}))
		}
	}
	if err := r.authorize(dryRun, requests...); err != nil {
		return nil, err
	}
	var found []referenceXML
	for _, id := range ids {
		if r.image(id) == nil {
			return nil, r.notFound(id)
		}
		for _, reference := range r.references[id] {
			asked, ok := types[reference.Type]
			if !ok || reference.Depth > asked.depth && reference.Type == "ec2:LaunchTemplate" ||
				len(asked.states) > 0 && !slices.Contains(asked.states, reference.State) {
				continue
			}
			found = append(found, referenceXML{ImageID: id, Type: reference.Type, ARN: reference.ARN})
		}
		if _, ok := types["ssm:Parameter"]; ok {
			for _, arn := range r.ec2.options.ParameterReferences(r.name, id) {
				found = append(found, referenceXML{ImageID: id, Type: "ssm:Parameter", ARN: arn})
			}
		}
	}
	references, next, err := page(found, most, token, r.ec2.options.MaxPage)
	return &describeImageReferencesAnswer{References: references, NextToken: next}, err
}

// resourceTypes reads the types that a request names one by one, with their options.
func (q *query) resourceTypes() map[string]looked {
	types := map[string]looked{}
	for _, prefix := range q.items("ResourceType") {
		name := q.text(prefix + ".ResourceType")
		if behind[name] == nil {
			q.fail(prefix+".ResourceType", name, "It is not a resource type that can be checked.")
		}
		asked := looked{depth: defaultDepth}
		for _, option := range q.items(prefix + ".ResourceTypeOption") {
			values := q.list(option + ".OptionValue")
			switch optionName := q.text(option + ".OptionName"); {
			case optionName == "state-name" && name == "ec2:Instance":
				asked.states = values
			case optionName == "version-depth" && name == "ec2:LaunchTemplate" && len(values) == 1:
				depth, err := strconv.Atoi(values[0])
				if err != nil || depth < 1 || depth > 10000 {
					q.fail("version-depth", values[0], "It must be a number from 1 to 10000.")
				}
				asked.depth = depth
			default:
				q.fail("OptionName", optionName, "It is not an option of "+name+".")
			}
		}
		types[name] = asked
	}
	return types
}
