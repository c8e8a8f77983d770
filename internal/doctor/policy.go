package doctor

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
)

// policy is an IAM policy document, as far as the checks read one.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
type policy struct {
	Statement statements
}

type statement struct {
	Effect    string
	Principal principals
	Action    texts
	Condition map[string]map[string]texts
}

// statements can be written as one without a list.
type statements []statement

func (s *statements) UnmarshalJSON(data []byte) error {
	var one statement
	if json.Unmarshal(data, &one) == nil {
		*s = statements{one}
		return nil
	}
	return json.Unmarshal(data, (*[]statement)(s))
}

// texts can be one text or a list; of conditions also a truth value or a number.
type texts []string

func (t *texts) UnmarshalJSON(data []byte) error {
	var list []json.RawMessage
	if json.Unmarshal(data, &list) != nil {
		list = []json.RawMessage{data}
	}
	for _, item := range list {
		text := string(item)
		_ = json.Unmarshal(item, &text) // what is no text stays as it is written
		*t = append(*t, text)
	}
	return nil
}

// principals are {"Service": ...} and the like, or "*".
type principals map[string]texts

func (p *principals) UnmarshalJSON(data []byte) error {
	var kinds map[string]texts
	if err := json.Unmarshal(data, &kinds); err == nil {
		*p = kinds
		return nil
	}
	var all string
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	*p = principals{"*": {all}}
	return nil
}

func parsePolicy(text string) (parsed policy, err error) {
	err = json.Unmarshal([]byte(text), &parsed)
	return parsed, err
}

// letsService finds the statement that lets an AWS service do an action; nil where there is none. conditional is true where
// every such statement has conditions. A Deny is not looked for: these policies deny by other things than by service.
func (p policy) letsService(service, action string) (found, conditional bool) {
	conditional = true
	for _, s := range p.Statement {
		named := slices.Contains(s.Principal["Service"], service) || slices.Contains(s.Principal["*"],
			"*") || slices.Contains(s.Principal["AWS"], "*")
		if s.Effect != "Allow" || !named || !slices.ContainsFunc(s.Action, func(pattern string) bool { return covers(pattern, action) }) {
			continue
		}
		found = true
		if len(s.Condition) == 0 {
			conditional = false
		}
	}
	return found, found && conditional
}

// covers compares as IAM does: without regard to case, with * and ?.
func covers(pattern, action string) bool {
	matched, err := path.Match(strings.ToLower(pattern), strings.ToLower(action))
	return err == nil && matched
}

// mentions tells whether an Allow statement names the ARN as a principal.
func (p policy) mentions(arn string) bool {
	return slices.ContainsFunc(p.Statement, func(s statement) bool {
		return s.Effect == "Allow" &&
			slices.Contains(s.Principal["AWS"], arn)
	})
}

// conditionKeys are the keys on which the statements for a service hang, in order.
func (p policy) conditionKeys(service string) (keys []string) {
	for _, s := range p.Statement {
		if !slices.Contains(s.Principal["Service"], service) {
			continue
		}
		for _, wanted := range s.Condition {
			for key := range wanted {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
