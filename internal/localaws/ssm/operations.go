package ssm

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"appstream-ami-exporter/internal/localaws/iam"
)

type tag struct{ Key, Value string }

type putInput struct {
	Name, Value, Type, DataType, Description string
	Overwrite                                bool
	Tags                                     []tag
}

type putOutput struct {
	Tier    string
	Version int64
}

// putParameter answers at once, and writes the id of an AMI later, or never.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html
func (s *SSM) putParameter(region string, in putInput) (putOutput, error) {
	if err := checkName(in.Name); err != nil {
		return putOutput{}, err
	}
	keys := map[string][]string{"ssm:Overwrite": {strconv.FormatBool(in.Overwrite)}}
	for _, t := range in.Tags {
		keys["aws:RequestTag/"+t.Key] = []string{t.Value}
		keys["aws:TagKeys"] = append(keys["aws:TagKeys"], t.Key)
	}
	if err := s.authorize(region, "ssm:PutParameter", in.Name, keys); err != nil {
		return putOutput{}, err
	}
	if len(in.Tags) > 0 { // Parameter Store asks for this as well
		if err := s.authorize(region, "ssm:AddTagsToResource", in.Name, keys); err != nil {
			return putOutput{}, err
		}
	}
	p := s.parameter(region, in.Name)
	switch {
	case in.Value == "":
		return putOutput{}, refuse("ValidationException", "The value must have at least 1 character.")
	case in.Overwrite && len(in.Tags) > 0:
		return putOutput{}, refuse("ValidationException", "Tags and overwrite can't be used together. To tag a parameter, use "+
			"AddTagsToResource.")
	case p != nil && !in.Overwrite:
		return putOutput{}, refuse("ParameterAlreadyExists",
			"The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
	case p == nil && in.Type == "":
		return putOutput{}, refuse("ValidationException", "A parameter type is required when you create a parameter.")
	case p != nil && in.DataType != "" && in.DataType != p.DataType:
		return putOutput{}, refuse("ValidationException", "The data type of a parameter cannot be changed.")
	}
	switch {
	case in.DataType == "" && p != nil:
		in.DataType = p.DataType
	case in.DataType == "":
		in.DataType = "text"
	}
	if in.DataType == imageType && !imageForm.MatchString(in.Value) {
		return putOutput{}, refuse("ValidationException", "The value %q is not the id of an AMI.", in.Value)
	}
	if p == nil {
		p = &Parameter{Name: in.Name, Type: in.Type, DataType: in.DataType, Tags: map[string]string{}}
		for _, t := range in.Tags {
			p.Tags[t.Key] = t.Value
		}
		s.regions[region][in.Name] = p
	}
	now := s.options.Now()
	if p.DataType == imageType {
		p.proposed = &proposal{value: in.Value, description: in.Description, decided: now.Add(s.options.ValidationDelay)}
		return putOutput{Tier: "Standard", Version: p.Version + 1}, nil
	}
	p.write(in.Value, in.Description, now)
	return putOutput{Tier: "Standard", Version: p.Version}, nil
}

type nameInput struct{ Name string }

type shownParameter struct {
	Name, Type, Value string
	Version           int64
	LastModifiedDate  float64
	ARN, DataType     string
}

func (s *SSM) show(region string, p *Parameter) shownParameter {
	return shownParameter{p.Name, p.Type, p.Value, p.Version, epochSeconds(p.Modified), s.arn(region, p.Name), p.DataType}
}

type getOutput struct{ Parameter shownParameter }

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
func (s *SSM) getParameter(region string, in nameInput) (getOutput, error) {
	if err := s.authorize(region, "ssm:GetParameter", in.Name, nil); err != nil {
		return getOutput{}, err
	}
	p := s.parameter(region, in.Name)
	if p == nil {
		return getOutput{}, refuse("ParameterNotFound", "Parameter %s not found.", in.Name)
	}
	return getOutput{s.show(region, p)}, nil
}

type historyInput struct {
	Name       string
	MaxResults int
	NextToken  string
}

// shownVersion is a version of a parameter in its history, or a parameter where it is described without its value.
type shownVersion struct {
	Name, Type       string
	Value            string `json:",omitempty"`
	Description      string `json:",omitempty"`
	Version          int64
	LastModifiedDate float64
	DataType         string
}

func showVersion(p Parameter) shownVersion {
	return shownVersion{p.Name, p.Type, p.Value, p.Description, p.Version, epochSeconds(p.Modified), p.DataType}
}

type historyOutput struct {
	Parameters []shownVersion
	NextToken  string `json:",omitempty"`
}

// maxHistory is how many versions a page has.
const maxHistory = 50

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameterHistory.html
func (s *SSM) getParameterHistory(region string, in historyInput) (historyOutput, error) {
	if err := s.authorize(region, "ssm:GetParameterHistory", in.Name, nil); err != nil {
		return historyOutput{}, err
	}
	p := s.parameter(region, in.Name)
	if p == nil {
		return historyOutput{}, refuse("ParameterNotFound", "Parameter %s not found.", in.Name)
	}
	from, _ := strconv.Atoi(in.NextToken)
	out := historyOutput{Parameters: []shownVersion{}}
	for i := from; i < len(p.history); i++ {
		if len(out.Parameters) == maxHistory || in.MaxResults > 0 && len(out.Parameters) == in.MaxResults {
			out.NextToken = strconv.Itoa(i)
			break
		}
		out.Parameters = append(out.Parameters, showVersion(p.history[i]))
	}
	return out, nil
}

type describeInput struct {
	ParameterFilters []struct {
		Key, Option string
		Values      []string
	}
	MaxResults int
	NextToken  string
}

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html
func (s *SSM) describeParameters(region string, in describeInput) (historyOutput, error) {
	out := historyOutput{Parameters: []shownVersion{}}
	request := iam.Request{
		Action: "ssm:DescribeParameters", Resource: "*", AccessKeyID: s.caller,
		Keys: map[string][]string{"aws:RequestedRegion": {region}},
	}
	if !s.options.Authorize(request) {
		return out, refuse("AccessDeniedException", "The role is not authorized to perform: ssm:DescribeParameters")
	}
	for _, f := range in.ParameterFilters {
		if f.Key != "Name" || f.Option != "" && f.Option != "Equals" {
			return out, refuse("InvalidFilterKey", "The filter %s %s is not known here.", f.Key, f.Option)
		}
	}
	from, _ := strconv.Atoi(in.NextToken)
	seen := 0
	for _, name := range slices.Sorted(maps.Keys(s.regions[region])) {
		p := s.parameter(region, name)
		if p == nil || len(in.ParameterFilters) > 0 && !slices.Contains(in.ParameterFilters[0].Values, name) {
			continue
		}
		if seen++; seen <= from {
			continue
		}
		if len(out.Parameters) == maxHistory || in.MaxResults > 0 && len(out.Parameters) == in.MaxResults {
			out.NextToken = strconv.Itoa(seen - 1)
			break
		}
		shown := showVersion(*p)
		shown.Value = ""
		out.Parameters = append(out.Parameters, shown)
	}
	return out, nil
}

type namesInput struct{ Names []string }

type getManyOutput struct {
	Parameters        []shownParameter
	InvalidParameters []string
}

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
func (s *SSM) getParameters(region string, in namesInput) (getManyOutput, error) {
	out := getManyOutput{Parameters: []shownParameter{}, InvalidParameters: []string{}}
	if len(in.Names) == 0 || len(in.Names) > 10 {
		return out, refuse("ValidationException", "Between 1 and 10 names must be given, not %d.", len(in.Names))
	}
	for _, name := range in.Names {
		if err := s.authorize(region, "ssm:GetParameters", name, nil); err != nil {
			return out, err
		}
		if p := s.parameter(region, name); p != nil {
			out.Parameters = append(out.Parameters, s.show(region, p))
		} else {
			out.InvalidParameters = append(out.InvalidParameters, name)
		}
	}
	return out, nil
}

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html
func (s *SSM) deleteParameter(region string, in nameInput) (struct{}, error) {
	if err := s.authorize(region, "ssm:DeleteParameter", in.Name, nil); err != nil {
		return struct{}{}, err
	}
	if s.parameter(region, in.Name) == nil {
		return struct{}{}, refuse("ParameterNotFound", "Parameter %s not found.", in.Name)
	}
	delete(s.regions[region], in.Name)
	return struct{}{}, nil
}

type tagsInput struct {
	ResourceType, ResourceId string
	Tags                     []tag
}

type tagsOutput struct{ TagList []tag }

// taggedParameter finds the parameter whose tags are asked for, also while its first value is being validated.
func (s *SSM) taggedParameter(region, action string, in tagsInput, keys map[string][]string) (*Parameter, error) {
	if in.ResourceType != "Parameter" {
		return nil, refuse("InvalidResourceType", "The resource type %q is not known.", in.ResourceType)
	}
	if err := s.authorize(region, action, in.ResourceId, keys); err != nil {
		return nil, err
	}
	p := s.regions[region][in.ResourceId]
	if p == nil {
		return nil, refuse("InvalidResourceId", "The parameter %s does not exist.", in.ResourceId)
	}
	return p, nil
}

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListTagsForResource.html
func (s *SSM) listTags(region string, in tagsInput) (tagsOutput, error) {
	p, err := s.taggedParameter(region, "ssm:ListTagsForResource", in, nil)
	if err != nil {
		return tagsOutput{}, err
	}
	out := tagsOutput{TagList: []tag{}}
	for key, value := range p.Tags {
		out.TagList = append(out.TagList, tag{key, value})
	}
	return out, nil
}

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AddTagsToResource.html
func (s *SSM) addTags(region string, in tagsInput) (struct{}, error) {
	keys := map[string][]string{}
	for _, t := range in.Tags {
		keys["aws:RequestTag/"+t.Key] = []string{t.Value}
		keys["aws:TagKeys"] = append(keys["aws:TagKeys"], t.Key)
	}
	p, err := s.taggedParameter(region, "ssm:AddTagsToResource", in, keys)
	if err != nil {
		return struct{}{}, err
	}
	for _, t := range in.Tags {
		if strings.HasPrefix(t.Key, "aws:") {
			return struct{}{}, refuse("ValidationException", "Tag keys that begin with aws: are reserved.")
		}
		p.Tags[t.Key] = t.Value
	}
	return struct{}{}, nil
}
