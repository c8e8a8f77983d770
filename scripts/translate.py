#!/usr/bin/env python3
"""Print the CloudFormation template that AWS makes of template.yaml, without an AWS account.

Usage: scripts/translate.py [--template FILE] [--bucket BUCKET --key KEY --keeper-key KEY] [--compact] [Parameter=value ...]

--bucket and the keys tell where the functions' code is, as sam package would write it; the bucket may contain
${AWS::Region}. Needs the package aws-sam-translator, the code that AWS itself runs for the transform AWS::Serverless.
"""

import argparse
import copy
import functools
import json
import logging
import os
import sys

# The translator asks boto3 for a Region only to find the partition; it calls nothing.
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")

logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of its own usage metrics

from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """Stands for the look-up of managed policies by name in IAM; this template uses none."""

    def load(self):
        return {}


@functools.cache
def load(path):
    """Read a SAM template, with its intrinsic functions in their long form."""
    with open(path, encoding="utf-8") as file:
        return yaml_parse(file.read())


def package(template, bucket, key, keeper_key):
    """Do what `sam package` does before the transform: code on disk becomes code in S3."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            location = {"Fn::Sub": bucket} if "${" in bucket else bucket
            resource["Properties"]["CodeUri"] = {
                "Bucket": location,
                "Key": keeper_key if name == "KeeperFunction" else key,
            }


def translate(path, parameters, bucket="bucket", key="code.zip", keeper_key="keeper.zip"):
    """Return the translated template; an error of the translator ends the program with its message."""
    template = copy.deepcopy(load(path))
    unknown = parameters.keys() - template["Parameters"].keys()
    if unknown:
        sys.exit(f"{path} has no parameter {', '.join(sorted(unknown))}")
    package(template, bucket, key, keeper_key)
    try:
        return transform(template, dict(parameters), NoManagedPolicies())
    except InvalidDocumentException as error:
        sys.exit("\n".join([error.message, *(cause.message for cause in error.causes)]))


def parameter(text):
    """Split Parameter=value; argparse turns the ValueError of a text without = into a message."""
    name, value = text.split("=", 1)
    return name, value


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--template", default="template.yaml")
    arguments.add_argument("--bucket", default="bucket", help="of the functions' code; may contain ${AWS::Region}")
    arguments.add_argument("--key", default="code.zip", help="of the exporter's code in the bucket")
    arguments.add_argument("--keeper-key", default="keeper.zip", help="of the keeper's")
    arguments.add_argument("--compact", action="store_true", help="in one line, for CloudFormation's limits")
    arguments.add_argument("parameters", nargs="*", type=parameter, metavar="Parameter=value")
    options = arguments.parse_args()

    translated = translate(options.template, dict(options.parameters), options.bucket, options.key, options.keeper_key)
    if options.compact:
        json.dump(translated, sys.stdout, separators=(",", ":"))
    else:
        json.dump(translated, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
