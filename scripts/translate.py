#!/usr/bin/env python3
"""Print the CloudFormation template that AWS makes of template.yaml, without an AWS account.

Usage: scripts/translate.py [--template FILE] [Parameter=value ...]

Needs the package aws-sam-translator, the code that AWS itself runs for the transform AWS::Serverless.
"""

import argparse
import json
import os
import sys

# The translator asks boto3 for a Region only to find the partition; it calls nothing.
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")

from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """Stands for the look-up of managed policies by name in IAM; this template uses none."""

    def load(self):
        return {}


def package(template):
    """Do what `sam package` does before the transform: code on disk becomes code in S3."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/code.zip"


def parameter(text):
    """Split Parameter=value; argparse turns the ValueError of a text without = into a message."""
    name, value = text.split("=", 1)
    return name, value


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--template", default="template.yaml")
    arguments.add_argument("parameters", nargs="*", type=parameter, metavar="Parameter=value")
    options = arguments.parse_args()

    with open(options.template, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    parameters = dict(options.parameters)
    unknown = parameters.keys() - template["Parameters"].keys()
    if unknown:
        sys.exit(f"{options.template} has no parameter {', '.join(sorted(unknown))}")

    package(template)
    try:
        translated = transform(template, parameters, NoManagedPolicies())
    except InvalidDocumentException as error:
        sys.exit("\n".join([error.message, *(cause.message for cause in error.causes)]))
    json.dump(translated, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
