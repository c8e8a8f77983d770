"""Decides the conditions and rules of a CloudFormation template, as far as template.yaml uses them."""

# The group of Regions that the template is deployed to; aws unless another is chosen.
PARTITION = "AWS::Partition"


class Decider:
    """Evaluates rules and conditions for one choice of parameters."""

    def __init__(self, template, parameters):
        self.conditions = template.get("Conditions", {})
        self.rules = template.get("Rules", {})
        self.parameters = {name: str(value.get("Default", "")) for name, value in template["Parameters"].items()}
        self.parameters[PARTITION] = "aws"
        self.parameters.update(parameters)

    def value(self, expression):
        """Resolve what conditions compare."""
        if not isinstance(expression, dict):
            return expression if isinstance(expression, list) else str(expression)
        ((function, argument),) = expression.items()
        match function:
            case "Ref":
                return self.parameters[argument]
            case "Fn::Join":
                return argument[0].join(self.value(item) for item in argument[1])
            case "Fn::Split":
                return self.value(argument[1]).split(argument[0])
            case "Fn::Select":
                return self.value(argument[1])[int(argument[0])]
        raise ValueError(f"{function} is not known here")

    def holds(self, expression):
        """Decide a condition, given by name or as an expression."""
        if isinstance(expression, str):
            return self.holds(self.conditions[expression])
        ((function, argument),) = expression.items()
        match function:
            case "Condition":
                return self.holds(argument)
            case "Fn::Not":
                return not self.holds(argument[0])
            case "Fn::And":
                return all(self.holds(item) for item in argument)
            case "Fn::Or":
                return any(self.holds(item) for item in argument)
            case "Fn::Equals":
                return self.value(argument[0]) == self.value(argument[1])
            case "Fn::Contains":
                return self.value(argument[1]) in [self.value(item) for item in argument[0]]
        raise ValueError(f"{function} is not known here")

    def broken_rules(self):
        """Name the rules that refuse the parameters."""
        return [
            name
            for name, rule in self.rules.items()
            if self.holds(rule.get("RuleCondition", {"Fn::And": []}))
            and not all(self.holds(assertion["Assert"]) for assertion in rule["Assertions"])
        ]

    def decided(self):
        return {name: self.holds(name) for name in self.conditions}


NO_VALUE = {"Ref": "AWS::NoValue"}


def decide(value, conditions):
    """Replace every Fn::If by its branch and leave out what has no value."""
    if isinstance(value, list):
        items = [decide(item, conditions) for item in value]
        return [item for item in items if item != NO_VALUE]
    if not isinstance(value, dict):
        return value
    if list(value) == ["Fn::If"]:
        name, yes, no = value["Fn::If"]
        return decide(yes if conditions[name] else no, conditions)
    items = {key: decide(item, conditions) for key, item in value.items()}
    return {key: item for key, item in items.items() if item != NO_VALUE}


def without(template, conditions, parameters):
    """Return the template as if it had been written for these conditions and parameters only."""
    decided = {key: value for key, value in template.items() if key not in ("Conditions", "Rules")}
    decided["Parameters"] = {
        name: {"Type": declared["Type"], "Default": parameters.get(name, declared.get("Default"))}
        for name, declared in template["Parameters"].items()
    }
    for section in ("Resources", "Outputs"):
        decided[section] = {
            name: decide({key: value for key, value in item.items() if key != "Condition"}, conditions)
            for name, item in template[section].items()
            if conditions.get(item.get("Condition"), True)
        }
    return decided
