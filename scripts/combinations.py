#!/usr/bin/env python3
"""Check template.yaml in every combination of its conditions.

Each combination that the template's rules let through is given to SAM's translator. In what it makes, the conditions are
decided as CloudFormation would, and nothing may refer to a resource that is then not there. cfn-lint judges every distinct
translation, and with the conditions decided as many as it takes for each pair of conditions to be there in all ways: all
would take minutes.

Needs the packages aws-sam-translator and cfn-lint.
"""

import itertools
import json
import re
import sys

import cfnlint.api
from cfnlint.config import ManualArgs

import conditions
import translate

ACCOUNT = "arn:aws:{}:eu-west-1:123456789012:{}"

# Values that turn conditions. The parameters that are not here turn none.
SETTINGS = {
    "TopicArn": ["", ACCOUNT.format("sns", "exports"), ACCOUNT.format("sns", "exports.fifo")],
    "NotificationEmail": ["", "desktop@example.com"],
    "EmailAbout": ["ALL", "PROBLEMS"],
    "ExportRoleArn": ["", "arn:aws:iam::123456789012:role/export"],
    "PermissionsBoundaryArn": ["", "arn:aws:iam::123456789012:policy/boundary"],
    "KmsKeyArn": ["", ACCOUNT.format("kms", "key/1234abcd-12ab-34cd-56ef-1234567890ab")],
    "ReservedConcurrency": ["", "3"],
    "Alarms": ["ENABLED", "DISABLED"],
    "Schedule": ["ENABLED", "DISABLED"],
    "HoursWithoutRun": ["26", "0", "25"],
    "Dashboard": ["ENABLED", "DISABLED"],
}

# Each partition turns conditions as well. They have to do with the dashboard alone, so all other combinations are those of aws.
PARTITIONS = ["aws", "aws-us-gov", "aws-cn", "aws-eusc", "aws-iso-b"]

# What the keeper is set to do. All of it with all of the above would take many minutes, so the others are varied with it only
# where they have a condition in common.
KEEPER = [
    {},
    {"Keep": "last=3"},
    {"Keep": "last=3", "KeepMode": "ON"},
    {"Keep": "last=3", "KeepMode": "ON", "UndoDays": "0"},
    {"CopyRegions": "us-east-1,eu-central-1"},
    {"CopyRegions": "us-east-1", "CopyKmsKeys": "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"},
    {"LatestAmiParameter": "/appstream-amis"},
    {"Keep": "last=3", "KeepMode": "ON", "CopyRegions": "us-east-1", "LatestAmiParameter": "/appstream-amis"},
    {"KeepMode": "ON"},
    {"CopyKmsKeys": "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"},
]
WITH_KEEPER = {"TopicArn", "PermissionsBoundaryArn", "KmsKeyArn", "Alarms", "Dashboard"}


def settings():
    """Yield the parameters of each setting."""
    for keeper in KEEPER:
        varied = [values if not keeper or name in WITH_KEEPER else values[:1] for name, values in SETTINGS.items()]
        for values in itertools.product(*varied):
            yield dict(zip(SETTINGS, values)) | keeper
    for partition, dashboard in itertools.product(PARTITIONS, SETTINGS["Dashboard"]):
        yield {conditions.PARTITION: partition, "Dashboard": dashboard}


def references(value, variables=frozenset()):
    """Yield the names that a value refers to."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref":
                yield item
            elif key == "Fn::GetAtt":
                yield item[0] if isinstance(item, list) else item.split(".")[0]
            elif key == "Fn::Sub":
                text, given = (item, {}) if isinstance(item, str) else item
                for name in re.findall(r"\$\{([^!}][^}]*)\}", text):
                    if name.split(".")[0] not in given:
                        yield name.split(".")[0]
                yield from references(given)
            elif key == "DependsOn":
                yield from [item] if isinstance(item, str) else item
            else:
                yield from references(item)


def dangling(template):
    """Name the references to what is not in the template."""
    known = template["Parameters"].keys() | template["Resources"].keys()
    used = set(references(template["Resources"])) | set(references(template["Outputs"]))
    return sorted(name for name in used - known if not name.startswith("AWS::"))


def covering(combinations):
    """Choose combinations until each pair of conditions is there in all ways that occur."""

    def pairs(decided):
        return set(itertools.combinations(sorted(decided.items()), 2))

    missing = set().union(*(pairs(decided) for decided in combinations))
    chosen = []
    while missing:
        best = max(combinations, key=lambda decided: len(pairs(decided) & missing))
        missing -= pairs(best)
        chosen.append(best)
    return chosen


def without_partition(parameters):
    """Return what is a parameter of the template; the partition is where it is deployed to."""
    return {name: value for name, value in parameters.items() if name != conditions.PARTITION}


def lint(template, but=()):
    """Return what cfn-lint has to say, with all informational rules but some."""
    config = ManualArgs(include_checks=["I"], ignore_checks=list(but), regions=["eu-west-1"])
    matches = cfnlint.api.lint(json.dumps(template), config=config)
    return [f"{match.rule.id} {match.message} ({'/'.join(map(str, match.path or []))})" for match in matches]


def main():
    template = translate.load("template.yaml")
    combinations = {}  # conditions to parameters that have them
    refused = {}
    count = 0
    for parameters in settings():
        count += 1
        decider = conditions.Decider(template, parameters)
        if broken := decider.broken_rules():
            for name in broken:
                refused[name] = refused.get(name, 0) + 1
            continue
        combinations.setdefault(tuple(decider.decided().items()), parameters)

    problems = [f"no setting breaks the rule {name}" for name in template.get("Rules", {}) if name not in refused]
    for name in template["Conditions"]:
        if len({dict(decided)[name] for decided in combinations}) < 2:
            problems.append(f"no setting turns the condition {name}")

    translations = {}
    for decided, parameters in combinations.items():
        translated = translate.translate("template.yaml", without_partition(parameters))
        translations[json.dumps(translated, sort_keys=True)] = translated
        for name in dangling(conditions.without(translated, dict(decided), parameters)):
            problems.append(f"with {parameters}: {name} is referred to, but not made")

    for translated in translations.values():
        problems += lint(translated)
    chosen = covering([dict(decided) for decided in combinations])
    for decided in chosen:
        parameters = combinations[tuple(decided.items())]
        translated = translate.translate("template.yaml", without_partition(parameters))
        # Of course some parameters are not used then.
        found = lint(conditions.without(translated, decided, parameters), but=["W2001"])
        problems += [f"with {parameters}: {problem}" for problem in found]

    print(
        f"{count} settings, of which the rules refuse {', '.join(f'{n} ({name})' for name, n in sorted(refused.items()))}; "
        f"{len(combinations)} combinations of {len(template['Conditions'])} conditions translated, {len(translations)} distinct; "
        f"cfn-lint on {len(translations)} and, with the conditions decided, on {len(chosen)}"
    )
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
